"""A websocket to a vetted target: the connection is ours, the library only speaks over it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpcore
import structlog
from django.conf import settings
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from core.outbound.client import CONNECT_SECONDS, Kind, OutboundFailed, _milliseconds, _trust, _VettedNetwork
from core.outbound.vetting import OutboundRefused, Resolve, system_resolve, vet

log = structlog.get_logger(__name__)

SCHEMES: Final = {"wss": "https", "ws": "http"}
LONGEST_MESSAGE: Final = 1024 * 1024


@contextmanager
def websocket(url: str, *, seconds: float = 15.0, resolve: Resolve = system_resolve) -> Iterator[ClientConnection]:
    """An open websocket to a host that a user chose; raises OutboundFailed when it does not open within `seconds`.

    As with `request`: vetted anew, no redirects, no proxies, and nothing that unpacks to more than it is. Reading
    from it raises what the library raises.
    """
    started = time.monotonic()
    line: Any = None
    try:
        target = vet(_as_http(url), resolve=resolve, seconds=min(CONNECT_SECONDS, seconds))
        line = _VettedNetwork(target, started + seconds).connect_tcp(target.host, target.port)
        secure = target.scheme == "https"
        opened = connect(
            f"{'wss' if secure else 'ws'}://{target.authority}{target.path}",
            sock=line.sock,
            ssl=_trust(getattr(settings, "OUTBOUND_CA_FILE", "")) if secure else None,
            server_hostname=target.host if secure else None,
            compression=None,
            proxy=None,
            user_agent_header="crisisapi",
            open_timeout=max(0.1, started + seconds - time.monotonic()),
            close_timeout=2.0,
            max_size=LONGEST_MESSAGE,
        )
    except (OutboundRefused, httpcore.TimeoutException, httpcore.NetworkError, WebSocketException, OSError) as problem:
        kind: Kind = "never_sent" if line is None else "unknown"
        reason = "refused" if isinstance(problem, OutboundRefused) else type(problem).__name__
        if line is not None:
            line.close()
        log.info("outbound failed", kind=kind, reason=reason, ms=_milliseconds(started))
        raise OutboundFailed(kind, reason) from problem
    log.info("outbound websocket", host=target.host, ms=_milliseconds(started))
    with opened:
        yield opened


def _as_http(url: str) -> str:
    """The address that a websocket is opened at, for the vetting."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in SCHEMES:
        raise OutboundRefused("Only wss can be called.", reason="scheme")
    return f"{SCHEMES[scheme]}://{rest}"
