"""Asking for agreement to one exact text, deciding, voiding, and using the agreement once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.actions.links import LinkDead, void_links
from approvals.models import Approval, Decision, DecisionLink
from approvals.payload import digest_of
from approvals.process import Step, check_stages
from approvals.queries import flaw, link_of_token, opens
from approvals.states import APPROVAL_LIFECYCLE, ApprovalStage, Verdict
from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from core.refusals import Invalid, NotAllowed, Refusal
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.queries.holders import holds_role
from permissions.revocation import counted, line
from permissions.step_up import require_step_up
from tenants.models import Seat
from tenants.queries import caller_for


class AlreadyRequested(Refusal):
    """Fact `approval_id`: the live request about the same thing."""

    code = "already_requested"
    title = "People are asked about this already, or have agreed to it."


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
    """Facts `stage`, `role` and `side`: whose voice is wanted now."""

    code = "not_an_approver"
    status = 403
    title = "This stage asks for people who hold another role."


class DigestDiffers(Refusal):
    """Fact `digest`: what the request is about. The decider saw something else."""

    code = "digest_differs"
    status = 412
    title = "You decided on another text than the one that is asked about."


class AlreadyDecided(Refusal):
    """One person has one voice, over all stages of a request."""

    code = "already_decided"
    title = "You have decided on this already."


class ApprovalNotGranted(Refusal):
    """Facts `stage` and `reason`: not_approved, text_changed or approver_gone."""

    code = "approval_not_granted"
    title = "People have not agreed to this."


class ApprovalExpired(Refusal):
    """Fact `expired_at`."""

    code = "approval_expired"
    title = "This approval has expired."


class ApprovalSpent(Refusal):
    """An approval is good for one use. Facts `spent_at` and `spent_on`."""

    code = "approval_spent"
    title = "This approval has been used."


@transaction.atomic
def request_approval(
    *,
    brand_id: UUID,
    about_kind: str,
    about_id: UUID,
    payload: dict[str, Any],
    stages: Sequence[Step | dict[str, Any]],
    author_seat_ids: Iterable[UUID],
    expires_at: datetime | None,
    by: Actor,
    at: datetime,
    incident_id: UUID | None = None,
    needs_step_up: bool = False,
) -> Approval:
    """Ask people, stage by stage, to agree to exactly this payload; payload, stages and authors are frozen here.

    `stages` is the process in order (`approvals.process.Step`). Everyone in `author_seat_ids` is kept from deciding.
    `incident_id` names the incident whose timeline tells of it; `needs_step_up` asks whoever decides to have proved
    shortly before who they are. Raises Invalid for stages that make no sense or an
    end in the past, AlreadyRequested while a request about the same thing is live.
    """
    if expires_at is not None and expires_at <= at:
        detail = "The end lies in the past."
        raise Invalid(detail, errors=[{"field": "expires_at", "code": "in_the_past", "detail": detail}])
    frozen = check_stages(list(stages))
    if standing := Approval.objects.all().live().about(about_kind, about_id).first():
        raise AlreadyRequested(approval_id=standing.pk)
    approval = Approval(
        id=uuid7(),
        brand_id=brand_id,
        about_kind=about_kind,
        about_id=about_id,
        incident_id=incident_id,
        payload=payload,
        digest=digest_of(payload),
        stages=frozen,
        author_seat_ids=sorted(set(author_seat_ids)),
        requested_at=at,
        expires_at=expires_at,
        needs_step_up=needs_step_up,
    )
    approval.save(force_insert=True)
    record(
        "approval.requested",
        on=approval,
        by=by,
        at=at,
        about_kind=about_kind,
        about_id=about_id,
        digest=approval.digest,
        stages=[step["name"] for step in frozen],
    )
    return approval


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
) -> Approval:
    """Add one person's voice. The last voice of the last stage grants; one rejection ends the request.

    `verdict` is approve or reject, `digest` that of the text which the person saw, `link_id` the link they came by
    when they did not sign in. Refusals: HumansDecide, NotAllowed, AuthorCannotApprove, NotAnApprover and StepUpRequired
    (403); DigestDiffers (412); AlreadyDecided, CannotMove and ApprovalExpired (409).
    """
    if caller.actor.kind != "seat":
        raise HumansDecide
    # The seat before the approval, the order of `revoke_seat`: a person who is being sent away either decided before,
    # and then the decision is found and voided, or does not decide.
    seat = Seat.objects.all().active().select_for_update(of=("self",), no_key=True).filter(pk=caller.seat_id).first()
    if seat is None:
        raise NotAllowed(need=Need.APPROVALS_DECIDE.value)
    approval = _held(approval_id)
    gate.require(caller, Need.APPROVALS_DECIDE, approval)
    _check_first_voice(approval, caller, digest)
    target = APPROVAL_LIFECYCLE.step(verdict, from_=approval.stage)
    if approval.expired(at):
        raise ApprovalExpired(expired_at=approval.expires_at)
    step = _stage_of(approval, caller, at)
    if approval.needs_step_up:
        require_step_up(caller)
    decision = Decision(
        id=uuid7(),
        approval_id=approval.pk,
        stage_index=approval.stage_index,
        seat_id=seat.pk,
        person_id=seat.user_id,
        verdict=verdict,
        digest=digest,
        comment=comment,
        at=at,
    )
    decision.save(force_insert=True)
    failpoint("approvals.after_voice")
    asked = approval.stage_index
    if verdict == Verdict.REJECT:
        approval.stage = target
    elif _quorum_met(approval, step):
        approval.stage_index += 1
        if approval.stage_index == len(approval.stages):
            approval.stage, approval.granted_at = target, at
    approval.version += 1
    approval.save(update_fields=["stage", "stage_index", "granted_at", "version"])
    moved = approval.stage != ApprovalStage.PENDING or approval.stage_index != asked
    void_links(Q(approval_id=approval.pk) if moved else Q(approval_id=approval.pk, seat_id=seat.pk), at=at)
    record(
        "approval.decided",
        on=approval,
        by=caller.actor,
        at=at,
        about_id=approval.about_id,
        stage=step["name"],
        verdict=verdict,
        digest=digest,
        link_id=link_id,
    )
    if approval.stage == ApprovalStage.GRANTED:
        record("approval.granted", on=approval, by=caller.actor, at=at, **_what(approval))
    elif approval.stage == ApprovalStage.REJECTED:
        record("approval.rejected", on=approval, by=caller.actor, at=at, **_what(approval))
    return approval


@transaction.atomic
def decide_by_link(
    *, token: str, verdict: str, digest: str, comment: str, session: Caller | None, at: datetime
) -> Approval:
    """Decide once as the person whom a link was mailed to; the link is used up.

    `session` is the same request's signed-in person: where a step-up is asked for, the link alone is not enough.
    Raises LinkDead (404) for everything that the link itself, or whoever it was for, is no longer good for;
    DigestDiffers (412) and StepUpRequired (403), which leave the link as it was.
    """
    found = link_of_token(token)
    if found is None:
        raise LinkDead
    # The seat, the approval, the link: whoever takes more than one of them takes them in this order.
    seat = Seat.objects.all().active().select_for_update(of=("self",), no_key=True).filter(pk=found.seat_id).first()
    if seat is None:
        raise LinkDead
    approval = _held(found.approval_id)
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


def _held(approval_id: UUID) -> Approval:
    held: Approval = Approval.objects.locked(approval_id)
    return held


def _check_first_voice(approval: Approval, caller: Caller, digest: str) -> None:
    """By the person, not by the seat: somebody who left and came back is still the author of what they wrote."""
    authors = Seat.objects.filter(pk__in=approval.author_seat_ids, user_id=caller.user_id)
    if authors.exists():
        raise AuthorCannotApprove
    if digest != approval.digest:
        raise DigestDiffers(digest=approval.digest)
    if Decision.objects.filter(approval_id=approval.pk, person_id=caller.user_id).exists():
        raise AlreadyDecided


def _stage_of(approval: Approval, caller: Caller, at: datetime) -> Step:
    """The stage whose voices are wanted now, when the caller holds its role on its side."""
    step: Step = approval.stages[approval.stage_index]
    role_held = holds_role(seat_id=caller.seat_id, role=step["role"], brand_id=approval.brand_id, at=at)
    if caller.side != step["side"] or not role_held:
        raise NotAnApprover(stage=step["name"], role=step["role"], side=step["side"])
    return step


def _quorum_met(approval: Approval, step: Step) -> bool:
    voices = Decision.objects.filter(approval_id=approval.pk, stage_index=approval.stage_index, verdict=Verdict.APPROVE)
    return voices.count() >= step["quorum"]


def _what(approval: Approval) -> dict[str, Any]:
    return {"about_kind": approval.about_kind, "about_id": approval.about_id, "digest": approval.digest}


@transaction.atomic
def void_approval(*, approval_id: UUID, reason: str, by: Actor, at: datetime) -> Approval:
    """Take a request, or an agreement that was not used, out of the world; what was used stays used (CannotMove)."""
    return _void(_held(approval_id), reason=reason, by=by, at=at)


def _void(approval: Approval, *, reason: str, by: Actor, at: datetime) -> Approval:
    approval.stage = APPROVAL_LIFECYCLE.step("void", from_=approval.stage)
    approval.version += 1
    approval.save(update_fields=["stage", "version"])
    void_links(Q(approval_id=approval.pk), at=at)
    record("approval.voided", on=approval, by=by, at=at, reason=reason, **_what(approval))
    return approval


@transaction.atomic
def spend_approval(*, approval_id: UUID, on: UUID, by: Actor, at: datetime) -> Approval:
    """Use an agreement, once, on the thing with the id `on`. It is checked again, voice by voice, before it counts.

    Raises ApprovalSpent, ApprovalExpired, or ApprovalNotGranted with the reason.
    """
    approval = _held(approval_id)
    if approval.stage == ApprovalStage.SPENT:
        raise ApprovalSpent(spent_at=approval.spent_at, spent_on=approval.spent_on)
    reason = flaw(approval, digest=approval.digest, at=at)
    if reason == "expired":
        raise ApprovalExpired(expired_at=approval.expires_at)
    if reason is not None:
        raise ApprovalNotGranted(stage=approval.stage, reason=reason)
    approval.stage = APPROVAL_LIFECYCLE.step("spend", from_=approval.stage)
    approval.spent_at, approval.spent_on = at, on
    approval.version += 1
    approval.save(update_fields=["stage", "spent_at", "spent_on", "version"])
    record("approval.spent", on=approval, by=by, at=at, spent_on=on, **_what(approval))
    return approval


def approvals_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    """Live requests and agreements that rest on a leaver's voice, and requests about a leaver's words."""
    gone = set(seat_ids)
    agreed = Decision.objects.filter(
        seat_id__in=gone,
        verdict=Verdict.APPROVE,
        approval__stage__in=[ApprovalStage.PENDING, ApprovalStage.GRANTED],
    )
    left = Counter(counted(agreed, "seat_id"))
    written = Approval.objects.filter(stage=ApprovalStage.PENDING, author_seat_ids__overlap=list(gone))
    for authors in written.values_list("author_seat_ids", flat=True):
        left.update(gone & set(authors))
    return left


@line(
    "unpublished approvals",
    left=approvals_left,
    covers={"approvals.Decision.seat", "approvals.Approval.author_seat_ids"},
)
def void_approvals_of(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Void what a leaver agreed to and nobody has used, and what they wrote and nobody has agreed to yet.

    What was spent and is not out yet is stopped by the release gate, which asks `why_not` again. All rows are locked
    before the first event is recorded, because from then on this transaction holds the ledger's head.
    """
    agreed = Decision.objects.filter(seat_id=seat_id, verdict=Verdict.APPROVE).values("approval_id")
    theirs = Q(pk__in=agreed) | Q(stage=ApprovalStage.PENDING, author_seat_ids__contains=[seat_id])
    live = Approval.objects.all().live().filter(theirs).select_for_update(of=("self",), no_key=True).order_by("pk")
    held = list(live)
    for approval in held:
        _void(approval, reason="a person who stood for it has left", by=by, at=at)
    return len(held)
