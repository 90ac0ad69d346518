"""The review of an incident: it opens itself, asks people, reminds them, and is released."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from alerting.actions import queue_letter
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from incidents.models import Improvement, Incident, PostMortem, ReviewParticipant, ReviewSection
from incidents.queries import timeline_of
from incidents.queries.reviews import acted_in, keeper_of, may, parts_of, ratings_of, side_of
from incidents.states import INCIDENT_LIFECYCLE, POSTMORTEM_LIFECYCLE, PostMortemStage, SectionStage, Stage
from jobs.actions import cancel, later
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.revocation import Handed, Kept, counted, handing_over, line
from readiness.plan_body import REVIEW_DAYS
from tenants.models import Seat

REMIND: Final = "incidents.remind_of_review"
OVERDUE: Final = "incidents.review_due"
PART_LETTER: Final = "incidents.review_part"
OWNER_LETTER: Final = "incidents.review"
# Letters go out when the review opens, and so long after it.
ROUNDS: Final = (timedelta(0), timedelta(days=2), timedelta(days=5))


class PostMortemReleased(Refusal):
    """What was released stays as people read it; reopening the incident opens it again."""

    code = "postmortem_released"
    title = "This post-mortem has been released."


def lock_draft(postmortem_id: UUID) -> PostMortem:
    """The review, held until the transaction ends; raises PostMortemReleased (409) when it is no draft any more."""
    postmortem: PostMortem = PostMortem.objects.locked(postmortem_id)
    if postmortem.stage != PostMortemStage.DRAFT:
        raise PostMortemReleased
    return postmortem


# -- opening --------------------------------------------------------------------------------------------------


@transaction.atomic
def begin_review(*, incident_id: UUID, by: Actor, at: datetime) -> PostMortem | None:
    """The crisis is over: the review opens itself, with the events as they stand. Safe to repeat."""
    incident: Incident = Incident.objects.locked(incident_id)
    if incident.stage != Stage.RESOLVED:
        return None
    incident.stage = INCIDENT_LIFECYCLE.step("put_under_review", from_=incident.stage)
    incident.reviewed_at = incident.reviewed_at or at
    incident.version += 1
    incident.save(update_fields=["stage", "reviewed_at", "version"])
    postmortem = _draft(incident, by=by, at=at)
    record("incident.put_under_review", on=incident, by=by, at=at, postmortem_id=postmortem.pk)
    return postmortem


def _draft(incident: Incident, *, by: Actor, at: datetime) -> PostMortem:
    """Begin the review with the events as they stand; after a reopening it goes on with what was written before."""
    events = [str(event_id) for event_id in timeline_of(incident).order_by("seq").values_list("pk", flat=True)]
    due_at = at + timedelta(days=incident.plan.get("review", {}).get("due_days", REVIEW_DAYS))
    found: PostMortem | None = (
        PostMortem.objects.select_for_update(of=("self",), no_key=True).filter(incident=incident).first()
    )
    if found is None:
        found = PostMortem(
            id=uuid7(),
            brand_id=incident.brand_id,
            incident=incident,
            timeline=events,
            owner_id=keeper_of(incident, first=by.seat_id if by.kind == "seat" else None, at=at),
            drafted_at=at,
            due_at=due_at,
        )
        found.save(force_insert=True)
    else:
        if found.stage == PostMortemStage.RELEASED:
            found.stage = POSTMORTEM_LIFECYCLE.step("reopen", from_=found.stage)
        found.timeline, found.released_at, found.ratings = events, None, None
        found.due_at, found.overdue_at, found.reminders = due_at, None, 0
        found.waived_at, found.waived_by_id, found.waived_because = None, None, ""
        found.version += 1
        found.save(
            update_fields=[
                "stage", "timeline", "released_at", "ratings", "due_at", "overdue_at", "reminders", "waived_at",
                "waived_by_id", "waived_because", "version",
            ]
        )  # fmt: skip
    asked = _ask(found, incident, at=at)
    _set_timers(found, at=at)
    record("postmortem.drafted", on=found, by=by, at=at, events=len(events), due_at=found.due_at, asked=asked)
    return found


def _ask(postmortem: PostMortem, incident: Incident, *, at: datetime) -> int:
    """Make the sections that are not there yet, and ask everybody who took part, once; returns how many are asked."""
    there = set(ReviewSection.objects.filter(postmortem=postmortem).values_list("side", "name"))
    parts = parts_of(incident, owner=postmortem.owner_id, at=at)
    fresh = [part for part in parts if (part.side, part.name) not in there]
    ReviewSection.objects.bulk_create(
        [
            ReviewSection(
                id=uuid7(),
                brand_id=postmortem.brand_id,
                postmortem=postmortem,
                name=part.name,
                side=part.side,
                position=place,
                asked_id=part.asked,
            )
            for place, part in enumerate(fresh, start=len(there))
        ]
    )
    took_part = [seat for seat in acted_in(incident) if may(seat, Need.INCIDENTS_READ, incident, at)]
    writers = [part.asked for part in parts if part.asked is not None]
    ask_people(postmortem, took_part, took_part=True, at=at)
    ask_people(postmortem, writers, took_part=False, at=at)
    return ReviewParticipant.objects.filter(postmortem=postmortem, excused_at=None).count()


def ask_people(postmortem: PostMortem, seats: Sequence[UUID], *, took_part: bool, at: datetime) -> None:
    """Put people on the review's list; whoever is on it stays as they are."""
    there = set(ReviewParticipant.objects.filter(postmortem=postmortem).values_list("seat_id", flat=True))
    sides = {seat.pk: side_of(seat) for seat in Seat.objects.filter(pk__in=set(seats) - there)}
    ReviewParticipant.objects.bulk_create(
        [
            ReviewParticipant(
                id=uuid7(),
                brand_id=postmortem.brand_id,
                postmortem=postmortem,
                seat_id=seat,
                side=sides[seat],
                took_part=took_part,
                asked_at=at,
            )
            for seat in dict.fromkeys(seats)
            if seat in sides
        ]
    )


