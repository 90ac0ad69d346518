"""What belongs to a brand is for those who work for it; what belongs to none of them is for everybody inside."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need

Rows = TypeVar("Rows", bound=Model)


def visible_or_shared(rows: QuerySet[Rows], *, to: Caller, need: Need) -> QuerySet[Rows]:
    """The rows of brands on which the caller holds the need and, for whoever holds it anywhere, those of no brand."""
    own = gate.visible(rows, to=to, need=need)
    if not gate.anywhere(to, need):
        return own
    brand: str = rows.model.brand_path  # type: ignore[attr-defined] # of every row that can be shared
    return own | rows.filter(**{f"{brand}__isnull": True})
