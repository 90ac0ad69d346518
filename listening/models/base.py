"""What the tables of listening have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from core.wall import TenantRow, standing_agency


class RealField(models.FloatField):  # type: ignore[type-arg]
    """Four bytes in Postgres: six digits, enough for a probability and for the edge of a band."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002 - Django's signature
        return "real"


class DenseRow(TenantRow):
    """A tenant row of which there are very many: no index beside those that somebody asks by, and no key to the
    agency of its own, since the action that writes it holds a row of that agency.
    """

    brand_path: ClassVar[str | None] = "brand_id"

    agency = models.ForeignKey(
        "tenants.Agency",
        on_delete=models.PROTECT,
        related_name="+",
        default=standing_agency,
        editable=False,
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        abstract = True
