"""How a person is reached, and how they show that they read there."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max

from alerting.actions.rules import forget_way
from alerting.models import ContactMethod, Transport
from alerting.queries import working
from alerting.transports import checked_address
from core.actor import Actor
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later
from ledger.actions import record
from permissions.revocation import counted, line
from tenants.models import Seat

MOST_WAYS = 10
CODE_DIGITS = 8
CODE_LIVES = timedelta(minutes=10)
CODES_APART = timedelta(minutes=1)
MOST_CODES = 5
MOST_TRIES = 5
MOST_NEW_A_DAY = 20
SEND_CODE, SEND_TEST = "alerting.send_code", "alerting.send_test"


class TooManyWays(Refusal):
    code = "too_many_contact_methods"
    title = f"A person has at most {MOST_WAYS} contact methods."


class TooManyNew(Refusal):
    """Codes cost money and wake people: nobody has them sent round the world."""

    code = "too_many_new_contact_methods"
    title = f"At most {MOST_NEW_A_DAY} contact methods can be added for a person in a day."


class AlreadyVerified(Refusal):
    code = "already_verified"
    title = "Its owner has shown that they read there."


class NotVerified(Refusal):
    code = "not_verified"
    title = "Nothing but a code goes there before its owner has sent the code back."


class CodeJustSent(Refusal):
    """Fact `retry_after` in seconds."""

    code = "code_just_sent"
    status = 429
    title = "A code is on its way: wait a little."


class TooManyCodes(Refusal):
    code = "too_many_codes"
    title = f"{MOST_CODES} codes have gone there and none came back: remove it and add it again."


class NoCode(Refusal):
    code = "no_code"
    title = "There is no code to send back: it is too old, was tried too often, or never was. Have a new one sent."


@transaction.atomic
def add_contact_method(*, seat_id: UUID, transport: str, address: str, by: Actor, at: datetime) -> ContactMethod:
    """The person can be reached there too, after the ways they have, once they have sent back the code that goes there.

    The e-mail address of their own account needs none.
    """
    # The seat is held, so that two at once do not take the same place.
    seat: Seat = Seat.objects.locked(seat_id)
    if not working([seat_id]):
        detail = "Only active staff are notified."
        raise Invalid(errors=[{"field": "seat", "code": "not_staff", "detail": detail}])
    of_seat = ContactMethod.objects.filter(seat_id=seat_id)
    live = ContactMethod.objects.all().live().filter(seat_id=seat_id)
    if live.count() >= MOST_WAYS:
        raise TooManyWays(most=MOST_WAYS)
    if of_seat.filter(added_at__gt=at - timedelta(days=1)).count() >= MOST_NEW_A_DAY:
        raise TooManyNew(most=MOST_NEW_A_DAY)
    last: int = live.aggregate(last=Max("position"))["last"] or 0
    way = ContactMethod(
        seat_id=seat_id,
        transport=transport,
        address=checked_address(transport, address),
        position=last + 1,
        added_at=at,
    )
    own = transport == Transport.EMAIL and address.casefold() == seat.user.email.casefold()
    if own:
        way.verified_at = at
    else:
        _give_code(way, at)
    way.save(force_insert=True)
    record("contact_method.added", on=way, by=by, at=at, seat_id=seat_id, transport=transport)
    if not own:
        _queue_code(way, at)
    return way


@transaction.atomic
def send_code(*, contact_method_id: UUID, by: Actor, at: datetime) -> ContactMethod:
    """A new code goes there, and the one before is worth nothing any more."""
    way = _live(contact_method_id)
    if way.verified_at is not None:
        raise AlreadyVerified
    if way.code_ends_at is not None and (again := way.code_ends_at - CODE_LIVES + CODES_APART) > at:
        seconds = max(1, round((again - at).total_seconds()))
        refusal = CodeJustSent(retry_after=seconds)
        refusal.headers["Retry-After"] = str(seconds)
        raise refusal
    if way.codes_sent >= MOST_CODES:
        raise TooManyCodes(most=MOST_CODES)
    _give_code(way, at)
    way.save(update_fields=["code", "code_ends_at", "code_tries", "codes_sent"])
    record("contact_method.code_sent", on=way, by=by, at=at, seat_id=way.seat_id, transport=way.transport)
    _queue_code(way, at)
    return way


@transaction.atomic
def verify_contact_method(*, contact_method_id: UUID, code: str, by: Actor, at: datetime) -> ContactMethod:
    """The code came back: from now on pages go there. A wrong one counts, and the fifth ends the code.

    A wrong code is no refusal, because its count must stay: ask the row whether it is verified.
    """
    way = _live(contact_method_id)
    if way.verified_at is not None:
        raise AlreadyVerified
    if way.code is None or way.code_ends_at is None or way.code_ends_at <= at:
        raise NoCode
    if not hmac.compare_digest(code.strip().encode(), way.code.encode()):
        way.code_tries += 1
        if way.code_tries >= MOST_TRIES:
            way.code = None
        way.save(update_fields=["code", "code_tries"])
        return way
    way.verified_at = way.proved_at = at
    way.code = way.code_ends_at = None
    way.version += 1
    way.save(update_fields=["verified_at", "proved_at", "code", "code_ends_at", "version"])
    cancel(SEND_CODE, key=str(way.pk), at=at)
    record("contact_method.verified", on=way, by=by, at=at, seat_id=way.seat_id, transport=way.transport)
    return way


@transaction.atomic
def note_unreachable(*, contact_method_id: UUID, by: Actor, at: datetime) -> ContactMethod:
    """A code or a test message could not go there: the code is worth nothing, and the trail says so."""
    way: ContactMethod = ContactMethod.objects.locked(contact_method_id)
    if way.removed_at is None:
        way.code = None
        way.save(update_fields=["code"])
        record("contact_method.unreachable", on=way, by=by, at=at, seat_id=way.seat_id, transport=way.transport)
    return way


@transaction.atomic
def try_contact_method(*, contact_method_id: UUID, by: Actor, at: datetime) -> ContactMethod:
    """A message goes there that says it is a test."""
    way = _live(contact_method_id)
    if way.verified_at is None:
        raise NotVerified
    record("contact_method.tested", on=way, by=by, at=at, seat_id=way.seat_id, transport=way.transport)
    key = str(way.pk)
    later(SEND_TEST, key=key, agency_id=standing_agency(), at=at, args={"contact_method_id": key})
    return way


@transaction.atomic
def order_contact_methods(
    *, seat_id: UUID, contact_ids: Sequence[UUID], by: Actor, at: datetime
) -> list[ContactMethod]:
    """The person's ways stand in this order; it must name each of them once."""
    seat: Seat = Seat.objects.locked(seat_id)
    ways = {way.pk: way for way in ContactMethod.objects.all().live().filter(seat_id=seat_id)}
    if sorted(contact_ids) != sorted(ways):
        detail = "Name each of the person's contact methods once."
        raise Invalid(errors=[{"field": "contacts", "code": "not_all_of_them", "detail": detail}])
    # Two ways never stand in one place, not even in between: all of them step aside first.
    last = max((way.position for way in ways.values()), default=0)
    ContactMethod.objects.filter(pk__in=list(ways)).update(position=F("position") + last)
    in_order = [ways[contact] for contact in contact_ids]
    for place, way in enumerate(in_order, start=1):
        way.position, way.version = place, way.version + 1
        way.save(update_fields=["position", "version"])
    record("contact_methods.ordered", on=seat, by=by, at=at, contacts=list(contact_ids))
    return in_order


