"""What people are written about the library: a fact that went stale, a pre-approval that is about to end."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.letters import Letter
from permissions.queries.holders import seats_with_role
from readiness.models import Fact
from readiness.queries.facts import incidents, may_keep
from tenants.models import Seat
from tenants.queries import caller_for


def keeper_of_fact(fact: Fact, at: datetime) -> Seat | None:
    """Who is asked whether a fact is still true: its owner, else a crisis lead of the brand; whoever may see it."""
    wanted = [] if fact.owner_id is None else [fact.owner_id]
    wanted += seats_with_role(role="crisis_lead", brand_id=fact.brand_id, at=at)
    there = {seat.pk: seat for seat in Seat.objects.all().active().filter(pk__in=wanted).select_related("user")}
    able = (there[seat] for seat in wanted if seat in there and may_keep(caller_for(there[seat], at=at), fact))
    return next(able, None)


def stale_fact_letter(fact_id: UUID, at: datetime) -> Letter | None:
    """That a fact of an open incident is too old; None when it is true again, is gone, or nobody keeps it."""
    fact: Fact | None = Fact.objects.filter(pk=fact_id).select_related("brand").first()
    if fact is None or fact.stale_since > at:
        return None
    incident = incidents().open().filter(pk=fact.incident_id).first()
    keeper = keeper_of_fact(fact, at)
    if incident is None or keeper is None:
        return None
    text = "\n".join(
        [
            f"{incident.reference}, {fact.brand.name}: the fact {fact.name} has been too old since "
            f"{fact.stale_since:%Y-%m-%d %H:%M} UTC.",
            f"It says: {fact.value}",
            "",
            "No message that says it goes out until somebody has said that it is still true, or what is true now.",
        ]
    )
    return Letter(fact.pk, keeper.user.email, f"{incident.reference}: is {fact.name} still true?", text)
