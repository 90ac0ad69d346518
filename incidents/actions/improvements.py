"""The changes that a review proposes: accepted ones become drafts of what they change, and are followed to the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet

from alerting.actions import queue_letter
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from incidents.actions.postmortems import lock_draft, nobody_like_this
from incidents.models import Improvement, Incident
from incidents.proposals import CHECKS, because_of, check_shape, duties_after, plan_after, policy_after
from incidents.queries.reviews import may
from incidents.states import IMPROVEMENT_LIFECYCLE, ImprovementKind, ImprovementStage
from jobs.actions import cancel, later
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.queries.holders import roles_known
from permissions.revocation import Handed, Kept, counted, handing_over, line
from readiness.actions import add_message, draft_plan, revise_policy
from readiness.actions.plan_drafts import whole
from readiness.actions.policies import whole_policy
from readiness.models import Plan, Policy
from readiness.queries import newest_version_of, plan_in_force
from readiness.queries.policies import newest_version_of as newest_policy_version
from readiness.queries.policies import said_by
from tenants.models import Brand

IMPROVEMENT_DUE: Final = "incidents.improvement_due"
IMPROVEMENT_LETTER: Final = "incidents.improvement"
# What somebody must hold on the brand, besides deciding about reviews, to have a change of this kind carried out.
NEEDED: Final[dict[str, Need]] = {
    ImprovementKind.PLAN: Need.PLANS_PUBLISH,
    ImprovementKind.THRESHOLD: Need.SOURCES_WRITE,
    ImprovementKind.POLICY: Need.POLICIES_PUBLISH,
    ImprovementKind.ROLE: Need.PLANS_PUBLISH,
    ImprovementKind.MESSAGE: Need.MESSAGES_WRITE,
}


class NoPlanToChange(Refusal):
    """The brand has no plan; write one first."""

    code = "no_plan"
    title = "The brand has no plan that could be changed."


class EndsByItself(Refusal):
    """Fact `made_id`: the draft, the policy or the message whose publication ends it."""

    code = "ends_by_itself"
    title = "This change is done when what it has made is published."


class NoLongerProposed(Refusal):
    """Fact `stage`: a proposal is changed only while it is one."""

    code = "no_longer_proposed"
    title = "This has been decided on."


# -- proposing ------------------------------------------------------------------------------------------------


@transaction.atomic
def propose_improvement(
    *,
    postmortem_id: UUID,
    kind: str,
    title: str,
    reason: str,
    target_id: UUID | None,
    proposal: Mapping[str, Any],
    owner_id: UUID | None,
    due_on: date | None,
    by: Actor,
    at: datetime,
) -> Improvement:
    """Propose that something be changed because of a crisis; nothing changes before somebody accepts it.

    `target_id` is the plan (None: the one in force) or the policy; other kinds have none. The shapes of `proposal` are
    in `incidents.proposals`; whether it could be carried out is tried at once, and raises Invalid with each mistake's
    path (400). Raises NoPlanToChange and PostMortemReleased (409).
    """
    postmortem = lock_draft(postmortem_id)
    row = Improvement(
        id=uuid7(),
        brand_id=postmortem.brand_id,
        postmortem=postmortem,
        kind=kind,
        title=title,
        reason=reason,
        target_id=target_id,
        proposal=dict(proposal),
        owner_id=owner_id,
        due_on=due_on,
        author_id=by.seat_id,
        proposed_at=at,
    )
    _check(row)
    _check_owner(row, at=at)
    _check_date(row, at=at)
    row.save(force_insert=True)
    _set_timer(row, at=at)
    record(
        "improvement.proposed", on=row, by=by, at=at, postmortem_id=postmortem.pk, kind=kind, seat_id=owner_id,
        due_on=None if due_on is None else due_on.isoformat(),
    )  # fmt: skip
    return row


@transaction.atomic
def change_improvement(*, improvement_id: UUID, changes: Mapping[str, Any], by: Actor, at: datetime) -> Improvement:
    """Change title, reason or proposal while nobody has decided, and owner and date until it is done.

    `changes` are fields of the row. Raises Invalid (400) and NoLongerProposed (409).
    """
    row: Improvement = Improvement.objects.locked(improvement_id)
    allowed = {
        ImprovementStage.PROPOSED: {"title", "reason", "proposal", "owner_id", "due_on"},
        ImprovementStage.ACCEPTED: {"owner_id", "due_on"},
    }
    if set(changes) - allowed.get(ImprovementStage(row.stage), set()):
        raise NoLongerProposed(stage=row.stage)
    fields = [name for name, value in changes.items() if value != getattr(row, name)]
    for name in fields:
        setattr(row, name, changes[name])
    if not fields:
        return row
    if "proposal" in fields:
        _check(row)
    if "owner_id" in fields:
        _check_owner(row, at=at)
    if "due_on" in fields:
        _check_date(row, at=at)
        row.overdue_at = None
        _set_timer(row, at=at)
    row.version += 1
    row.save(update_fields=[*fields, "overdue_at", "version"])
    record("improvement.changed", on=row, by=by, at=at, fields=[name.removesuffix("_id") for name in fields])
    return row


def _check_date(row: Improvement, *, at: datetime) -> None:
    if row.due_on is not None and _end_of(row) <= at:
        raise Invalid(errors=[{"field": "due_on", "code": "out_of_range", "detail": "This day is over."}])


def _check_owner(row: Improvement, *, at: datetime) -> None:
    incident: Incident = Incident.objects.found(row.postmortem.incident_id)
    if row.owner_id is not None and not may(row.owner_id, Need.INCIDENTS_CONTRIBUTE, incident, at):
        raise nobody_like_this("owner")


def _check(row: Improvement) -> None:
    """Try whether it could be carried out as things stand; raises Invalid (400)."""
    check_shape(row.kind, row.proposal)
    if row.kind in CHECKS:
        CHECKS[row.kind](row.brand_id, row.proposal)
    if row.kind == ImprovementKind.POLICY:
        whole_policy(_policy_draft(row))
    elif _changes_the_plan(row):
        plan = _plan_of(row)
        whole(plan, _own_after(row, plan))
    elif row.kind == ImprovementKind.ROLE and row.proposal["role"] not in roles_known():
        raise Invalid(errors=[{"field": "proposal.role", "code": "does_not_exist", "detail": "There is no such role."}])


# -- deciding -------------------------------------------------------------------------------------------------


@transaction.atomic
def accept_improvement(*, improvement_id: UUID, by: Actor, at: datetime) -> Improvement:
    """Do it: a change of the plan becomes a draft of its next version, one of a policy its draft, a text a message of
    the library. How a brand is watched changes at once; the rest is for its owner to do.

    What was made says because of which incident. Raises CannotMove (409) when somebody has decided, and Invalid (400)
    when what it changes has changed meanwhile so that it makes no sense any more.
    """
    row: Improvement = Improvement.objects.locked(improvement_id)
    row.stage = IMPROVEMENT_LIFECYCLE.step("accept", from_=row.stage)
    make = _MAKERS.get(ImprovementKind(row.kind))
    row.made_id = make(row, by, at) if make else None
    row.decided_at, row.decided_by_id, row.decided_because = at, by.seat_id, ""
    row.version += 1
    row.save(update_fields=["stage", "made_id", "decided_at", "decided_by_id", "decided_because", "version"])
    record("improvement.accepted", on=row, by=by, at=at, kind=row.kind, made_id=row.made_id)
    return row


@transaction.atomic
def decline_improvement(*, improvement_id: UUID, reason: str, by: Actor, at: datetime) -> Improvement:
    """It is not done, and this is why."""
    row: Improvement = Improvement.objects.locked(improvement_id)
    row.stage = IMPROVEMENT_LIFECYCLE.step("decline", from_=row.stage)
    row.decided_at, row.decided_by_id, row.decided_because = at, by.seat_id, reason
    row.version += 1
    row.save(update_fields=["stage", "decided_at", "decided_by_id", "decided_because", "version"])
    cancel(IMPROVEMENT_DUE, key=str(row.pk), at=at)
    record("improvement.declined", on=row, by=by, at=at, kind=row.kind, reason=reason)
    return row


def _plan_change(row: Improvement, by: Actor, at: datetime) -> UUID | None:
    if not _changes_the_plan(row):
        return None
    plan = _plan_of(row)
    return draft_plan(plan_id=plan.pk, own=_own_after(row, plan), reason=_because(row), by=by, at=at).pk


def _policy_change(row: Improvement, by: Actor, at: datetime) -> UUID | None:
    draft = _policy_draft(row)
    return revise_policy(policy_id=Policy.objects.found(row.target_id).pk, draft=draft, by=by, at=at).pk


def _new_message(row: Improvement, by: Actor, at: datetime) -> UUID | None:
    said = row.proposal
    return add_message(
        brand_id=row.brand_id,
        title=said["title"],
        kind=said["kind"],
        crisis_kind=said["crisis_kind"],
        language=said["language"],
        deliveries=[(UUID(part["account"]), part["text"]) for part in said["deliveries"]],
        by=by,
        at=at,
    ).pk


_MAKERS: Final[dict[ImprovementKind, Callable[[Improvement, Actor, datetime], UUID | None]]] = {
    ImprovementKind.PLAN: _plan_change,
    ImprovementKind.ROLE: _plan_change,
    ImprovementKind.POLICY: _policy_change,
    ImprovementKind.MESSAGE: _new_message,
}


def _changes_the_plan(row: Improvement) -> bool:
    return row.kind == ImprovementKind.PLAN or (row.kind == ImprovementKind.ROLE and "duty" in row.proposal)


def _plan_of(row: Improvement) -> Plan:
    if row.target_id is not None:
        plan: Plan | None = Plan.objects.filter(pk=row.target_id, brand_id=row.brand_id).first()
        if plan is None:
            raise Invalid(errors=[{"field": "target", "code": "does_not_exist", "detail": "There is no such plan."}])
        return plan
    in_force = plan_in_force(row.brand_id)
    if in_force is None:
        raise NoPlanToChange
    found: Plan = Plan.objects.found(in_force.plan_id)
    return found


def _own_after(row: Improvement, plan: Plan) -> dict[str, Any]:
    """What the brand would say itself in the plan's next version."""
    newest = newest_version_of(plan)
    if newest is None:
        raise NoPlanToChange
    change = row.proposal.get("change")
    if change is None:
        change = {"duties": duties_after(newest.body["duties"], row.proposal)}
    return plan_after(newest.own or newest.body, newest.body, change)


