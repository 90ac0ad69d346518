"""Asking people to agree to one exact text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.actions.steps import advance, set_deadlines
from approvals.counting import step_complete
from approvals.models import Approval, Decision
from approvals.payload import digest_of
from approvals.process import Step, check_stages, roles_of
from approvals.queries.reliance import counted, still_holds
from approvals.queries.voters import roles_held
from approvals.states import Verdict
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from ledger.actions import record
from tenants.models import Seat

SEVERITIES = range(1, 5)


class AlreadyRequested(Refusal):
    """Fact `approval_id`: the live request about the same thing."""

    code = "already_requested"
    title = "People are asked about this already, or have agreed to it."


@transaction.atomic
def request_approval(
    *,
    brand_id: UUID,
    about_kind: str,
    about_id: UUID,
    payload: dict[str, Any],
    stages: Sequence[Step | dict[str, Any]],
    author_seat_ids: Iterable[UUID],
    expires_at: datetime | None,
    by: Actor,
    at: datetime,
    incident_id: UUID | None = None,
    needs_step_up: bool = False,
    severity: int | None = None,
    carries_from: UUID | None = None,
) -> Approval:
    """Ask people, step by step, to agree to exactly this payload; payload, steps and authors are frozen here.

    `stages` is the process (`approvals.process.Step`). Everyone in `author_seat_ids` is kept from deciding.
    `incident_id` names the incident whose timeline tells of it; `needs_step_up` asks whoever decides to have proved
    shortly before who they are. `severity`, 1 to 4, says how grave it is: who is woken when a step is overdue, and, at
    1 and 2, that two people may bypass the process. `carries_from` is an earlier request about the same kind of thing
    for the same brand: the voices of its complete steps are taken over where the step stands identically in both and
    nothing that it looks at has changed; never those of all steps, so that somebody is always asked. Raises Invalid
    for steps that make no sense, an end in the past or an earlier request that does not fit; NotFound for one that is
    not here; AlreadyRequested while a request about the same thing is live.
    """
    if expires_at is not None and expires_at <= at:
        raise _wrong("expires_at", "in_the_past", "The end lies in the past.")
    if severity is not None and severity not in SEVERITIES:
        raise _wrong("severity", "out_of_range", "From 1, the worst, to 4.")
    frozen = check_stages(list(stages))
    if standing := Approval.objects.all().live().about(about_kind, about_id).first():
        raise AlreadyRequested(approval_id=standing.pk)
    earlier: Approval | None = None if carries_from is None else Approval.objects.found(carries_from)
    if earlier is not None and (earlier.brand_id, earlier.about_kind) != (brand_id, about_kind):
        raise _wrong("carries_from", "does_not_fit", "That request is about something else.")
    approval = Approval(
        id=uuid7(),
        brand_id=brand_id,
        about_kind=about_kind,
        about_id=about_id,
        incident_id=incident_id,
        payload=payload,
        digest=digest_of(payload),
        stages=frozen,
        author_seat_ids=sorted(set(author_seat_ids)),
        requested_at=at,
        expires_at=expires_at,
        needs_step_up=needs_step_up,
        severity=severity,
        carries_from=earlier,
    )
    carried = [] if earlier is None else _carried(approval, earlier, at=at)
    approval.save(force_insert=True)
    for voice in carried:
        voice.save(force_insert=True)
    opened, _ = advance(approval, at=at)
    approval.save(update_fields=["stage_index"])
    record(
        "approval.requested",
        on=approval,
        by=by,
        at=at,
        about_kind=about_kind,
        about_id=about_id,
        digest=approval.digest,
        stages=[step["name"] for step in frozen],
    )
    if earlier is not None and carried:
        names = {frozen[voice.stage_index]["name"]: None for voice in carried}
        record(
            "approval.voices_carried",
            on=approval,
            by=by,
            at=at,
            about_id=about_id,
            approval_id=earlier.pk,
            stages=list(names),
            seats=[voice.seat_id for voice in carried],
        )
    set_deadlines(opened)
    return approval


def _carried(approval: Approval, earlier: Approval, *, at: datetime) -> list[Decision]:
    """The voices that can be taken over, as rows that are not written yet; the seats behind them are held."""
    said: list[Decision] = list(
        Decision.objects.filter(approval_id=earlier.pk, verdict=Verdict.APPROVE)
        .select_related("approval", "carried_from__approval", "seat", "on_behalf_of")
        .order_by("at", "pk")
    )
    trusted = _trusted(approval, said, at=at)
    places = {step["name"]: place for place, step in enumerate(approval.stages)}
    taken: dict[int, list[Decision]] = {}
    for place, step in enumerate(earlier.stages):
        here = places.get(step["name"])
        if here is None or approval.stages[here] != step:
            continue
        rows = [_copy(approval, here, voice) for voice in said if voice.stage_index == place]
        sound = all(row.carried_from_id in trusted and still_holds(row, approval) for row in rows)
        if sound and step_complete(step, [counted(row) for row in rows]):
            taken[here] = rows
    if len(taken) == len(approval.stages):  # nobody would have looked at this text
        return []
    return [row for rows in taken.values() for row in rows]


def _trusted(approval: Approval, said: Sequence[Decision], *, at: datetime) -> set[UUID]:
    """The voices, by what was first said, of people who are in office, wrote none of it, and still hold their roles.

    A seat that somebody holds at this instant may be about to end: it is passed over, not waited for, because whoever
    asks holds incidents, which goodbyes lock after seats. Its person is asked again.
    """
    named = {seat for voice in said for seat in (voice.seat_id, voice.on_behalf_of_id) if seat is not None}
    free = Seat.objects.all().active().filter(pk__in=named).order_by("pk")
    in_office = {seat.pk: seat.user_id for seat in free.select_for_update(of=("self",), no_key=True, skip_locked=True)}
    authors = set(Seat.objects.filter(pk__in=approval.author_seat_ids).values_list("user_id", flat=True))
    held = roles_held(named, brand_id=approval.brand_id, at=at)
    trusted = set()
    for voice in said:
        people = [seat for seat in (voice.seat_id, voice.on_behalf_of_id) if seat is not None]
        if not all(seat in in_office and in_office[seat] not in authors for seat in people):
            continue
        # The rights of whoever was spoken for are the last of the two.
        wanted = set(voice.hats) or set(roles_of(voice.approval.stages[voice.stage_index]))
        kept = wanted & held[people[-1]]
        if voice.as_deputy or kept == wanted or (kept and not voice.hats):
            trusted.add(voice.carried_from_id or voice.pk)
    return trusted


def _copy(approval: Approval, place: int, voice: Decision) -> Decision:
    """The voice as a row of the new request; what was said, of which text and when, stays as it was."""
    origin = voice.carried_from or voice
    return Decision(
        id=uuid7(),
        approval=approval,
        stage_index=place,
        seat=voice.seat,
        person_id=voice.person_id,
        verdict=voice.verdict,
        digest=voice.digest,
        comment=voice.comment,
        at=voice.at,
        hats=voice.hats,
        on_behalf_of=voice.on_behalf_of,
        delegation_id=voice.delegation_id,
        as_deputy=voice.as_deputy,
        carried_from=origin,
    )


def _wrong(field: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=[{"field": field, "code": code, "detail": detail}])
