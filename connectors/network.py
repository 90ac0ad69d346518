"""The networks by name. Whoever publishes imports from here."""

from __future__ import annotations

from connectors.sandbox.network import Sandbox
from connectors.seam import BAD_CREDENTIALS, Network, NeverSent, OutcomeUnknown, Outgoing, Receipt
from tenants.models import SocialAccount
from tenants.states import SANDBOX

__all__ = [
    "BAD_CREDENTIALS",
    "NETWORKS",
    "Network",
    "NeverSent",
    "OutcomeUnknown",
    "Outgoing",
    "Receipt",
    "network",
    "network_of",
]

NETWORKS: dict[str, Network] = {SANDBOX: Sandbox()}


def network(name: str) -> Network:
    """The network of a name; raises NeverSent for one that we do not speak."""
    if name not in NETWORKS:
        raise NeverSent("no_such_network")
    return NETWORKS[name]


def network_of(account: SocialAccount) -> Network:
    """The network of an account, whose brand has been loaded with it: the one door through which anything leaves.

    The accounts of a drill's twin reach the sandbox alone: for any other network this raises NeverSent.
    """
    if account.brand.drill_of_id is not None and account.network != SANDBOX:
        raise NeverSent("drill")
    return network(account.network)
