"""What people are written about what they keep ready."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid5

from django.conf import settings

from core.letters import Letter
from permissions.queries.holders import seats_with_role
from readiness.contact_form import hint, hours_in_words
from readiness.contact_links import LIVES, Asked, token_of
from readiness.models import Acknowledgement, Contact, Plan
from readiness.queries.contacts import mailed_at, with_channels
from readiness.queries.health import health_of
from readiness.queries.plans import newest_version_of
from readiness.states import ChannelKind, LegalBasis
from tenants.models import Seat
from tenants.states import SeatStage


def keeper_of(plan: Plan, at: datetime) -> Seat | None:
    """Who is told when a plan goes stale: whoever published it, else a crisis lead of the brand, else an owner."""
    newest = newest_version_of(plan)
    wanted = [newest.publisher_id] if newest and newest.publisher_id else []
    for role in ("crisis_lead", "owner"):
        wanted += seats_with_role(role=role, brand_id=plan.brand_id, at=at)
    return _first_here(wanted)


def _first_here(wanted: Iterable[UUID]) -> Seat | None:
    there = {seat.pk: seat for seat in Seat.objects.all().active().filter(pk__in=wanted).select_related("user")}
    return next((there[seat] for seat in wanted if seat in there), None)


def stale_letter(plan_id: UUID, at: datetime) -> Letter | None:
    """That a plan should have been reviewed; None when it has been meanwhile, or nobody keeps it."""
    plan: Plan = Plan.objects.select_related("brand").get(pk=plan_id)
    keeper = keeper_of(plan, at)
    if keeper is None or plan.review_due_at is None or plan.review_due_at > at:
        return None
    health = health_of(plan, at)
    problems = [f"- {problem}" for check in health.checks for problem in check.problems]
    text = "\n".join(
        [
            f"The crisis plan {plan.name} of {plan.brand.name} was to be reviewed by {plan.review_due_at:%Y-%m-%d}.",
            f"Its health is {health.score} of 100.",
            "",
            *(problems or ["Nothing else speaks against it."]),
            "",
            "Look through it and say that it still holds, or draft its next version.",
        ]
    )
    subject = f"The crisis plan of {plan.brand.name} is stale"
    return Letter(plan.pk, keeper.user.email, subject, text, plan.brand_id, keeper.pk)


def nothing_to_note(_thing_id: UUID) -> None:
    """The letter leaves no trace here: it says what is true when it is posted."""


def acknowledge_letter(acknowledgement_id: UUID, _at: datetime) -> Letter | None:
    """That somebody is to acknowledge a policy; None when they have, need not any more, or are gone."""
    rows = Acknowledgement.objects.select_related("version__policy__brand", "version__policy__agency", "seat__user")
    row: Acknowledgement = rows.get(pk=acknowledgement_id)
    if row.acknowledged_at is not None or row.excused_at is not None or row.seat.stage != SeatStage.ACTIVE:
        return None
    policy = row.version.policy
    whose = policy.brand.name if policy.brand else policy.agency.name
    again = f" This is reminder {row.reminders}." if row.reminders else ""
    text = "\n".join(
        [
            f"Please read the policy {policy.name} of {whose}, version {row.version.number}, and acknowledge it",
            f"by {row.due_at:%Y-%m-%d}.{again}",
            "",
            *(f"- {chapter['title']}" for chapter in row.version.chapters),
            "",
            f"Sign in to {policy.agency.name} to read it; it waits under your acknowledgements.",
        ]
    )
    letter_id, subject = uuid5(row.pk, str(row.reminders)), f"To acknowledge: {policy.name}"
    return Letter(letter_id, row.seat.user.email, subject, text, policy.brand_id, row.seat_id)


def confirm_letter(contact_id: UUID, at: datetime) -> Letter | None:
    """What the book says of somebody, with a link by which they confirm it; None when that is no question any more."""
    rows = with_channels(Contact.objects.filter(pk=contact_id, removed_at=None).select_related("agency", "brand"))
    contact: Contact | None = rows.first()
    channel = mailed_at(contact_id)
    if contact is None or channel is None or contact.asked_at is None or at > contact.asked_at + LIVES:
        return None
    if contact.confirmed_at is not None and contact.confirmed_at >= contact.asked_at:
        return None
    token = token_of(Asked(contact.agency.pk, contact.pk, channel.pk, contact.asked_at))
    for_whom = f" for {contact.brand.name}" if contact.brand else ""
    said = [("Name", contact.name), ("Organisation", contact.organisation), ("Department", contact.department)]
    said += [("Title", contact.job_title), ("Hours", hours_in_words(contact.hours) or "always")]
    said += [("Time zone", contact.time_zone)]
    said += [(ChannelKind(one.kind).label, hint(one.kind, one.address)) for one in contact.channels.all()]
    text = "\n".join(
        [
            f"{contact.agency.name} keeps you in its contact book{for_whom}, to reach you in a crisis:",
            "",
            *(f"- {label}: {value}" for label, value in said if value),
            "",
            "Is this right? Open this link to say so, or that it is not; nothing is changed by opening it:",
            "",
            f"{settings.PUBLIC_URL}/v1/contacts/confirm/{token}",
            "",
            f"The link is good until {contact.asked_at + LIVES:%Y-%m-%d}, for one answer. By it you can also ask to be",
            f"removed. The reason in law for keeping this is: {LegalBasis(contact.legal_basis).label.lower()}.",
        ]
    )
    letter_id = uuid5(contact.pk, contact.asked_at.isoformat())
    subject = f"Are you still reached like this? {contact.agency.name} asks"
    return Letter(letter_id, channel.address, subject, text, contact.brand_id, None)


def disputed_letter(contact_id: UUID, at: datetime) -> Letter | None:
    """That somebody says their entry is wrong, or wants to be removed, to whoever keeps the book; None when they are
    gone, or nobody keeps it.
    """
    contact: Contact | None = Contact.objects.filter(pk=contact_id, removed_at=None).select_related("brand").first()
    if contact is None or contact.asked_at is None:
        return None
    wanted = [
        seat
        for role in ("crisis_lead", "owner")
        for seat in seats_with_role(role=role, brand_id=contact.brand_id, at=at)
    ]
    keeper = _first_here(wanted)
    if keeper is None:
        return None
    text = "\n".join(
        [
            f"{contact.name} was asked whether their entry in the contact book is right, and says that it is not, or",
            "that they want to be removed; the audit trail has their answer (contact.disputed).",
            "",
            "Ask them, then change the entry and confirm it, or remove it.",
        ]
    )
    letter_id = uuid5(contact.pk, contact.asked_at.isoformat())
    return Letter(letter_id, keeper.user.email, f"{contact.name} objects", text, contact.brand_id, keeper.pk)
