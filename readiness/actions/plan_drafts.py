"""A plan's next version: drafted, signed off, published. Versions never change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.models import Channel, EscalationPolicy, Rota
from approvals.actions import request_approval, spend_approval, void_approval
from approvals.models import Approval
from approvals.process import Step
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.queries.holders import seats_with_role
from readiness.models import Contact, Message, Plan, PlanDraft, PlanVersion, Policy
from readiness.plan_body import check_body, merged, people_named, things_named
from readiness.queries import newest_template_version, newest_version_of
from readiness.states import DRAFT_LIFECYCLE, DraftStage
from tenants.models import Seat

ABOUT_DRAFT: Final = "readiness.plan_draft"
# Who is asked to sign a plan off when nobody is named: the first of these of whom somebody is there besides the author.
SIGN_OFF_ROLES: Final = (
    ("crisis_lead", "staff"),
    ("owner", "staff"),
    ("admin", "staff"),
    ("client_approver", "client"),
)


class PlanMovedOn(Refusal):
    """Facts `plan_id` and `number`: the version that somebody else has published."""

    code = "plan_moved_on"
    title = "Somebody has published another version of this plan."


class DraftInSignOff(Refusal):
    """Fact `draft_id`: the draft that people are asked about."""

    code = "draft_in_sign_off"
    title = "People are asked about a draft of this plan already."


class DraftFrozen(Refusal):
    """Fact `stage`: a draft is changed only while it is one."""

    code = "draft_frozen"
    title = "This draft is no longer changed."


class NobodySignsOff(Refusal):
    """There is nobody but the author who could."""

    code = "nobody_signs_off"
    title = "Nobody besides the author can sign this plan off. Name the people who shall."


@transaction.atomic
def draft_plan(*, plan_id: UUID, own: dict[str, Any] | None, reason: str, by: Actor, at: datetime) -> PlanDraft:
    """Begin the next version of a plan; without `own` as a copy of what the brand says in the newest one."""
    plan: Plan = Plan.objects.locked(plan_id)
    if own is None:
        newest = newest_version_of(plan)
        own = dict(newest.own or newest.body) if newest else {}
    return write_draft(plan, own, reason, by=by, at=at)


def write_draft(plan: Plan, own: dict[str, Any], reason: str, *, by: Actor, at: datetime) -> PlanDraft:
    whole(plan, own)
    draft = PlanDraft(
        id=uuid7(),
        plan=plan,
        brand_id=plan.brand_id,
        base=plan.version,
        own=own,
        reason=reason,
        author_seat_id=by.seat_id,
        created_at=at,
    )
    draft.save(force_insert=True)
    record("plan.drafted", on=plan, by=by, at=at, draft_id=draft.pk, base=draft.base, reason=reason)
    return draft


def whole(plan: Plan, own: Mapping[str, Any]) -> dict[str, Any]:
    """The plan in full form as it would be published now; raises Invalid (400) with each mistake's path."""
    template = newest_template_version(plan)
    body = check_body(merged(template.body if template else {}, own))
    _check_references(body, plan.brand_id)
    return body


@transaction.atomic
def revise_draft(
    *, draft_id: UUID, own: dict[str, Any] | None = None, reason: str | None = None, by: Actor, at: datetime
) -> PlanDraft:
    """Change a draft: all that the brand says, or why. Raises Invalid (400) and DraftFrozen (409)."""
    draft: PlanDraft = PlanDraft.objects.locked(draft_id)
    if draft.stage != DraftStage.DRAFT:
        raise DraftFrozen(stage=draft.stage)
    plan: Plan = Plan.objects.found(draft.plan_id)
    if own is not None:
        whole(plan, own)
        draft.own = own
    if reason is not None:
        draft.reason = reason
    draft.author_seat_id = by.seat_id
    draft.version += 1
    draft.save(update_fields=["own", "reason", "author_seat_id", "version"])
    record("plan.drafted", on=plan, by=by, at=at, draft_id=draft.pk, base=draft.base, reason=draft.reason)
    return draft


