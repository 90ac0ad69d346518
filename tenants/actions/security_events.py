"""Hearing security events: who may tell them, and what each does to the person it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record, records_held_back
from permissions.actions.grants import LastOwner
from tenants.actions.goodbyes import revoke_seat
from tenants.events.keys import checked_url
from tenants.events.subjects import seat_of
from tenants.events.tokens import Told
from tenants.models import EventTransmitter, Seat, SecurityEvent
from tenants.states import SeatStage

SECURITY_EVENTS = Actor.rule("security events")

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
ENDS_SEAT = {f"{RISC}account-disabled", f"{RISC}account-purged"}
ENDS_SESSIONS = {
    f"{CAEP}session-revoked",
    f"{RISC}sessions-revoked",
    f"{RISC}credential-compromise",
    f"{RISC}account-credential-change-required",
}
# What became of it, the gravest first: a token may tell several events.
OUTCOMES = ("seat_ended", "last_owner", "sessions_ended", "already_ended", "unknown_subject", "nothing_done")


class IssuerKnown(Refusal):
    code = "issuer_known"
    title = "Events of this issuer are heard already."


@transaction.atomic
def add_transmitter(
    *, name: str, issuer: str, audience: str, jwks_url: str, by: Actor, at: datetime
) -> EventTransmitter:
    """Hear the security events of a sender from now on. Raises OutboundRefused (400) and IssuerKnown (409)."""
    url = checked_url(jwks_url)
    if EventTransmitter.objects.filter(issuer=issuer, removed_at=None).exists():
        raise IssuerKnown(issuer=issuer)
    row = EventTransmitter(id=uuid7(), name=name, issuer=issuer, audience=audience, jwks_url=url, created_at=at)
    row.save(force_insert=True)
    record("event_transmitter.added", on=row, by=by, at=at, name=name)
    return row


@transaction.atomic
def remove_transmitter(*, transmitter_id: UUID, reason: str, by: Actor, at: datetime) -> EventTransmitter:
    """Hear a sender no more. Repeating changes nothing."""
    row: EventTransmitter = EventTransmitter.objects.locked(transmitter_id)
    if row.removed_at is None:
        row.removed_at = at
        row.version += 1
        row.save(update_fields=["removed_at", "version"])
        record("event_transmitter.removed", on=row, by=by, at=at, reason=reason)
    return row


@transaction.atomic
def take_event(
    *, transmitter_id: UUID, jti: str, events: Sequence[Told], by: Actor, at: datetime
) -> SecurityEvent | None:
    """Do what a verified security event asks for, once: a token that was taken before changes nothing.

    Returns None when the sender has been removed meanwhile. A disabled or purged account ends the seat; a revoked
    session or a credential in wrong hands ends every way in that was opened before `at`. The last owner's seat is
    never ended: their ways in are.
    """
    with records_held_back():
        sender: EventTransmitter = EventTransmitter.objects.locked(transmitter_id)
        if sender.removed_at is not None:
            return None
        taken: SecurityEvent | None = SecurityEvent.objects.filter(transmitter=sender, jti=jti).first()
        if taken is not None:
            return taken
        done = [_act_on(told, sender, by=by, at=at) for told in events]
        outcome, seat = min(done, key=lambda each: OUTCOMES.index(each[0]))
        event = SecurityEvent(
            id=uuid7(),
            transmitter=sender,
            jti=jti,
            kind=" ".join(_short(told.kind) for told in events)[:120],
            seat=seat,
            outcome=outcome,
            received_at=at,
        )
        event.save(force_insert=True)
        record("security_event.taken", on=event, by=by, at=at, kind=event.kind, outcome=outcome, seat_id=event.seat_id)
    return event


def _act_on(told: Told, sender: EventTransmitter, *, by: Actor, at: datetime) -> tuple[str, Seat | None]:
    if told.kind not in ENDS_SEAT | ENDS_SESSIONS:
        return "nothing_done", None
    seat = seat_of(told.subject, issuer=sender.issuer)
    if seat is None:
        return "unknown_subject", None
    if seat.stage == SeatStage.ENDED:
        return "already_ended", seat
    if told.kind in ENDS_SESSIONS:
        return _end_ways_in(seat, "sessions_ended", at=at), seat
    try:
        with transaction.atomic():
            revoke_seat(seat_id=seat.pk, reason="left", by=by, at=at)
    except LastOwner:
        return _end_ways_in(seat, "last_owner", at=at), seat
    return "seat_ended", seat


def _end_ways_in(seat: Seat, outcome: str, *, at: datetime) -> str:
    """No session from before `at` and no key that was issued before it opens the seat any more."""
    held: Seat = Seat.objects.locked(seat.pk)
    if held.stage == SeatStage.ENDED:
        return "already_ended"
    held.auth_epoch += 1
    held.signed_in_after = at
    held.version += 1
    held.save(update_fields=["auth_epoch", "signed_in_after", "version"])
    return outcome


def _short(kind: str) -> str:
    return kind.rstrip("/").rpartition("/")[2][:60]
