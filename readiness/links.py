"""Links in a text: what a network would make a link of, and which host it leads to. Pure, and linear in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import re2  # type: ignore[import-untyped]

MOST_LINKS: Final = 1_000
# Written with a scheme or www; or a bare name whose last part is a common top-level domain or a country's, in small
# letters: networks make links of those too, and a sentence that begins without a space does not look so.
_LINK: Final = re2.compile(
    r"(?i:\bhttps?://|\bwww\.)[^\s<>\"'`{}|^]+"
    r"|(?:[\pL\pN](?:[\pL\pN-]*[\pL\pN])?\.)+"
    r"(?:com|org|net|edu|gov|info|biz|app|dev|shop|store|online|site|xyz|[a-z]{2}|COM|ORG|NET|EDU|GOV|INFO)\b"
    r"(?:/[^\s<>\"'`{}|^]*)?"
)
LONGEST_HOST: Final = 253
_TRAILING: Final = ".,;:!?…)]}»"


@dataclass(frozen=True, slots=True)
class Link:
    """`scheme` is http, https, or empty when none was written; `host` is in small letters and ASCII where it can be."""

    scheme: str
    host: str
    span: tuple[int, int]


def links_in(text: str) -> list[Link]:
    """Every link of a text, in its order; at most MOST_LINKS."""
    found: list[Link] = []
    for match in _LINK.finditer(text):
        start = match.start()
        if start and text[start - 1] == "@":  # the second half of an e-mail address
            continue
        written = match.group().rstrip(_TRAILING)
        scheme, slashes, rest = written.partition("://")
        scheme, rest = (scheme.lower(), rest) if slashes else ("", written)
        host = _host_of(rest)
        if host:
            found.append(Link(scheme, host, (start, start + len(written))))
        if len(found) >= MOST_LINKS:
            break
    return found


def _host_of(rest: str) -> str:
    """The host as a browser reads it: after the last @, a backslash ends it, no port, no last dot."""
    authority = rest.replace("\\", "/").partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return plain_host(authority.partition(":")[0])


def plain_host(written: str) -> str:
    """A host, or `*.` and a host, in the form in which hosts are compared."""
    host = written.removeprefix("*.").rstrip(".")[-LONGEST_HOST:].lower()
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def is_among(host: str, hosts: frozenset[str]) -> bool:
    """Whether a host is one of those, or below one; all in the form of `plain_host`."""
    while host:
        if host in hosts:
            return True
        host = host.partition(".")[2]
    return False
