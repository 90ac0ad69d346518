"""Scheduling posts, and what people do with one that has not gone out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from approvals.models import Approval, Decision
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import Wish, cancel, later, later_many, move
from ledger.actions import record
from permissions.gate import Caller, allowed
from permissions.revocation import Handed, Kept, counted, handing_over, line
from publishing.models import Attempt, Post
from publishing.queries import LATEST, digest_of_delivery, need_of, pauses_over
from publishing.states import ATTEMPT_LIFECYCLE, POST_LIFECYCLE, AttemptStage, HeldReason, Lane, PostStage
from readiness.filling import still_said
from readiness.keeping import AgainstPolicy, Said, objections_of, refuse_against_policy
from readiness.queries.facts import why_untrue
from readiness.queries.policies import policies_for
from tenants.models import Brand, SocialAccount

MOST_IMPORTED = 5_000
LONGEST_TEXT = 10_000


class NobodyAnswers(Refusal):
    """A rule cannot answer for what a brand says."""

    code = "nobody_answers"
    status = 403
    title = "A post needs a person who answers for it."


class ApprovalNeeded(Refusal):
    code = "approval_needed"
    title = "What goes out in the statement lane has been approved before."


class Paused(Refusal):
    """Fact `pauses`: the id, scope, kind and reason of each one that forbids it."""

    code = "paused"
    title = "A pause stands over this post."


@dataclass(frozen=True, slots=True)
class NewPost:
    """One post of an import."""

    account_id: UUID
    text: str
    scheduled_at: datetime


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made."""

    import_id: UUID
    count: int


@transaction.atomic
def schedule_post(
    *,
    account_id: UUID,
    text: str,
    scheduled_at: datetime,
    lane: str,
    approval_id: UUID | None,
    digest: str | None,
    incident_id: UUID | None,
    facts: Mapping[str, dict[str, str]] | None = None,
    media: Sequence[Mapping[str, str]] = (),
    by: Actor,
    at: datetime,
) -> Post:
    """Set a text to go out on an account at an instant, and the timer that does it.

    `digest` binds the text: that of the approval's payload, or None without an approval. The statement lane demands
    both. `facts` are those of the library that the text rests on (`readiness.filling.Filled.said`): once one of them is
    too old or says something else, it is held. `media` are the pictures that appear with it, of files that the agency
    keeps: [{"sha256", "type", "alt"}]. Raises NotFound for an unknown account or approval, Invalid, ApprovalNeeded,
    NobodyAnswers, and AgainstPolicy for a routine post; what a statement says is judged where it is released.
    """
    account: SocialAccount = SocialAccount.objects.found(account_id)
    author = _answerable(by)
    _raise_wrong(_wrong(text, scheduled_at, at=at))
    if approval_id is not None:
        approval: Approval = Approval.objects.found(approval_id)
        digest = digest or approval.digest
    elif lane == Lane.STATEMENT:
        raise ApprovalNeeded
    else:
        digest = digest_of_delivery(brand_id=account.brand_id, account_id=account.pk, text=text, media=media)
    if lane == Lane.ROUTINE:
        _refuse_forbidden(account, text, media, lane, scheduled_at)
    post = Post(
        id=uuid7(),
        brand_id=account.brand_id,
        account_id=account.pk,
        text=text,
        media=[dict(one) for one in media],
        lane=Lane(lane),
        scheduled_at=scheduled_at,
        digest=digest,
        facts=dict(facts or {}),
        approval_id=approval_id,
        incident_id=incident_id,
        author_seat_id=author,
        author_key_id=_key_of(by),
        created_at=at,
    )
    post.save(force_insert=True)
    set_timer(post)
    record(
        "post.scheduled", on=post, by=by, at=at, account_id=post.account_id, scheduled_at=scheduled_at, lane=post.lane
    )
    return post


