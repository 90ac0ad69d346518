"""Whom a step reaches, and which policy a page climbs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from alerting.models import EscalationPolicy, Page, Rota
from alerting.queries.turns import on_call, working
from permissions.queries.holders import seats_with_role

OWNERS = {"role": "owner"}
OWNERS_WAIT_MINUTES = 5


def recipients(page: Page, targets: Sequence[dict[str, str]], at: datetime) -> list[UUID]:
    """The seats that a step's targets mean at this moment, in the order of the policy, each once."""
    seats: list[UUID] = []
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
    return working(seats)


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
        return {"policy_id": None, "name": "Every owner", "steps": steps}
    return {"policy_id": str(policy.pk), "name": policy.name, "steps": policy.steps}


def page_of(cause_kind: str, cause_id: UUID) -> Page | None:
    """The page that a cause raised, if it did."""
    found: Page | None = Page.objects.filter(cause_kind=cause_kind, cause_id=cause_id).first()
    return found
