"""The release gate, the one call to the network, and what is written about it: at most once, then found out.

A post becomes SENDING, with its attempt, in a transaction that is committed before the call. From there only an
outcome moves it. Nothing here ever makes a second call for one attempt.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Max

from approvals.queries import stands_on
from connectors.network import NeverSent, OutcomeUnknown, Outgoing, OutgoingMedium, Receipt, network_of
from core.actor import Actor
from core.failpoints import failpoint
from core.files.store import FileUnavailable, content_at
from core.ids import uuid7
from core.wall import inside
from jobs.actions import cancel, later
from jobs.handlers import TryAgain
from ledger.actions import record
from publishing import fence
from publishing.actions.posts import set_timer
from publishing.models import Attempt, Pause, Post
from publishing.queries import pauses_over, why_held
from publishing.states import ATTEMPT_LIFECYCLE, POST_LIFECYCLE, AttemptStage, HeldReason, PostStage
from tenants.models import SocialAccount, StoredFile

log = structlog.get_logger(__name__)

DEADLINE_S = 8.0  # of the one call, all of it
# A sender that has written nothing by then is lost: its call cannot be going on any more.
DOUBT_AFTER = timedelta(seconds=DEADLINE_S + 10)
# When to ask the network about a call with no known outcome, counted from the look before: networks show a post late.
LOOKS = (timedelta(seconds=2), timedelta(seconds=20), timedelta(seconds=120))

# Django has no word for FOR SHARE, which lets other senders pass.
SHARE_SEATS = "SELECT 1 FROM tenants_seat WHERE id = ANY(%s) ORDER BY id FOR SHARE"
SHARE_KEY = "SELECT 1 FROM permissions_apikey WHERE id = %s FOR SHARE"
SHARE_APPROVAL = "SELECT 1 FROM approvals_approval WHERE id = %s FOR SHARE"


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture of a post, and where its content lies; no path: it is kept no more."""

    sha256: str
    kind: str
    alt: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Sending:
    """A committed attempt: the one call that may now be made."""

    attempt_id: UUID
    account: SocialAccount
    outgoing: Outgoing
    media: tuple[Medium, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: a receipt, or why there is none and whether it is certain that nothing is out."""

    receipt: Receipt | None = None
    failed: str = ""
    unknown: str = ""


def send_post(*, post_id: UUID, agency_id: UUID, cross: Callable[[], None], by: Actor, at: datetime) -> None:
    """Send a post that is due, or hold it with the reason why not. Called outside any transaction.

    `cross` is called in the transaction that commits the attempt: after it, nobody may start this again. Raises
    TryAgain, with nothing changed, when the fence could not be had in time.
    """
    began = time.monotonic()

    def now() -> datetime:
        return at + timedelta(seconds=time.monotonic() - began)

    with inside(agency_id):
        post: Post = Post.objects.found(post_id)
        # What a pause forbids anyway need not queue behind its draining; holding is safe without the fence.
        if post.stage != PostStage.SCHEDULED or (pauses_over(post) and _held(post_id, by=by, at=at)):
            return
    try:
        with fence.shared(
            agency_id=agency_id, brand_id=post.brand_id, account_id=post.account_id, lane=post.lane
        ) as held_fence:
            failpoint("publishing.after_lock")
            sending = _pass_gate(post_id=post_id, agency_id=agency_id, cross=cross, by=by, at=now())
            if sending is None:
                return
            failpoint("publishing.after_sending")
            outcome, defect = _call(sending)
            failpoint("publishing.after_call")
            _write_outcome(sending, outcome, agency_id=agency_id, held_fence=held_fence, by=by, at=now())
    except fence.Busy as problem:
        raise TryAgain("the fence was busy", after=timedelta(seconds=1)) from problem
    if defect is not None:
        raise defect


def hold_post(*, post_id: UUID, agency_id: UUID, reason: HeldReason, by: Actor, at: datetime) -> None:
    """Hold a scheduled post for a reason that lies outside it; nothing changes when it is not scheduled any more."""
    with inside(agency_id):
        post: Post = Post.objects.locked(post_id)
        if post.stage == PostStage.SCHEDULED:
            _hold(post, reason, by=by, at=at)


def _held(post_id: UUID, *, by: Actor, at: datetime) -> bool:
    """Hold a due post under a pause; False when the pause or the post has changed meanwhile."""
    post: Post = Post.objects.locked(post_id)
    if post.stage != PostStage.SCHEDULED or post.scheduled_at > at or not pauses_over(post):
        return False
    _hold(post, HeldReason.PAUSED, by=by, at=at)
    return True


def _pass_gate(*, post_id: UUID, agency_id: UUID, cross: Callable[[], None], by: Actor, at: datetime) -> Sending | None:
    """Ask everything again and commit the attempt; None when the post was held, or is no longer to be sent."""
    with inside(agency_id):
        seen: Post = Post.objects.found(post_id)
        _stand_still(seen)
        post: Post = Post.objects.locked(post_id)
        if post.stage != PostStage.SCHEDULED:
            return None
        rests_on = (post.author_seat_id, post.author_key_id, post.approval_id)
        if rests_on != (seen.author_seat_id, seen.author_key_id, seen.approval_id):
            raise TryAgain("it changed at the gate", after=timedelta(seconds=1))
        if post.scheduled_at > at:
            set_timer(post)
            return None
        if reason := why_held(post, at=at):
            _hold(post, reason, by=by, at=at)
            return None
        attempt = Attempt(
            id=uuid7(),
            post_id=post.pk,
            account_id=post.account_id,
            idempotency_key=idempotency_key(post),
            digest=post.digest,
            epoch=Pause.objects.aggregate(newest=Max("epoch"))["newest"] or 0,
            started_at=at,
        )
        attempt.save(force_insert=True)
        post.stage = POST_LIFECYCLE.step("send", from_=post.stage)
        post.save(update_fields=["stage"])
        later(
            "publishing.doubt_attempt",
            key=str(attempt.pk),
            agency_id=agency_id,
            at=at + DOUBT_AFTER,
            args={"attempt_id": str(attempt.pk)},
        )
        cross()
        record(
            "post.sending",
            on=post,
            by=by,
            at=at,
            account_id=post.account_id,
            attempt_id=attempt.pk,
            digest=post.digest,
        )
        outgoing = Outgoing(post.text, attempt.idempotency_key)
        return Sending(attempt.pk, _account(post.account_id), outgoing, _media_of(post))


def _account(account_id: UUID) -> SocialAccount:
    """An account with its brand, which the network is chosen by once the wall is closed."""
    account: SocialAccount = SocialAccount.objects.select_related("brand").get(pk=account_id)
    return account


def _media_of(post: Post) -> tuple[Medium, ...]:
    if not post.media:
        return ()
    kept = dict(
        StoredFile.objects.filter(sha256__in=[one["sha256"] for one in post.media]).values_list("sha256", "path")
    )
    return tuple(Medium(one["sha256"], one["type"], one["alt"], kept.get(one["sha256"])) for one in post.media)


def _stand_still(post: Post) -> None:
    """Keep everybody on whose word this post rests from being revoked, and its approval from being voided, till commit.

    Seats, then the key, the approval, and then the post: the order in which revoking and deciding lock them.
    """
    with connection.cursor() as cursor:
        cursor.execute(SHARE_SEATS, [sorted({post.author_seat_id, *stands_on(post.approval_id)})])
        cursor.execute(SHARE_KEY, [post.author_key_id])
        cursor.execute(SHARE_APPROVAL, [post.approval_id])


def idempotency_key(post: Post) -> str:
    """The key that a network hears for this version of a post; 64 characters."""
    return hashlib.sha256(f"crisisapi.post.1\n{post.pk}\n{post.version}".encode()).hexdigest()


def _hold(post: Post, reason: HeldReason, *, by: Actor, at: datetime) -> None:
    post.stage = POST_LIFECYCLE.step("hold", from_=post.stage)
    post.held_reason = reason
    post.save(update_fields=["stage", "held_reason"])
    record("post.held", on=post, by=by, at=at, account_id=post.account_id, reason=reason)


def _call(sending: Sending) -> tuple[Outcome, Exception | None]:
    """Make the one call. Whatever is not provably a refusal is unknown, a defect of ours included."""
    try:
        outgoing = replace(sending.outgoing, media=tuple(_loaded(medium) for medium in sending.media))
        receipt = network_of(sending.account).publish(sending.account, outgoing, DEADLINE_S)
    except NeverSent as refusal:
        return Outcome(failed=refusal.reason), None
    except OutcomeUnknown as doubt:
        return Outcome(unknown=doubt.reason), None
    except Exception as defect:  # noqa: BLE001 - raised again by the caller once the doubt is written down
        return Outcome(unknown=type(defect).__name__), defect
    return Outcome(receipt=receipt), None


def _loaded(medium: Medium) -> OutgoingMedium:
    """The very content that people agreed to; raises NeverSent when it cannot be had."""
    if medium.path is None:
        raise NeverSent("media_missing")
    try:
        content = content_at(medium.path)
    except FileUnavailable as problem:
        raise NeverSent("media_missing") from problem
    if hashlib.sha256(content).hexdigest() != medium.sha256:
        raise NeverSent("media_changed")
    return OutgoingMedium(content, medium.sha256, medium.kind, medium.alt)


def _write_outcome(
    sending: Sending, outcome: Outcome, *, agency_id: UUID, held_fence: fence.Fence, by: Actor, at: datetime
) -> None:
    """Record the outcome, over a fresh connection when the old one was lost during the call."""
    told = {"attempt_id": sending.attempt_id, "outcome": outcome, "by": by, "at": at}
    try:
        _record_under(held_fence, agency_id, told)
    except (OperationalError, InterfaceError) as problem:
        log.warning("connection_lost_while_sending", error=type(problem).__name__)
        connection.close()
        _record_under(held_fence, agency_id, told)


def _record_under(held_fence: fence.Fence, agency_id: UUID, told: dict[str, Any]) -> None:
    with inside(agency_id):
        failpoint("publishing.before_record")
        record_outcome(fence_held=held_fence.still_held(), **told)


@transaction.atomic
def record_outcome(*, attempt_id: UUID, outcome: Outcome, fence_held: bool | None, by: Actor, at: datetime) -> Post:
    """Write down what came of an attempt. A receipt ends every doubt; what is settled already stays as it is."""
    attempt: Attempt = Attempt.objects.found(attempt_id)
    post: Post = Post.objects.locked(attempt.post_id)
    attempt = Attempt.objects.locked(attempt_id)
    verb = "publish" if outcome.receipt else "fail" if outcome.failed else "doubt"
    if not ATTEMPT_LIFECYCLE.allows(verb, from_=attempt.stage):
        return post
    attempt.stage = ATTEMPT_LIFECYCLE.step(verb, from_=attempt.stage)
    attempt.reason = (outcome.failed or outcome.unknown)[:120]
    attempt.fence_held = attempt.fence_held if fence_held is None else fence_held
    attempt.ended_at = attempt.ended_at or at
    attempt.save(update_fields=["stage", "reason", "fence_held", "ended_at"])
    post.stage = POST_LIFECYCLE.step(verb, from_=post.stage)
    post.trouble = attempt.reason
    if outcome.receipt:
        post.published_at, post.external_id, post.url = at, outcome.receipt.external_id, outcome.receipt.url
    post.save(update_fields=["stage", "trouble", "published_at", "external_id", "url"])
    cancel("publishing.doubt_attempt", key=str(attempt.pk), at=at)
    told: dict[str, Any] = {"on": post, "by": by, "at": at, "account_id": post.account_id, "attempt_id": attempt.pk}
    if outcome.receipt:
        record("post.published", **told, external_id=outcome.receipt.external_id)
    elif outcome.failed:
        record("post.failed", **told, reason=attempt.reason)
    else:
        _look_later(attempt, look=0, at=at)
        record("post.became_unknown", **told, reason=attempt.reason)
    return post


def look_for_post(*, attempt_id: UUID, agency_id: UUID, look: int, last_try: bool, by: Actor, at: datetime) -> None:
    """Ask the network about an attempt with no known outcome: found is published; absent at every look needs a human.

    `look` counts from 0. Raises TryAgain when the network cannot be asked, unless this is the last try. Called
    outside any transaction.
    """
    with inside(agency_id):
        attempt: Attempt = Attempt.objects.found(attempt_id)
        account = _account(attempt.account_id)
    if attempt.stage != AttemptStage.UNKNOWN:
        return
    try:
        receipt = network_of(account).find(account, attempt.idempotency_key, DEADLINE_S)
    except (NeverSent, OutcomeUnknown) as problem:
        if not last_try:
            raise TryAgain(f"no look could be taken: {problem.reason}", after=timedelta(seconds=5)) from problem
        with inside(agency_id):
            _hand_over(attempt_id, "cannot_look", by=by, at=at)
        return
    with inside(agency_id):
        if receipt is not None:
            record_outcome(attempt_id=attempt_id, outcome=Outcome(receipt=receipt), fence_held=None, by=by, at=at)
        elif look + 1 < len(LOOKS):
            _look_later(attempt, look=look + 1, at=at)
        else:
            _hand_over(attempt_id, "not_found", by=by, at=at)


def _look_later(attempt: Attempt, *, look: int, at: datetime) -> None:
    later(
        "publishing.look_for_post",
        key=f"{attempt.pk}:{look}",
        agency_id=attempt.agency_id,
        at=at + LOOKS[look],
        args={"attempt_id": str(attempt.pk), "look": look},
    )


def _hand_over(attempt_id: UUID, reason: str, *, by: Actor, at: datetime) -> None:
    """Nobody but a person can tell any more."""
    post: Post = Post.objects.locked(Attempt.objects.found(attempt_id).post_id)
    if post.stage != PostStage.UNKNOWN:
        return
    post.stage = POST_LIFECYCLE.step("hand_over", from_=post.stage)
    post.trouble = reason
    post.save(update_fields=["stage", "trouble"])
    record("post.needs_human", on=post, by=by, at=at, account_id=post.account_id, attempt_id=attempt_id, reason=reason)
