"""Why an embedded server does not start, said in one sentence for the person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping


class EmbeddedError(Exception):
    """An embedded server cannot be started here; the message is the whole explanation."""


class EmbeddedRefused(EmbeddedError):
    """An embedded server was asked for where one must never run."""


def refuse_where_configured(environment: Mapping[str, str], *, variable: str) -> None:
    """Raise `EmbeddedRefused` in production, and where `variable` already names a server of the user's own."""
    if environment.get("CRISISAPI_PRODUCTION", "") not in ("", "0"):
        raise EmbeddedRefused(
            f"CRISISAPI_PRODUCTION is set: embedded servers never run in production. Set {variable} instead."
        )
    if environment.get(variable):
        raise EmbeddedRefused(f"{variable} is set: that server is used, an embedded one is not started beside it.")
