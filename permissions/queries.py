"""Questions about roles that other apps ask: who holds one, here and now."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q

from permissions.models import Grant


def holds_role(*, seat_id: UUID, role: str, brand_id: UUID, at: datetime) -> bool:
    """Whether a seat holds a role on a brand, by a grant on the brand or on the whole agency."""
    return seat_id in seats_with_role(role=role, brand_id=brand_id, at=at)


def seats_with_role(*, role: str, brand_id: UUID | None, at: datetime) -> list[UUID]:
    """The seats that hold a role on a brand (or, for None, on the whole agency), longest-serving first."""
    here = Q(brand_id=None) | Q(brand_id=brand_id) if brand_id else Q(brand_id=None)
    lasting = Q(ends_at=None) | Q(ends_at__gt=at)
    grants = Grant.objects.all().live().filter(here, lasting, role=role).order_by("granted_at", "pk")
    return list(dict.fromkeys(grants.values_list("seat_id", flat=True)))
