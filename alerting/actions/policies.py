"""Who is told first, who next, and after how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from alerting.models import EscalationPolicy, Rota
from alerting.queries import working
from core.actor import Actor
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.queries.holders import roles_known
from permissions.revocation import line


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


@line("escalation steps")
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
