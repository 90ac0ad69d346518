"""The parts of a review: each is written by its own side, and shown to the other when its time has come."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from incidents.actions.postmortems import ask_people, lock_draft, nobody_like_this
from incidents.models import Incident, PostMortem, ReviewSection
from incidents.queries.reviews import may, side_of
from incidents.states import SECTION_LIFECYCLE, PostMortemStage, SectionStage
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.revocation import Handed, Kept, counted, handing_over, line
from tenants.models import Seat


class OthersPart(Refusal):
    """Fact `side`: whose part it is. The agency writes nothing for the client, nor the client for the agency."""

    code = "others_part"
    status = 403
    title = "This part of the review is written by the other side."


class NothingWritten(Refusal):
    """An empty part is not handed in: say that there is nothing to say."""

    code = "nothing_written"
    title = "Nothing is written in this part."


class SomethingWritten(Refusal):
    """Whoever has nothing to say takes away first what stands there."""

    code = "something_written"
    title = "Something is written in this part."


class SectionKnown(Refusal):
    """Fact `section_id`."""

    code = "section_known"
    title = "This review has this part already."


@transaction.atomic
def add_section(
    *, postmortem_id: UUID, name: str, side: str, asked_id: UUID | None, by: Actor, at: datetime
) -> ReviewSection:
    """Ask for one more part of a review, of somebody of the side (`agency` or `client`) that it is.

    Raises Invalid (400) for somebody who could not write it, SectionKnown and PostMortemReleased (409).
    """
    postmortem = lock_draft(postmortem_id)
    if known := ReviewSection.objects.filter(postmortem=postmortem, side=side, name=name).first():
        raise SectionKnown(section_id=known.pk)
    section = ReviewSection(
        id=uuid7(),
        brand_id=postmortem.brand_id,
        postmortem=postmortem,
        name=name,
        side=side,
        position=ReviewSection.objects.filter(postmortem=postmortem).count(),
    )
    _ask_of(section, postmortem, asked_id, at=at)
    section.save(force_insert=True)
    record(
        "section.added", on=section, by=by, at=at, postmortem_id=postmortem.pk, section=name, side=side,
        seat_id=asked_id,
    )  # fmt: skip
    return section


@transaction.atomic
def ask_for_section(*, section_id: UUID, asked_id: UUID | None, by: Actor, at: datetime) -> ReviewSection:
    """Ask somebody else to write a part, or nobody in particular."""
    section, postmortem = _held(section_id)
    if section.asked_id != asked_id:
        _ask_of(section, postmortem, asked_id, at=at)
        section.version += 1
        section.save(update_fields=["asked", "version"])
        record("section.asked", on=section, by=by, at=at, section=section.name, side=section.side, seat_id=asked_id)
    return section


def _ask_of(section: ReviewSection, postmortem: PostMortem, asked_id: UUID | None, *, at: datetime) -> None:
    section.asked_id = asked_id
    if asked_id is None:
        return
    seat: Seat | None = Seat.objects.all().active().filter(pk=asked_id).first()
    incident: Incident = Incident.objects.found(postmortem.incident_id)
    if seat is None or side_of(seat) != section.side or not may(seat.pk, Need.INCIDENTS_CONTRIBUTE, incident, at):
        raise nobody_like_this("asked")
    ask_people(postmortem, [seat.pk], took_part=False, at=at)


@transaction.atomic
def write_section(*, section_id: UUID, text: str, by: Actor, at: datetime) -> ReviewSection:
    """Write a part, all of it. What was handed in stays so; who had nothing to say has something after all.

    Raises OthersPart (403), PostMortemReleased (409), and NothingWritten (409) for emptying what was handed in.
    """
    section, _ = _held(section_id)
    _refuse_others(section, by)
    if not text.strip() and section.stage == SectionStage.WRITTEN:
        raise NothingWritten
    if section.stage == SectionStage.NONE_TO_SAY:
        section.stage, section.contributed_at = SECTION_LIFECYCLE.step("take_back", from_=section.stage), None
    section.text, section.author_id = text, by.seat_id
    section.version += 1
    section.save(update_fields=["stage", "contributed_at", "text", "author_id", "version"])
    record("section.written", on=section, by=by, at=at, section=section.name, side=section.side)
    return section


@transaction.atomic
def hand_in_section(*, section_id: UUID, by: Actor, at: datetime) -> ReviewSection:
    """The part is done: the agency may read what the client wrote. Raises NothingWritten (409) for an empty one."""
    section, _ = _held(section_id)
    _refuse_others(section, by)
    stage = SECTION_LIFECYCLE.step("hand_in", from_=section.stage)
    if not section.text.strip():
        raise NothingWritten
    return _contribute(section, stage, "section.handed_in", by=by, at=at)


@transaction.atomic
def leave_section_empty(*, section_id: UUID, by: Actor, at: datetime) -> ReviewSection:
    """Whoever is asked has nothing to say here, and is reminded no more. Raises SomethingWritten (409)."""
    section, _ = _held(section_id)
    _refuse_others(section, by)
    stage = SECTION_LIFECYCLE.step("say_none", from_=section.stage)
    if section.text:
        raise SomethingWritten
    return _contribute(section, stage, "section.left_empty", by=by, at=at)


@transaction.atomic
def take_section_back(*, section_id: UUID, by: Actor, at: datetime) -> ReviewSection:
    """It is a draft again: what the client takes back, the agency reads no more."""
    section, _ = _held(section_id)
    _refuse_others(section, by)
    section.stage, section.contributed_at = SECTION_LIFECYCLE.step("take_back", from_=section.stage), None
    section.version += 1
    section.save(update_fields=["stage", "contributed_at", "version"])
    record("section.taken_back", on=section, by=by, at=at, section=section.name, side=section.side)
    return section


def _contribute(section: ReviewSection, stage: str, told: str, *, by: Actor, at: datetime) -> ReviewSection:
    section.stage, section.contributed_at, section.author_id = stage, at, by.seat_id
    section.version += 1
    section.save(update_fields=["stage", "contributed_at", "author_id", "version"])
    record(told, on=section, by=by, at=at, section=section.name, side=section.side)
    return section


def _held(section_id: UUID) -> tuple[ReviewSection, PostMortem]:
    """A part and its review, the review first: whoever releases it waits for nobody who writes, and they for it."""
    postmortem = lock_draft(ReviewSection.objects.found(section_id).postmortem_id)
    section: ReviewSection = ReviewSection.objects.locked(section_id)
    return section, postmortem


def _refuse_others(section: ReviewSection, by: Actor) -> None:
    seat: Seat = Seat.objects.found(by.seat_id)
    if side_of(seat) != section.side:
        raise OthersPart(side=section.side)


# -- when people go -------------------------------------------------------------------------------------------


def _asked_of(seat_ids: Collection[UUID]) -> QuerySet[ReviewSection, ReviewSection]:
    """What they are asked for and have not done; what is done goes on saying who was asked."""
    asked = ReviewSection.objects.filter(asked_id__in=seat_ids, stage=SectionStage.ASKED)
    return asked.filter(postmortem__stage=PostMortemStage.DRAFT)


def sections_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(_asked_of(seat_ids), "asked_id")


@line("parts of reviews", left=sections_left, covers={"incidents.ReviewSection.asked"})
def ask_nobody(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Their parts are asked of nobody; the review's owner is told so in the next letter."""
    mine = list(_asked_of([seat_id]).select_for_update(of=("self",), no_key=True).order_by("pk"))
    for section in mine:
        _ask_another(section, None, by=by, at=at)
    return len(mine)


@handing_over("parts of reviews")
def give_sections(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor is asked instead, where they are of the same side and may see the incident."""
    given, kept = 0, []
    mine = _asked_of([seat_id]).select_related("postmortem__incident").select_for_update(of=("self",), no_key=True)
    for section in mine.order_by("pk"):
        fits = ("client" if to.side == "client" else "agency") == section.side
        if fits and gate.allowed(to, Need.INCIDENTS_CONTRIBUTE, section.postmortem.incident):
            ask_people(section.postmortem, [to.seat_id], took_part=False, at=at)
            _ask_another(section, to.seat_id, by=by, at=at)
            given += 1
        else:
            kept.append(Kept("incidents.ReviewSection", section.pk, "cannot_write"))
    return Handed(given, tuple(kept))


def _ask_another(section: ReviewSection, seat_id: UUID | None, *, by: Actor, at: datetime) -> None:
    section.asked_id = seat_id
    section.version += 1
    section.save(update_fields=["asked", "version"])
    record("section.asked", on=section, by=by, at=at, section=section.name, side=section.side, seat_id=seat_id)
