"""What people are written about work that is theirs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from core.letters import Letter
from incidents.models import Duty, DutyOffer, Task
from incidents.states import OfferStage, TaskStage
from tenants.models import Seat


def overdue_letter(task_id: UUID, _at: datetime) -> Letter | None:
    """That a task is late, to whoever has it; None when it is done meanwhile, or nobody has it."""
    task: Task = Task.objects.select_related("incident").get(pk=task_id)
    wanted = [task.seat_id]
    if task.seat_id is None:
        wanted = list(Duty.objects.filter(incident_id=task.incident_id, duty=task.duty).values_list("seat", flat=True))
    seat = Seat.objects.all().active().select_related("user").filter(pk__in=[one for one in wanted if one]).first()
    if seat is None or task.stage != TaskStage.OPEN or task.due_at is None:
        return None
    text = f"{task.incident.reference}: {task.title!r} was to be done by {task.due_at:%Y-%m-%d %H:%M} UTC, and is not."
    subject = f"Overdue: {task.title}"
    return Letter(uuid5(task.pk, "overdue"), seat.user.email, subject, text, task.brand_id, seat.pk)


def offer_letter(offer_id: UUID, at: datetime) -> Letter | None:
    """That somebody is asked to take a duty over; None when it was answered, or the time is over."""
    offer: DutyOffer = DutyOffer.objects.select_related("duty__incident", "to_seat__user").get(pk=offer_id)
    if offer.stage != OfferStage.OFFERED or offer.ends_at <= at:
        return None
    incident = offer.duty.incident
    text = "\n".join(
        [
            f"You are asked to take over {offer.duty.duty!r} in {incident.reference}, {incident.title}.",
            *([offer.note] if offer.note else []),
            f"Accept or decline it by {offer.ends_at:%H:%M} UTC; until then it stays with whoever has it.",
        ]
    )
    subject = f"{incident.reference}: will you take {offer.duty.duty}?"
    return Letter(offer.pk, offer.to_seat.user.email, subject, text, offer.brand_id, offer.to_seat_id)


def nothing_to_note(_thing_id: UUID) -> None:
    """The letter leaves no trace here: it says what is true when it is posted."""
