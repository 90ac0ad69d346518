"""Ending a seat, with everything that could be reached through it: at once, or at a planned instant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import Count, F

from core.actor import Actor
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from ledger.actions import record, records_held_back
from permissions.actions.grants import SeatEnded, refuse_last_owner
from permissions.actions.revocations import begin_verifying, block_revocation, plan_revocation, seek_proof
from permissions.models import Revocation
from permissions.revocation import (
    Tried,
    hand_everything_over,
    line,
    todos_of,
    trying,
    undo_everything,
)
from permissions.states import RevocationStage
from tenants.actions.sessions import end_every_session, end_sessions_for
from tenants.models import Seat, User
from tenants.queries import caller_for
from tenants.sign_in.records import proof_of
from tenants.sign_in.seats import seat_opened
from tenants.sign_in.sessions import SessionStore
from tenants.states import SEAT_LIFECYCLE, SeatStage

REASONS = ("left", "moved", "compromised", "expired")
PLANNED = Actor.rule("planned goodbyes")
TRY_AGAIN_AFTER = timedelta(days=1)
MOST_NAMED = 200  # things that a refusal lists


class CannotHandOver(Refusal):
    """Fact `things`: line, kind, id and a word for each thing that the successor cannot take over. Nothing changed."""

    code = "cannot_hand_over"
    title = "The successor cannot take everything over."


@transaction.atomic
def revoke_seat(*, seat_id: UUID, reason: str, by: Actor, at: datetime, successor_id: UUID | None = None) -> Seat:
    """End a seat at once and undo everything the person could reach through it; repeating changes nothing.

    `reason` is one of left, moved, compromised, expired. A move names a successor, who takes over all that can be, or
    the move is refused; with another reason the successor takes over what they can. Every line runs in this
    transaction. What each came to is a Revocation, which a job proves line by line from the commit on. Raises
    LastOwner, CannotHandOver (409), Invalid.
    """
    _check_wish(reason, successor_id, seat_id=seat_id)
    if Seat.objects.found(seat_id).stage != SeatStage.ENDED:
        refuse_last_owner({seat_id}, at=at)
    with records_held_back():
        seat, successor = _both_held(seat_id, successor_id)
        if seat.stage == SeatStage.ENDED:
            return seat
        if successor_id is not None and successor is None:
            raise _no_such_successor()
        todos = todos_of(seat_id=seat.pk, at=at)
        handed: dict[str, int] = {}
        if successor is not None:
            handed, kept = hand_everything_over(seat_id=seat.pk, to=caller_for(successor, at=at), by=by, at=at)
            if kept and reason == "moved":
                things = [{"line": name, "kind": one.kind, "id": one.id, "why": one.why} for name, one in kept]
                raise CannotHandOver(count=len(things), things=things[:MOST_NAMED])
        seat.stage = SEAT_LIFECYCLE.step("revoke", from_=seat.stage)
        seat.ended_at, seat.end_reason = at, reason
        seat.version += 1
        seat.save(update_fields=["stage", "ended_at", "end_reason", "version"])
        seat.ended_counts = undo_everything(seat_id=seat.pk, by=by, at=at)
        seat.save(update_fields=["ended_counts"])
        seat.refresh_from_db(fields=["auth_epoch"])
        revocation = begin_verifying(
            seat_id=seat.pk, reason=reason, successor_id=successor_id, ended=seat.ended_counts, handed_over=handed,
            todos=todos, by=by, at=at,
        )  # fmt: skip
        record(
            "seat.revoked", on=seat, by=by, at=at, reason=reason, ended=seat.ended_counts, handed_over=handed,
            successor_id=successor_id, revocation_id=revocation.pk, tasks=len(todos),
        )  # fmt: skip
    seek_proof(revocation, at=at)
    return seat


def _check_wish(reason: str, successor_id: UUID | None, *, seat_id: UUID) -> None:
    if reason not in REASONS:
        raise Invalid("There is no such reason.", reason=reason, known=list(REASONS))
    problem = ""
    if reason == "moved" and successor_id is None:
        problem = "Whoever moves hands over: name a successor."
    elif reason == "compromised" and successor_id is not None:
        problem = "What a compromised seat has left behind is looked at, and not handed over."
    elif successor_id == seat_id:
        problem = "Nobody succeeds themselves."
    if problem:
        raise Invalid(problem, errors=[{"field": "successor", "code": "successor", "detail": problem}])


def _no_such_successor() -> Invalid:
    detail = "There is no active person of the same side like this."
    return Invalid(detail, errors=[{"field": "successor", "code": "does_not_exist", "detail": detail}])


def _both_held(seat_id: UUID, successor_id: UUID | None) -> tuple[Seat, Seat | None]:
    """The seat and its successor, held until the commit, in one order; None for one that cannot succeed."""
    Seat.objects.found(seat_id)
    wanted = [one for one in (seat_id, successor_id) if one is not None]
    rows = Seat.objects.filter(pk__in=wanted).order_by("pk").select_for_update(of=("self",), no_key=True)
    held: dict[UUID, Seat] = {seat.pk: seat for seat in rows}
    seat = held[seat_id]
    successor = held.get(successor_id) if successor_id else None
    if successor is not None and (successor.stage, successor.side) != (SeatStage.ACTIVE, seat.side):
        successor = None
    return seat, successor


# -- at a time ------------------------------------------------------------------------------------------------------


@transaction.atomic
def plan_goodbye(
    *, seat_id: UUID, reason: str, successor_id: UUID | None, due_at: datetime, by: Actor, at: datetime
) -> Revocation:
    """Have a seat end at an instant to come. Everything is asked again then: nothing is promised about that day.

    Planning again moves the plan. Raises SeatEnded, Invalid.
    """
    _check_wish(reason, successor_id, seat_id=seat_id)
    if due_at <= at:
        detail = "The instant lies in the past; leave it out to end the seat now."
        raise Invalid(detail, errors=[{"field": "at", "code": "in_the_past", "detail": detail}])
    seat, successor = _both_held(seat_id, successor_id)
    if seat.stage == SeatStage.ENDED:
        raise SeatEnded(seat=str(seat_id))
    if successor_id is not None and successor is None:
        raise _no_such_successor()
    return plan_revocation(seat_id=seat_id, reason=reason, successor_id=successor_id, due_at=due_at, by=by, at=at)


@transaction.atomic
def carry_out_goodbye(*, revocation_id: UUID, at: datetime) -> None:
    """End a seat whose time has come. What stands against it is told, and it is tried again a day later."""
    revocation: Revocation = Revocation.objects.found(revocation_id)
    if revocation.stage != RevocationStage.SCHEDULED or revocation.due_at > at:
        return
    try:
        with transaction.atomic():
            revoke_seat(
                seat_id=revocation.seat_id, reason=revocation.reason, successor_id=revocation.successor_id,
                by=PLANNED, at=at,
            )  # fmt: skip
    except Refusal as refusal:
        block_revocation(
            revocation_id=revocation_id, problem=refusal.code, again_at=at + TRY_AGAIN_AFTER, by=PLANNED, at=at
        )


# -- the seat's own lines -------------------------------------------------------------------------------------------


def seats_not_ended(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    living = Seat.objects.filter(pk__in=seat_ids).exclude(stage=SeatStage.ENDED)
    return dict.fromkeys(living.values_list("pk", flat=True), 1)


@line("seat", left=seats_not_ended)
def move_epoch(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """Whatever was made for this seat and remembers its epoch, in a table, a token or a process, is of the past."""
    moved: int = Seat.objects.filter(pk=seat_id).update(auth_epoch=F("auth_epoch") + 1)
    return moved


def sessions_of_nobody(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    """Sessions of people who sit nowhere any more. Those of others are for their work elsewhere, and are tried."""
    homeless = Seat.objects.filter(pk__in=seat_ids, user__live_seats=0)
    found = homeless.annotate(sessions=Count("user__usersession")).filter(sessions__gt=0)
    return dict(found.values_list("pk", "sessions"))


@line("sessions", left=sessions_of_nobody)
def end_sessions(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """End every session of somebody who sat nowhere else, and what this agency's providers opened.

    A session belongs to a person, who may sit in other agencies; those seats stand behind walls that nobody here sees
    through. The number of a person's live seats is kept beside the person by a trigger, in the transaction in which a
    seat comes or goes, and it is the row that two agencies' goodbyes queue at: the last one to commit sees nought.
    What stays open opens no door here, because each request asks for a live seat that is older than the session.
    """
    seat: Seat = Seat.objects.found(seat_id)
    if User.objects.get(pk=seat.user_id).live_seats == 0:
        return end_every_session(user_id=seat.user_id)
    return end_sessions_for(agency_id=standing_agency(), user_id=seat.user_id)


@trying("sessions")
def try_sessions(seat_id: UUID, _at: datetime) -> Tried:
    """Load each session that the person has, and ask what it opens as the door does."""
    user = User.objects.get(pk=Seat.objects.found(seat_id).user_id)
    proofs = [proof_of(SessionStore(one.session_key)) for one in UserSession.objects.filter(user=user)]
    opened = [seat_opened(user, proof) for proof in proofs]
    return Tried(len(proofs), sum(one is not None and one.seat.pk == seat_id for one in opened))