def _policy_draft(row: Improvement) -> dict[str, Any]:
    """The policy's next version: what is drafted already, else what holds, with the change."""
    here = Policy.objects.filter(pk=row.target_id, retired_at=None)
    policy = here.filter(brand_id=row.brand_id).first() or here.filter(brand_id=None).first()
    if policy is None:
        raise Invalid(errors=[{"field": "target", "code": "does_not_exist", "detail": "There is no such policy."}])
    return policy_after(policy.draft or said_by(newest_policy_version(policy)), row.proposal)


def _because(row: Improvement) -> str:
    return because_of(Incident.objects.found(row.postmortem.incident_id).reference, row.title)


# -- the end of it --------------------------------------------------------------------------------------------


@transaction.atomic
def finish_improvement(*, improvement_id: UUID, note: str, by: Actor, at: datetime) -> Improvement:
    """Say that it is done. Raises EndsByItself (409) for what ends when something is published."""
    row: Improvement = Improvement.objects.locked(improvement_id)
    if row.stage == ImprovementStage.ACCEPTED and row.made_id is not None and by.kind != "rule":
        raise EndsByItself(made_id=row.made_id)
    row.stage = IMPROVEMENT_LIFECYCLE.step("finish", from_=row.stage)
    row.done_at = at
    row.version += 1
    row.save(update_fields=["stage", "done_at", "version"])
    cancel(IMPROVEMENT_DUE, key=str(row.pk), at=at)
    record("improvement.done", on=row, by=by, at=at, kind=row.kind, note=note)
    return row


