"""Writing messages, and having them approved before they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.actions import request_approval, void_approval
from approvals.models import Approval
from approvals.payload import deliveries_payload, digest_of
from approvals.process import Step
from approvals.states import ApprovalStage
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from ledger.actions import record
from readiness.actions.plan_drafts import nothing_there
from readiness.models import Message
from readiness.queries import plan_in_force
from tenants.models import SocialAccount

ABOUT_MESSAGE = "readiness.message"
LONGEST_PREAPPROVAL = timedelta(days=366)


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
    by: Actor,
    at: datetime,
) -> Message:
    """Put a text into the brand's library, ready for each account: `deliveries` is (account id, exact text).

    `kind` is holding or answer. The text never changes afterwards; a better one is a new message. Raises Invalid for
    accounts that are not the brand's, and what `deliveries_payload` refuses.
    """
    payload = deliveries_payload(brand_id=brand_id, language=language, deliveries=deliveries)
    accounts = set(SocialAccount.objects.filter(brand_id=brand_id).values_list("pk", flat=True))
    foreign = [place for place, (account_id, _) in enumerate(deliveries) if account_id not in accounts]
    if foreign:
        raise nothing_there("The brand has no such account.", [f"deliveries.{place}.account" for place in foreign])
    message = Message(
        id=uuid7(),
        brand_id=brand_id,
        title=title,
        kind=kind,
        crisis_kind=crisis_kind,
        language=language,
        deliveries=payload["deliveries"],
        digest=digest_of(payload),
        author_id=by.seat_id,
        created_at=at,
    )
    message.save(force_insert=True)
    record("message.added", on=message, by=by, at=at, title=title, kind=kind, digest=message.digest)
    return message


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
    MessageInApproval, NoApprovalProcess, or Invalid.
    """
    if expires_at > at + LONGEST_PREAPPROVAL:
        detail = f"At most {LONGEST_PREAPPROVAL.days} days ahead."
        raise Invalid(detail, errors=[{"field": "expires_at", "code": "out_of_range", "detail": detail}])
    message: Message = Message.objects.locked(message_id)
    standing: Approval | None = Approval.objects.all().live().about(ABOUT_MESSAGE, message.pk).first()
    if standing is not None and standing.stage == ApprovalStage.PENDING:
        raise MessageInApproval(approval_id=standing.pk)
    if stages is None:
        plan = plan_in_force(message.brand_id)
        if plan is None:
            raise NoApprovalProcess(brand_id=message.brand_id)
        stages = plan.body["approval"]["stages"]
    if standing is not None:
        void_approval(approval_id=standing.pk, reason="approval was asked for again", by=by, at=at)
    payload = deliveries_payload(
        brand_id=message.brand_id,
        language=message.language,
        deliveries=[(UUID(d["account"]), d["text"]) for d in message.deliveries],
    )
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
    record("message.approved", on=message, by=by, at=at, digest=message.digest, expires_at=message.expires_at)
    return message