@transaction.atomic
def submit_draft(
    *, draft_id: UUID, stages: Sequence[Step | dict[str, Any]] | None, by: Actor, at: datetime
) -> PlanDraft:
    """Ask people to sign a draft off; what they are asked about is the whole plan, frozen now.

    `stages` None asks one crisis lead or, where there is none besides the author, the next who could. Refusals (409):
    DraftInSignOff, PlanMovedOn when another version was published meanwhile, NobodySignsOff; CannotMove.
    """
    draft: PlanDraft = PlanDraft.objects.locked(draft_id)
    plan: Plan = Plan.objects.locked(draft.plan_id)
    stage = DRAFT_LIFECYCLE.step("submit", from_=draft.stage)
    if other := PlanDraft.objects.filter(plan=plan, stage=DraftStage.IN_SIGN_OFF).first():
        raise DraftInSignOff(draft_id=other.pk)
    if draft.base != plan.version:
        raise PlanMovedOn(plan_id=plan.pk, number=plan.version)
    template = newest_template_version(plan)
    authors = {seat for seat in (draft.author_seat_id, by.seat_id) if seat is not None}
    approval = request_approval(
        brand_id=draft.brand_id,
        about_kind=ABOUT_DRAFT,
        about_id=draft.pk,
        payload={
            "format": 1,
            "plan": str(plan.pk),
            "name": plan.name,
            "base": draft.base,
            "own": draft.own,
            "template_version": str(template.pk) if template else None,
            "body": whole(plan, draft.own),
        },
        stages=stages if stages is not None else _who_signs_off(draft.brand_id, authors, at),
        author_seat_ids=authors,
        expires_at=None,
        by=by,
        at=at,
    )
    draft.stage, draft.approval_id = stage, approval.pk
    draft.version += 1
    draft.save(update_fields=["stage", "approval", "version"])
    record("plan.submitted", on=plan, by=by, at=at, draft_id=draft.pk, approval_id=approval.pk)
    return draft


def _who_signs_off(brand_id: UUID, authors: set[UUID], at: datetime) -> list[Step]:
    people = set(Seat.objects.filter(pk__in=authors).values_list("user_id", flat=True))
    for role, side in SIGN_OFF_ROLES:
        holders = seats_with_role(role=role, brand_id=brand_id, at=at)
        if Seat.objects.filter(pk__in=holders).exclude(user_id__in=people).exists():
            return [Step(name="Sign-off", role=role, side=side, quorum=1)]
    raise NobodySignsOff


@transaction.atomic
def discard_draft(*, draft_id: UUID, by: Actor, at: datetime) -> PlanDraft:
    """Nobody goes on with this draft; whoever is asked about it is asked no more."""
    draft: PlanDraft = PlanDraft.objects.locked(draft_id)
    stage = DRAFT_LIFECYCLE.step("discard", from_=draft.stage)
    live = Approval.objects.all().live().about(ABOUT_DRAFT, draft.pk).first()
    if live is not None:
        void_approval(approval_id=live.pk, reason="The draft was discarded.", by=by, at=at)
    draft.stage = stage
    draft.version += 1
    draft.save(update_fields=["stage", "version"])
    plan: Plan = Plan.objects.found(draft.plan_id)
    record("plan.draft_discarded", on=plan, by=by, at=at, draft_id=draft.pk)
    return draft


@transaction.atomic
def send_draft_back(*, draft_id: UUID, approval_id: UUID, by: Actor, at: datetime) -> PlanDraft:
    """Its sign-off was refused, or is void: the draft is one again. Safe to repeat."""
    draft: PlanDraft = PlanDraft.objects.locked(draft_id)
    if draft.stage == DraftStage.IN_SIGN_OFF and draft.approval_id == approval_id:
        draft.stage = DRAFT_LIFECYCLE.step("send_back", from_=draft.stage)
        draft.version += 1
        draft.save(update_fields=["stage", "version"])
        plan: Plan = Plan.objects.found(draft.plan_id)
        record("plan.draft_sent_back", on=plan, by=by, at=at, draft_id=draft.pk, approval_id=approval_id)
    return draft


