"""The networks by name. Whoever publishes imports from here."""

from __future__ import annotations

from connectors.sandbox.network import Sandbox
from connectors.seam import BAD_CREDENTIALS, Network, NeverSent, OutcomeUnknown, Outgoing, Receipt

__all__ = ["BAD_CREDENTIALS", "NETWORKS", "Network", "NeverSent", "OutcomeUnknown", "Outgoing", "Receipt", "network"]

NETWORKS: dict[str, Network] = {"sandbox": Sandbox()}


def network(name: str) -> Network:
    """The network of an account; raises NeverSent for one that we do not speak."""
    if name not in NETWORKS:
        raise NeverSent("no_such_network")
    return NETWORKS[name]