@transaction.atomic
def remove_contact_method(*, contact_method_id: UUID, by: Actor, at: datetime) -> ContactMethod:
    """Nothing is sent there any more, and address and code are forgotten; repeating changes nothing."""
    way: ContactMethod = ContactMethod.objects.locked(contact_method_id)
    if way.removed_at is None:
        way.removed_at, way.address = at, None
        way.code = way.code_ends_at = None
        way.save(update_fields=["removed_at", "address", "code", "code_ends_at"])
        cancel(SEND_CODE, key=str(way.pk), at=at)
        forget_way(way)
        record("contact_method.removed", on=way, by=by, at=at, seat_id=way.seat_id, transport=way.transport)
    return way


def note_proof(contact_method_id: UUID | None, at: datetime) -> None:
    """Its owner was seen to read there: by a receipt, a reply, or the link of a message."""
    ContactMethod.objects.filter(pk=contact_method_id, removed_at=None).update(proved_at=at)


def _live(contact_method_id: UUID) -> ContactMethod:
    way: ContactMethod = ContactMethod.objects.locked(contact_method_id)
    if way.removed_at is not None:
        raise NoCode
    return way


def _give_code(way: ContactMethod, at: datetime) -> None:
    way.code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    way.code_ends_at = at + CODE_LIVES
    way.code_tries = 0
    way.codes_sent += 1


def _queue_code(way: ContactMethod, at: datetime) -> None:
    key = str(way.pk)
    later(SEND_CODE, key=key, agency_id=standing_agency(), at=at, args={"contact_method_id": key})


def ways_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(ContactMethod.objects.all().live().filter(seat_id__in=seat_ids), "seat_id")


@line("contact methods", left=ways_left, covers={"alerting.ContactMethod.seat"})
def forget_contact_methods(seat_id: UUID, by: Actor, at: datetime) -> int:
    ways = list(ContactMethod.objects.all().live().filter(seat_id=seat_id).values_list("pk", flat=True))
    for way in ways:
        remove_contact_method(contact_method_id=way, by=by, at=at)
    return len(ways)
