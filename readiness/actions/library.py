"""Writing messages, and having them approved before they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from alerting.actions import queue_letter
from approvals.actions import request_approval, void_approval
from approvals.models import Approval
from approvals.payload import deliveries_payload, digest_of, media_payload
from approvals.process import Step
from approvals.slots import longest_of, slots_in
from approvals.states import ApprovalStage
from connectors.network import not_taken
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later, move
from ledger.actions import record
from readiness.actions.plan_drafts import nothing_there
from readiness.keeping import Said, refuse_against_policy
from readiness.models import Message
from readiness.queries import plan_in_force, preapproved
from tenants.models import SocialAccount

ABOUT_MESSAGE = "readiness.message"
LONGEST_PREAPPROVAL = timedelta(days=366)
REMIND_ENDING: Final = "readiness.remind_of_message"
ENDING_LETTER: Final = "readiness.message_ending"
# How long before the end of a pre-approval its author is written to, the first time and the last.
NOTICES: Final = (timedelta(days=14), timedelta(days=2))


class NoApprovalProcess(Refusal):
    """Without a plan nobody knows whom to ask."""

    code = "no_approval_process"
    title = "The brand has no plan in force that says who approves."


class MessageInApproval(Refusal):
    """Fact `approval_id`."""

    code = "message_in_approval"
    title = "People are asked about this message already."


@transaction.atomic
def add_message(
    *,
    brand_id: UUID,
    title: str,
    kind: str,
    crisis_kind: str,
    language: str,
    deliveries: Sequence[tuple[UUID, str]],
    severity: int | None = None,
    slots: Mapping[str, Mapping[str, Any]] | None = None,
    by: Actor,
    at: datetime,
) -> Message:
    """Put a text into the brand's library, ready for each account: `deliveries` is (account id, exact text).

    `kind` is holding or answer; `severity` is that of the crises it is meant for, None for any. A text may have slots,
    written `{so}`; `slots` says of each of them what may fill it: {name: {"type", "longest"}} (`approvals.slots`). The
    text never changes afterwards; a better one is a new message. Raises Invalid for accounts that are not the brand's,
    a slot that is not declared or not used, a text that is longer than its network takes, and what the payload refuses.
    """
    payload = _payload(brand_id, language, deliveries, slots or {})
    accounts = dict(SocialAccount.objects.filter(brand_id=brand_id).values_list("pk", "network"))
    foreign = [place for place, (account_id, _) in enumerate(deliveries) if account_id not in accounts]
    if foreign:
        raise nothing_there("The brand has no such account.", [f"deliveries.{place}.account" for place in foreign])
    errors = [
        error
        for place, (account_id, text) in enumerate(deliveries)
        for error in not_taken(
            accounts[account_id], length=longest_of(text, payload.get("slots", {})), path=f"deliveries.{place}."
        )
    ]
    if errors:
        raise Invalid("A network does not take this text.", errors=errors)
    message = Message(
        id=uuid7(),
        brand_id=brand_id,
        title=title,
        kind=kind,
        crisis_kind=crisis_kind,
        language=language,
        severity=severity,
        # As format 1 has them, whatever the format of what people agree to: each text stands with its account.
        deliveries=[{"account": each["account"], "text": each["text"]} for each in payload["deliveries"]],
        slots=payload.get("slots", {}),
        digest=digest_of(payload),
        author_id=by.seat_id,
        created_at=at,
    )
    message.save(force_insert=True)
    record("message.added", on=message, by=by, at=at, title=title, kind=kind, digest=message.digest)
    return message


def _payload(
    brand_id: UUID, language: str, deliveries: Sequence[tuple[UUID, str]], slots: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What people agree to: exact texts, or templates and what may fill their slots."""
    if not slots and not any(slots_in(text) for _, text in deliveries):
        return deliveries_payload(brand_id=brand_id, language=language, deliveries=deliveries)
    for place, (_, text) in enumerate(deliveries):
        for name in slots_in(text):
            if name not in slots:
                detail = f"The text has the slot {name}; say in `slots` what may fill it."
                field = f"deliveries.{place}.text"
                raise Invalid(detail, errors=[{"field": field, "code": "undeclared_slot", "detail": detail}])
    templates = [{"account": account_id, "language": language, "text": text} for account_id, text in deliveries]
    return media_payload(brand_id=brand_id, deliveries=templates, slots=slots)


def _refuse_forbidden(message: Message, *, at: datetime) -> None:
    """Policies are asked about a message with its slots still open; what fills them is judged at release."""
    places = [UUID(delivery["account"]) for delivery in message.deliveries]
    networks = dict(SocialAccount.objects.filter(pk__in=places).values_list("pk", "network"))
    said = [
        Said(f"deliveries.{number}", delivery["text"], networks[account_id], message.language)
        for number, (account_id, delivery) in enumerate(zip(places, message.deliveries, strict=True))
    ]
    refuse_against_policy(message.brand_id, said, kind=message.kind, at=at)


