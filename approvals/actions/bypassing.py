"""The emergency bypass: two people answer for words that the process has not agreed to, and every report says so."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.actions.deciding import (
    ApprovalExpired,
    DigestDiffers,
    HumansDecide,
    check_no_author,
    hold_approval,
    what,
)
from approvals.actions.links import void_links
from approvals.actions.steps import close_steps, stop_deadlines
from approvals.counting import BYPASS_GRAVEST, BYPASS_WITHIN
from approvals.models import Approval, Bypass
from approvals.states import APPROVAL_LIFECYCLE
from core.ids import uuid7
from core.refusals import NotAllowed, Refusal
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.step_up import require_step_up
from tenants.models import Seat


class NotGraveEnough(Refusal):
    """Facts `severity`, null for a request without one, and `gravest`: the least grave that may be bypassed."""

    code = "not_grave_enough"
    title = "The process is bypassed only in grave matters."


class SecondPersonNeeded(Refusal):
    """Fact `until`: until when somebody else can join."""

    code = "second_person_needed"
    title = "You have begun this bypass; another person has to join it."


class BypassBegun(Refusal):
    """Somebody was faster by a moment; the same request joins them now."""

    code = "bypass_begun"
    title = "Somebody has begun a bypass just now: send this again to join it."


@transaction.atomic
def bypass_approval(*, approval_id: UUID, reason: str, digest: str, caller: Caller, at: datetime) -> Approval:
    """Begin a bypass, or join one that somebody else began within 15 minutes, which grants the approval.

    Neither of the two is an author; both prove who they are shortly before. Refusals: HumansDecide, NotAllowed,
    AuthorCannotApprove and StepUpRequired (403); DigestDiffers (412); NotGraveEnough, SecondPersonNeeded, BypassBegun,
    CannotMove and ApprovalExpired (409).
    """
    if caller.actor.kind != "seat":
        raise HumansDecide
    held = _hold_both(approval_id, caller, at)
    if caller.seat_id not in held:
        raise NotAllowed(need=Need.APPROVALS_BYPASS.value)
    approval = hold_approval(approval_id)
    gate.require(caller, Need.APPROVALS_BYPASS, approval)
    check_no_author(approval, caller)
    if digest != approval.digest:
        raise DigestDiffers(digest=approval.digest)
    target = APPROVAL_LIFECYCLE.step("bypass", from_=approval.stage)
    if approval.expired(at):
        raise ApprovalExpired(expired_at=approval.expires_at)
    if approval.severity is None or approval.severity > BYPASS_GRAVEST:
        raise NotGraveEnough(severity=approval.severity, gravest=BYPASS_GRAVEST)
    require_step_up(caller)
    begun = _begun(approval.pk, at)
    if begun is None or (begun.first_person_id != caller.user_id and begun.first_seat_id not in held):
        if begun is not None and Seat.objects.all().active().filter(pk=begun.first_seat_id).exists():
            raise BypassBegun
        return _begin(approval, reason, caller, at)
    if begun.first_person_id == caller.user_id:
        raise SecondPersonNeeded(until=begun.first_at + BYPASS_WITHIN)
    begun.second_seat_id, begun.second_person_id = caller.seat_id, caller.user_id
    begun.second_reason, begun.second_at = reason, at
    begun.save(update_fields=["second_seat", "second_person", "second_reason", "second_at"])
    closed = close_steps(approval, at=at)
    void_links(Q(approval_id=approval.pk), at=at)
    approval.stage, approval.granted_at, approval.bypassed_at = target, at, at
    approval.version += 1
    approval.save(update_fields=["stage", "granted_at", "bypassed_at", "version"])
    people = {"first_seat_id": begun.first_seat_id, "second_seat_id": caller.seat_id}
    record("approval.bypassed", on=approval, by=caller.actor, at=at, reason=reason, **people, **what(approval))
    record("approval.granted", on=approval, by=caller.actor, at=at, **what(approval))
    stop_deadlines(closed, at=at)
    return approval


def _begin(approval: Approval, reason: str, caller: Caller, at: datetime) -> Approval:
    Bypass(
        id=uuid7(),
        approval=approval,
        digest=approval.digest,
        first_seat_id=caller.seat_id,
        first_person_id=caller.user_id,
        first_reason=reason,
        first_at=at,
    ).save(force_insert=True)
    approval.version += 1
    approval.save(update_fields=["version"])
    lapses = at + BYPASS_WITHIN
    record(
        "approval.bypass_begun", on=approval, by=caller.actor, at=at, reason=reason, lapses_at=lapses, **what(approval)
    )
    return approval


def _begun(approval_id: UUID, at: datetime) -> Bypass | None:
    """The newest bypass that waits for its second person and has not lapsed."""
    waiting = Bypass.objects.filter(approval_id=approval_id, second_at=None, first_at__gte=at - BYPASS_WITHIN)
    found: Bypass | None = waiting.order_by("-first_at", "-pk").first()
    return found


def _hold_both(approval_id: UUID, caller: Caller, at: datetime) -> set[UUID]:
    """Hold the caller's seat and that of whoever began, in one order for all; those in office are in the answer."""
    begun = _begun(approval_id, at)
    named = {caller.seat_id} | ({begun.first_seat_id} if begun else set())
    rows = Seat.objects.all().active().filter(pk__in=named).order_by("pk")
    return {seat.pk for seat in rows.select_for_update(of=("self",), no_key=True)}
