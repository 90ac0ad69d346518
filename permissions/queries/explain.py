"""Why somebody may do something, or may not: now, or at an instant that is past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from permissions.gate import FOR_EVERYONE_INSIDE, ON_ARCHIVED
from permissions.needs import Need
from permissions.queries.picture import ACTIVE, Held, Picture, closing_walls, owns, picture_at, picture_now


@dataclass(frozen=True, slots=True)
class Against:
    """Something that takes away: `kind` is seat, deny_rule, restriction, archived or not_there; `id` is the rule's."""

    kind: str
    id: Any = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer, the grants that give the need on the object, and what stands against it, at an instant."""

    allowed: bool
    because: list[Held]
    against: list[Against]
    at: datetime


def explain(seat: Any, need: Need, obj: Model | None, *, now: datetime, at: datetime | None = None) -> Explanation:
    """Whether the person in the seat may do `need` to `obj` (None: the agency), as `gate.allowed` answers.

    `at` is an instant that is past: then it is told from the ledger what the gate answered. Custom roles had the needs
    of that time; a seat that was suspended or had ended was allowed nothing.
    """
    return judge(picture_now(seat, obj, at=now) if at is None else picture_at(seat, obj, at=at), need)


def judge(picture: Picture, need: Need) -> Explanation:
    """The gate's rules, said once more for a person as they were; tests hold the two together."""
    counting = picture.counting
    walls = closing_walls(counting, picture.walls, seat_id=picture.seat_id, at=picture.at)
    giving = [held for held in counting if need.value in held.needs]
    against = []
    if picture.stage != ACTIVE:
        against.append(Against("seat", picture.seat_id, (picture.stage or "not seated yet").lower()))
    if not picture.exists:
        against.append(Against("not_there"))
    if picture.brand_id is None:
        inside = need in FOR_EVERYONE_INSIDE
        because = [held for held in giving if held.on_agency or (inside and held.brand_id not in walls)]
        return Explanation(bool(because) and not against, because, against, picture.at)
    because = [held for held in giving if _reaches(held, picture)]
    if wall := walls.get(picture.brand_id):
        against.append(Against("deny_rule", wall.rule_id, wall.reason))
    on_incident = [held for held in because if held.incident_id is not None]
    if picture.restriction and not on_incident and not owns(counting):
        against.append(Against("restriction", *picture.restriction))
    if picture.archived and need not in ON_ARCHIVED:
        against.append(Against("archived", picture.brand_id))
    return Explanation(bool(because) and not against, because, against, picture.at)


def _reaches(held: Held, picture: Picture) -> bool:
    if held.incident_id is not None:
        return held.incident_id == picture.incident_id
    return held.on_agency or held.brand_id == picture.brand_id
