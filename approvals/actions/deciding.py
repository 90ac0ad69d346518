"""Hearing one person's voice: approve, reject, or ask for changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.actions.links import LinkDead, void_links
from approvals.actions.steps import advance, close_steps, set_deadlines, stop_deadlines, void_useless_links
from approvals.models import Approval, AskedStep, Decision, DecisionLink, Delegation
from approvals.queries import link_of_token, opens
from approvals.queries.voters import Wanted, delegations_to, open_steps, voice_of
from approvals.states import APPROVAL_LIFECYCLE, ApprovalStage, Verdict
from core.failpoints import failpoint
from core.refusals import Invalid, NotAllowed, Refusal
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.step_up import require_step_up
from tenants.models import Seat
from tenants.queries import caller_for


class HumansDecide(Refusal):
    """A key acts for a program; agreement is a person's."""

    code = "humans_decide"
    status = 403
    title = "Only a person who has signed in can decide this."


class AuthorCannotApprove(Refusal):
    code = "author_cannot_approve"
    status = 403
    title = "Whoever wrote a text does not decide on it."


class NotAnApprover(Refusal):
    """Facts `stage`, `role` and `side`: whose voice is wanted now, in the first open step or the one that was named."""

    code = "not_an_approver"
    status = 403
    title = "This stage asks for people who hold another role."


class DigestDiffers(Refusal):
    """Fact `digest`: what the request is about. The decider saw something else."""

    code = "digest_differs"
    status = 412
    title = "You decided on another text than the one that is asked about."


class AlreadyDecided(Refusal):
    """One person has one voice, over all steps of a request, whether they gave it or somebody gave it for them."""

    code = "already_decided"
    title = "You have decided on this already."


class ApprovalExpired(Refusal):
    """Fact `expired_at`."""

    code = "approval_expired"
    title = "This approval has expired."


@transaction.atomic
def decide_approval(
    *,
    approval_id: UUID,
    verdict: str,
    digest: str,
    comment: str,
    caller: Caller,
    at: datetime,
    link_id: UUID | None = None,
    step: str | None = None,
) -> Approval:
    """Add one person's voice. The last voice of the last step grants; one rejection, or wish for changes, ends it.

    `verdict` is approve, reject or changes (which demands a comment), `digest` that of the text which the person saw,
    `link_id` the link they came by when they did not sign in. `step` names one of several open steps; without it the
    voice counts in the first that wants it. Whoever is not asked themselves may speak for somebody who delegated to
    them. Refusals: HumansDecide, NotAllowed, AuthorCannotApprove, NotAnApprover and StepUpRequired (403); Invalid
    (400); DigestDiffers (412); AlreadyDecided, CannotMove and ApprovalExpired (409).
    """
    if caller.actor.kind != "seat":
        raise HumansDecide
    # Seats before the approval, the order of `revoke_seat`: a person who is being sent away either decided before,
    # and then the decision is found and voided, or does not decide. The same for whom they speak.
    held = hold_speakers(caller.seat_id, at=at)
    if caller.seat_id not in held:
        raise NotAllowed(need=Need.APPROVALS_DECIDE.value)
    approval = hold_approval(approval_id)
    gate.require(caller, Need.APPROVALS_DECIDE, approval)
    _check_first_voice(approval, caller, digest)
    target = APPROVAL_LIFECYCLE.step(verdict, from_=approval.stage)
    if approval.expired(at):
        raise ApprovalExpired(expired_at=approval.expires_at)
    wanted = _wanted_voice(approval, caller, step, held)
    if verdict == Verdict.CHANGES and not comment.strip():
        detail = "Say what should be changed."
        raise Invalid(detail, errors=[{"field": "comment", "code": "required", "detail": detail}])
    if approval.needs_step_up:
        require_step_up(caller)
    Decision(
        approval=approval,
        stage_index=wanted.place,
        seat_id=caller.seat_id,
        person_id=caller.user_id,
        verdict=verdict,
        digest=digest,
        comment=comment,
        at=at,
        hats=list(wanted.hats),
        on_behalf_of_id=wanted.on_behalf_of_id,
        delegation=wanted.delegation,
        as_deputy=wanted.as_deputy,
    ).save(force_insert=True)
    failpoint("approvals.after_voice")
    opened, closed = _count(approval, verdict, target, at)
    void_links(Q(approval_id=approval.pk, seat_id=caller.seat_id), at=at)
    approval.version += 1
    approval.save(update_fields=["stage", "stage_index", "granted_at", "version"])
    record(
        "approval.decided",
        on=approval,
        by=caller.actor,
        at=at,
        about_id=approval.about_id,
        stage=approval.stages[wanted.place]["name"],
        verdict=verdict,
        digest=digest,
        link_id=link_id,
        on_behalf_of=wanted.on_behalf_of_id,
    )
    if approval.stage == ApprovalStage.GRANTED:
        record("approval.granted", on=approval, by=caller.actor, at=at, **what(approval))
    elif approval.stage == ApprovalStage.REJECTED:
        record("approval.rejected", on=approval, by=caller.actor, at=at, **what(approval))
    elif approval.stage == ApprovalStage.CHANGES_REQUESTED:
        record("approval.changes_requested", on=approval, by=caller.actor, at=at, **what(approval))
    stop_deadlines(closed, at=at)
    set_deadlines(opened)
    return approval


