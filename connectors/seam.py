"""What publishing asks of a social network, and the two ways in which a call can go wrong.

The whole difference between them is what may be done next: after `NeverSent` nothing is out there; after
`OutcomeUnknown` it may be, and only the network or a person can tell. Whatever is not provably the first is the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tenants.models import SocialAccount

BAD_CREDENTIALS = "bad_credentials"  # the network's answer to credentials that it does not accept


@dataclass(frozen=True, slots=True)
class Limits:
    """What a network takes, as it declares it."""

    longest_text: int  # characters
    media: frozenset[str] = frozenset()  # the media types of pictures; none: it shows none
    most_media: int = 0
    longest_alt: int = 0  # characters


@dataclass(frozen=True, slots=True)
class OutgoingMedium:
    """A picture to appear with a text."""

    content: bytes
    sha256: str
    kind: str  # its media type
    alt: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Exactly what is to appear, and the key under which the network tells a repeated call from a new one."""

    text: str
    idempotency_key: str
    media: tuple[OutgoingMedium, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The network's own name of a post, and where people can see it."""

    external_id: str
    url: str


class NeverSent(Exception):
    """Provably nothing was done: the request never left us, or the network said that it refused. `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutcomeUnknown(Exception):
    """The call may have had its effect: time ran out, the line was cut, the answer was not one. `reason` is a word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Network(Protocol):
    """One social network. No method retries; none is called inside a transaction; each keeps its deadline (seconds)."""

    @property
    def limits(self) -> Limits:
        """What it takes: asked when words are written, not when they are sent."""

    def publish(self, account: SocialAccount, outgoing: Outgoing, deadline_s: float) -> Receipt:
        """Put one post out, once; raises NeverSent or OutcomeUnknown."""

    def find(self, account: SocialAccount, idempotency_key: str, deadline_s: float) -> Receipt | None:
        """Look for a post that went out under a key; None means that the network answered and has none.

        Raises NeverSent or OutcomeUnknown when no look could be taken.
        """

    def delete(self, account: SocialAccount, external_id: str, deadline_s: float) -> None:
        """Take a post away; one that is gone already counts as done. Raises NeverSent or OutcomeUnknown."""

    def revoke(self, account: SocialAccount, deadline_s: float) -> None:
        """Have the network accept the account's credentials no more; revoking twice counts as done.

        Raises NeverSent or OutcomeUnknown; NeverSent with `BAD_CREDENTIALS` says that it accepts them no more already.
        """
