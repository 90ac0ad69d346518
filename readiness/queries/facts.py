"""What is known and may be said: the facts of a brand and of an incident, and which of them are too old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value

from core.refusals import Refusal
from permissions.gate import Caller, allowed
from permissions.needs import Need
from readiness.filling import FactChanged, Filled, StaleFact, fill, too_old
from readiness.filling import Value as FactValue
from readiness.models import Fact, Message

# `said_at` plus the minutes that a fact is good for, as Postgres reckons it.
STALE_SINCE = ExpressionWrapper(
    F("said_at") + ExpressionWrapper(F("good_for_minutes") * Value(timedelta(minutes=1)), output_field=DurationField()),
    output_field=DateTimeField(),
)


def incidents() -> Any:
    """The incidents inside the wall. They lie above, so they are known here by the name of their table alone."""
    return apps.get_model("incidents", "Incident")._default_manager.all()


def may_keep(caller: Caller, fact: Fact) -> bool:
    """Whether somebody sees what the fact is about: its incident, else its brand."""
    return allowed(caller, Need.BRANDS_READ if fact.incident_id is None else Need.INCIDENTS_READ, fact)


def by_age(rows: QuerySet[Fact], *, at: datetime, stale: bool) -> QuerySet[Fact]:
    """Those of the facts that are stale at that instant, or those that still hold."""
    known = rows.alias(old_from=STALE_SINCE)
    return known.filter(old_from__lte=at) if stale else known.filter(old_from__gt=at)


def facts_about(*, brand_id: UUID, incident_id: UUID | None, among: QuerySet[Fact] | None = None) -> dict[str, Fact]:
    """The facts by their names as an incident of a brand would say them: its own, else the brand's. One query.

    `among` narrows them to what somebody may see.
    """
    ground = Q(incident_id=None) if incident_id is None else Q(incident_id=None) | Q(incident_id=incident_id)
    rows = (Fact.objects.all() if among is None else among).filter(ground, brand_id=brand_id, removed_at=None)
    # The brand's come first, so that the incident's own stand over them.
    return {fact.name: fact for fact in sorted(rows, key=lambda fact: fact.incident_id is not None)}


def values_of(facts: Iterable[Fact]) -> dict[str, FactValue]:
    """Facts as what fills a slot, by their names."""
    return {fact.name: _value_of(fact) for fact in facts}


def _value_of(fact: Fact) -> FactValue:
    return FactValue(fact.value, fact.pk, fact.owner_id, fact.said_at, fact.stale_since)


def fill_message(message: Message, *, incident_id: UUID | None, at: datetime) -> Filled:
    """The texts of a message, in the order of its deliveries, as they would go out in that incident now.

    One query; none for a message without slots. `Filled.refusal` says why they cannot go out.
    """
    texts = [delivery["text"] for delivery in message.deliveries]
    if not message.slots:
        return Filled(tuple(texts))
    facts = facts_about(brand_id=message.brand_id, incident_id=incident_id)
    return fill(texts, message.slots, values_of(facts.values()), at=at)


def why_untrue(said: Mapping[str, Mapping[str, str]], *, at: datetime) -> Refusal | None:
    """Why words that rest on facts must not go out: a fact says something else by now, is gone, or is too old.

    `said` is {slot: {"fact": id, "value": what the words say}}, as `Filled.said`. The facts are held until the
    transaction ends, so that none changes between this answer and what is done with it. One query; none for nothing.
    """
    if not said:
        return None
    named = Fact.objects.filter(pk__in={one["fact"] for one in said.values()})
    there = {str(fact.pk): fact for fact in named.select_for_update(of=("self",), no_key=True).order_by("pk")}
    changed: list[dict[str, Any]] = []
    stale: list[dict[str, Any]] = []
    for slot, one in sorted(said.items()):
        fact = there.get(one["fact"])
        gone = fact is None or fact.removed_at is not None
        if fact is None or gone or fact.value != one["value"]:
            owner = None if fact is None else fact.owner_id
            changed.append({"slot": slot, "fact": one["fact"], "owner": owner, "removed": gone})
        else:
            stale += too_old(slot, _value_of(fact), at=at)
    if changed:
        return FactChanged(slots=changed)
    return StaleFact(slots=stale) if stale else None
