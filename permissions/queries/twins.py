"""Who is concerned by the twin of a drill: those who were given a role on the twin itself, and nobody else.

A drill is played on a twin of a brand. Whoever holds a role on the whole agency may look at it, as at every brand; but
nobody is asked, given a duty, or told anything about it who was not let in by a grant on the twin.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Exists, Q

from permissions.models import Grant


def _twins() -> Any:
    return apps.get_model("tenants", "Brand").objects.filter(drill_of__isnull=False)


def is_twin(brand_id: UUID | None) -> bool:
    """Whether a brand is the twin of a drill, running or over."""
    return brand_id is not None and bool(_twins().filter(pk=brand_id).exists())


def held_on(brand_id: UUID) -> Q:
    """Of grants: those on a brand and those on the whole agency; of a drill's twin, those on the twin alone."""
    return Q(brand_id=brand_id) | Q(~Exists(_twins().filter(pk=brand_id)), brand_id=None)


def players(brand_id: UUID | None, at: datetime) -> frozenset[UUID] | None:
    """The seats that may hear of a brand: None says everybody, for it is no twin; of a twin those with a grant on it,
    and nobody once the drill is over. One query for a brand, two for a twin.
    """
    if brand_id is None:
        return None
    stage = _twins().filter(pk=brand_id).values_list("stage", flat=True).first()
    if stage is None:
        return None
    if stage != "ACTIVE":
        return frozenset()
    grants = Grant.objects.all().counting(at).filter(brand_id=brand_id, incident=None)
    return frozenset(grants.values_list("seat_id", flat=True))