# -- reminding ------------------------------------------------------------------------------------------------


def _set_timers(postmortem: PostMortem, *, at: datetime) -> None:
    end_timers(postmortem, at=at)
    agency_id, said = standing_agency(), {"postmortem_id": str(postmortem.pk)}
    for number, after in enumerate(ROUNDS):
        if at + after < postmortem.due_at:
            later(
                REMIND, key=f"{postmortem.pk}:{number}", agency_id=agency_id, at=at + after,
                args={**said, "round": number},
            )  # fmt: skip
    later(OVERDUE, key=str(postmortem.pk), agency_id=agency_id, at=postmortem.due_at, args=said)


def end_timers(postmortem: PostMortem, *, at: datetime) -> None:
    """Nobody is reminded of this review any more."""
    for number in range(len(ROUNDS)):
        cancel(REMIND, key=f"{postmortem.pk}:{number}", at=at)
    cancel(OVERDUE, key=str(postmortem.pk), at=at)


def _waits(postmortem: PostMortem) -> bool:
    """Whether anybody is still to do anything about it."""
    stage = Incident.objects.filter(pk=postmortem.incident_id).values_list("stage", flat=True).get()
    return postmortem.stage == PostMortemStage.DRAFT and postmortem.waived_at is None and stage == Stage.UNDER_REVIEW


@transaction.atomic
def remind_of_review(*, postmortem_id: UUID, number: int, by: Actor, at: datetime) -> PostMortem:
    """Write to everybody who has not done their part, and to the review's owner; round 0 is when it opens.

    Safe to repeat. A letter says what is owed when it is posted, and is not sent when that is nothing.
    """
    postmortem: PostMortem = PostMortem.objects.locked(postmortem_id)
    if not _waits(postmortem) or postmortem.reminders > number:
        return postmortem
    postmortem.reminders = number + 1
    postmortem.save(update_fields=["reminders"])
    writing = ReviewSection.objects.filter(postmortem=postmortem, stage=SectionStage.ASKED, asked__isnull=False)
    owing = set(writing.values_list("asked_id", flat=True))
    people = ReviewParticipant.objects.filter(postmortem=postmortem, excused_at=None)
    letters = 0
    for person in people.select_for_update(of=("self",), no_key=True).order_by("pk"):
        if person.seat_id in owing or (person.took_part and person.answered_at is None):
            person.reminders += 1
            person.save(update_fields=["reminders"])
            queue_letter(kind=PART_LETTER, thing_id=person.pk, at=at)
            letters += 1
    if postmortem.owner_id is not None:
        queue_letter(kind=OWNER_LETTER, thing_id=postmortem.pk, at=at)
        letters += 1
    record("postmortem.reminded", on=postmortem, by=by, at=at, letters=letters)
    return postmortem


@transaction.atomic
def tell_review_overdue(*, postmortem_id: UUID, by: Actor, at: datetime) -> PostMortem:
    """The review was to be released by now and is not: its owner is written to. Safe to repeat."""
    postmortem: PostMortem = PostMortem.objects.locked(postmortem_id)
    if _waits(postmortem) and postmortem.due_at <= at and postmortem.overdue_at is None:
        postmortem.overdue_at = at
        postmortem.save(update_fields=["overdue_at"])
        queue_letter(kind=OWNER_LETTER, thing_id=postmortem.pk, at=at)
        record("postmortem.went_overdue", on=postmortem, by=by, at=at, due_at=postmortem.due_at)
    return postmortem


# -- changing, measuring, releasing ---------------------------------------------------------------------------


