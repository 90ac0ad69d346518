"""Rotas and calendars: addresses at which calendar programs read duty, and rotations that a calendar says."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from alerting.calendar import NotACalendar, Said, read
from alerting.models import CalendarFeed, ImportedShift, Rota, Rotation
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, NotAllowed, Refusal
from core.wall import standing_agency
from ledger.actions import record
from permissions.gate import Caller
from permissions.needs import Need
from permissions.revocation import Handed, Tried, counted, handing_over, line, trying
from tenants.actions.agencies import check_time_zone
from tenants.models import Seat

MARK: Final = "ccf"
MOST_FEEDS: Final = 20
READ_AHEAD: Final = timedelta(days=400)
NOTE_READ_EVERY: Final = timedelta(minutes=1)
MOST_ERRORS: Final = 50


class TooManyFeeds(Refusal):
    """Fact `most`: how many addresses a person may have at a time."""

    code = "too_many_feeds"
    title = "You have as many calendar addresses as a person may have."


class NotFromCalendar(Refusal):
    """People take turns there; a calendar fills a rotation of its own."""

    code = "not_from_calendar"
    title = "This rotation does not come from a calendar."


@transaction.atomic
def create_feed(*, seat_id: UUID, rota_id: UUID | None, by: Actor, at: datetime) -> tuple[CalendarFeed, str]:
    """Make an address at which calendar programs read a person's duty, or a rota; returns it with its token, which
    nobody can read again. Raises TooManyFeeds (409), and NotAllowed (403) for a program: the address would outlive
    its key.
    """
    if by.kind != "seat":
        raise NotAllowed(need=Need.ROTAS_READ.value)
    Seat.objects.locked(seat_id)  # so that two requests count each other
    if CalendarFeed.objects.filter(seat_id=seat_id, revoked_at=None).count() >= MOST_FEEDS:
        raise TooManyFeeds(most=MOST_FEEDS)
    feed_id, secret = uuid7(), secrets.token_urlsafe(32)
    feed = CalendarFeed(
        id=feed_id,
        seat_id=seat_id,
        rota_id=rota_id,
        digest=hashlib.sha256(secret.encode()).hexdigest(),
        created_at=at,
    )
    feed.save(force_insert=True)
    record("calendar_feed.created", on=feed, by=by, at=at, seat_id=seat_id, rota_id=rota_id)
    return feed, f"{MARK}_{standing_agency().hex}_{feed_id.hex}_{secret}"


@transaction.atomic
def revoke_feed(*, feed_id: UUID, by: Actor, at: datetime) -> CalendarFeed:
    """The address opens nothing any more; repeating changes nothing."""
    feed: CalendarFeed = CalendarFeed.objects.locked(feed_id)
    if feed.revoked_at is None:
        feed.revoked_at = at
        feed.save(update_fields=["revoked_at"])
        record("calendar_feed.revoked", on=feed, by=by, at=at, seat_id=feed.seat_id)
    return feed


@transaction.atomic
def note_feed_read(*, feed_id: UUID, at: datetime) -> None:
    """When it was read last; noted once a minute at most."""
    CalendarFeed.objects.filter(pk=feed_id).exclude(read_at__gt=at - NOTE_READ_EVERY).update(read_at=at)


def feeds_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(CalendarFeed.objects.filter(seat_id__in=seat_ids, revoked_at=None), "seat_id")


@line("calendar addresses", left=feeds_left, covers={"alerting.CalendarFeed.seat"})
def end_feeds(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Whoever goes reads no rota any more, whatever their calendar program keeps asking."""
    mine = CalendarFeed.objects.filter(seat_id=seat_id, revoked_at=None)
    found = list(mine.select_for_update(of=("self",), no_key=True).order_by("pk"))
    for feed in found:
        revoke_feed(feed_id=feed.pk, by=by, at=at)
    return len(found)