@transaction.atomic
def submit_message(
    *,
    message_id: UUID,
    stages: Sequence[Step | dict[str, Any]] | None,
    expires_at: datetime,
    by: Actor,
    at: datetime,
) -> Message:
    """Ask for approval in advance, good for one use until `expires_at` (at most 366 days ahead).

    `stages` None asks the people whom the plan in force names. An agreement that is still unused is voided: from here
    on only the new one counts. Whoever wrote the message and whoever submits it are kept from deciding. Raises
    MessageInApproval, NoApprovalProcess, AgainstPolicy, or Invalid.
    """
    if expires_at > at + LONGEST_PREAPPROVAL:
        detail = f"At most {LONGEST_PREAPPROVAL.days} days ahead."
        raise Invalid(detail, errors=[{"field": "expires_at", "code": "out_of_range", "detail": detail}])
    message: Message = Message.objects.locked(message_id)
    standing: Approval | None = Approval.objects.all().live().about(ABOUT_MESSAGE, message.pk).first()
    if standing is not None and standing.stage == ApprovalStage.PENDING:
        raise MessageInApproval(approval_id=standing.pk)
    _refuse_forbidden(message, at=at)
    if stages is None:
        plan = plan_in_force(message.brand_id)
        if plan is None:
            raise NoApprovalProcess(brand_id=message.brand_id)
        stages = plan.body["approval"]["stages"]
    if standing is not None:
        void_approval(approval_id=standing.pk, reason="approval was asked for again", by=by, at=at)
    words = [(UUID(delivery["account"]), delivery["text"]) for delivery in message.deliveries]
    payload = _payload(message.brand_id, message.language, words, message.slots)
    message.expires_at, message.approved_at = expires_at, None
    message.version += 1
    approval = request_approval(
        brand_id=message.brand_id,
        about_kind=ABOUT_MESSAGE,
        about_id=message.pk,
        payload=payload,
        stages=stages,
        author_seat_ids={seat_id for seat_id in (message.author_id, by.seat_id) if seat_id is not None},
        expires_at=expires_at,
        by=by,
        at=at,
    )
    message.approval_id = approval.pk
    message.save(update_fields=["expires_at", "approved_at", "approval", "version"])
    cancel(REMIND_ENDING, key=str(message.pk), at=at)
    return message


@transaction.atomic
def approve_message(*, message_id: UUID, approval_id: UUID, by: Actor, at: datetime) -> Message:
    """Note that a message's newest request was granted; hearing it twice, or of an older request, changes nothing."""
    message: Message = Message.objects.locked(message_id)
    approval: Approval = Approval.objects.found(approval_id)
    agreed = approval.stage in (ApprovalStage.GRANTED, ApprovalStage.SPENT)
    if not agreed or message.approval_id != approval_id or message.approved_at is not None:
        return message
    message.approved_at = approval.granted_at
    message.version += 1
    message.save(update_fields=["approved_at", "version"])
    _set_notice(message, at=at)
    record("message.approved", on=message, by=by, at=at, digest=message.digest, expires_at=message.expires_at)
    return message


@transaction.atomic
def remind_of_message(*, message_id: UUID, by: Actor, at: datetime) -> Message | None:
    """Write to the author that a pre-approval ends soon; None when it was used, is over, or was asked for again."""
    message: Message | None = Message.objects.filter(pk=message_id).select_for_update(of=("self",), no_key=True).first()
    if message is None or message.expires_at is None or not preapproved(message, at):
        return None
    queue_letter(kind=ENDING_LETTER, thing_id=message.pk, at=at)
    _set_notice(message, at=at, again=True)
    record("message.ends_soon", on=message, by=by, at=at, digest=message.digest, expires_at=message.expires_at)
    return message


def _set_notice(message: Message, *, at: datetime, again: bool = False) -> None:
    """Set the timer of the next notice before the end. One that is short from the start is told of at once."""
    assert message.expires_at is not None  # noqa: S101 - whoever asks for an approval says until when
    ahead = [message.expires_at - notice for notice in NOTICES if message.expires_at - notice > at]
    if not again and len(ahead) < len(NOTICES):
        ahead.append(at)
    if not ahead:
        return
    key, due = str(message.pk), min(ahead)
    if not move(REMIND_ENDING, key=key, at=due):
        later(REMIND_ENDING, key=key, agency_id=standing_agency(), at=due, args={"message_id": key})
