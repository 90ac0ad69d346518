"""Drills: planned, played on a twin of the brand by those who are named, ended by a person or by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from alerting.actions import create_escalation_policy, resolve_page
from alerting.models import Page
from alerting.queries import working
from alerting.queries.recipients import policy_for
from alerting.states import PageStage
from approvals.actions import void_approval
from approvals.models import Approval
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later
from ledger.actions import record, records_held_back
from permissions.actions.grants import Place, grant_role, hold_rules_still
from permissions.actions.rules import deny_brands
from permissions.models import DenyRule
from permissions.revocation import line
from readiness.actions.library import add_message
from readiness.actions.plan_drafts import publish_plan
from readiness.drill_plan import played_body, played_ladder
from readiness.models import Drill, Message, PlanVersion, Policy
from readiness.queries import plan_in_force
from readiness.queries.drills import due_at, roles_of_players, scores_of
from readiness.scenarios import FASTEST, check_scenario
from readiness.states import DRILL_LIFECYCLE, DrillStage
from tenants.actions.accounts import connect_account
from tenants.actions.agencies import archive_brand, fork_brand
from tenants.models import Brand, Seat, SocialAccount
from tenants.states import SANDBOX, BrandStage

PROP_MASTER: Final = Actor.rule("drills")
END_DRILL: Final = "readiness.end_drill"
MOST_PLAYERS: Final = 100
MOST_COPIED: Final = 200  # texts of the library
AHEAD: Final = frozenset({DrillStage.PLANNED, DrillStage.RUNNING})


class NoPlanToTry(Refusal):
    """A drill tries a plan out, and the brand has none in force."""

    code = "no_plan"
    title = "This brand has no plan in force that could be tried out."


class DrillRunning(Refusal):
    """Fact `drill_id`."""

    code = "drill_running"
    title = "A drill of this brand is being played already."


class DrillFrozen(Refusal):
    """Fact `stage`: a drill is changed only before it starts."""

    code = "drill_frozen"
    title = "This drill is no longer changed."


class DrillOfDrill(Refusal):
    code = "drill_of_drill"
    title = "This brand is the twin of a drill itself."


# -- planning -------------------------------------------------------------------------------------------------------


@transaction.atomic
def plan_drill(
    *,
    brand_id: UUID,
    name: str,
    scenario: Mapping[str, Any],
    speed: int = 1,
    participants: Sequence[UUID],
    planned_for: datetime | None = None,
    by: Actor,
    at: datetime,
) -> Drill:
    """Prepare a drill of a brand; nobody is told and nothing moves yet.

    `scenario` is described at `readiness.scenarios.check_scenario`; `speed` is how much faster its clocks run (1 to
    60); `participants` are the seats of those who play, each with a role on the brand. Raises Invalid (400) and
    DrillOfDrill.
    """
    brand: Brand = Brand.objects.found(brand_id)
    if brand.drill_of_id is not None:
        raise DrillOfDrill
    drill = Drill(
        id=uuid7(),
        brand=brand,
        name=name,
        scenario=check_scenario(scenario, speed=_checked_speed(speed)),
        speed=speed,
        participants=_checked_players(participants, brand_id=brand_id, at=at),
        planned_for=planned_for,
        author_id=by.seat_id,
        created_at=at,
    )
    drill.save(force_insert=True)
    record(
        "drill.planned", on=drill, by=by, at=at, name=name, scenario=drill.scenario["type"], speed=speed,
        participants=drill.participants,
    )  # fmt: skip
    return drill


@transaction.atomic
def change_drill(*, drill_id: UUID, said: Mapping[str, Any], by: Actor, at: datetime) -> Drill:
    """Change what is named of "name", "scenario", "speed", "participants" and "planned_for", before it starts."""
    drill: Drill = Drill.objects.locked(drill_id)
    if drill.stage != DrillStage.PLANNED:
        raise DrillFrozen(stage=drill.stage)
    wanted = dict(said)
    speed = _checked_speed(wanted.get("speed", drill.speed))
    if "scenario" in wanted:
        wanted["scenario"] = check_scenario(wanted["scenario"], speed=speed)
    elif speed != drill.speed:
        check_scenario({key: drill.scenario[key] for key in ("phases", "seed", "lasts_minutes")}, speed=speed)
    if "participants" in wanted:
        wanted["participants"] = _checked_players(wanted["participants"], brand_id=drill.brand_id, at=at)
    fields = [name for name, value in sorted(wanted.items()) if getattr(drill, name) != value]
    for name in fields:
        setattr(drill, name, wanted[name])
    if fields:
        drill.version += 1
        drill.save(update_fields=[*fields, "version"])
        record("drill.changed", on=drill, by=by, at=at, fields=fields)
    return drill


def _checked_speed(speed: int) -> int:
    if not 1 <= speed <= FASTEST:
        detail = f"From 1 to {FASTEST} times as fast."
        raise Invalid(detail, errors=[{"field": "speed", "code": "out_of_range", "detail": detail}])
    return speed


def _checked_players(seat_ids: Sequence[UUID], *, brand_id: UUID, at: datetime) -> list[UUID]:
    """The seats, each once; raises Invalid for who is not here, or holds no role that the plan could call upon."""
    players = list(dict.fromkeys(seat_ids))
    if not 1 <= len(players) <= MOST_PLAYERS:
        detail = f"From 1 to {MOST_PLAYERS} people play."
        raise Invalid(detail, errors=[{"field": "participants", "code": "out_of_range", "detail": detail}])
    here = set(Seat.objects.all().active().filter(pk__in=players).values_list("pk", flat=True))
    roles = roles_of_players(players, brand_id=brand_id, at=at)
    errors = []
    for place, seat in enumerate(players):
        if seat not in here:
            errors.append(_wrong(place, "does_not_exist", "There is no such person here."))
        elif not roles[seat]:
            errors.append(_wrong(place, "no_role", "This person holds no role on the brand."))
    if errors:
        raise Invalid("Not all of these people can play.", errors=errors)
    return players


def _wrong(place: int, code: str, detail: str) -> dict[str, str]:
    return {"field": f"participants.{place}", "code": code, "detail": detail}


# -- playing --------------------------------------------------------------------------------------------------------


@transaction.atomic
def start_drill(*, drill_id: UUID, by: Actor, at: datetime) -> Drill:
    """The drill begins: a twin of the brand stands, with the plan in force and everything that the plan relies on, and
    soon the first made-up mentions are heard of it.

    Who plays is given their own roles on the twin; nobody else is told of it, and its accounts are all in the sandbox.
    Plan, deadlines and waits are divided by the speed, down to a minute. Raises NoPlanToTry, DrillRunning, and Invalid
    where somebody cannot play any more.
    """
    _hold_rules(Drill.objects.found(drill_id).brand_id)
    with records_held_back():
        return _start(drill_id, by=by, at=at)


def _start(drill_id: UUID, *, by: Actor, at: datetime) -> Drill:
    drill: Drill = Drill.objects.locked(drill_id)
    stage = DRILL_LIFECYCLE.step("start", from_=drill.stage)
    running = Drill.objects.filter(brand_id=drill.brand_id, stage=DrillStage.RUNNING).first()
    if running is not None:
        raise DrillRunning(drill_id=running.pk)
    in_force = plan_in_force(drill.brand_id)
    if in_force is None:
        raise NoPlanToTry
    players = _checked_players(drill.participants, brand_id=drill.brand_id, at=at)
    twin = fork_brand(brand_id=drill.brand_id, name=drill.name, by=by, at=at)
    _wall_off(drill.brand_id, twin.pk, by=by, at=at)
    roles = _let_in(drill, twin, players, by=by, at=at)
    left_out = _prepare(drill, twin, in_force, players, roles, by=by, at=at)
    drill.stage, drill.twin, drill.plan_version = stage, twin, in_force
    drill.participants, drill.started_at = players, at
    drill.scores = {"left_out": left_out}
    drill.version += 1
    drill.save(update_fields=["stage", "twin", "plan_version", "participants", "started_at", "scores", "version"])
    ends_at = due_at(drill)
    assert ends_at is not None  # noqa: S101 - it has just started
    later(END_DRILL, key=str(drill.pk), agency_id=standing_agency(), at=ends_at, args={"drill_id": str(drill.pk)})
    record(
        "drill.started", on=drill, by=by, at=at, twin_id=twin.pk, plan_version_id=in_force.pk, participants=players,
        speed=drill.speed, ends_at=ends_at, left_out=left_out,
    )  # fmt: skip
    return drill


def _walls_round(brand_id: UUID) -> list[DenyRule]:
    return list(DenyRule.objects.all().live().filter(brand_ids__contains=[brand_id]).order_by("pk"))


def _hold_rules(brand_id: UUID) -> None:
    """The first lock of a transaction that grants roles, or lays rules down."""
    hold_rules_still(to_change=bool(_walls_round(brand_id)))


def _wall_off(brand_id: UUID, twin_id: UUID, *, by: Actor, at: datetime) -> None:
    """Whoever a deny rule keeps from the brand is kept from its twin."""
    for rule in _walls_round(brand_id):
        if rule.ends_at is None or rule.ends_at > at:
            deny_brands(
                seat_id=rule.seat_id, brand_ids=[twin_id if one == brand_id else one for one in rule.brand_ids],
                reason=rule.reason, ends_at=rule.ends_at, by=by, at=at,
            )  # fmt: skip


def _let_in(drill: Drill, twin: Brand, players: Sequence[UUID], *, by: Actor, at: datetime) -> Counter[str]:
    """Give those who play their own roles on the twin; returns how many of them hold each role."""
    held = roles_of_players(players, brand_id=drill.brand_id, at=at)
    for seat, roles in held.items():
        for role in roles:
            grant_role(
                seat_id=seat, role=role, places=[Place(brand_id=twin.pk)], reason=f"plays the drill {drill.name}",
                starts_at=None, ends_at=None, sponsor=None, by=by, at=at,
            )  # fmt: skip
    return Counter(role for roles in held.values() for role in roles)


def _prepare(
    drill: Drill,
    twin: Brand,
    in_force: PlanVersion,
    players: Sequence[UUID],
    holders: Mapping[str, int],
    *,
    by: Actor,
    at: datetime,
) -> list[str]:
    """Accounts, library, escalation policy and plan of the twin; returns the approval's stages that nobody plays."""
    accounts = _fork_accounts(drill.brand_id, twin, at=at)
    messages = _fork_library(drill.brand_id, twin, accounts, at=at)
    named = in_force.body.get("alert", {}).get("escalation_policy")
    climbed = policy_for(drill.brand_id, named=UUID(named) if named else None)
    ladder = played_ladder(climbed, speed=drill.speed, players=players, last_resort=working(players))
    policy = create_escalation_policy(
        name=f"Drill: {climbed['name']}"[:120],
        brand_id=twin.pk,
        steps=[{**step, "notify": _by_id(step["notify"])} for step in ladder["steps"]],
        last_resort=_by_id(ladder["last_resort"]),
        repeats=ladder["repeats"],
        lapses_minutes=ladder["lapses_minutes"],
        by=by,
        at=at,
    )
    shared = Policy.objects.filter(brand_id=None, retired_at=None).values_list("pk", flat=True)
    body, left_out = played_body(
        in_force.body,
        speed=drill.speed,
        players=players,
        policy_id=policy.pk,
        messages=messages,
        policies={str(policy_id) for policy_id in shared},
        holders=holders,
    )
    publish_plan(brand_id=twin.pk, name=in_force.plan.name, body=body, by=by, at=at)
    return left_out


