"""The sandbox as a network: it keeps the promises of a good one, and misbehaves on request.

An account's credentials say how: `{"behaviour": …, "delay_ms": …}`.

- `ok`: answers after `delay_ms` (0), or takes the post and is too slow to say so when that is beyond the deadline.
- `refuse`: answers that it will not.
- `accept_then_timeout`: does what was asked, and the line is cut before the answer.
- `never_answers`: does nothing, and the line is cut.

Credentials that were revoked are refused as bad ones until others are set. Where the line is cut, that happens after
`delay_ms`, or at the deadline when none is given. Looking a post up always works.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from connectors.models import SandboxPost
from connectors.sandbox.actions import accept_post, is_revoked, note_call, obey_revocation, remove_post
from connectors.seam import BAD_CREDENTIALS, Limits, NeverSent, OutcomeUnknown, Outgoing, OutgoingMedium, Receipt
from core.wall import wall
from tenants.models import SocialAccount

LIMITS = Limits(
    longest_text=5_000,
    media=frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"}),
    most_media=4,
    longest_alt=1_000,
)
BEHAVIOURS = ("ok", "refuse", "accept_then_timeout", "never_answers")


@dataclass(frozen=True, slots=True)
class _Manners:
    """How an account's network behaves; a delay of None means: until the deadline."""

    behaviour: str
    delay_s: float | None

    @classmethod
    def of(cls, account: SocialAccount) -> _Manners:
        said = account.credentials or {}
        behaviour, delay = said.get("behaviour", "ok"), said.get("delay_ms")
        if behaviour not in BEHAVIOURS:
            raise NeverSent(BAD_CREDENTIALS)
        try:
            return cls(behaviour, None if delay is None else max(int(delay), 0) / 1000)
        except ValueError:
            raise NeverSent(BAD_CREDENTIALS) from None

    def arrive(self, deadline_s: float) -> None:
        """The way to the network, and what it says at the door."""
        if self.behaviour == "refuse":
            raise NeverSent("refused")
        if self.behaviour == "never_answers":
            self._cut(deadline_s)

    def come_back(self, deadline_s: float) -> None:
        """The way of the answer, after the network has done what was asked."""
        if self.behaviour == "accept_then_timeout" or (self.delay_s or 0) > deadline_s:
            self._cut(deadline_s)
        time.sleep(self.delay_s or 0)  # this is the network's own slowness, and nobody could be asked about its end

    def _cut(self, deadline_s: float) -> None:
        time.sleep(min(deadline_s, deadline_s if self.delay_s is None else self.delay_s))
        raise OutcomeUnknown("timeout")


class Sandbox:
    """See `connectors.seam.Network`."""

    limits = LIMITS

    def publish(self, account: SocialAccount, outgoing: Outgoing, deadline_s: float) -> Receipt:
        manners, now = _Manners.of(account), timezone.now()
        note_call(account, "publish", idempotency_key=outgoing.idempotency_key, text=outgoing.text, at=now)
        _open_door(account, manners, deadline_s)
        media = [{"sha256": _digest(one), "type": one.kind, "alt": one.alt} for one in outgoing.media]
        post = accept_post(account, text=outgoing.text, media=media, idempotency_key=outgoing.idempotency_key, at=now)
        manners.come_back(deadline_s)
        return Receipt(post.external_id, post.url)

    def find(self, account: SocialAccount, idempotency_key: str, deadline_s: float) -> Receipt | None:  # noqa: ARG002 - it never waits
        with transaction.atomic(durable=True), wall(account.agency_id):
            post = SandboxPost.objects.filter(account_id=account.pk, idempotency_key=idempotency_key).first()
        return None if post is None else Receipt(post.external_id, post.url)

    def delete(self, account: SocialAccount, external_id: str, deadline_s: float) -> None:
        manners, now = _Manners.of(account), timezone.now()
        note_call(account, "delete", external_id=external_id, at=now)
        _open_door(account, manners, deadline_s)
        remove_post(account, external_id=external_id, at=now)
        manners.come_back(deadline_s)

    def revoke(self, account: SocialAccount, deadline_s: float) -> None:
        manners, now = _Manners.of(account), timezone.now()
        call = note_call(account, "revoke", at=now)
        _open_door(account, manners, deadline_s)
        obey_revocation(account, call)
        manners.come_back(deadline_s)


def _digest(medium: OutgoingMedium) -> str:
    """Of what has arrived, whatever was said of it."""
    return hashlib.sha256(medium.content).hexdigest()


def _open_door(account: SocialAccount, manners: _Manners, deadline_s: float) -> None:
    manners.arrive(deadline_s)
    if is_revoked(account):
        raise NeverSent(BAD_CREDENTIALS)
