"""Sending a person their way to one decision, and closing it again."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.models import Approval, DecisionLink
from approvals.queries import can_decide
from approvals.states import APPROVAL_LIFECYCLE, Verdict
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from core.wall import standing_agency
from ledger.actions import record
from tenants.models import Seat
from tenants.queries import caller_for
from tenants.states import SeatStage


class LinkDead(Refusal):
    """One answer for every way of not being good, so that a wrong guess learns nothing."""

    code = "link_dead"
    status = 404
    title = "This link opens nothing: it was used, is over, or never was."


class SeatCannotDecide(Refusal):
    """Facts `stage`, `role` and `side`: whose voice is wanted now. Links are for the client's side."""

    code = "seat_cannot_decide"
    title = "This person cannot decide now, or not by a link."


@transaction.atomic
def send_decision_link(*, approval_id: UUID, seat_id: UUID, lasts: timedelta, by: Actor, at: datetime) -> DecisionLink:
    """Mail somebody of the client's side a link to decide on exactly this text, once; an earlier link of theirs ends.

    The token is sealed until it is mailed and shown to nobody else. Raises CannotMove when the request waits for
    nobody, SeatCannotDecide (409).
    """
    seat: Seat = Seat.objects.locked(seat_id)
    approval: Approval = Approval.objects.locked(approval_id)
    APPROVAL_LIFECYCLE.step(Verdict.APPROVE, from_=approval.stage)
    step = approval.stages[approval.stage_index]  # the first that is open
    if seat.stage != SeatStage.ACTIVE or seat.side != "client" or not can_decide(approval, caller_for(seat, at=at)):
        raise SeatCannotDecide(stage=step["name"], role=step["role"], side=step["side"])
    void_links(Q(approval_id=approval.pk, seat_id=seat.pk), at=at)
    link_id, secret = uuid7(), secrets.token_urlsafe(32)
    ends = at + lasts
    link = DecisionLink(
        id=link_id,
        approval=approval,
        seat=seat,
        digest=approval.digest,
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
        token_to_send=f"csl_{standing_agency().hex}_{link_id.hex}_{secret}",
        created_at=at,
        created_by_id=by.seat_id,
        expires_at=ends if approval.expires_at is None else min(ends, approval.expires_at),
    )
    link.save(force_insert=True)
    record(
        "approval.link_sent", on=approval, by=by, at=at, link_id=link.pk, seat_id=seat.pk, expires_at=link.expires_at
    )
    return link


def void_links(which: Q, *, at: datetime) -> int:
    """End the links that nobody has used; returns how many. The caller holds their approval, or their seat."""
    voided: int = DecisionLink.objects.filter(which, used_at=None, voided_at=None).update(
        voided_at=at, token_to_send=None
    )
    return voided


def void_links_of(seat_id: UUID, at: datetime) -> int:
    """End every link that a person has not used; for whoever ends their seat, which they hold."""
    return void_links(Q(seat_id=seat_id), at=at)


@transaction.atomic
def forget_link_token(*, link_id: UUID) -> None:
    """The letter is out: from now on the token is in the person's mailbox and nowhere else."""
    DecisionLink.objects.filter(pk=link_id).update(token_to_send=None)
