"""Pages for people: no script, nothing loaded from elsewhere, nothing kept, nobody told where one came from."""

from __future__ import annotations

import secrets
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string


def page(template: str, context: dict[str, Any], *, status: int = 200, forms: bool = False) -> HttpResponse:
    """The template, with `nonce` for its own style; `forms` lets it send forms back to us."""
    nonce = secrets.token_urlsafe(16)
    response = HttpResponse(render_to_string(template, {**context, "nonce": nonce}), status=status)
    sends = "'self'" if forms else "'none'"
    response["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action {sends}; frame-ancestors 'none'"
    )
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    response["Cache-Control"] = "no-store"
    return response
