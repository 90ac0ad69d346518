"""Which addresses are the public internet: our own table, closed by default.

Python's `is_global` is not asked. It calls NAT64, 6to4, IPv4-compatible, site-local, multicast and documentation
addresses global, and each of them has led somebody's server to its own metadata service.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# From these ranges anything may be called that the lists below do not take out again.
_OPEN = [ip_network("1.0.0.0/8"), ip_network("2.0.0.0/7"), ip_network("4.0.0.0/6"), ip_network("8.0.0.0/5"),
         ip_network("16.0.0.0/4"), ip_network("32.0.0.0/3"), ip_network("64.0.0.0/2"), ip_network("128.0.0.0/2"),
         ip_network("192.0.0.0/3"), ip_network("2000::/3")]  # fmt: skip

_CLOSED = [
    ip_network(network)
    for network in (
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata service lives here
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host address, public by its number only
        "169.254.0.0/16",  # link-local; most clouds' metadata service
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; one cloud's metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "2001::/23",  # protocol assignments, among them Teredo and ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: any IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet and nothing else."""
    return any(address in network for network in _OPEN) and not any(address in network for network in _CLOSED)


def allowed_networks() -> list[Network]:
    """The networks of the setting OUTBOUND_ALLOWED_NETWORKS: the operator's own, or a developer's loopback."""
    return [ip_network(network) for network in settings.OUTBOUND_ALLOWED_NETWORKS]


def parse_address(text: str) -> Address | None:
    """The address that a text is in its one plain spelling, else None: no zones, no octal, no short forms."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None