@transaction.atomic
def give_improvement_back(*, improvement_id: UUID, reason: str, by: Actor, at: datetime) -> Improvement:
    """What was made of it is gone, or it could not be carried out: it is a proposal again."""
    row: Improvement = Improvement.objects.locked(improvement_id)
    row.stage = IMPROVEMENT_LIFECYCLE.step("give_back", from_=row.stage)
    row.made_id, row.decided_at, row.decided_by_id, row.decided_because = None, None, None, reason
    row.version += 1
    row.save(update_fields=["stage", "made_id", "decided_at", "decided_by_id", "decided_because", "version"])
    record("improvement.given_back", on=row, by=by, at=at, kind=row.kind, reason=reason)
    return row


def settle_improvements(
    which: QuerySet[Improvement, Improvement], *, done: bool, reason: str, by: Actor, at: datetime
) -> int:
    """News about what accepted changes have made: they are done, or given back. Safe to repeat."""
    found = list(which.filter(stage=ImprovementStage.ACCEPTED).order_by("pk").values_list("pk", flat=True))
    for improvement_id in found:
        if done:
            finish_improvement(improvement_id=improvement_id, note=reason, by=by, at=at)
        else:
            give_improvement_back(improvement_id=improvement_id, reason=reason, by=by, at=at)
    return len(found)


