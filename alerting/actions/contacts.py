"""How a person is reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from alerting.models import ContactMethod
from alerting.queries import working
from alerting.transports import checked_address
from core.actor import Actor
from core.refusals import Invalid, Refusal
from ledger.actions import record
from permissions.revocation import counted, line
from tenants.models import Seat

MOST_WAYS = 10


class TooManyWays(Refusal):
    code = "too_many_contact_methods"
    title = f"A person has at most {MOST_WAYS} contact methods."


@transaction.atomic
def add_contact_method(*, seat_id: UUID, transport: str, address: str, by: Actor, at: datetime) -> ContactMethod:
    """From now on the person's notifications go to this address too, after the ones they have already."""
    # The seat is held, so that two at once do not take the same place.
    Seat.objects.locked(seat_id)
    if not working([seat_id]):
        detail = "Only active staff are notified."
        raise Invalid(errors=[{"field": "seat", "code": "not_staff", "detail": detail}])
    live = ContactMethod.objects.all().live().filter(seat_id=seat_id)
    if live.count() >= MOST_WAYS:
        raise TooManyWays(most=MOST_WAYS)
    last: int = live.aggregate(last=Max("position"))["last"] or 0
    way = ContactMethod(
        seat_id=seat_id,
        transport=transport,
        address=checked_address(transport, address),
        position=last + 1,
        added_at=at,
    )
    way.save(force_insert=True)
    record("contact_method.added", on=way, by=by, at=at, seat_id=seat_id, transport=transport)
    return way


@transaction.atomic
def remove_contact_method(*, contact_method_id: UUID, by: Actor, at: datetime) -> ContactMethod:
    """Nothing is sent there any more, and the address is forgotten; repeating changes nothing."""
    way: ContactMethod = ContactMethod.objects.locked(contact_method_id)
    if way.removed_at is None:
        way.removed_at, way.address = at, None
        way.save(update_fields=["removed_at", "address"])
        record("contact_method.removed", on=way, by=by, at=at, seat_id=way.seat_id, transport=way.transport)
    return way


def ways_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(ContactMethod.objects.all().live().filter(seat_id__in=seat_ids), "seat_id")


@line("contact methods", left=ways_left, covers={"alerting.ContactMethod.seat"})
def forget_contact_methods(seat_id: UUID, by: Actor, at: datetime) -> int:
    ways = list(ContactMethod.objects.all().live().filter(seat_id=seat_id).values_list("pk", flat=True))
    for way in ways:
        remove_contact_method(contact_method_id=way, by=by, at=at)
    return len(ways)
