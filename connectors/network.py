"""The networks by name. Whoever publishes imports from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.sandbox.network import Sandbox
from connectors.seam import (
    BAD_CREDENTIALS,
    Limits,
    Network,
    NeverSent,
    OutcomeUnknown,
    Outgoing,
    OutgoingMedium,
    Receipt,
)
from tenants.models import SocialAccount
from tenants.states import SANDBOX

__all__ = [
    "BAD_CREDENTIALS",
    "NETWORKS",
    "Limits",
    "Network",
    "NeverSent",
    "OutcomeUnknown",
    "Outgoing",
    "OutgoingMedium",
    "Receipt",
    "network",
    "network_of",
    "not_taken",
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


def not_taken(
    name: str, *, length: int, media: Sequence[Mapping[str, str]] = (), path: str = ""
) -> list[dict[str, str]]:
    """What a network says that it does not take, as errors of a body; nothing for a network that we do not speak.

    `length` is that of the text in characters, `media` [{"type", "alt"}]; `path` stands before the errors' fields.
    """
    spoken = NETWORKS.get(name)
    if spoken is None:
        return []
    limits, errors = spoken.limits, []
    if length > limits.longest_text:
        errors.append(_error(f"{path}text", "too_long", f"{name} takes at most {limits.longest_text} characters."))
    if len(media) > limits.most_media:
        errors.append(_error(f"{path}media", "too_many", f"{name} takes at most {limits.most_media} pictures."))
    for place, medium in enumerate(media):
        if medium["type"] not in limits.media:
            errors.append(_error(f"{path}media.{place}", "kind_not_taken", f"{name} does not show {medium['type']}."))
        if len(medium["alt"]) > limits.longest_alt:
            most = f"{name} takes at most {limits.longest_alt} characters."
            errors.append(_error(f"{path}media.{place}.alt", "too_long", most))
    return errors


def _error(field: str, code: str, detail: str) -> dict[str, str]:
    return {"field": field, "code": code, "detail": detail}
