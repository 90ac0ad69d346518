"""May this URL be called? Parsed once, judged whole, and then called exactly as it was judged."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from queue import Empty, SimpleQueue
from urllib.parse import SplitResult, urlsplit

import idna
import structlog

from core.outbound.addresses import Address, allowed_networks, is_public, parse_address
from core.refusals import Refusal

log = structlog.get_logger(__name__)

Resolve = Callable[[str, int], Sequence[str]]

HTTPS_PORTS = frozenset({443, 8443})
DEFAULT_PORTS = {"https": 443, "http": 80}
LONGEST_URL = 2_000
LONGEST_VALUE = 1_000
RESOLVE_SECONDS = 5.0
# A resolver that hangs keeps its thread until the system gives up; so many may hang before we stop asking.
_RESOLVERS = threading.BoundedSemaphore(32)

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What browsers and C libraries take for a number, and so for an address: 127.1, 0x7f000001, 2130706433, 0177.0.0.1.
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")

# Names that decide how the message is framed or routed, or that metadata services take for a password.
FRAMING_HEADERS = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
    "accept-encoding", "via", "proxy-authorization", "proxy-connection", "forwarded", "x-forwarded-for",
    "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-aws-ec2-metadata-token",
    "x-aws-ec2-metadata-token-ttl-seconds", "metadata", "metadata-flavor", "x-google-metadata-request",
    "x-http-method-override",
})  # fmt: skip
# Names that we set ourselves and that a user's own header must not imitate.
OUR_HEADERS = frozenset({"authorization", "cookie", "content-type", "user-agent"})
OUR_PREFIXES = ("webhook-", "x-crisisapi-")


class OutboundRefused(Refusal):
    """The address may not be called. The fact `reason`: url, scheme, port, user_info, host, header."""

    code = "outbound_refused"
    status = 400
    title = "This address may not be called."


@dataclass(frozen=True, slots=True)
class Target:
    """A vetted URL. Only `addresses` may be connected to; `host` goes into Host and SNI."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Every address that the system's resolver gives for a name; raises OSError when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def vet(url: str, *, resolve: Resolve = system_resolve, seconds: float = RESOLVE_SECONDS) -> Target:
    """The target that a URL names, with the addresses that may be connected to.

    https on port 443 or 8443, to a name of which every address is public. When every address lies in
    OUTBOUND_ALLOWED_NETWORKS, http and any port will do. Asks the resolver, for at most `seconds`, so it must not
    be called inside a transaction. Raises OutboundRefused (400); an unknown name and a name that points inside answer
    alike, so that nobody can ask us which inner names exist.
    """
    parts = _split(url)
    port = _port(parts)
    host = _host(parts)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    literal = parse_address(host)
    allowed = allowed_networks()
    may_differ = bool(allowed)
    if not may_differ:
        _require_public_port(parts.scheme, port)
    addresses = [literal] if literal is not None else _resolved(host, port, resolve, seconds)
    inside = [any(address in network for network in allowed) for address in addresses]
    if not addresses or not all(own or is_public(address) for address, own in zip(addresses, inside, strict=True)):
        raise OutboundRefused("This host has no address that may be called.", reason="host")
    if not all(inside):
        _require_public_port(parts.scheme, port)
    return Target(parts.scheme, host, port, path, tuple(str(address) for address in addresses))


def vet_form(url: str) -> str:
    """The URL, if its form and its literal address may be called; where a name points is judged at each call.

    Asks nobody, so it may be called inside a transaction. Raises OutboundRefused (400).
    """
    return vet(url, resolve=_kindest).url


def _kindest(_host: str, _port: int) -> Sequence[str]:
    return (str(next((network[0] for network in allowed_networks()), "1.1.1.1")),)


def vet_headers(headers: Mapping[str, str]) -> None:
    """Raise OutboundRefused unless a user may have these headers sent: plain ASCII, short, none of ours."""
    vet_framing(headers, longest=LONGEST_VALUE)
    for name in headers:
        lower = name.lower()
        if lower in OUR_HEADERS or lower.startswith(OUR_PREFIXES):
            raise OutboundRefused(f"The header {lower} cannot be chosen.", reason="header", header=lower)