def _fork_accounts(brand_id: UUID, twin: Brand, *, at: datetime) -> dict[UUID, UUID]:
    """An account in the sandbox for each of the brand's: original -> copy. They belong to nobody's own log-in."""
    real = list(SocialAccount.objects.filter(brand_id=brand_id, disconnected_at=None).order_by("pk"))
    made: dict[UUID, UUID] = {}
    for place, account in enumerate(real or [None], start=1):
        handle = f"drill-{twin.pk.hex[-12:]}-{place}-{account.handle if account else twin.slug}"[:120]
        copy = connect_account(
            brand_id=twin.pk, network=SANDBOX, handle=handle, credentials={}, by=PROP_MASTER, at=at
        )  # fmt: skip
        if account is not None:
            made[account.pk] = copy.pk
    return made


def _fork_library(brand_id: UUID, twin: Brand, accounts: Mapping[UUID, UUID], *, at: datetime) -> dict[str, str]:
    """The texts of the library for the accounts of the twin: original -> copy. What was agreed to binds the real
    accounts, so that the copies are to be agreed to anew.
    """
    made: dict[str, str] = {}
    for message in Message.objects.filter(brand_id=brand_id).order_by("-pk")[:MOST_COPIED]:
        deliveries = [
            (accounts[UUID(one["account"])], one["text"])
            for one in message.deliveries
            if UUID(one["account"]) in accounts
        ]
        if deliveries:
            copy = add_message(
                brand_id=twin.pk, title=message.title, kind=message.kind, crisis_kind=message.crisis_kind,
                language=message.language, deliveries=deliveries, by=PROP_MASTER, at=at,
            )  # fmt: skip
            made[str(message.pk)] = str(copy.pk)
    return made