@transaction.atomic
def import_posts(*, items: Sequence[NewPost], by: Actor, at: datetime) -> Imported:
    """Schedule many routine posts at once, all of them or none; one event for each brand.

    At most 5 000. Raises Invalid with the place and field of each bad item, and AgainstPolicy with the places of what
    is forbidden.
    """
    author = _answerable(by)
    if not 0 < len(items) <= MOST_IMPORTED:
        raise Invalid(f"An import holds 1 to {MOST_IMPORTED} posts.", given=len(items))
    accounts = SocialAccount.objects.in_bulk({item.account_id for item in items})
    brands = {account.pk: account.brand_id for account in accounts.values()}
    errors = []
    for place, item in enumerate(items):
        errors += [
            {**error, "field": f"posts.{place}.{error['field']}"}
            for error in _wrong(item.text, item.scheduled_at, at=at)
        ]
        if item.account_id not in brands:
            errors.append(
                {
                    "field": f"posts.{place}.account",
                    "code": "does_not_exist",
                    "detail": "There is no such account here.",
                }
            )
    _raise_wrong(errors)
    _refuse_forbidden_items(items, accounts)
    import_id = uuid7()
    posts = [
        Post(
            id=uuid7(),
            agency_id=standing_agency(),
            brand_id=brands[item.account_id],
            account_id=item.account_id,
            text=item.text,
            scheduled_at=item.scheduled_at,
            digest=digest_of_delivery(brand_id=brands[item.account_id], account_id=item.account_id, text=item.text),
            author_seat_id=author,
            author_key_id=_key_of(by),
            import_id=import_id,
            created_at=at,
        )
        for item in items
    ]
    Post.objects.bulk_create(posts, batch_size=1_000)
    later_many([_timer(post) for post in posts])
    counts = Counter(post.brand_id for post in posts)
    for brand in Brand.objects.filter(pk__in=counts).order_by("pk"):
        record("posts.imported", on=brand, by=by, at=at, count=counts[brand.pk], import_id=import_id)
    return Imported(import_id, len(posts))


def _refuse_forbidden_items(items: Sequence[NewPost], accounts: Mapping[UUID, SocialAccount]) -> None:
    forbidden = []
    rules = {brand_id: policies_for(brand_id).rules for brand_id in {one.brand_id for one in accounts.values()}}
    for place, item in enumerate(items):
        account = accounts[item.account_id]
        said = [Said(f"posts.{place}", item.text, account.network)]
        found = objections_of(rules[account.brand_id], said, kind="post", at=item.scheduled_at)
        forbidden += [one.facts() for one in found if one.finding.blocks]
    if forbidden:
        raise AgainstPolicy(findings=forbidden)


@transaction.atomic
def release_post(*, post_id: UUID, by: Actor, at: datetime) -> Post:
    """Let a held post go out now. Whoever releases it answers for it.

    Raises Paused while a pause stands over it, StaleFact or FactChanged while what it says is not known to be true.
    """
    post: Post = Post.objects.locked(post_id)
    stage = POST_LIFECYCLE.step("release", from_=post.stage)
    if pauses := pauses_over(post):
        raise Paused(pauses=[{"id": p.pk, "scope": p.scope, "kind": p.kind, "reason": p.reason} for p in pauses])
    _refuse_forbidden(post.account, post.text, post.media, post.lane, at)
    if untrue := why_untrue(post.facts, at=at):
        raise untrue
    _set_again(post, stage, scheduled_at=at, by=by)
    record("post.released", on=post, by=by, at=at, account_id=post.account_id, scheduled_at=at)
    return post


@transaction.atomic
def reschedule_post(*, post_id: UUID, scheduled_at: datetime, by: Actor, at: datetime) -> Post:
    """Set another instant for a post that is scheduled, held or has failed."""
    post: Post = Post.objects.locked(post_id)
    stage = POST_LIFECYCLE.step("reschedule", from_=post.stage)
    _raise_wrong(_wrong(post.text, scheduled_at, at=at))
    _set_again(post, stage, scheduled_at=scheduled_at, by=by)
    record("post.rescheduled", on=post, by=by, at=at, account_id=post.account_id, scheduled_at=scheduled_at)
    return post


