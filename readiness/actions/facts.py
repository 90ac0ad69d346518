"""Saying what is true for a while, saying that it still is, and who keeps it true."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from alerting.actions import queue_letter
from approvals.slots import fits
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later, move
from ledger.actions import record
from permissions.gate import Caller
from permissions.revocation import Handed, Kept, counted, handing_over, line
from readiness.models import Fact, FactRevision
from readiness.queries.facts import incidents, may_keep
from readiness.states import FactDeed
from tenants.models import Seat
from tenants.queries import caller_for

LINE: Final = "facts that they keep true"
REMIND: Final = "readiness.remind_of_fact"
STALE_FACT_LETTER: Final = "readiness.stale_fact"
LONGEST_FACT: Final = 200  # characters, as the column takes them
LONGEST_LIFE: Final = timedelta(days=366)


class FactExists(Refusal):
    """Fact `fact_id`: it is changed with If-Match."""

    code = "fact_exists"
    title = "There is a fact of this name already."


class FactRemoved(Refusal):
    """Fact `removed_at`: what it said can be read, and a new one can be said."""

    code = "fact_removed"
    title = "This fact was taken away."


@transaction.atomic
def add_fact(
    *,
    brand_id: UUID,
    incident_id: UUID | None,
    name: str,
    type: str,
    value: str,
    good_for_minutes: int,
    owner_id: UUID | None,
    by: Actor,
    at: datetime,
) -> Fact:
    """Say something that is true from now on, and for how long it may be said; of a brand, or of one incident.

    `type` is one of `approvals.slots.TYPES`, and `value` fits it. The owner keeps it true; None: nobody does. When a
    fact of an incident goes stale, its owner is reminded. Raises Invalid (400) and FactExists (409).
    """
    fact = Fact(
        id=uuid7(),
        agency_id=standing_agency(),
        brand_id=brand_id,
        incident_id=incident_id,
        name=name,
        type=type,
        value=value,
        good_for_minutes=good_for_minutes,
        said_at=at,
    )
    _check(fact)
    fact.owner_id = _owner(fact, owner_id, at=at)
    # Somebody may say it at the same moment: the first one counts.
    Fact.objects.bulk_create([fact], ignore_conflicts=True)
    standing = Fact.objects.get(brand_id=brand_id, incident_id=incident_id, name=name, removed_at=None)
    if standing.pk != fact.pk:
        raise FactExists(fact_id=standing.pk)
    _note(fact, FactDeed.SET, by=by, at=at)
    _set_timer(fact)
    _record_set(fact, by=by, at=at)
    return fact


@transaction.atomic
def revise_fact(
    *,
    fact_id: UUID,
    type: str | None = None,
    value: str | None = None,
    good_for_minutes: int | None = None,
    owner_id: UUID | None = None,
    forget_owner: bool = False,
    by: Actor,
    at: datetime,
) -> Fact:
    """Say what is true now, or who keeps it true from now on; what is None stays.

    With a value it is as young as if it had been said for the first time. Raises Invalid (400), FactRemoved (409).
    """
    # The seat comes before the fact, as a goodbye locks them.
    entrusted = _owner(Fact.objects.found(fact_id), owner_id, at=at)
    fact = _held(fact_id)
    fact.type = fact.type if type is None else type
    fact.good_for_minutes = fact.good_for_minutes if good_for_minutes is None else good_for_minutes
    if value is not None:
        fact.value, fact.said_at = value, at
    _check(fact)
    if forget_owner or entrusted is not None:
        fact.owner_id = entrusted
    fact.version += 1
    fact.save(update_fields=["type", "value", "good_for_minutes", "said_at", "owner", "version"])
    only_owner = type is None and value is None and good_for_minutes is None
    _note(fact, FactDeed.ENTRUSTED if only_owner else FactDeed.SET, by=by, at=at)
    _set_timer(fact)
    _record_set(fact, by=by, at=at)
    return fact


@transaction.atomic
def confirm_fact(*, fact_id: UUID, by: Actor, at: datetime) -> Fact:
    """Somebody has looked, and it is still true: it is as young as on the first day. Raises FactRemoved (409)."""
    fact = _held(fact_id)
    fact.said_at = at
    fact.version += 1
    fact.save(update_fields=["said_at", "version"])
    _note(fact, FactDeed.CONFIRMED, by=by, at=at)
    _set_timer(fact)
    record("fact.confirmed", on=fact, by=by, at=at, fact=fact.name, stale_since=fact.stale_since)
    return fact


@transaction.atomic
def remove_fact(*, fact_id: UUID, by: Actor, at: datetime) -> None:
    """Take a fact away; what needs it waits until somebody says it again. What it said can still be read."""
    fact = _held(fact_id)
    fact.removed_at = at
    fact.version += 1
    fact.save(update_fields=["removed_at", "version"])
    _note(fact, FactDeed.REMOVED, by=by, at=at)
    cancel(REMIND, key=str(fact.pk), at=at)
    record("fact.removed", on=fact, by=by, at=at, fact=fact.name)


@transaction.atomic
def remind_of_fact(*, fact_id: UUID, by: Actor, at: datetime) -> Fact | None:
    """Write to whoever keeps a fact of an open incident true that it is too old; None when it is not, or is gone."""
    there = Fact.objects.filter(pk=fact_id, removed_at=None)
    fact: Fact | None = there.select_for_update(of=("self",), no_key=True).first()
    if fact is None or fact.stale_since > at or not incidents().open().filter(pk=fact.incident_id).exists():
        return None
    queue_letter(kind=STALE_FACT_LETTER, thing_id=fact.pk, at=at)
    record("fact.went_stale", on=fact, by=by, at=at, fact=fact.name, stale_since=fact.stale_since)
    return fact


def _held(fact_id: UUID) -> Fact:
    fact: Fact = Fact.objects.locked(fact_id)
    if fact.removed_at is not None:
        raise FactRemoved(removed_at=fact.removed_at)
    return fact


def _check(fact: Fact) -> None:
    if not fits(fact.value, {"type": fact.type, "longest": LONGEST_FACT}):
        detail = f"This is no value of the type {fact.type}, or longer than {LONGEST_FACT} characters."
        raise Invalid(detail, errors=[{"field": "value", "code": "wrong_type", "detail": detail}])


def _owner(fact: Fact, owner_id: UUID | None, *, at: datetime) -> UUID | None:
    """The new owner, held until the end, so that a goodbye finds this fact; somebody who sees what it is about."""
    if owner_id is None:
        return None
    active = Seat.objects.all().active().filter(pk=owner_id)
    seat: Seat | None = active.select_for_update(of=("self",), no_key=True).first()
    if seat is None or not may_keep(caller_for(seat, at=at), fact):
        detail = "There is nobody of this id who sees what the fact is about."
        raise Invalid(detail, errors=[{"field": "owner", "code": "does_not_exist", "detail": detail}])
    return seat.pk


def _note(fact: Fact, deed: FactDeed, *, by: Actor, at: datetime) -> None:
    """Write the history of a fact on."""
    FactRevision(
        id=uuid7(),
        fact=fact,
        number=fact.version,
        deed=deed,
        type=fact.type,
        value=fact.value,
        good_for_minutes=fact.good_for_minutes,
        owner_id=fact.owner_id,
        author_seat_id=by.seat_id,
        at=at,
    ).save(force_insert=True)


def _record_set(fact: Fact, *, by: Actor, at: datetime) -> None:
    record(
        "fact.set",
        on=fact,
        by=by,
        at=at,
        fact=fact.name,
        type=fact.type,
        owner_id=fact.owner_id,
        stale_since=fact.stale_since,
    )


def _set_timer(fact: Fact) -> None:
    """Its owner is reminded when it goes stale, if it is of an incident that is open then."""
    key = str(fact.pk)
    if fact.incident_id is not None and not move(REMIND, key=key, at=fact.stale_since):
        later(REMIND, key=key, agency_id=standing_agency(), at=fact.stale_since, args={"fact_id": key})


# -- when the owner goes --------------------------------------------------------------------------------------


def facts_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(Fact.objects.filter(owner_id__in=seat_ids, removed_at=None), "owner_id")


def _kept_by(seat_id: UUID) -> list[Fact]:
    theirs = Fact.objects.filter(owner_id=seat_id, removed_at=None)
    return list(theirs.select_for_update(of=("self",), no_key=True).order_by("pk"))


@line(LINE, left=facts_left, covers={"readiness.Fact.owner"})
def disown_facts(seat_id: UUID, by: Actor, at: datetime) -> int:
    """What they said stays true until it is too old; then a crisis lead of the brand is asked."""
    held = _kept_by(seat_id)
    for fact in held:
        _entrust(fact, None, by=by, at=at)
    return len(held)


@handing_over(LINE)
def hand_facts_over(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor keeps true what they may see."""
    given, kept = [], []
    for fact in _kept_by(seat_id):
        if may_keep(to, fact):
            _entrust(fact, to.seat_id, by=by, at=at)
            given.append(fact)
        else:
            kept.append(Kept("readiness.Fact", fact.pk, "not_allowed"))
    for fact in given:
        record("fact.handed_over", on=fact, by=by, at=at, fact=fact.name, owner_id=to.seat_id)
    return Handed(len(given), tuple(kept))


def _entrust(fact: Fact, owner_id: UUID | None, *, by: Actor, at: datetime) -> None:
    fact.owner_id = owner_id
    fact.version += 1
    fact.save(update_fields=["owner", "version"])
    _note(fact, FactDeed.ENTRUSTED, by=by, at=at)
