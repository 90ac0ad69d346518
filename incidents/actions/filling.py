"""Statements made of the library: its texts, the slots filled with what is known about the incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.refusals import Invalid, Refusal
from incidents.actions.statements import Facts, draft_statement, revise_statement
from incidents.models import Incident, Statement
from incidents.queries import newest_version
from incidents.variants import Variant, variants_of
from readiness.models import Message
from readiness.queries.facts import fill_message


class NotOfTheLibrary(Refusal):
    code = "not_of_the_library"
    title = "This statement was not made of a message of the library."


def words_of_message(message: Message, *, incident_id: UUID, at: datetime) -> tuple[list[Variant], Facts]:
    """The texts of a library message for each account, its slots filled with what is known, and the facts in them.

    Facts that are too old are filled in: they keep the words from going out, not from being worked on. Raises
    SlotMissing or SlotUnfit where there is nothing to fill a slot with.
    """
    filled = fill_message(message, incident_id=incident_id, at=at)
    if filled.unsayable is not None:
        raise filled.unsayable
    words = zip(message.deliveries, filled.texts, strict=True)
    return [Variant(UUID(delivery["account"]), text) for delivery, text in words], filled.said


@transaction.atomic
def draft_from_message(
    *,
    incident_id: UUID,
    message_id: UUID,
    title: str | None = None,
    claims: Sequence[str] = (),
    by: Actor,
    at: datetime,
) -> Statement:
    """Begin a statement with the words of a library message of the brand, for every account that it has a text for.

    Raises Invalid for another brand's message, and what `words_of_message` refuses.
    """
    incident: Incident = Incident.objects.found(incident_id)
    message: Message = Message.objects.found(message_id)
    if message.brand_id != incident.brand_id:
        detail = "The brand has no such message."
        raise Invalid(detail, errors=[{"field": "message", "code": "does_not_exist", "detail": detail}])
    words, facts = words_of_message(message, incident_id=incident_id, at=at)
    return draft_statement(
        incident_id=incident_id,
        title=title or message.title,
        language=message.language,
        deliveries=words,
        claims=claims,
        message_id=message_id,
        facts=facts,
        by=by,
        at=at,
    )


@transaction.atomic
def refill_statement(*, statement_id: UUID, by: Actor, at: datetime) -> Statement:
    """Fill the slots again with what is known now: a new version, unless it says the same of the same facts.

    What people changed in the words by hand is gone with it; the pictures stay. Raises NotOfTheLibrary, and what
    revising and `words_of_message` refuse.
    """
    statement: Statement = Statement.objects.locked(statement_id)
    if statement.message_id is None:
        raise NotOfTheLibrary
    message: Message = Message.objects.found(statement.message_id)
    words, facts = words_of_message(message, incident_id=statement.incident_id, at=at)
    pictures = {one.account_id: one.media for one in variants_of(newest_version(statement).payload)}
    return revise_statement(
        statement_id=statement_id,
        title=statement.title,
        language=message.language,
        deliveries=[replace(one, media=pictures.get(one.account_id, ())) for one in words],
        facts=facts,
        by=by,
        at=at,
    )