@transaction.atomic
def rewrite_post(*, post_id: UUID, text: str, scheduled_at: datetime | None, by: Actor, at: datetime) -> Post:
    """Change what a post says, and when if `scheduled_at` is given; its own time must not lie in the past then.

    An approval stays bound to the old text: the gate holds such a post until people agree to a new one.
    """
    post: Post = Post.objects.locked(post_id)
    stage = POST_LIFECYCLE.step("rewrite", from_=post.stage)
    when = scheduled_at or post.scheduled_at
    _raise_wrong(_wrong(text, when, at=at))
    _refuse_forbidden(post.account, text, post.media, post.lane, when)
    post.text, post.facts = text, still_said(post.facts, [text])
    if post.approval_id is None:
        post.digest = digest_of_delivery(
            brand_id=post.brand_id, account_id=post.account_id, text=text, media=post.media
        )
    _set_again(post, stage, scheduled_at=when, by=by)
    record("post.rewritten", on=post, by=by, at=at, account_id=post.account_id, scheduled_at=when)
    return post


@transaction.atomic
def cancel_post(*, post_id: UUID, reason: str, by: Actor, at: datetime) -> Post:
    """Give a post up that has not gone out."""
    post: Post = Post.objects.locked(post_id)
    post.stage = POST_LIFECYCLE.step("cancel", from_=post.stage)
    post.held_reason = ""
    post.version += 1
    post.save(update_fields=["stage", "held_reason", "version"])
    cancel("publishing.send_post", key=str(post.pk), at=at)
    record("post.cancelled", on=post, by=by, at=at, account_id=post.account_id, reason=reason)
    return post


@transaction.atomic
def settle_post(*, post_id: UUID, is_out: bool, external_id: str, url: str, by: Actor, at: datetime) -> Post:
    """A person has looked at the network: the post is out, or it is not. Ends the doubt either way.

    A post that is not out may then be rescheduled, and asks the gate again.
    """
    post: Post = Post.objects.locked(post_id)
    post.stage = POST_LIFECYCLE.step("confirm" if is_out else "deny", from_=post.stage)
    attempt: Attempt = Attempt.objects.get(post_id=post.pk, stage=AttemptStage.UNKNOWN)
    attempt.stage = ATTEMPT_LIFECYCLE.step("publish" if is_out else "fail", from_=attempt.stage)
    attempt.reason, attempt.ended_at = "said_by_a_person", at
    attempt.save(update_fields=["stage", "reason", "ended_at"])
    post.version += 1
    post.trouble = "" if is_out else "said_by_a_person"
    if is_out:
        post.published_at, post.external_id, post.url = at, external_id, url
    post.save(update_fields=["stage", "trouble", "published_at", "external_id", "url", "version"])
    if is_out:
        record(
            "post.published",
            on=post,
            by=by,
            at=at,
            account_id=post.account_id,
            attempt_id=attempt.pk,
            external_id=external_id,
        )
    else:
        record(
            "post.failed", on=post, by=by, at=at, account_id=post.account_id, attempt_id=attempt.pk, reason=post.trouble
        )
    return post


def posts_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(Post.objects.filter(stage=PostStage.SCHEDULED, author_seat_id__in=seat_ids), "author_seat_id")