@transaction.atomic
def change_postmortem(
    *, postmortem_id: UUID, owner_id: UUID | None = None, due_at: datetime | None = None, by: Actor, at: datetime
) -> PostMortem:
    """Give a review to somebody else, or set another date for it; what is None stays.

    Raises Invalid (400) for somebody who could not release it and for a date in the past, PostMortemReleased (409).
    """
    postmortem = lock_draft(postmortem_id)
    fields = []
    if owner_id is not None and owner_id != postmortem.owner_id:
        incident: Incident = Incident.objects.found(postmortem.incident_id)
        if not may(owner_id, Need.INCIDENTS_REVIEW, incident, at):
            raise nobody_like_this("owner")
        postmortem.owner_id = owner_id
        fields.append("owner")
    if due_at is not None and due_at != postmortem.due_at:
        if due_at <= at:
            raise Invalid(errors=[{"field": "due_at", "code": "out_of_range", "detail": "This must lie ahead."}])
        postmortem.due_at, postmortem.overdue_at = due_at, None
        fields += ["due_at", "overdue_at"]
        cancel(OVERDUE, key=str(postmortem.pk), at=at)
        later(
            OVERDUE, key=str(postmortem.pk), agency_id=standing_agency(), at=due_at,
            args={"postmortem_id": str(postmortem.pk)},
        )  # fmt: skip
    if fields:
        postmortem.version += 1
        postmortem.save(update_fields=[*fields, "version"])
        told = [field for field in fields if field != "overdue_at"]
        record("postmortem.changed", on=postmortem, by=by, at=at, fields=told)
    return postmortem


def nobody_like_this(field: str) -> Invalid:
    """The body names somebody who is not here, or who may not do this."""
    detail = "There is nobody like this who could do it."
    return Invalid(errors=[{"field": field, "code": "does_not_exist", "detail": detail}])


@transaction.atomic
def measure_postmortem(
    *, postmortem_id: UUID, numbers: Mapping[str, Any], of: datetime, by: Actor, at: datetime
) -> PostMortem:
    """Write down the figures of the crisis as they were at `of`: while it is a draft again and again, and once for
    its release. What was measured at the release stays. Safe to repeat.
    """
    postmortem: PostMortem = PostMortem.objects.locked(postmortem_id)
    final = postmortem.stage == PostMortemStage.RELEASED
    if postmortem.numbers_at is not None and postmortem.numbers_at >= of:
        return postmortem
    if final and of != postmortem.released_at:
        return postmortem
    postmortem.numbers, postmortem.numbers_at = dict(numbers), of
    postmortem.save(update_fields=["numbers", "numbers_at"])
    record("postmortem.measured", on=postmortem, by=by, at=at, final=final)
    return postmortem


@transaction.atomic
def release_postmortem(*, postmortem_id: UUID, by: Actor, at: datetime) -> PostMortem:
    """Let everybody who may see the incident read it; from now on it stays as it is.

    What the client has not handed in stays with the client. Ratings are added up, and nobody is reminded any more.
    """
    postmortem: PostMortem = PostMortem.objects.locked(postmortem_id)
    postmortem.stage = POSTMORTEM_LIFECYCLE.step("release", from_=postmortem.stage)
    postmortem.released_at = at
    postmortem.ratings = ratings_of(postmortem)
    postmortem.version += 1
    postmortem.save(update_fields=["stage", "released_at", "ratings", "version"])
    end_timers(postmortem, at=at)
    record(
        "postmortem.released",
        on=postmortem,
        by=by,
        at=at,
        sections=ReviewSection.objects.filter(postmortem=postmortem, stage=SectionStage.WRITTEN).count(),
        improvements=Improvement.objects.filter(postmortem=postmortem).count(),
        answered=postmortem.ratings["answered"],
    )
    return postmortem


# -- when people go -------------------------------------------------------------------------------------------


def _owned(seat_ids: Collection[UUID]) -> Any:
    return PostMortem.objects.filter(owner_id__in=seat_ids, stage=PostMortemStage.DRAFT, waived_at=None)


def reviews_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(_owned(seat_ids), "owner_id")


@line("reviews", left=reviews_left, covers={"incidents.PostMortem.owner"})
def pass_reviews_on(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Another who could release it sees to the review; what was released says who did."""
    mine = list(_owned([seat_id]).select_for_update(of=("self",), no_key=True).order_by("pk"))
    for postmortem in mine:
        incident: Incident = Incident.objects.found(postmortem.incident_id)
        _own(postmortem, keeper_of(incident, first=None, without=seat_id, at=at), by=by, at=at)
    return len(mine)


@handing_over("reviews")
def give_reviews(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    """The successor sees to them, where they could release them."""
    given, kept = 0, []
    mine = _owned([seat_id]).select_related("incident").select_for_update(of=("self",), no_key=True)
    for postmortem in mine.order_by("pk"):
        if gate.allowed(to, Need.INCIDENTS_REVIEW, postmortem.incident):
            _own(postmortem, to.seat_id, by=by, at=at)
            given += 1
        else:
            kept.append(Kept("incidents.PostMortem", postmortem.pk, "cannot_see"))
    return Handed(given, tuple(kept))


def _own(postmortem: PostMortem, seat_id: UUID | None, *, by: Actor, at: datetime) -> None:
    postmortem.owner_id = seat_id
    postmortem.version += 1
    postmortem.save(update_fields=["owner", "version"])
    record("postmortem.changed", on=postmortem, by=by, at=at, fields=["owner"])