@transaction.atomic
def decide_by_link(
    *, token: str, verdict: str, digest: str, comment: str, session: Caller | None, at: datetime
) -> Approval:
    """Decide once as the person whom a link was mailed to; the link is used up.

    `session` is the same request's signed-in person: where a step-up is asked for, the link alone is not enough.
    Raises LinkDead (404) for everything that the link itself, or whoever it was for, is no longer good for;
    DigestDiffers (412), StepUpRequired (403) and Invalid (400), which leave the link as it was.
    """
    found = link_of_token(token)
    if found is None:
        raise LinkDead
    # The seats, the approval, the link: whoever takes more than one of them takes them in this order.
    seat = hold_speakers(found.seat_id, at=at).get(found.seat_id)
    if seat is None:
        raise LinkDead
    approval = hold_approval(found.approval_id)
    link: DecisionLink = DecisionLink.objects.locked(found.pk)
    caller = caller_for(seat, at=at)
    if not opens(link, approval, caller):
        raise LinkDead
    if digest != link.digest:
        raise DigestDiffers(digest=link.digest)
    if session is not None and session.user_id == caller.user_id:
        caller = replace(caller, proved_at=session.proved_at, second_factor=session.second_factor)
    link.used_at = at
    link.save(update_fields=["used_at"])
    return decide_approval(
        approval_id=approval.pk, verdict=verdict, digest=digest, comment=comment, caller=caller, at=at, link_id=link.pk
    )


def hold_speakers(seat_id: UUID, *, at: datetime) -> dict[UUID, Seat]:
    """Hold a seat and those that it may speak for now, in one order for all; only those in office are in the answer."""
    named = {seat_id, *(one.seat_id for one in delegations_to(seat_id, at=at))}
    rows = Seat.objects.all().active().filter(pk__in=named).order_by("pk")
    return {seat.pk: seat for seat in rows.select_for_update(of=("self",), no_key=True)}


def hold_approval(approval_id: UUID) -> Approval:
    held: Approval = Approval.objects.locked(approval_id)
    return held


def check_no_author(approval: Approval, caller: Caller) -> None:
    """By the person, not by the seat: somebody who left and came back is still the author of what they wrote."""
    if Seat.objects.filter(pk__in=approval.author_seat_ids, user_id=caller.user_id).exists():
        raise AuthorCannotApprove


def _check_first_voice(approval: Approval, caller: Caller, digest: str) -> None:
    check_no_author(approval, caller)
    if digest != approval.digest:
        raise DigestDiffers(digest=approval.digest)
    theirs = Q(person_id=caller.user_id) | Q(on_behalf_of__user_id=caller.user_id)
    if Decision.objects.filter(theirs, approval_id=approval.pk).exists():
        raise AlreadyDecided


def _wanted_voice(approval: Approval, caller: Caller, step: str | None, held: dict[UUID, Seat]) -> Wanted:
    """How the voice counts; a delegation by which it does is held, so that nobody takes it back meanwhile."""
    wanted = voice_of(approval, caller, step=step, among=held)
    if wanted is not None and wanted.delegation is not None:
        given: Delegation = Delegation.objects.locked(wanted.delegation.pk)
        wanted = wanted if given.holds(caller.at) else None
    if wanted is None:
        asked = _step_to_name(approval, step)
        raise NotAnApprover(stage=asked["name"], role=asked["role"], side=asked["side"])
    return wanted


def _step_to_name(approval: Approval, name: str | None) -> dict[str, Any]:
    rows: list[AskedStep] = open_steps(approval)
    places = [row.place for row in rows if name in (None, approval.stages[row.place]["name"])]
    step: dict[str, Any] = approval.stages[(places or [row.place for row in rows] or [0])[0]]
    return step


def _count(approval: Approval, verdict: str, target: str, at: datetime) -> tuple[list[AskedStep], list[AskedStep]]:
    """What the voice comes to: the steps that are asked from now on, and those that no longer are."""
    if verdict != Verdict.APPROVE:
        approval.stage = target
        closed = close_steps(approval, at=at)
        void_links(Q(approval_id=approval.pk), at=at)
        return [], closed
    opened, closed = advance(approval, at=at)
    if approval.stage_index == len(approval.stages):
        approval.stage, approval.granted_at = target, at
    if closed:
        void_useless_links(approval, at=at)
    return opened, closed


def what(approval: Approval) -> dict[str, Any]:
    """What every event of an approval's end says of it."""
    return {"about_kind": approval.about_kind, "about_id": approval.about_id, "digest": approval.digest}
