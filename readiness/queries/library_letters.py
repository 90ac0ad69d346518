"""What people are written about the library: a fact that went stale, a pre-approval that is about to end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid5

from core.letters import Letter
from permissions.gate import Caller, allowed
from permissions.needs import Need
from permissions.queries.holders import seats_with_role
from readiness.models import Fact, Message
from readiness.queries.facts import incidents, may_keep
from readiness.queries.plans import preapproved
from tenants.models import Seat
from tenants.queries import caller_for


def _first_able(wanted: list[UUID], able: Callable[[Caller], bool], at: datetime) -> Seat | None:
    there = {seat.pk: seat for seat in Seat.objects.all().active().filter(pk__in=wanted).select_related("user")}
    fit = (there[seat] for seat in wanted if seat in there and able(caller_for(there[seat], at=at)))
    return next(fit, None)


def keeper_of_fact(fact: Fact, at: datetime) -> Seat | None:
    """Who is asked whether a fact is still true: its owner, else a crisis lead of the brand; whoever may see it."""
    wanted = [] if fact.owner_id is None else [fact.owner_id]
    wanted += seats_with_role(role="crisis_lead", brand_id=fact.brand_id, at=at)
    return _first_able(wanted, lambda caller: may_keep(caller, fact), at)


def keeper_of_message(message: Message, at: datetime) -> Seat | None:
    """Who is told of a message's end: whoever wrote it, else a crisis lead of the brand; whoever may still see it."""
    wanted = [] if message.author_id is None else [message.author_id]
    wanted += seats_with_role(role="crisis_lead", brand_id=message.brand_id, at=at)
    return _first_able(wanted, lambda caller: allowed(caller, Need.MESSAGES_READ, message), at)


def ending_letter(message_id: UUID, at: datetime) -> Letter | None:
    """That a pre-approval ends soon; None when it was used, is over, or nobody is there to be told."""
    message: Message | None = Message.objects.filter(pk=message_id).select_related("brand").first()
    if message is None or message.expires_at is None or not preapproved(message, at):
        return None
    keeper = keeper_of_message(message, at)
    if keeper is None:
        return None
    end = f"{message.expires_at:%Y-%m-%d %H:%M} UTC"
    days = (message.expires_at - at).days
    text = "\n".join(
        [
            f"{message.brand.name}: the approval of the message {message.title} ends at {end}.",
            "From then on it does not go out in one call any more.",
            "",
            "Ask for its approval again while there is time.",
        ]
    )
    # Two notices of one approval are two letters; a repeat of one is the same.
    letter_id = uuid5(message.pk, f"{message.approval_id} {days}")
    subject = f"{message.brand.name}: {message.title} is approved until {end}"
    return Letter(letter_id, keeper.user.email, subject, text, message.brand_id, keeper.pk)


def stale_fact_letter(fact_id: UUID, at: datetime) -> Letter | None:
    """That a fact of an open incident is too old; None when it is true again, is gone, or nobody keeps it."""
    fact: Fact | None = Fact.objects.filter(pk=fact_id).select_related("brand").first()
    if fact is None or fact.removed_at is not None or fact.stale_since > at:
        return None
    incident = incidents().open().filter(pk=fact.incident_id).first()
    keeper = keeper_of_fact(fact, at)
    if incident is None or keeper is None:
        return None
    since = f"{fact.stale_since:%Y-%m-%d %H:%M} UTC"
    text = "\n".join(
        [
            f"{incident.reference}, {fact.brand.name}: the fact {fact.name} has been too old since {since}.",
            f"It says: {fact.value}",
            "",
            "No message that says it goes out until somebody has said that it is still true, or what is true now.",
        ]
    )
    letter_id = uuid5(fact.pk, str(fact.version))
    subject = f"{incident.reference}: is {fact.name} still true?"
    return Letter(letter_id, keeper.user.email, subject, text, fact.brand_id, keeper.pk)
