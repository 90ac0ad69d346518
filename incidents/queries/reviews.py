"""Questions about a review: who is asked for it, who reads which part, and what the ratings come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from incidents.models import Duty, Incident, PostMortem, ReviewParticipant, ReviewSection
from incidents.queries import timeline_of
from incidents.states import PostMortemStage, SectionStage, Side
from permissions import gate
from permissions.needs import Need
from permissions.queries.holders import seats_with_role
from tenants.models import Seat
from tenants.queries import caller_in_office

# What every review has, whatever the plan says.
GENERAL: Final = ("summary", "impact", "what_went_well", "what_went_wrong")
CLIENTS_PART: Final = "client"
QUESTIONS: Final[dict[str, str]] = {
    "heard_early": "Did we hear of it early enough?",
    "knew_what_to_do": "Did you know what to do?",
    "approvals_quick": "Were approvals quick enough?",
    "client_informed": "Was the client well informed?",
}
# Of fewer answers nothing is told: one could be recognised.
FEWEST_ANSWERS: Final = 3
# Acts that make nobody a participant of the crisis: they are about what comes after it.
AFTERWARDS: Final = ("postmortem.", "section.", "improvement.", "report.", "incident.closed")


def side_of(seat: Seat) -> Side:
    return Side.CLIENT if seat.side == "client" else Side.AGENCY


@dataclass(frozen=True, slots=True)
class Part:
    """A section that a review shall have, and the seat that is asked to write it."""

    name: str
    side: Side
    asked: UUID | None


def parts_of(incident: Incident, *, owner: UUID | None, at: datetime) -> list[Part]:
    """The sections of an incident's review: the general ones, one for each department of the frozen plan, and the
    client's, where no department is the client's.

    The head of a department is asked, else the deputy, else whoever carried a duty of it; for the client's part a
    client who agreed to something in this incident, else one who could have.
    """
    parts = [Part(name, Side.AGENCY, owner) for name in GENERAL]
    carried = dict(Duty.objects.filter(incident=incident).values_list("duty", "seat_id"))
    for said in incident.plan.get("departments", []):
        wanted = [said.get("head"), said.get("deputy")]
        wanted += [
            carried.get(duty["duty"])
            for duty in incident.plan.get("duties", [])
            if duty.get("department") == said["department"]
        ]
        side = Side.CLIENT if said.get("client") else Side.AGENCY
        if side == Side.AGENCY and said["department"] in GENERAL:
            continue
        parts.append(Part(said["department"], side, _first_of(wanted, incident, side, at)))
    if all(part.side == Side.AGENCY for part in parts):
        wanted = [*acted_in(incident), *seats_with_role(role="client_approver", brand_id=incident.brand_id, at=at)]
        parts.append(Part(CLIENTS_PART, Side.CLIENT, _first_of(wanted, incident, Side.CLIENT, at)))
    return parts


def _first_of(wanted: Iterable[Any], incident: Incident, side: Side, at: datetime) -> UUID | None:
    seats = list(dict.fromkeys(UUID(str(seat)) for seat in wanted if seat))
    sides = {seat.pk: side_of(seat) for seat in Seat.objects.all().active().filter(pk__in=seats)}
    able = (seat for seat in seats if sides.get(seat) == side)
    return next((seat for seat in able if may(seat, Need.INCIDENTS_CONTRIBUTE, incident, at)), None)


def keeper_of(incident: Incident, *, first: UUID | None, without: UUID | None = None, at: datetime) -> UUID | None:
    """Who sees to a review: `first`, else whoever carries a duty, else a crisis lead, else an owner; the first of them
    who may release it and is not `without`.
    """
    wanted = [first, *Duty.objects.filter(incident=incident).order_by("position", "pk").values_list("seat", flat=True)]
    for role in ("crisis_lead", "owner"):
        wanted += seats_with_role(role=role, brand_id=incident.brand_id, at=at)
    seats = dict.fromkeys(seat for seat in wanted if seat and seat != without)
    return next((seat for seat in seats if may(seat, Need.INCIDENTS_REVIEW, incident, at)), None)


def may(seat_id: UUID, need: Need, incident: Incident, at: datetime) -> bool:
    """Whether the person behind a seat is in office and holds a need on the incident."""
    caller = caller_in_office(seat_id, at=at)
    return caller is not None and gate.allowed(caller, need, incident)


def acted_in(incident: Incident) -> list[UUID]:
    """Everybody who did something in the crisis, by the ledger: decided, answered, did a task, took a page, carried a
    duty. In the order in which they first did.
    """
    acts = timeline_of(incident)
    for name in AFTERWARDS:
        acts = acts.exclude(name__startswith=name)
    told = acts.filter(Q(actor_kind="seat") | Q(name="duty.assigned")).order_by("seq")
    found: dict[UUID, None] = {}
    for kind, actor, name, facts in told.values_list("actor_kind", "actor_id", "name", "facts"):
        if kind == "seat" and actor is not None:
            found[actor] = None
        if name == "duty.assigned" and facts["seat_id"]:
            found[UUID(facts["seat_id"])] = None
    return list(found)


def shown_to(side: str) -> QuerySet[ReviewSection, ReviewSection]:
    """The sections that a side may see: the agency sees that the client's exist, the client nothing of the agency's
    before the review is released. What stands in one is for `words_of` to say.
    """
    rows: QuerySet[ReviewSection, ReviewSection] = ReviewSection.objects.all()
    if side != "client":
        return rows
    return rows.filter(Q(side=Side.CLIENT) | Q(postmortem__stage=PostMortemStage.RELEASED))


def words_of(section: ReviewSection, *, side: str) -> str | None:
    """What a section says to a reader of a side; None for what is not theirs to read.

    The client's words are the client's alone until the client hands them in: not even the release does that for them.
    """
    if section.side == Side.CLIENT and side != "client" and section.stage == SectionStage.ASKED:
        return None
    return section.text


def ratings_of(postmortem: PostMortem) -> dict[str, Any]:
    """How many were asked and have answered, and the average of each question, as plain values.

    An average needs three answers. The two sides are told apart only where each has three: else the one would follow
    from the whole and the other.
    """
    asked = ReviewParticipant.objects.filter(postmortem=postmortem, took_part=True, excused_at=None)
    answered = list(asked.filter(answered_at__isnull=False).values_list("side", "scores"))
    scores: dict[str, dict[str, list[int]]] = defaultdict(lambda: {side: [] for side in Side.values})
    for side, said in answered:
        for question, score in said.items():
            scores[question][side].append(score)
    return {
        "asked": asked.count(),
        "answered": len(answered),
        "questions": [_rated(question, scores[question]) for question in QUESTIONS],
    }


def _rated(question: str, scores: Mapping[str, list[int]]) -> dict[str, Any]:
    everybody = [score for side in Side.values for score in scores[side]]
    apart = all(len(scores[side]) >= FEWEST_ANSWERS for side in Side.values)
    return {
        "question": question,
        "answers": len(everybody),
        "average": _average(everybody) if len(everybody) >= FEWEST_ANSWERS else None,
        "agency": _average(scores[Side.AGENCY]) if apart else None,
        "client": _average(scores[Side.CLIENT]) if apart else None,
    }


def _average(scores: list[int]) -> float:
    return round(sum(scores) / len(scores), 1)


def comments_on(postmortem: PostMortem) -> list[str]:
    """What people wrote beside their ratings, in no order that tells who; nothing where fewer than three answered."""
    answered = ReviewParticipant.objects.filter(postmortem=postmortem, answered_at__isnull=False)
    words = list(answered.values_list("words", flat=True))
    return sorted(word for word in words if word) if len(words) >= FEWEST_ANSWERS else []
