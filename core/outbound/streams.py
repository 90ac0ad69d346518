"""An answer that does not end: its bytes as they come, from a vetted target, until a deadline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

import httpcore
import structlog
from django.conf import settings

from core.outbound.client import (
    CONNECT_SECONDS,
    LONGEST_HEADER_VALUE,
    Kind,
    OutboundFailed,
    _message,
    _milliseconds,
    _trust,
    _VettedNetwork,
)
from core.outbound.vetting import OutboundRefused, Resolve, system_resolve, vet, vet_framing

log = structlog.get_logger(__name__)

OPENING_SECONDS = 15.0


class StreamBroken(Exception):
    """The stream ended, or was cut, before its deadline."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a host began to say. `status` and `headers` as in `Answer`; the body is read with `pieces`."""

    status: int
    headers: dict[str, str]
    _queue: SimpleQueue[bytes | None]
    _ends: float

    def pieces(self, *, every: float) -> Iterator[bytes]:
        """The bytes as they come, and `b""` whenever nothing has come for `every` seconds; ends at the deadline.

        Raises StreamBroken when the host ends it, or the line is cut.
        """
        while (left := self._ends - time.monotonic()) > 0:
            try:
                piece = self._queue.get(timeout=min(every, left))
            except Empty:
                yield b""
                continue
            if piece is None:
                raise StreamBroken
            yield piece


@contextmanager
def stream(
    url: str, *, headers: Mapping[str, str], seconds: float, resolve: Resolve = system_resolve
) -> Iterator[Stream]:
    """GET a stream from a host that a user chose, for at most `seconds`; raises OutboundFailed when it does not begin.

    As with `request`: vetted anew, no redirects, no proxies. Never call it inside a transaction.
    """
    started = time.monotonic()
    ends = started + seconds
    backend: _VettedNetwork | None = None
    try:
        vet_framing(headers, longest=LONGEST_HEADER_VALUE)
        target = vet(url, resolve=resolve, seconds=min(CONNECT_SECONDS, seconds))
        # Until the first bytes there is less patience than for the stream itself.
        backend = _VettedNetwork(target, started + min(OPENING_SECONDS, seconds))
        pool = httpcore.ConnectionPool(
            ssl_context=_trust(getattr(settings, "OUTBOUND_CA_FILE", "")),
            network_backend=backend,
            max_connections=1,
            max_keepalive_connections=0,
            retries=0,
            http2=False,
        )
        response = pool.handle_request(_message(target, "GET", b"", headers))
    except (OutboundRefused, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as problem:
        kind: Kind = "unknown" if backend is not None and backend.has_sent else "never_sent"
        reason = "refused" if isinstance(problem, OutboundRefused) else type(problem).__name__
        log.info("outbound failed", kind=kind, reason=reason, ms=_milliseconds(started))
        raise OutboundFailed(kind, reason) from problem
    backend.ends = ends + OPENING_SECONDS  # whoever reads the pieces keeps the deadline
    log.info("outbound stream", host=target.host, status=response.status, ms=_milliseconds(started))
    queue: SimpleQueue[bytes | None] = SimpleQueue()
    # A read that waits for a quiet host must not keep its caller from what it has already got.
    reader = Thread(target=_read, args=(response, queue), name="stream", daemon=True)
    said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    reader.start()
    try:
        yield Stream(response.status, said, queue, ends)
    finally:
        backend.hang_up()
        reader.join(timeout=OPENING_SECONDS)
        pool.close()


def _read(response: httpcore.Response, queue: SimpleQueue[bytes | None]) -> None:
    try:
        assert isinstance(response.stream, Iterable)  # noqa: S101 - the synchronous half of httpcore
        for piece in response.stream:
            queue.put(piece)
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as problem:
        log.info("outbound stream ended", reason=type(problem).__name__)
    finally:
        response.close()
        queue.put(None)
