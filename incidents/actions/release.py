"""The moment of speaking: an approved statement, or a pre-approved holding statement in one call."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.actions import spend_approval
from approvals.models import Approval
from approvals.states import ApprovalStage
from core.actor import Actor
from core.failpoints import failpoint
from core.refusals import NotFound, Refusal
from incidents.actions.clocks import meet_clocks
from incidents.actions.filling import words_of_message
from incidents.actions.statements import (
    locked_statement,
    mark_approved,
    payload_for,
    refuse_forbidden,
    write_version,
)
from incidents.models import Delivery, Incident, Statement, StatementVersion
from incidents.states import STATEMENT_LIFECYCLE, ClockKind, StatementKind, StatementStage
from ledger.actions import record
from publishing.actions import schedule_post
from publishing.models import Post
from publishing.states import WAS_OUT, Lane, PostStage
from readiness.filling import still_said
from readiness.models import Message
from readiness.queries.facts import why_untrue
from readiness.states import MessageKind

# Posts that the public has seen, and posts that it will not see.
PUBLIC = frozenset(WAS_OUT)
GIVEN_UP = frozenset({PostStage.FAILED, PostStage.CANCELLED})


class NotACrisis(Refusal):
    """Statements go out while the incident is active or contained."""

    code = "not_a_crisis"
    title = "Words go out only while the incident is active or contained."


class NotAHoldingStatement(Refusal):
    code = "not_a_holding_statement"
    title = "Only a holding statement of the library takes the fast lane."


class NotPreapproved(Refusal):
    """Nobody has agreed to this message, or the agreement has not been asked for."""

    code = "not_preapproved"
    title = "This message has not been approved beforehand."


def _lock_running(incident_id: UUID) -> Incident:
    incident: Incident = Incident.objects.locked(incident_id)
    if not incident.running:
        raise NotACrisis(stage=incident.stage)
    return incident


@transaction.atomic
def release_statement(*, statement_id: UUID, by: Actor, at: datetime) -> Statement:
    """Send the agreed words: one post for each account, due now, on the statement lane; the approval is spent.

    A grant that the statement has not heard of yet counts: the approval itself is asked. What people agreed to is
    judged once more by the social media policies in force: AgainstPolicy (409). Raises StaleFact or FactChanged where
    the words rest on a fact that is too old, or says something else by now.
    """
    incident, statement, newest = locked_statement(statement_id)
    _lock_running(incident.pk)
    approval: Approval | None = Approval.objects.locked(newest.approval_id) if newest.approval_id else None
    untrue = why_untrue(newest.facts, at=at)  # asked before anything is recorded: it waits for rows
    granted = approval is not None and approval.stage == ApprovalStage.GRANTED
    if granted and statement.stage == StatementStage.IN_APPROVAL:
        mark_approved(statement, newest, by=by, at=at)
    statement.stage = STATEMENT_LIFECYCLE.step("release", from_=statement.stage)
    assert approval is not None  # noqa: S101 - no way leads to APPROVED without one
    refuse_forbidden(statement, newest, at=at)
    spend_approval(approval_id=approval.pk, on=statement.pk, by=by, at=at)
    if untrue is not None:
        raise untrue
    posts = _send(statement, newest, approval, by=by, at=at)
    statement.released_at = at
    statement.version += 1
    statement.save(update_fields=["stage", "released_at", "version"])
    _record_release(statement, newest, posts, fast_lane=False, by=by, at=at)
    return statement


@transaction.atomic
def release_holding_statement(*, incident_id: UUID, message_id: UUID, by: Actor, at: datetime) -> Statement:
    """Say the first words in one call: a message of the library, approved beforehand, whose approval is spent by it.

    Its slots are filled with what is known now. Refused when the approval was spent before, has expired, or is of
    another brand's message; with SlotMissing, SlotUnfit or StaleFact when a slot cannot be filled with what is true.
    """
    incident = _lock_running(incident_id)
    message: Message = Message.objects.locked(message_id)
    if message.brand_id != incident.brand_id:
        raise NotFound
    if message.kind != MessageKind.HOLDING:
        raise NotAHoldingStatement(kind=message.kind)
    if message.approval_id is None:
        raise NotPreapproved
    approval: Approval = Approval.objects.locked(message.approval_id)
    words, facts = words_of_message(message, incident_id=incident.pk, at=at)
    untrue = why_untrue(facts, at=at)
    statement = Statement(
        brand_id=incident.brand_id,
        incident=incident,
        title=message.title,
        kind=StatementKind.HOLDING,
        stage=StatementStage.RELEASED,
        message=message,
        created_at=at,
        released_at=at,
    )
    statement.save(force_insert=True)
    spend_approval(approval_id=approval.pk, on=statement.pk, by=by, at=at)
    if untrue is not None:
        raise untrue
    payload = approval.payload
    if message.slots:
        payload = payload_for(message.brand_id, message.language, words, incident_id=incident.pk)
    version = write_version(statement, payload, facts, by=by, at=at)
    version.approval = approval
    version.save(update_fields=["approval"])
    refuse_forbidden(statement, version, at=at)
    posts = _send(statement, version, approval, by=by, at=at)
    _record_release(statement, version, posts, fast_lane=True, by=by, at=at)
    return statement


def _send(
    statement: Statement, version: StatementVersion, approval: Approval, *, by: Actor, at: datetime
) -> list[UUID]:
    """One post for each account, bound to what people agreed to: the words themselves, or the template of them."""
    posts = []
    for delivery in version.payload["deliveries"]:
        account_id = UUID(delivery["account"])
        post = schedule_post(
            account_id=account_id,
            text=delivery["text"],
            scheduled_at=at,
            lane=Lane.STATEMENT,
            approval_id=approval.pk,
            digest=approval.digest,
            incident_id=statement.incident_id,
            facts=still_said(version.facts, [delivery["text"]]),
            media=delivery.get("media", ()),
            by=by,
            at=at,
        )
        Delivery(
            brand_id=statement.brand_id, statement=statement, version=version, account_id=account_id, post=post
        ).save(force_insert=True)
        posts.append(post.pk)
    failpoint("incidents.statement_posts_written")
    return posts


def _record_release(
    statement: Statement, version: StatementVersion, posts: list[UUID], *, fast_lane: bool, by: Actor, at: datetime
) -> None:
    facts: dict[str, Any] = {"version": version.number, "digest": version.digest}
    record("statement.released", on=statement, by=by, at=at, **facts, post_ids=posts, fast_lane=fast_lane)


@transaction.atomic
def follow_post(*, post_id: UUID, by: Actor, at: datetime) -> Statement | None:
    """A post went out, or will not: the first one meets the clock of first words, the last one settles the statement.

    `at` is when it happened to the post. Safe to repeat; None when the post carries no statement.
    """
    delivery = Delivery.objects.filter(post_id=post_id).first()
    if delivery is None:
        return None
    incident, statement, newest = locked_statement(delivery.statement_id)
    carried = Delivery.objects.filter(statement=statement).values("post_id")
    posts = list(Post.objects.filter(pk__in=carried).order_by("pk"))
    was_public = [post for post in posts if post.stage in PUBLIC]
    if was_public:
        meet_clocks(incident, kind=ClockKind.FIRST_WORDS, by=by, at=at)
    settled = all(post.stage in PUBLIC or post.stage in GIVEN_UP for post in posts)
    if settled and was_public and statement.stage == StatementStage.RELEASED:
        statement.stage = STATEMENT_LIFECYCLE.step("publish", from_=statement.stage)
        statement.published_at = at
        statement.version += 1
        statement.save(update_fields=["stage", "published_at", "version"])
        meet_clocks(incident, kind=ClockKind.UPDATE, by=by, at=at)
        record(
            "statement.published",
            on=statement,
            by=by,
            at=at,
            version=newest.number,
            post_ids=[post.pk for post in was_public],
        )
    return statement