def _set_timer(row: Improvement, *, at: datetime) -> None:
    cancel(IMPROVEMENT_DUE, key=str(row.pk), at=at)
    if row.due_on is not None:
        later(
            IMPROVEMENT_DUE, key=str(row.pk), agency_id=standing_agency(), at=_end_of(row),
            args={"improvement_id": str(row.pk)},
        )  # fmt: skip


def _end_of(row: Improvement) -> datetime:
    """The end of the day until which it is to be done, where the brand is."""
    assert row.due_on is not None  # noqa: S101 - asked for where there is a date
    zone = ZoneInfo(Brand.objects.found(row.brand_id).time_zone)
    return datetime.combine(row.due_on + timedelta(days=1), time(), tzinfo=zone)


@transaction.atomic
def tell_improvement_overdue(*, improvement_id: UUID, by: Actor, at: datetime) -> Improvement:
    """Its day is over and it is not done: its owner is written to, else the review's. Safe to repeat."""
    row: Improvement = Improvement.objects.locked(improvement_id)
    unsettled = row.stage in (ImprovementStage.PROPOSED, ImprovementStage.ACCEPTED)
    if unsettled and row.due_on is not None and row.overdue_at is None and _end_of(row) <= at:
        row.overdue_at = at
        row.save(update_fields=["overdue_at"])
        queue_letter(kind=IMPROVEMENT_LETTER, thing_id=row.pk, at=at)
        record("improvement.went_overdue", on=row, by=by, at=at, kind=row.kind, due_on=row.due_on.isoformat())
    return row


# -- when people go -------------------------------------------------------------------------------------------


def improvements_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(Improvement.objects.all().unsettled().filter(owner_id__in=seat_ids), "owner_id")


@line("improvements", left=improvements_left, covers={"incidents.Improvement.owner"})
def disown_improvements(seat_id: UUID, by: Actor, at: datetime) -> int:
    """What they were to see to waits for another owner; its letters go to the review's owner."""
    mine = Improvement.objects.all().unsettled().filter(owner_id=seat_id)
    rows = list(mine.select_for_update(of=("self",), no_key=True).order_by("pk"))
    for row in rows:
        _own(row, None, by=by, at=at)
    return len(rows)


@handing_over("improvements")
def give_improvements(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor sees to them, where they may see the incident."""
    given, kept = 0, []
    mine = Improvement.objects.all().unsettled().filter(owner_id=seat_id).select_related("postmortem__incident")
    for row in mine.select_for_update(of=("self",), no_key=True).order_by("pk"):
        if gate.allowed(to, Need.INCIDENTS_CONTRIBUTE, row.postmortem.incident):
            _own(row, to.seat_id, by=by, at=at)
            given += 1
        else:
            kept.append(Kept("incidents.Improvement", row.pk, "cannot_see"))
    return Handed(given, tuple(kept))


def _own(row: Improvement, seat_id: UUID | None, *, by: Actor, at: datetime) -> None:
    row.owner_id = seat_id
    row.version += 1
    row.save(update_fields=["owner", "version"])
    record("improvement.changed", on=row, by=by, at=at, fields=["owner"])
