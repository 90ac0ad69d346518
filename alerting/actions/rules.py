"""What people say about how and when they want to be told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.db import transaction

from alerting.models import ContactMethod, PersonalRules
from alerting.queries import working
from core.actor import Actor
from core.refusals import Invalid
from ledger.actions import record
from permissions.revocation import counted, line
from tenants.models import Seat


@transaction.atomic
def write_personal_rules(
    *,
    seat_id: UUID,
    language: str,
    time_zone: str,
    usual: Sequence[Mapping[str, Any]],
    important: Sequence[Mapping[str, Any]],
    quiet_hours: Sequence[Mapping[str, Any]],
    by: Actor,
    at: datetime,
) -> PersonalRules:
    """From the next message on, the person is told like this.

    `usual` and `important` are [{"contacts": [ids of the person's own ways], "wait_minutes": n}]; quiet hours are
    [{"days": [0 to 6, Monday first], "starts": "22:00", "ends": "07:00"}].
    """
    seat: Seat = Seat.objects.locked(seat_id)
    if not working([seat_id]):
        detail = "Only active staff are notified."
        raise Invalid(errors=[{"field": "seat", "code": "not_staff", "detail": detail}])
    if time_zone not in available_timezones():
        detail = "There is no such time zone."
        raise Invalid(errors=[{"field": "time_zone", "code": "not_a_time_zone", "detail": detail}])
    own = set(ContactMethod.objects.all().live().filter(seat_id=seat_id).values_list("pk", flat=True))
    kept = {"usual": _kept(usual, own, "usual"), "important": _kept(important, own, "important")}
    rules: PersonalRules = PersonalRules.objects.filter(seat_id=seat_id).first() or PersonalRules(
        id=seat.pk, seat_id=seat.pk, version=0
    )
    rules.language, rules.time_zone = language, ZoneInfo(time_zone).key
    rules.usual, rules.important = kept["usual"], kept["important"]
    rules.quiet_hours = [dict(window) for window in quiet_hours]
    rules.version += 1
    rules.save()
    record("personal_rules.changed", on=rules, by=by, at=at, seat_id=seat_id, version=rules.version)
    return rules


def _kept(steps: Sequence[Mapping[str, Any]], own: Collection[UUID], field: str) -> list[dict[str, Any]]:
    for place, step in enumerate(steps):
        if strangers := set(step["contacts"]) - set(own):
            detail = f"Not the person's own: {', '.join(sorted(map(str, strangers)))}."
            path = f"{field}.{place}.contacts"
            raise Invalid(errors=[{"field": path, "code": "does_not_exist", "detail": detail}])
    return [
        {"contacts": [str(one) for one in step["contacts"]], "wait_minutes": step["wait_minutes"]} for step in steps
    ]


def forget_way(way: ContactMethod) -> None:
    """The person's rules name a way no more that is gone; inside the action that removes it."""
    rules = PersonalRules.objects.all().select_for_update(of=("self",), no_key=True).filter(seat_id=way.seat_id).first()
    if rules is None:
        return
    rules.usual, rules.important = _without(rules.usual, way), _without(rules.important, way)
    rules.version += 1
    rules.save(update_fields=["usual", "important", "version"])


def _without(steps: list[dict[str, Any]], way: ContactMethod) -> list[dict[str, Any]]:
    """The steps that name other ways still; the wait of one that falls away is waited before the next."""
    found: list[dict[str, Any]] = []
    waited = 0
    for step in steps:
        contacts = [one for one in step["contacts"] if one != str(way.pk)]
        if contacts:
            found.append({"contacts": contacts, "wait_minutes": step["wait_minutes"] + (waited if found else 0)})
            waited = 0
        else:
            waited += step["wait_minutes"]
    return found


def rules_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(PersonalRules.objects.filter(seat_id__in=seat_ids), "seat_id")


@line("personal rules", left=rules_left, covers={"alerting.PersonalRules.seat"})
def forget_personal_rules(seat_id: UUID, _by: Actor, _at: datetime) -> int:
    deleted, _ = PersonalRules.objects.filter(seat_id=seat_id).delete()
    return deleted
