"""What people are written about a review: their part in it, how it stands, and changes that are late."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from core.letters import Letter
from incidents.models import Improvement, PostMortem, ReviewParticipant, ReviewSection
from incidents.queries.reviews import may, ratings_of
from incidents.states import ImprovementStage, PostMortemStage, SectionStage, Stage
from permissions.needs import Need
from tenants.models import Seat


def part_letter(participant_id: UUID, at: datetime) -> Letter | None:
    """What somebody is asked for; None when they have done it, are excused or gone, or the review is over."""
    rows = ReviewParticipant.objects.select_related("postmortem__incident", "seat__user")
    person: ReviewParticipant = rows.get(pk=participant_id)
    review, incident = person.postmortem, person.postmortem.incident
    if (
        not _waits(review)
        or person.excused_at is not None
        or not may(person.seat_id, Need.INCIDENTS_READ, incident, at)
    ):
        return None
    parts = ReviewSection.objects.filter(postmortem=review, asked_id=person.seat_id, stage=SectionStage.ASKED)
    owed = [f"- write the part {name!r}" for name in parts.order_by("position").values_list("name", flat=True)]
    if person.took_part and person.answered_at is None:
        owed.append("- say how it went: four questions, and nobody learns what you answered")
    if not owed:
        return None
    text = "\n".join(
        [
            f"{incident.reference}, {incident.title}, is over and is being reviewed.",
            f"You took part in it, and are asked by {review.due_at:%Y-%m-%d} to"
            if person.took_part
            else f"You are asked by {review.due_at:%Y-%m-%d} to",
            "",
            *owed,
        ]
    )
    subject = f"{incident.reference}: your part in the review"
    letter_id = uuid5(person.pk, str(person.reminders))
    return Letter(letter_id, person.seat.user.email, subject, text, incident.brand_id, person.seat_id)


def owner_letter(postmortem_id: UUID, _at: datetime) -> Letter | None:
    """How a review stands, to whoever sees to it; None when it is over, or nobody does."""
    review: PostMortem = PostMortem.objects.select_related("incident", "owner__user").get(pk=postmortem_id)
    if not _waits(review) or review.owner is None:
        return None
    incident = review.incident
    parts = list(ReviewSection.objects.filter(postmortem=review).order_by("position"))
    missing = [part for part in parts if part.stage == SectionStage.ASKED]
    rated = ratings_of(review)
    late = review.overdue_at is not None
    done = f"Handed in: {len(parts) - len(missing)} of {len(parts)} parts."
    done += f" Rated by {rated['answered']} of {rated['asked']} people."
    due = f"{'It was' if late else 'It is'} to be released by {review.due_at:%Y-%m-%d}."
    text = "\n".join(
        [
            f"You see to the review of {incident.reference}, {incident.title}. {due}",
            done,
            "",
            *(f"- {part.name}{'' if part.asked_id else ' (nobody is asked for it)'}" for part in missing),
        ]
    ).rstrip()
    subject = f"{incident.reference}: {'the review is overdue' if late else 'the review'}"
    letter_id = uuid5(review.pk, f"{review.reminders} {late}")
    return Letter(letter_id, review.owner.user.email, subject, text, incident.brand_id, review.owner_id)


def improvement_letter(improvement_id: UUID, _at: datetime) -> Letter | None:
    """That a change is late, to whoever sees to it, else to the review's owner; None when it is settled."""
    rows = Improvement.objects.select_related("postmortem__incident")
    row: Improvement = rows.get(pk=improvement_id)
    wanted = [seat for seat in (row.owner_id, row.postmortem.owner_id) if seat]
    there = {seat.pk: seat for seat in Seat.objects.all().active().filter(pk__in=wanted).select_related("user")}
    reader = next((there[seat] for seat in wanted if seat in there), None)
    unsettled = row.stage in (ImprovementStage.PROPOSED, ImprovementStage.ACCEPTED)
    if reader is None or not unsettled or row.due_on is None or row.overdue_at is None:
        return None
    incident = row.postmortem.incident
    text = "\n".join(
        [
            f"Because of {incident.reference} it was proposed: {row.title}.",
            f"It was to be done by {row.due_on:%Y-%m-%d}, and is {row.get_stage_display().lower()}.",
        ]
    )
    letter_id = uuid5(row.pk, f"overdue {row.due_on}")
    return Letter(letter_id, reader.user.email, f"Overdue: {row.title}", text, incident.brand_id, reader.pk)


def _waits(review: PostMortem) -> bool:
    under_review = review.incident.stage == Stage.UNDER_REVIEW
    return under_review and review.stage == PostMortemStage.DRAFT and review.waived_at is None