@transaction.atomic
def publish_draft(*, draft_id: UUID, approval_id: UUID, by: Actor, at: datetime) -> PlanDraft:
    """People have signed a draft off: exactly what they saw is in force from now on. Safe to repeat."""
    draft: PlanDraft = PlanDraft.objects.locked(draft_id)
    if draft.stage != DraftStage.IN_SIGN_OFF or draft.approval_id != approval_id:
        return draft
    approval = spend_approval(approval_id=approval_id, on=draft.pk, by=by, at=at)
    seen = approval.payload
    template = seen["template_version"]
    version = _publish(
        Plan.objects.locked(draft.plan_id),
        body=seen["body"],
        own=seen["own"],
        template_version_id=UUID(template) if template else None,
        approval_id=approval_id,
        publisher_id=draft.author_seat_id,
        by=by,
        at=at,
    )
    draft.stage, draft.published = DRAFT_LIFECYCLE.step("publish", from_=draft.stage), version
    draft.version += 1
    draft.save(update_fields=["stage", "published", "version"])
    return draft


# -- versions -------------------------------------------------------------------------------------------------


@transaction.atomic
def publish_plan(*, brand_id: UUID, name: str, body: dict[str, Any], by: Actor, at: datetime) -> PlanVersion:
    """Put a plan into force for a program that answers for it itself: a drill's twin, an import by the operator.

    People publish by drafts that others sign off. `body` is described at `readiness.plan_body.check_body`. Crises that
    have begun keep the copy they began with. Raises Invalid with each mistake's path.
    """
    frozen = check_body(body)
    _check_references(frozen, brand_id)
    plan, _ = Plan.objects.get_or_create(brand_id=brand_id, name=name, defaults={"created_at": at})
    plan = Plan.objects.locked(plan.pk)
    return _publish(
        plan, body=frozen, own=body, template_version_id=None, approval_id=None, publisher_id=by.seat_id, by=by, at=at
    )


def _publish(
    plan: Plan,
    *,
    body: dict[str, Any],
    own: dict[str, Any],
    template_version_id: UUID | None,
    approval_id: UUID | None,
    publisher_id: UUID | None,
    by: Actor,
    at: datetime,
) -> PlanVersion:
    plan.version += 1
    note_review(plan, at)
    plan.save(update_fields=["version", "reviewed_at", "review_due_at", "told_stale_at"])
    version = PlanVersion(
        id=uuid7(),
        plan_id=plan.pk,
        brand_id=plan.brand_id,
        number=plan.version,
        body=body,
        own=own,
        template_version_id=template_version_id,
        approval_id=approval_id,
        published_at=at,
        publisher_id=publisher_id,
    )
    version.save(force_insert=True)
    record("plan.published", on=plan, by=by, at=at, name=plan.name, number=plan.version, approval_id=approval_id)
    return version


def note_review(plan: Plan, at: datetime) -> None:
    plan.reviewed_at, plan.review_due_at, plan.told_stale_at = at, at + timedelta(days=plan.review_days), None


def _check_references(body: dict[str, Any], brand_id: UUID) -> None:
    """What a plan names is here: people in office, and things of the brand or of the whole agency."""
    people = people_named(body)
    in_office = {
        str(seat_id)
        for seat_id in Seat.objects.all().active().filter(pk__in=set(people.values())).values_list("pk", flat=True)
    }
    missing = [path for path, seat_id in people.items() if seat_id not in in_office]
    policy_id = body["alert"]["escalation_policy"]
    shared = Q(brand_id=None) | Q(brand_id=brand_id)
    usable = EscalationPolicy.objects.filter(shared, pk=policy_id)
    if policy_id is not None and not usable.exists():
        missing.append("alert.escalation_policy")
    here = {
        "messages": Message.objects.filter(brand_id=brand_id),
        "contacts": Contact.objects.filter(shared, removed_at=None),
        "policies": Policy.objects.filter(shared, retired_at=None),
        "rota": Rota.objects.all(),
        "channel": Channel.objects.filter(shared, removed_at=None),
    }
    for what, named in things_named(body).items():
        if named:
            found = {str(pk) for pk in here[what].filter(pk__in=set(named.values())).values_list("pk", flat=True)}
            missing += [path for path, named_id in named.items() if named_id not in found]
    if missing:
        raise nothing_there("The plan names something that is not here.", [f"body.{path}" for path in missing])


def nothing_there(detail: str, fields: Sequence[str]) -> Invalid:
    return Invalid(
        detail,
        errors=[{"field": f, "code": "does_not_exist", "detail": "There is no such thing here."} for f in fields],
    )
