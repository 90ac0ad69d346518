"""Whom a step reaches, and which policy a page climbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from alerting.models import Channel, EscalationPolicy, Page, PageCause, Rota
from alerting.queries.rules import quiet_until, rules_by_seat
from alerting.queries.turns import on_call, working
from alerting.targets import FINDERS
from permissions.queries.holders import seats_with_role
from permissions.queries.twins import players

OWNERS = {"role": "owner"}
OWNERS_WAIT_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Recipients:
    """Seats in the order of the policy, each once, and channels."""

    seats: tuple[UUID, ...] = ()
    channels: tuple[UUID, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.seats or self.channels)

    def __or__(self, other: Recipients) -> Recipients:
        return Recipients(
            tuple(dict.fromkeys((*self.seats, *other.seats))), tuple(dict.fromkeys((*self.channels, *other.channels)))
        )


def told_by(page: Page, step: dict[str, Any], at: datetime) -> Recipients:
    """Whom a step of the page's frozen policy reaches at this moment: nobody when its conditions do not hold."""
    when = step.get("when", {})
    if page.severity > when.get("severity_at_least", 4) or page.suppressed + 1 < when.get("volume_at_least", 1):
        return Recipients()
    found = recipients(page, step["notify"], at)
    hours = when.get("local_hours")
    if not hours:
        return found
    rules = rules_by_seat(found.seats)
    zones = {seat: rules[seat].time_zone if seat in rules else "UTC" for seat in found.seats}
    at_work = [seat for seat, zone in zones.items() if quiet_until([hours], zone, at) is not None]
    return Recipients(tuple(at_work), found.channels)


def recipients(page: Page, targets: Sequence[dict[str, str]], at: datetime) -> Recipients:
    """The seats and channels that targets mean at this moment; about the twin of a drill only those who play."""
    seats: list[UUID] = []
    channels: list[UUID] = []
    for target in targets:
        match target:
            case {"rota": rota_id}:
                rota = Rota.objects.filter(pk=UUID(rota_id)).first()
                seat = on_call(rota, at) if rota else None
                seats += [seat] if seat else []
            case {"seat": seat_id}:
                seats.append(UUID(seat_id))
            case {"role": role}:
                seats += seats_with_role(role=role, brand_id=page.brand_id, at=at)
            case {"channel": channel_id}:
                channels.append(UUID(channel_id))
            case _:
                [(kind, name)] = target.items()
                if kind in FINDERS:
                    seats += FINDERS[kind](page, name, at)
    allowed = players(page.brand_id, at)
    if allowed is not None:  # a drill: those who play, and no room in which others read
        seats, channels = [seat for seat in seats if seat in allowed], []
    open_here = Channel.objects.filter(
        Q(brand_id=None) | Q(brand_id=page.brand_id), pk__in=channels, removed_at=None
    ).values_list("pk", flat=True)
    return Recipients(tuple(working(seats)), tuple(open_here) if channels else ())


def policy_for(brand_id: UUID | None, *, named: UUID | None = None) -> dict[str, Any]:
    """A copy of the policy that a page climbs: the one that is `named`, where it still is there, else the brand's own,
    else the agency's, else every owner.
    """
    candidates = Q(brand_id=brand_id) | Q(brand_id=None) | Q(pk=named)
    policies = EscalationPolicy.objects.filter(candidates)
    found = {key: policy for policy in policies for key in (policy.pk, policy.brand_id)}
    policy = found.get(named or brand_id) or found.get(brand_id) or found.get(None)
    if policy is None:
        steps = [{"notify": [OWNERS], "wait_minutes": OWNERS_WAIT_MINUTES}]
        return {
            "policy_id": None, "name": "Every owner", "steps": steps, "repeats": 0, "last_resort": [],
            "lapses_minutes": None,
        }  # fmt: skip
    return {
        "policy_id": str(policy.pk),
        "name": policy.name,
        "steps": policy.steps,
        "repeats": policy.repeats,
        "last_resort": policy.last_resort,
        "lapses_minutes": policy.lapses_minutes,
    }


def page_of(cause_kind: str, cause_id: UUID) -> Page | None:
    """The page that a cause raised or joined, if it did."""
    cause = {"cause_kind": cause_kind, "cause_id": cause_id}
    found: Page | None = Page.objects.filter(**cause).first()
    if found is None:
        joined = PageCause.objects.filter(**cause).values("page_id")
        found = Page.objects.filter(pk__in=joined).first()
    return found


def live_page_on(brand_id: UUID | None, topic: str) -> Page | None:
    """The page that takes in further causes of a topic."""
    found: Page | None = Page.objects.all().live().filter(brand_id=brand_id, topic=topic).first()
    return found