# -- ending ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def end_drill(*, drill_id: UUID, by: Actor, at: datetime) -> Drill:
    """The drill is over: its scores stand, nothing of it calls anybody any more, and the twin is archived."""
    drill: Drill = Drill.objects.locked(drill_id)
    drill.stage = DRILL_LIFECYCLE.step("end", from_=drill.stage)
    with records_held_back():
        _close(drill, by=by, at=at)
        record("drill.ended", on=drill, by=by, at=at, twin_id=drill.twin_id, by_itself=by.kind == "rule")
    return drill


@transaction.atomic
def end_due_drill(*, drill_id: UUID, by: Actor, at: datetime) -> Drill:
    """The drill's time is over; changes nothing when it has ended before, or its time was moved."""
    drill: Drill = Drill.objects.locked(drill_id)
    due = due_at(drill)
    if drill.stage == DrillStage.RUNNING and due is not None and due <= at:
        return end_drill(drill_id=drill_id, by=by, at=at)
    return drill


@transaction.atomic
def cancel_drill(*, drill_id: UUID, reason: str, by: Actor, at: datetime) -> Drill:
    """Call a drill off, before or while it is played; it is compared with no other."""
    drill: Drill = Drill.objects.locked(drill_id)
    was_running = drill.stage == DrillStage.RUNNING
    drill.stage = DRILL_LIFECYCLE.step("cancel", from_=drill.stage)
    with records_held_back():
        if was_running:
            _close(drill, by=by, at=at)
        else:
            drill.ended_at = at
            drill.version += 1
            drill.save(update_fields=["stage", "ended_at", "version"])
        record("drill.cancelled", on=drill, by=by, at=at, twin_id=drill.twin_id, reason=reason)
    return drill