def vet_framing(headers: Mapping[str, str], *, longest: int) -> None:
    """Raise OutboundRefused for headers that no call of ours may carry, or that would not stay one line."""
    for name, value in headers.items():
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(lower):
            raise OutboundRefused("A header name has characters that it cannot have.", reason="header")
        if lower in FRAMING_HEADERS:
            raise OutboundRefused(f"The header {lower} cannot be chosen.", reason="header", header=lower)
        if len(value) > longest or not _HEADER_VALUE.fullmatch(value):
            raise OutboundRefused(f"The value of {lower} is not short, plain ASCII.", reason="header", header=lower)


def _split(url: str) -> SplitResult:
    # urlsplit drops tabs and newlines in silence, and other readers take a backslash for a slash.
    if len(url) > LONGEST_URL or "\\" in url or any(character <= " " or character == "\x7f" for character in url):
        raise OutboundRefused("This is not a URL that can be called.", reason="url")
    try:
        parts = urlsplit(url)
    except ValueError as problem:
        raise OutboundRefused("This is not a URL that can be called.", reason="url") from problem
    if parts.scheme not in DEFAULT_PORTS:
        raise OutboundRefused("Only https can be called.", reason="scheme")
    if "@" in parts.netloc:
        raise OutboundRefused("A URL with a user name or a password cannot be called.", reason="user_info")
    if not (parts.path + parts.query).isascii() or (parts.path and not parts.path.startswith("/")):
        raise OutboundRefused("Path and query must be percent-encoded ASCII.", reason="url")
    return parts


def _port(parts: SplitResult) -> int:
    try:
        port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError as problem:
        raise OutboundRefused("The port is not a port.", reason="port") from problem
    if port == 0:
        raise OutboundRefused("The port is not a port.", reason="port")
    return port


def _require_public_port(scheme: str, port: int) -> None:
    if scheme != "https":
        raise OutboundRefused("Only https can be called.", reason="scheme")
    if port not in HTTPS_PORTS:
        raise OutboundRefused("Only the ports 443 and 8443 can be called.", reason="port")


def _host(parts: SplitResult) -> str:
    """The host in ASCII: a name, or an address in its one plain spelling. Refuses everything in between."""
    host = (parts.hostname or "").lower()
    if parts.netloc.startswith("["):
        literal = parse_address(host)
        if isinstance(literal, IPv6Address):
            return str(literal)
        raise OutboundRefused("The host is not an address.", reason="host")
    if not host.isascii():
        try:
            # IDNA 2008 without any mapping: full-width digits and other look-alikes are refused and not translated.
            host = idna.encode(host, uts46=False).decode()
        except idna.IDNAError as problem:
            raise OutboundRefused("The host is not a name.", reason="host") from problem
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 - the limit of DNS
        raise OutboundRefused("The host is not a name.", reason="host")
    if _NUMBER_LABEL.fullmatch(labels[-1]):
        literal = parse_address(host)
        if literal is None or str(literal) != host:
            raise OutboundRefused("The host is not an address in its plain spelling.", reason="host")
    return host


def _resolved(host: str, port: int, resolve: Resolve, seconds: float) -> list[Address]:
    """The addresses of a name, an empty list if it has none or one that cannot be read."""
    ends = time.monotonic() + seconds
    if not _RESOLVERS.acquire(timeout=max(0.0, seconds)):
        return []
    answers: SimpleQueue[Sequence[str]] = SimpleQueue()

    def ask() -> None:
        # getaddrinfo knows no deadline of its own, hence the thread.
        found: Sequence[str] = ()
        try:
            found = resolve(host, port)
        except (OSError, UnicodeError):
            log.info("a name was not found", host=host)
        finally:
            answers.put(found)
            _RESOLVERS.release()

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        texts = answers.get(timeout=max(0.0, ends - time.monotonic()))
    except Empty:
        return []
    addresses = [parse_address(text) for text in texts]
    return [address for address in addresses if address is not None] if None not in addresses else []
