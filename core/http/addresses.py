"""Where a request comes from, as far as it can be believed."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def client_address(request: HttpRequest | Request) -> str:
    """The caller's IP address in its plain form; empty when there is none, as on a unix socket.

    X-Forwarded-For is written by anybody. Each proxy adds the address that it saw at the right end, so the entry as
    far from the right as there are proxies of ours (TRUSTED_PROXIES) is the last one that one of ours has written.
    A request with fewer entries has come past the proxies and is known by the address of its connection.
    """
    hops: int = settings.TRUSTED_PROXIES
    if hops > 0:
        chain = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if len(chain) >= hops and (address := plain(chain[-hops])):
            return address
    return plain(request.META.get("REMOTE_ADDR", ""))


def plain(address: str) -> str:
    """An address as it is usually written, IPv4 as such even when it comes as ::ffff:192.0.2.1; empty for none."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or found.compressed.partition("%")[0])
    return str(found)
