"""Asking people to acknowledge a policy, reminding them, and hearing that they do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from alerting.actions import queue_letter
from core.actor import Actor
from core.ids import uuid7
from core.refusals import NotFound, Refusal
from jobs.actions import Wish, later_many
from ledger.actions import record
from permissions.revocation import counted, line
from readiness.actions.policies import ASK_AUDIENCE
from readiness.models import Acknowledgement, Policy, PolicyVersion
from readiness.queries.audience import asked_already, audience_of, open_acknowledgements, versions_that_ask

ACKNOWLEDGE_LETTER: Final = "readiness.acknowledge_policy"
AT_ONCE: Final = 200
MOST_REMINDERS: Final = 3
# Reminders come when half of the time has passed, when all of it has, and half of it after that.
REMINDER_AFTER: Final = tuple(0.5 * (number + 1) for number in range(MOST_REMINDERS))


class NoLongerAsked(Refusal):
    """A newer version was published, the policy was retired, or they left its audience."""

    code = "no_longer_asked"
    title = "This version need not be acknowledged any more."


class PersonsOnly(Refusal):
    """Acknowledging is a person's own word."""

    code = "persons_only"
    status = 403
    title = "A key cannot acknowledge a policy for its person."


@transaction.atomic
def ask_audience(*, version_id: UUID, by: Actor, at: datetime) -> bool:
    """Ask those of the audience who were not asked yet, a batch of them; says whether there are more.

    Those who were asked and have left the audience are excused. Nothing happens once a newer version holds. Safe to
    repeat: a person is asked once about a version.
    """
    version: PolicyVersion = PolicyVersion.objects.select_related("policy").get(pk=version_id)
    policy: Policy = Policy.objects.locked(version.policy_id)
    if policy.retired_at is not None or policy.number != version.number:
        return False
    audience = audience_of(version, at)
    waiting = sorted(audience - asked_already(version))
    open_acknowledgements().filter(version=version).exclude(seat_id__in=audience).update(excused_at=at)
    again = Acknowledgement.objects.filter(version=version, seat_id__in=audience, acknowledged_at=None)
    again.filter(excused_at__isnull=False).update(excused_at=None)  # who left the audience and came back
    asked = _ask(version, waiting[:AT_ONCE], at)
    if asked:
        record("policy.acknowledgement_asked", on=policy, by=by, at=at, number=version.number, people=asked)
    return len(waiting) > AT_ONCE


def _ask(version: PolicyVersion, seat_ids: Collection[UUID], at: datetime) -> int:
    due_at = at + timedelta(days=version.audience["due_days"])
    rows = [
        Acknowledgement(id=uuid7(), version=version, seat_id=seat_id, asked_at=at, due_at=due_at)
        for seat_id in seat_ids
    ]
    Acknowledgement.objects.bulk_create(rows)
    for row in rows:
        queue_letter(kind=ACKNOWLEDGE_LETTER, thing_id=row.pk, at=at)
    return len(rows)


@transaction.atomic
def ask_newcomer(*, seat_id: UUID, by: Actor, at: datetime) -> int:
    """Ask somebody who has come, or has another role, about every policy whose audience they are of now.

    Returns how many they are asked about. Safe to repeat.
    """
    asked: list[PolicyVersion] = []
    for version in versions_that_ask():
        if seat_id not in audience_of(version, at, among=[seat_id]):
            continue
        policy: Policy = Policy.objects.locked(version.policy_id)
        holds = policy.retired_at is None and policy.number == version.number
        if holds and seat_id not in asked_already(version, among=[seat_id]):
            asked.append(version)
            _ask(version, [seat_id], at)
    for version in asked:
        record("policy.acknowledgement_asked", on=version.policy, by=by, at=at, number=version.number, people=1)
    return len(asked)


@transaction.atomic
def acknowledge_policy(*, acknowledgement_id: UUID, by: Actor, at: datetime) -> Acknowledgement:
    """Somebody says that they have read this version and keep to it. Saying it twice changes nothing.

    Raises NotFound for somebody else's, PersonsOnly (403) for a key, NoLongerAsked (409).
    """
    row: Acknowledgement = Acknowledgement.objects.locked(acknowledgement_id)
    if by.seat_id != row.seat_id:
        raise NotFound
    if by.kind != "seat":
        raise PersonsOnly
    if row.acknowledged_at is not None:
        return row
    if row.excused_at is not None:
        raise NoLongerAsked
    row.acknowledged_at = at
    row.save(update_fields=["acknowledged_at"])
    version: PolicyVersion = PolicyVersion.objects.select_related("policy").get(pk=row.version_id)
    record(
        "policy.acknowledged", on=version.policy, by=by, at=at, number=version.number, version_id=version.pk,
        late=at > row.due_at,
    )  # fmt: skip
    return row


@transaction.atomic
def tend_campaigns(*, at: datetime) -> int:
    """Look again at who is in the audience of each policy that asks: roles begin and end by the clock, and people
    change departments. Returns how many campaigns are looked at, each in a job of its own.
    """
    asking = list(versions_that_ask())
    return later_many(
        [Wish(ASK_AUDIENCE, str(one.pk), one.agency_id, at, {"version_id": str(one.pk)}) for one in asking]
    )


@transaction.atomic
def remind_people(*, by: Actor, at: datetime) -> int:
    """Write again to those who have not acknowledged, at most three times each; returns to how many."""
    due = [
        row.pk
        for row in open_acknowledgements().filter(reminders__lt=MOST_REMINDERS).only("asked_at", "due_at", "reminders")
        if at >= row.asked_at + (row.due_at - row.asked_at) * REMINDER_AFTER[row.reminders]
    ]
    held = list(
        open_acknowledgements()
        .filter(pk__in=due, reminders__lt=MOST_REMINDERS)
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .order_by("pk")[:AT_ONCE]
    )
    Acknowledgement.objects.filter(pk__in=[row.pk for row in held]).update(reminders=F("reminders") + 1)
    by_version: dict[UUID, int] = {}
    for row in held:
        by_version[row.version_id] = by_version.get(row.version_id, 0) + 1
    for version in PolicyVersion.objects.filter(pk__in=by_version).select_related("policy").order_by("pk"):
        number, people = version.number, by_version[version.pk]
        record("policy.reminded", on=version.policy, by=by, at=at, number=number, people=people)
    for row in held:
        queue_letter(kind=ACKNOWLEDGE_LETTER, thing_id=row.pk, at=at)
    return len(held)


def _owed(seat_ids: Collection[UUID], _at: datetime) -> dict[UUID, int]:
    return counted(open_acknowledgements().filter(seat_id__in=seat_ids), "seat_id")


@line("policies to acknowledge", left=_owed, covers={"readiness.Acknowledgement.seat"})
def excuse_leaver(seat_id: UUID, _by: Actor, at: datetime) -> int:
    """Whoever has left is asked for no acknowledgement any more; those they gave stay."""
    excused: int = open_acknowledgements().filter(seat_id=seat_id).update(excused_at=at)
    return excused
