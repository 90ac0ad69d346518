"""Who is told first, who next, and after how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.models import EscalationPolicy, Rota
from alerting.queries import working
from core.actor import Actor
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.gate import Caller
from permissions.queries.holders import roles_known
from permissions.revocation import Handed, Kept, handing_over, line


class PolicyExists(Refusal):
    """A brand has one policy, and the agency has one for all other brands: revise that."""

    code = "policy_exists"
    title = "There is an escalation policy for this already."


def _checked_steps(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps in plain JSON; raises Invalid (400) for each target that cannot be reached."""
    targets = [
        (f"steps.{number}.notify.{place}", kind, value)
        for number, step in enumerate(steps)
        for place, target in enumerate(step["notify"])
        for kind, value in target.items()
    ]
    rotas = set(
        Rota.objects.filter(pk__in=[value for _, kind, value in targets if kind == "rota"]).values_list("pk", flat=True)
    )
    seats = set(working(value for _, kind, value in targets if kind == "seat"))
    roles = {name for name, role in roles_known().items() if role.side == "staff"}
    known: dict[str, set[Any]] = {"rota": rotas, "seat": seats, "role": roles}
    errors = [
        {"field": f"{field}.{kind}", "code": "does_not_exist", "detail": f"There is no {kind} like this on the staff."}
        for field, kind, value in targets
        if value not in known[kind]
    ]
    if errors:
        raise Invalid("A step names somebody who cannot be reached.", errors=errors)
    return [
        {
            "notify": [{kind: str(value) for kind, value in target.items()} for target in step["notify"]],
            "wait_minutes": step["wait_minutes"],
        }
        for step in steps
    ]


@transaction.atomic
def create_escalation_policy(
    *, name: str, brand_id: UUID | None, steps: Sequence[dict[str, Any]], by: Actor, at: datetime
) -> EscalationPolicy:
    """From now on pages about the brand climb these steps; for None, pages of every brand without its own policy."""
    if EscalationPolicy.objects.filter(brand_id=brand_id).exists():
        raise PolicyExists(brand=brand_id)
    policy = EscalationPolicy(name=name, brand_id=brand_id, steps=_checked_steps(steps), created_at=at)
    policy.save(force_insert=True)
    record("escalation_policy.created", on=policy, by=by, at=at, name=name, steps=len(policy.steps))
    return policy


@transaction.atomic
def revise_escalation_policy(
    *, policy_id: UUID, name: str, steps: Sequence[dict[str, Any]], by: Actor, at: datetime
) -> EscalationPolicy:
    """Change the steps for pages to come; a page that is climbing keeps the steps it started with."""
    policy: EscalationPolicy = EscalationPolicy.objects.locked(policy_id)
    policy.name, policy.steps = name, _checked_steps(steps)
    policy.version += 1
    policy.save(update_fields=["name", "steps", "version"])
    record("escalation_policy.revised", on=policy, by=by, at=at, version=policy.version, steps=len(policy.steps))
    return policy


def steps_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    wanted = {str(seat): seat for seat in seat_ids}
    named = [
        target["seat"]
        for steps in EscalationPolicy.objects.values_list("steps", flat=True)
        for step in steps
        for target in step["notify"]
        if "seat" in target
    ]
    return Counter(wanted[seat] for seat in named if seat in wanted)


@line("escalation steps", left=steps_left)
def leave_policies(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Steps that named the person name the others only; a step that names nobody is passed over when a page climbs."""
    gone = {"seat": str(seat_id)}
    ended = 0
    for policy in EscalationPolicy.objects.select_for_update(of=("self",), no_key=True).order_by("pk"):
        named = sum(step["notify"].count(gone) for step in policy.steps)
        if not named:
            continue
        ended += named
        policy.steps = [{**step, "notify": [one for one in step["notify"] if one != gone]} for step in policy.steps]
        policy.version += 1
        policy.save(update_fields=["steps", "version"])
        record("escalation_policy.revised", on=policy, by=by, at=at, version=policy.version, steps=len(policy.steps))
    return ended


@handing_over("escalation steps")
def give_steps(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """Steps name the successor where they named the person; one who is there already is named once."""
    gone, comes = {"seat": str(seat_id)}, {"seat": str(to.seat_id)}
    policies = list(EscalationPolicy.objects.select_for_update(of=("self",), no_key=True).order_by("pk"))
    naming = [one for one in policies if any(gone in step["notify"] for step in one.steps)]
    if not working([to.seat_id]):
        return Handed(kept=tuple(Kept("alerting.EscalationPolicy", one.pk, "not_staff") for one in naming))
    given = 0
    for policy in naming:
        given += sum(step["notify"].count(gone) for step in policy.steps)
        policy.steps = [{**step, "notify": _replaced(step["notify"], gone, comes)} for step in policy.steps]
        policy.version += 1
        policy.save(update_fields=["steps", "version"])
        record("escalation_policy.revised", on=policy, by=by, at=at, version=policy.version, steps=len(policy.steps))
    return Handed(given)


def _replaced(targets: list[dict[str, str]], gone: dict[str, str], comes: dict[str, str]) -> list[dict[str, str]]:
    named = [comes if one == gone else one for one in targets]
    return [one for place, one in enumerate(named) if one not in named[:place]]