def _close(drill: Drill, *, by: Actor, at: datetime) -> None:
    """Freeze the scores, and end whatever would still call for somebody; upper storeys end theirs when they hear."""
    drill.scores = {**drill.scores, "measures": scores_of(drill)}
    drill.ended_at = at
    drill.version += 1
    drill.save(update_fields=["stage", "scores", "ended_at", "version"])
    cancel(END_DRILL, key=str(drill.pk), at=at)
    calling = Page.objects.filter(brand_id=drill.twin_id).exclude(stage=PageStage.RESOLVED)
    for page_id in calling.order_by("pk").values_list("pk", flat=True):
        resolve_page(page_id=page_id, reason="The drill is over.", by=by, at=at)
    asking = Approval.objects.all().live().filter(brand_id=drill.twin_id)
    for approval_id in asking.order_by("pk").values_list("pk", flat=True):
        void_approval(approval_id=approval_id, reason="The drill is over.", by=by, at=at)
    twin: Brand = Brand.objects.found(drill.twin_id)
    if twin.stage == BrandStage.ACTIVE:
        archive_brand(brand_id=twin.pk, reason="The drill is over.", by=by, at=at)


# -- goodbyes -------------------------------------------------------------------------------------------------------


def _drills_ahead(seat_ids: Collection[UUID]) -> Any:
    return Drill.objects.filter(stage__in=AHEAD, participants__overlap=list(seat_ids)).order_by("pk")


def drills_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    left = Counter(seat for drill in _drills_ahead(seat_ids) for seat in drill.participants if seat in seat_ids)
    return dict(left)


@line("drills", left=drills_left, covers={"readiness.Drill.participants"})
def leave_drills(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """They play in no drill that is to come, or is running; what was played stays as it was."""
    drills = list(_drills_ahead([seat_id]).select_for_update(of=("self",), no_key=True))
    for drill in drills:
        drill.participants = [seat for seat in drill.participants if seat != seat_id]
        drill.version += 1
        drill.save(update_fields=["participants", "version"])
    return len(drills)


def _by_id(targets: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Targets of a frozen policy as whoever writes one names them: people and rotas by their ids."""
    return [
        {kind: UUID(named) if kind in {"seat", "rota"} else named for kind, named in target.items()}
        for target in targets
    ]
