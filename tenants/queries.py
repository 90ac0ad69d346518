"""Questions about who somebody is, asked at sign-in and by jobs that ask again; and which files nothing needs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, ManyToOneRel, OuterRef, QuerySet

from core.actor import Actor
from permissions.gate import Caller
from tenants.models import Seat, StoredFile


def caller_for(seat: Seat, *, at: datetime) -> Caller:
    """The person in this seat, acting themselves."""
    return Caller(
        actor=Actor.seat(seat.pk), agency_id=UUID(str(seat.agency_id)), seat_id=seat.pk, user_id=seat.user_id,
        side="client" if seat.side == "client" else "staff", at=at,
    )  # fmt: skip


def caller_in_office(seat_id: UUID | None, *, at: datetime) -> Caller | None:
    """The person behind a seat if the seat is still active, else None; inside the wall."""
    seat: Seat | None = Seat.objects.all().active().filter(pk=seat_id).first()
    return None if seat is None else caller_for(seat, at=at)


def unused_files(*, before: datetime) -> QuerySet[StoredFile]:
    """Contents stored before an instant to which no row of any table points."""
    unused = StoredFile.objects.filter(stored_at__lt=before)
    for relation in StoredFile._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel):
            rows = relation.field.model._default_manager.filter(**{relation.field.name: OuterRef("pk")})
            unused = unused.filter(~Exists(rows))
    return unused
