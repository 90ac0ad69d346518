"""One call to a vetted target: one deadline over all of it, no redirects, no proxies, no retry, a capped answer."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import certifi
import httpcore
import structlog
from django.conf import settings

from core.outbound.vetting import OutboundRefused, Resolve, Target, system_resolve, vet, vet_framing

log = structlog.get_logger(__name__)

DEADLINE_SECONDS = 15.0
CONNECT_SECONDS = 5.0
READ_LIMIT = 64 * 1024
LONGEST_HEADER_VALUE = 8_000
MOST_ADDRESSES = 4

Kind = Literal["never_sent", "unknown"]


class OutboundFailed(Exception):
    """No usable answer came. `kind` says what is known about the other side.

    `never_sent`: provably not one byte of the request left us (refused, no name, no connection, no TLS).
    `unknown`: it may have arrived and been acted on; whoever must not do things twice has to find out.
    `reason` is for our logs and metrics only. Users get the message, which tells nothing about the network.
    """

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__("The host could not be reached." if kind == "never_sent" else "The host did not answer well.")
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What the host said. 3xx is an answer like any other. `whole` is False when the body was longer than the limit."""

    status: int
    body: bytes
    headers: dict[str, str]
    whole: bool

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of success


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float = DEADLINE_SECONDS,
    read_limit: int = READ_LIMIT,
    resolve: Resolve = system_resolve,
) -> Answer:
    """POST once; see `request`."""
    return request("POST", url, body=body, headers=headers, deadline=deadline, read_limit=read_limit, resolve=resolve)


def request(
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    deadline: float = DEADLINE_SECONDS,
    read_limit: int = READ_LIMIT,
    resolve: Resolve = system_resolve,
) -> Answer:
    """Send one request to a host that a user chose, and return its answer; raises OutboundFailed and nothing else.

    `deadline` is in seconds and covers everything from the name to the last byte. At most `read_limit` bytes of the
    body are read; header names of the answer are in lower case. The URL is vetted again, and only the addresses that
    were vetted now are connected to. Never call it inside a transaction.
    """
    started = time.monotonic()
    ends = started + deadline
    backend: _VettedNetwork | None = None
    try:
        vet_framing(headers or {}, longest=LONGEST_HEADER_VALUE)
        target = vet(url, resolve=resolve, seconds=min(CONNECT_SECONDS, deadline))
        backend = _VettedNetwork(target, ends)
        call = _message(target, method, body, headers or {})
        answer = _exchange(backend, call, read_limit)
    except (OutboundRefused, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as problem:
        kind: Kind = "unknown" if backend is not None and backend.has_sent else "never_sent"
        reason = "refused" if isinstance(problem, OutboundRefused) else type(problem).__name__
        log.info("outbound failed", kind=kind, reason=reason, ms=_milliseconds(started))
        raise OutboundFailed(kind, reason) from problem
    log.info("outbound", host=target.host, status=answer.status, ms=_milliseconds(started))
    return answer


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _message(target: Target, method: str, body: bytes, headers: Mapping[str, str]) -> httpcore.Request:
    sent_headers = {
        "Host": target.authority,
        "User-Agent": "crisisapi",
        # What is not compressed cannot unpack to more than it is.
        "Accept-Encoding": "identity",
        "Connection": "close",
        **headers,
    }
    if body or method in {"POST", "PUT", "PATCH"}:
        sent_headers["Content-Length"] = str(len(body))
    return httpcore.Request(
        method,
        httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
        headers=list(sent_headers.items()),
        content=body,
    )


def _exchange(backend: _VettedNetwork, call: httpcore.Request, read_limit: int) -> Answer:
    with httpcore.ConnectionPool(
        ssl_context=_trust(getattr(settings, "OUTBOUND_CA_FILE", "")),
        network_backend=backend,
        max_connections=1,
        max_keepalive_connections=0,
        retries=0,
        http2=False,
    ) as pool:
        response = pool.handle_request(call)
        try:
            received = bytearray()
            assert isinstance(response.stream, Iterable)  # noqa: S101 - the synchronous half of httpcore
            for chunk in response.stream:
                received += chunk
                if len(received) > read_limit:
                    break
        finally:
            response.close()
    return Answer(
        status=response.status,
        body=bytes(received[:read_limit]),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers},
        whole=len(received) <= read_limit,
    )


@lru_cache(maxsize=4)
def _trust(ca_file: str) -> ssl.SSLContext:
    """Who may vouch for a host: the usual authorities, or the operator's own from OUTBOUND_CA_FILE.

    The file is named always, because without one OpenSSL follows the environment.
    """
    context = ssl.create_default_context(cafile=ca_file or certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _VettedNetwork(httpcore.NetworkBackend):
    """Connects to the vetted addresses whatever host it is asked for, and keeps everything within the deadline."""

    def __init__(self, target: Target, ends: float) -> None:
        self.target = target
        self.ends = ends
        self.has_sent = False
        self.sockets: list[socket.socket] = []

    def hang_up(self) -> None:
        """Wake whoever waits on a socket of ours: nothing more will come."""
        for sock in self.sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def remaining(self, too_late: type[httpcore.TimeoutException]) -> float:
        seconds = self.ends - time.monotonic()
        if seconds <= 0:
            raise too_late
        return seconds

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the target's addresses are the only ones
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002 - the one deadline rules
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        problem: OSError | None = None
        for address in self.target.addresses[:MOST_ADDRESSES]:
            seconds = min(CONNECT_SECONDS, self.remaining(httpcore.ConnectTimeout))
            try:
                sock = socket.create_connection((address, self.target.port), seconds)
            except OSError as failed:
                problem = failed
                continue
            if sock.getpeername()[0] != address:
                sock.close()
                raise httpcore.ConnectError("The peer is not the address that was vetted.")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets.append(sock)
            return _VettedStream(sock, self)
        raise httpcore.ConnectError from problem


class _VettedStream(httpcore.NetworkStream):
    """A socket that looks at the deadline before every step; httpcore's own looks at each step's time alone."""

    def __init__(self, sock: socket.socket, network: _VettedNetwork) -> None:
        self.sock = sock
        self.network = network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self.sock.settimeout(self.network.remaining(httpcore.ReadTimeout))
        try:
            return self.sock.recv(max_bytes)
        except TimeoutError as problem:
            raise httpcore.ReadTimeout from problem
        except OSError as problem:
            raise httpcore.ReadError from problem

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        if not buffer:
            return
        self.sock.settimeout(self.network.remaining(httpcore.WriteTimeout))
        # From here on nobody can prove that nothing arrived.
        self.network.has_sent = True
        try:
            # One timeout over the whole buffer, so that a peer who reads a byte a second gains nothing.
            self.sock.sendall(buffer)
        except TimeoutError as problem:
            raise httpcore.WriteTimeout from problem
        except OSError as problem:
            raise httpcore.WriteError from problem

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        self.sock.settimeout(self.network.remaining(httpcore.ConnectTimeout))
        try:
            wrapped = ssl_context.wrap_socket(self.sock, server_hostname=server_hostname)
            self.network.sockets.append(wrapped)
            return _VettedStream(wrapped, self.network)
        except TimeoutError as problem:
            self.sock.close()
            raise httpcore.ConnectTimeout from problem
        except OSError as problem:  # certificate errors are OSErrors too
            self.sock.close()
            raise httpcore.ConnectError from problem

    def close(self) -> None:
        self.sock.close()

    def get_extra_info(self, info: str) -> Any:
        return {"socket": self.sock, "is_readable": False}.get(info)
