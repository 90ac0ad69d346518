"""What forbids a post, what is in flight under a pause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from approvals.payload import deliveries_payload, digest_of, media_payload
from approvals.queries import why_not
from core.actor import Actor
from permissions.gate import Caller, allowed
from permissions.models import ApiKey
from permissions.needs import Need
from permissions.queries.keys import key_alive
from publishing.models import Attempt, Pause, Post
from publishing.states import AttemptStage, HeldReason, Lane, PostStage
from readiness.keeping import Objection, Said, objections
from readiness.queries.facts import why_untrue
from tenants.queries import caller_in_office

LATEST = timedelta(minutes=10)  # a scheduled text that comes later than this is out of its time


@dataclass(frozen=True, slots=True)
class InFlight:
    """A send that began before the pause and has not ended."""

    post_id: UUID
    account_id: UUID
    attempt_id: UUID
    started_at: datetime


def active_pauses(*, brand_id: UUID | None = None, account_id: UUID | None = None) -> list[Pause]:
    """The standing pauses over an account of a brand, over a brand, or over the whole agency; in order of epoch."""
    return list(Pause.objects.all().standing().over(brand_id=brand_id, account_id=account_id).order_by("epoch"))


def pauses_over(post: Post) -> list[Pause]:
    """The standing pauses that forbid this post in its lane."""
    return [p for p in active_pauses(brand_id=post.brand_id, account_id=post.account_id) if post.lane in p.lanes]


def in_flight(pause: Pause) -> list[InFlight]:
    """The sends under a pause whose call may still be going on, oldest first."""
    posts = Post.objects.all().under(pause).filter(stage=PostStage.SENDING)
    attempts = Attempt.objects.filter(stage=AttemptStage.SENDING, post_id__in=posts.values("pk")).order_by("id")
    return [InFlight(attempt.post_id, attempt.account_id, attempt.pk, attempt.started_at) for attempt in attempts]


def digest_of_delivery(*, brand_id: UUID, account_id: UUID, text: str, media: Sequence[Mapping[str, str]] = ()) -> str:
    """What binds a post that needs no approval: the digest of this one delivery, in no stated language."""
    if media:
        delivery = {"account": account_id, "language": "und", "text": text, "media": media}
        return digest_of(media_payload(brand_id=brand_id, deliveries=[delivery]))
    return digest_of(deliveries_payload(brand_id=brand_id, language="und", deliveries=[(account_id, text)]))


def why_held(post: Post, *, at: datetime) -> HeldReason | None:
    """Why this post must not go out now; None when it may. Asked under the fence, in the transaction that sends."""
    if pauses_over(post):
        return HeldReason.PAUSED
    if at - post.scheduled_at > LATEST:
        return HeldReason.TOO_LATE
    if post.account.disconnected_at is not None or post.account.credentials is None:
        return HeldReason.NOT_CONNECTED
    word = _why_unbound(post, at=at) or _why_unanswered(post, at=at) or _why_untrue(post, at=at)
    if word is None and any(found.finding.blocks for found in objections_to(post, at=at)):
        return HeldReason.AGAINST_POLICY
    return word


def objections_to(post: Post, *, at: datetime) -> list[Objection]:
    """What the policies in force object to in a post, if it goes out at an instant."""
    kind = "statement" if post.lane == Lane.STATEMENT else "post"
    pictures = tuple(medium["alt"] for medium in post.media)
    said = Said("", post.text, post.account.network, pictures=pictures)
    return objections(post.brand_id, [said], kind=kind, at=at)


def _why_untrue(post: Post, *, at: datetime) -> HeldReason | None:
    refusal = why_untrue(post.facts, at=at)
    return None if refusal is None else HeldReason(refusal.code)


def _why_unbound(post: Post, *, at: datetime) -> HeldReason | None:
    if post.approval is None:
        if post.lane == Lane.STATEMENT:
            return HeldReason.NOT_APPROVED
        bound = digest_of_delivery(brand_id=post.brand_id, account_id=post.account_id, text=post.text, media=post.media)
        return None if bound == post.digest else HeldReason.TEXT_CHANGED
    delivery = {"account_id": post.account_id, "text": post.text, "media": post.media}
    word = why_not(post.approval, **delivery, digest=post.digest, at=at)
    return None if word is None else HeldReason(word)


def _why_unanswered(post: Post, *, at: datetime) -> HeldReason | None:
    caller = caller_in_office(post.author_seat_id, at=at)
    if caller is None:
        return HeldReason.AUTHOR_GONE
    if post.author_key_id is not None:
        keyed = _with_key(caller, post.author_key_id, at=at)
        if keyed is None:
            return HeldReason.KEY_ENDED
        caller = keyed
    return None if allowed(caller, need_of(post), post) else HeldReason.AUTHOR_NOT_ALLOWED


def need_of(post: Post) -> Need:
    """What whoever answers for a post must be allowed to do, until it is out."""
    return Need.STATEMENTS_RELEASE if post.lane == Lane.STATEMENT else Need.POSTS_SCHEDULE


def _with_key(caller: Caller, key_id: UUID, *, at: datetime) -> Caller | None:
    """The person by the key that they used then, if it may be used now."""
    key: ApiKey | None = ApiKey.objects.select_related("seat__user").filter(pk=key_id).first()
    if key is None or not key_alive(key, at):
        return None
    return replace(
        caller, actor=Actor.key(key.pk, issued_by=key.seat_id), key_needs=frozenset(key.needs),
        key_brands=frozenset(key.brand_ids),
    )  # fmt: skip
