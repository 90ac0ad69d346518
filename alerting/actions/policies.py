"""Who is told first, who next, and after how long."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from alerting.models import Channel, EscalationPolicy, Rota
from alerting.queries import working
from alerting.targets import NAMES
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


def _checked(
    steps: Sequence[dict[str, Any]], last_resort: Sequence[dict[str, Any]], brand_id: UUID | None
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Steps and last resort in plain JSON; raises Invalid (400) for each target that cannot be reached."""
    targets = [
        (f"steps.{number}.notify.{place}", kind, value)
        for number, step in enumerate(steps)
        for place, target in enumerate(step["notify"])
        for kind, value in target.items()
    ]
    targets += [
        (f"last_resort.{place}", kind, value)
        for place, target in enumerate(last_resort)
        for kind, value in target.items()
    ]
    known = _known(targets, brand_id)
    errors = [
        {
            "field": f"{field}.{kind}",
            "code": "does_not_exist",
            "detail": f"No {kind.replace('_', ' ')} like it is here.",
        }
        for field, kind, value in targets
        if kind in known and value not in known[kind]
    ]
    if errors:
        raise Invalid("A step names somebody who cannot be reached.", errors=errors)
    plain = [
        {
            "notify": [_plain(target) for target in step["notify"]],
            "wait_minutes": step["wait_minutes"],
            "important": step.get("important", False),
            "when": step.get("when") or {},
        }
        for step in steps
    ]
    return plain, [_plain(target) for target in last_resort]


def _known(targets: Sequence[tuple[str, str, Any]], brand_id: UUID | None) -> dict[str, set[Any]]:
    """What the targets of each kind may be; a kind that is missing may be anything, and is asked when a page climbs."""
    named: dict[str, list[Any]] = {}
    for _, kind, value in targets:
        named.setdefault(kind, []).append(value)
    rotas = Rota.objects.filter(pk__in=named.get("rota", [])).values_list("pk", flat=True)
    channels = Channel.objects.filter(
        Q(brand_id=None) | Q(brand_id=brand_id), pk__in=named.get("channel", []), removed_at=None
    )
    roles = {name for name, role in roles_known().items() if role.side == "staff"}
    return {
        "rota": set(rotas) if "rota" in named else set(),
        "seat": set(working(named["seat"])) if "seat" in named else set(),
        "role": roles,
        **{kind: set(names) for kind, names in NAMES.items()},
        "channel": set(channels.values_list("pk", flat=True)) if "channel" in named else set(),
    }


def _plain(target: dict[str, Any]) -> dict[str, str]:
    return {kind: str(value) for kind, value in target.items()}


@transaction.atomic
def create_escalation_policy(
    *,
    name: str,
    brand_id: UUID | None,
    steps: Sequence[dict[str, Any]],
    repeats: int = 0,
    last_resort: Sequence[dict[str, Any]] = (),
    lapses_minutes: int | None = None,
    by: Actor,
    at: datetime,
) -> EscalationPolicy:
    """From now on pages about the brand climb these steps; for None, pages of every brand without its own policy."""
    if EscalationPolicy.objects.filter(brand_id=brand_id).exists():
        raise PolicyExists(brand=brand_id)
    checked, last = _checked(steps, last_resort, brand_id)
    policy = EscalationPolicy(
        name=name,
        brand_id=brand_id,
        steps=checked,
        repeats=repeats,
        last_resort=last,
        lapses_minutes=lapses_minutes,
        created_at=at,
    )
    policy.save(force_insert=True)
    record("escalation_policy.created", on=policy, by=by, at=at, name=name, steps=len(policy.steps))
    return policy


@transaction.atomic
def revise_escalation_policy(
    *,
    policy_id: UUID,
    name: str,
    steps: Sequence[dict[str, Any]],
    repeats: int = 0,
    last_resort: Sequence[dict[str, Any]] = (),
    lapses_minutes: int | None = None,
    by: Actor,
    at: datetime,
) -> EscalationPolicy:
    """Change the policy for pages to come; a page that is climbing keeps the one it started with."""
    policy: EscalationPolicy = EscalationPolicy.objects.locked(policy_id)
    policy.steps, policy.last_resort = _checked(steps, last_resort, policy.brand_id)
    policy.name, policy.repeats, policy.lapses_minutes = name, repeats, lapses_minutes
    policy.version += 1
    policy.save(update_fields=["name", "steps", "repeats", "last_resort", "lapses_minutes", "version"])
    record("escalation_policy.revised", on=policy, by=by, at=at, version=policy.version, steps=len(policy.steps))
    return policy


def _naming(policy: EscalationPolicy, target: dict[str, str]) -> int:
    """How often a policy names a target."""
    lists = [*(step["notify"] for step in policy.steps), policy.last_resort]
    return sum(targets.count(target) for targets in lists)


def steps_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    left = {
        seat: sum(_naming(policy, {"seat": str(seat)}) for policy in EscalationPolicy.objects.all())
        for seat in seat_ids
    }
    return {seat: count for seat, count in left.items() if count}


@line("escalation steps", left=steps_left)
def leave_policies(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Steps that named the person name the others only; a step that names nobody is passed over when a page climbs."""
    return _replace_everywhere({"seat": str(seat_id)}, None, by=by, at=at)


@handing_over("escalation steps")
def give_steps(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """Steps name the successor where they named the person; one who is there already is named once."""
    gone = {"seat": str(seat_id)}
    if not working([to.seat_id]):
        naming = [policy for policy in EscalationPolicy.objects.order_by("pk") if _naming(policy, gone)]
        return Handed(kept=tuple(Kept("alerting.EscalationPolicy", one.pk, "not_staff") for one in naming))
    return Handed(_replace_everywhere(gone, {"seat": str(to.seat_id)}, by=by, at=at))


def _replace_everywhere(gone: dict[str, str], comes: dict[str, str] | None, *, by: Actor, at: datetime) -> int:
    """Every policy names `comes`, or nobody, where it named `gone`; returns in how many places it did."""
    replaced = 0
    for policy in EscalationPolicy.objects.select_for_update(of=("self",), no_key=True).order_by("pk"):
        named = _naming(policy, gone)
        if not named:
            continue
        replaced += named
        policy.steps = [{**step, "notify": _replaced(step["notify"], gone, comes)} for step in policy.steps]
        policy.last_resort = _replaced(policy.last_resort, gone, comes)
        policy.version += 1
        policy.save(update_fields=["steps", "last_resort", "version"])
        record("escalation_policy.revised", on=policy, by=by, at=at, version=policy.version, steps=len(policy.steps))
    return replaced


def _replaced(
    targets: list[dict[str, str]], gone: dict[str, str], comes: dict[str, str] | None
) -> list[dict[str, str]]:
    named = [comes if one == gone else one for one in targets]
    return [one for place, one in enumerate(named) if one is not None and one not in named[:place]]