@handing_over("calendar addresses")
def end_feeds_of_mover(seat_id: UUID, _to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor makes addresses of their own; a token is nobody's to hand on."""
    end_feeds(seat_id, by, at)
    return Handed()


@trying("calendar addresses")
def try_feeds(seat_id: UUID, _at: datetime) -> Tried:
    """Each address that the person ever had, as their calendar program would ask for it."""
    feeds = list(CalendarFeed.objects.filter(seat_id=seat_id))
    return Tried(len(feeds), sum(feed.revoked_at is None for feed in feeds))


# -- rotations that a calendar says ---------------------------------------------------------------------------------


@transaction.atomic
def import_calendar(
    *,
    rota_id: UUID,
    text: str,
    rotation_id: UUID | None = None,
    name: str | None = None,
    time_zone: str | None = None,
    by: Actor,
    at: datetime,
) -> Rotation:
    """Let a calendar say who answers in a rotation for the next 400 days; importing again replaces what it said.

    Who is meant is found by the mail addresses in each event. Without `rotation_id` the rota gets a new rotation,
    after those that it has. Raises Invalid (400) with an error for every event that names nobody known, and changes
    nothing then; NotFromCalendar (409).
    """
    # Read before the rota is locked: it may take seconds.
    zone = check_time_zone(time_zone) if time_zone is not None else _zone_of(rota_id, rotation_id)
    try:
        said = read(text, time_zone=zone, since=at, until=at + READ_AHEAD)
    except NotACalendar as wrong:
        raise Invalid(errors=[{"field": "text", "code": "not_a_calendar", "detail": str(wrong)}]) from wrong
    people = _people(said)
    rota: Rota = Rota.objects.locked(rota_id)
    rotation = _rotation(rota, rotation_id, at)
    rotation.time_zone = zone
    if name is not None:
        rotation.name = name
    ahead = ImportedShift.objects.filter(rotation=rotation, ends_at__gt=at)
    ahead.filter(starts_at__lt=at).update(ends_at=at)
    ahead.delete()
    if rotation_id is None:
        rotation.save(force_insert=True)
    else:
        rotation.save(update_fields=["name", "time_zone"])
    shifts = [
        ImportedShift(rotation=rotation, seat_id=seat, starts_at=max(one.starts_at, at), ends_at=one.ends_at)
        for one, seat in zip(said, people, strict=True)
    ]
    ImportedShift.objects.bulk_create(shifts)
    rota.version += 1
    rota.save(update_fields=["version"])
    until = max((shift.ends_at for shift in shifts), default=at)
    record("rota.imported", on=rota, by=by, at=at, rotation_id=rotation.pk, shifts=len(shifts), until=until)
    return rotation


def _zone_of(rota_id: UUID, rotation_id: UUID | None) -> str:
    rota: Rota = Rota.objects.found(rota_id)
    return rota.time_zone if rotation_id is None else _rotation(rota, rotation_id, rota.created_at).time_zone


def _rotation(rota: Rota, rotation_id: UUID | None, at: datetime) -> Rotation:
    if rotation_id is None:
        last = Rotation.objects.filter(rota=rota).order_by("-position").first()
        position = last.position + 1 if last else 1
        return Rotation(
            id=uuid7(),
            rota=rota,
            position=position,
            name="Calendar",
            time_zone=rota.time_zone,
            starts_at=at,
            from_calendar=True,
        )
    rotation: Rotation | None = Rotation.objects.filter(rota=rota, pk=rotation_id).first()
    if rotation is None:
        detail = "The rota has no such rotation."
        raise Invalid(errors=[{"field": "rotation", "code": "does_not_exist", "detail": detail}])
    if not rotation.from_calendar:
        raise NotFromCalendar
    return rotation


def _people(said: list[Said]) -> list[UUID]:
    """The seat that each stretch means: the first of its addresses that is somebody's on the staff."""
    addresses = {address for one in said for address in one.who}
    staff = Seat.objects.all().active().filter(side="staff", user__email__in=addresses)
    known = {email.lower(): seat for seat, email in staff.values_list("pk", "user__email")}
    found = [next((known[address] for address in one.who if address in known), None) for one in said]
    wrong = {(one.uid, one.summary, one.who) for one, seat in zip(said, found, strict=True) if seat is None}
    errors = [
        {
            "field": "text",
            "code": "nobody_known",
            "detail": f"{summary[:80]!r} names {', '.join(who) or 'nobody'}: no active staff seat has this address.",
        }
        for _uid, summary, who in sorted(wrong)[:MOST_ERRORS]
    ]
    if errors:
        raise Invalid("Some events name nobody who could be on call.", errors=errors)
    return [seat for seat in found if seat is not None]
