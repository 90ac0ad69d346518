"""Why an embedded server does not start, said in one sentence for the person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping


class EmbeddedError(Exception):
    """An embedded server cannot be started here; the message is the whole explanation."""


class InUse(EmbeddedError):
    """Another living process holds the directory."""


class EmbeddedRefused(EmbeddedError):
    """An embedded server was asked for in production."""


def refuse_in_production(environment: Mapping[str, str], *, variable: str) -> None:
    """Raise `EmbeddedRefused` in production; `variable` is the one that should name a server instead."""
    if environment.get("CRISISAPI_PRODUCTION", "") not in ("", "0"):
        raise EmbeddedRefused(
            f"CRISISAPI_PRODUCTION is set: embedded servers never run in production. Set {variable} instead."
        )
