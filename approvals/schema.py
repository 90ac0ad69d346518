"""How OpenAPI calls the session that may stand beside a link."""

from __future__ import annotations

from tenants.schema import SessionTokenScheme


class BesideTheLinkScheme(SessionTokenScheme):  # type: ignore[no-untyped-call]
    target_class = "approvals.api.decisions.BesideTheLink"
    name = "SessionTokenBesideTheLink"