@line("scheduled posts", left=posts_left, covers={"publishing.Post.author_seat_id"})
def hold_posts_of(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """Hold what a leaver had scheduled. A post that somebody is working on is left to the gate, which asks again."""
    theirs = Post.objects.filter(stage=PostStage.SCHEDULED, author_seat_id=seat_id)
    found = theirs.select_for_update(of=("self",), no_key=True, skip_locked=True).values_list("pk", flat=True)
    held: int = Post.objects.filter(pk__in=list(found)).update(
        stage=POST_LIFECYCLE.step("hold", from_=PostStage.SCHEDULED), held_reason=HeldReason.AUTHOR_GONE
    )
    return held


@handing_over("scheduled posts")
def give_posts(seat_id: UUID, to: Caller, _by: Actor, _at: datetime) -> Handed:
    """The successor answers for what they may send themselves, and have not agreed to as somebody else's."""
    theirs = list(
        Post.objects.filter(stage=PostStage.SCHEDULED, author_seat_id=seat_id)
        .select_for_update(of=("self",), no_key=True)
        .order_by("pk")
    )
    heard = set(
        Decision.objects.filter(
            approval_id__in={post.approval_id for post in theirs if post.approval_id}, person_id=to.user_id
        ).values_list("approval_id", flat=True)
    )
    may: dict[tuple[UUID, UUID | None, str], bool] = {}
    kept, given = [], []
    for post in theirs:
        ground = (post.brand_id, post.incident_id, post.lane)
        if ground not in may:
            may[ground] = allowed(to, need_of(post), post)
        if not may[ground]:
            kept.append(Kept("publishing.Post", post.pk, "not_allowed"))
        elif post.approval_id in heard:
            kept.append(Kept("publishing.Post", post.pk, "has_approved_it"))
        else:
            given.append(post.pk)
    Post.objects.filter(pk__in=given).update(author_seat_id=to.seat_id, author_key_id=None)
    return Handed(len(given), tuple(kept))


def set_timer(post: Post) -> None:
    """Make the one pending timer of a post ring at its time, whether there was one or not."""
    if not move("publishing.send_post", key=str(post.pk), at=post.scheduled_at):
        wish = _timer(post)
        later(wish.handler, key=wish.key, agency_id=wish.agency_id, at=wish.at, args=wish.args)


def _timer(post: Post) -> Wish:
    return Wish(
        handler="publishing.send_post",
        key=str(post.pk),
        agency_id=post.agency_id,
        at=post.scheduled_at,
        args={"post_id": str(post.pk)},
    )


def _set_again(post: Post, stage: str, *, scheduled_at: datetime, by: Actor) -> None:
    """Schedule a post anew, under the name of whoever decided it: a new version, and a new key for the network."""
    post.author_seat_id, post.author_key_id = _answerable(by), _key_of(by)
    post.stage, post.scheduled_at = stage, scheduled_at
    post.held_reason = post.trouble = ""
    post.version += 1
    post.save(
        update_fields=[
            "text", "digest", "facts", "author_seat_id", "author_key_id", "stage", "scheduled_at", "held_reason",
            "trouble", "version",
        ]
    )  # fmt: skip
    set_timer(post)


def _answerable(by: Actor) -> UUID:
    if by.seat_id is None:
        raise NobodyAnswers
    return by.seat_id


def _key_of(by: Actor) -> UUID | None:
    """The key through which somebody answers: a post goes out only while it lives."""
    return by.id if by.kind == "key" else None


def _wrong(text: str, scheduled_at: datetime, *, at: datetime) -> list[dict[str, str]]:
    """What is wrong with a text and its time, by field."""
    errors = []
    if not text.strip():
        errors.append({"field": "text", "code": "blank", "detail": "There is no text to send."})
    elif len(text) > LONGEST_TEXT:
        errors.append({"field": "text", "code": "max_length", "detail": f"At most {LONGEST_TEXT} characters."})
    if at - scheduled_at > LATEST:
        errors.append({"field": "scheduled_at", "code": "in_the_past", "detail": "This time lies in the past."})
    return errors


def _refuse_forbidden(
    account: SocialAccount, text: str, media: Sequence[Mapping[str, str]], lane: str, when: datetime
) -> None:
    kind = "statement" if lane == Lane.STATEMENT else "post"
    said = Said("", text, account.network, pictures=tuple(medium["alt"] for medium in media))
    refuse_against_policy(account.brand_id, [said], kind=kind, at=when)


def _raise_wrong(errors: list[dict[str, str]]) -> None:
    if errors:
        raise Invalid("The post cannot be scheduled.", errors=errors)
