"""One GET or POST to a host that a user chose, with what the host's answer means for a source.

Every call goes through `core.outbound`. Redirects are followed here, each of them vetted anew; secrets stay with the
host that they were meant for. Each host is asked at most so often a minute by all sources of all agencies together,
and when it says `Retry-After`, all of them wait.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
from django.core.cache import cache

from core.http.rates import Allowance
from core.http.rates import ask as take
from core.outbound import Answer, OutboundFailed, request
from listening.sources.seam import Garbage, RefusedByHost, Temporary

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_REDIRECTS: Final = 3
MOST_PER_MINUTE: Final = 60  # of one host
LONGEST_REST_S: Final = 3_600.0
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
USER_AGENT: Final = "crisisapi (listening)"

Method = Literal["GET", "POST"]


def fetch(
    url: str,
    *,
    until: float,
    headers: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    method: Method = "GET",
    body: bytes = b"",
    most_bytes: int = MOST_BYTES,
) -> Answer:
    """The answer of a host: 2xx, or 304. `secrets` are headers that a redirect to another host does not get.

    Raises Temporary, RefusedByHost or Garbage, and nothing else. `until` is an instant of time.monotonic().
    """
    asked, mine = url, dict(secrets or {})
    for _ in range(MOST_REDIRECTS + 1):
        answer = _ask_once(method, asked, {**(headers or {}), **mine}, body, until=until, most_bytes=most_bytes)
        if answer.status not in REDIRECTS:
            return _judged(answer, host_of(asked))
        there = urljoin(asked, answer.headers.get("location", ""))
        if method != "GET" or there == asked:
            raise Garbage("The host answered with a redirect that leads nowhere.")
        if origin_of(there) != origin_of(asked):
            mine = {}
        asked = there
    raise Garbage(f"The host redirected more than {MOST_REDIRECTS} times.")


def fetch_json(url: str, *, query: Mapping[str, str | int] | None = None, **how: Any) -> tuple[Any, Answer]:
    """As `fetch`, and the decoded JSON of the answer; raises Garbage when it is none."""
    answer = fetch(f"{url}?{urlencode(query)}" if query else url, **how)
    try:
        return msgspec.json.decode(answer.body), answer
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Garbage("The answer is not JSON.") from None


def hold_back(host: str) -> None:
    """Take one of the calls that this host may get in a minute; raises Temporary when there is none, or it rests."""
    rests_until = cache.get(_rest_key(host))
    if rests_until is not None and (seconds := float(rests_until) - time.time()) > 0:
        raise Temporary("The host asked to be left alone for a while.", retry_after=seconds, ours=True)
    verdict = take(Allowance("source-host", host, MOST_PER_MINUTE))
    if not verdict.admitted:
        raise Temporary("This host is asked by many sources.", retry_after=float(verdict.seconds), ours=True)


def host_of(url: str) -> str:
    return urlsplit(url).netloc.lower()[:120]


def origin_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def seconds_of(retry_after: str | None) -> float | None:
    """What a `Retry-After` says, in seconds: a number or a date; None when it says nothing sensible."""
    said = (retry_after or "").strip()
    if said.isascii() and said.isdecimal():
        return min(float(said[:9]), LONGEST_REST_S)
    try:
        then = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    known = then if then.tzinfo else then.replace(tzinfo=UTC)
    seconds = known.timestamp() - datetime.now(UTC).timestamp()
    return min(max(seconds, 1.0), LONGEST_REST_S)


def _ask_once(
    method: Method, url: str, headers: Mapping[str, str], body: bytes, *, until: float, most_bytes: int
) -> Answer:
    hold_back(host_of(url))
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise Temporary("There was no time left for another call.", ours=True)
    try:
        answer = request(
            method,
            url,
            body=body,
            headers={"User-Agent": USER_AGENT, **headers},
            deadline=seconds,
            read_limit=most_bytes,
        )
    except OutboundFailed as failed:
        raise Temporary(str(failed)) from None
    except UnicodeEncodeError:
        raise Garbage("The host named an address that cannot be called.") from None
    if not answer.whole:
        raise Garbage(f"The answer is longer than {most_bytes // 1024} KB.")
    return _unpacked(answer, most_bytes)


def _judged(answer: Answer, host: str) -> Answer:
    status = answer.status
    wait = seconds_of(answer.headers.get("retry-after"))
    if answer.ok or status == 304:  # noqa: PLR2004 - not modified
        return answer
    if status == 429 or (status == 503 and wait is not None):  # noqa: PLR2004 - too many requests; overloaded
        rest = wait if wait is not None else _reset_of(answer)
        cache.set(_rest_key(host), str(time.time() + rest), timeout=int(rest) + 1)
        raise Temporary(f"The host is asked too often ({status}).", retry_after=rest)
    if status in (408, 425) or status >= 500:  # noqa: PLR2004 - the classes of HTTP
        raise Temporary(f"The host answered {status}.", retry_after=wait)
    raise RefusedByHost(f"The host answered {status}.")


def _reset_of(answer: Answer) -> float:
    """Seconds until the limit is lifted where a host says `RateLimit-Reset` or `X-RateLimit-Reset`; else a minute."""
    said = answer.headers.get("ratelimit-reset") or answer.headers.get("x-ratelimit-reset") or ""
    if said.isascii() and said.isdecimal():
        number = float(said[:12])
        seconds = number - time.time() if number > 10_000_000 else number  # noqa: PLR2004 - an instant, or seconds
        return min(max(seconds, 1.0), LONGEST_REST_S)
    instant = None
    try:
        instant = datetime.fromisoformat(said)
    except ValueError:
        return 60.0
    return min(max(instant.timestamp() - time.time(), 1.0), LONGEST_REST_S)


def _unpacked(answer: Answer, most_bytes: int) -> Answer:
    """The answer as it was before its host packed it, though nobody asked for that; never longer than the limit."""
    packed = answer.headers.get("content-encoding", "identity").strip().lower()
    if packed in ("", "identity") or not answer.body:
        return answer
    if packed not in ("gzip", "x-gzip", "deflate"):
        raise Garbage("The answer is packed in a way that we do not read.")
    return Answer(answer.status, unpack(answer.body, most_bytes), answer.headers, answer.whole)


def unpack(packed: bytes, most_bytes: int) -> bytes:
    """What gzip or zlib packed; raises Garbage when it is cut off, broken or larger than `most_bytes` unpacked."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = stream.decompress(packed, most_bytes + 1)
    except zlib.error:
        raise Garbage("The answer does not unpack.") from None
    if len(body) > most_bytes:
        raise Garbage(f"The answer unpacks to more than {most_bytes // 1024} KB.")
    if not stream.eof:
        raise Garbage("The packed answer is cut off.")
    return body


def _rest_key(host: str) -> str:
    # Hosts are what people typed, and a cache is choosy about its keys.
    return f"listening.rest:{hashlib.sha256(host.encode()).hexdigest()[:32]}"
