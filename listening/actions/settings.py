"""What a brand chooses about how it is watched, and what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from jsonschema import Draft202012Validator

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import standing_agency
from jobs.actions import later
from ledger.actions import record
from listening.detector.settings import KINDS
from listening.models import ExpectedEvent, ListeningSettings
from listening.query.watched import check_terms
from listening.watching import settings_of, watched_as


class EventOver(Refusal):
    code = "event_over"
    title = "This event is cancelled or over."


def held_settings(brand_id: UUID) -> ListeningSettings:
    """The brand's row, made of defaults when there is none, and held until the transaction ends."""
    ListeningSettings.objects.bulk_create(
        [ListeningSettings(id=brand_id, brand_id=brand_id, version=0)], ignore_conflicts=True
    )
    row: ListeningSettings = ListeningSettings.objects.select_for_update(of=("self",), no_key=True).get(
        brand_id=brand_id
    )
    return row


@transaction.atomic
def change_settings(*, brand_id: UUID, changes: dict[str, Any], by: Actor, at: datetime) -> ListeningSettings:
    """Watch the brand in another way from now on; what was learned stays, and the last hours are judged anew.

    `changes` are fields of the row; of `detector`, `quorum` and `review_minutes` only what is named changes, and null
    brings the default back. Raises Invalid for what the detector refuses, BadQuery (400) for a term
    that cannot be watched for.
    """
    check_terms(changes.get("watched_terms", ()))
    row = held_settings(brand_id)
    for name, value in changes.items():
        if isinstance(value, dict):
            kept = {**getattr(row, name), **value}
            setattr(row, name, {key: one for key, one in kept.items() if one is not None})
        else:
            setattr(row, name, value)
    try:
        settings_of(row)
    except (TypeError, ValueError) as problem:
        raise Invalid(errors=[{"field": "detector", "code": "out_of_range", "detail": str(problem)}]) from None
    row.version += 1
    row.save(update_fields=[*changes, "version"])
    record("listening.changed", on=row, by=by, at=at, changed=sorted(changes), monitor_only=row.monitor_only)
    _look_again(brand_id, at=at)
    return row


def check_changes(brand_id: UUID, proposal: Mapping[str, Any]) -> None:
    """Whether `proposal["settings"]` could be the changes of how a brand is watched; raises Invalid (400).

    A review proposes what decides about alarms: the detector's own settings, the budget of false alarms, how many
    people must agree, and how fast; not what is kept, nor that nobody is woken.
    """
    given = proposal["settings"]
    errors = [
        {"field": f"proposal.settings.{path}", "code": "invalid", "detail": detail} for path, detail in _mistakes(given)
    ]
    if errors:
        raise Invalid("The brand cannot be watched like this.", errors=errors)
    check_terms(given.get("watched_terms", ()))
    held = watched_as(brand_id)
    row = ListeningSettings(
        false_alarms_per_month=given.get("false_alarms_per_month", held.false_alarms_per_month),
        detector={name: one for name, one in {**held.detector, **given.get("detector", {})}.items() if one is not None},
        calibration=held.calibration,
    )
    try:
        settings_of(row)
    except (TypeError, ValueError) as problem:
        raise Invalid(
            errors=[{"field": "proposal.settings.detector", "code": "out_of_range", "detail": str(problem)}]
        ) from None


def _mistakes(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for error in _PROPOSABLE.iter_errors(given):
        yield ".".join(str(part) for part in error.absolute_path), error.message[:200]


def _whole(least: int, most: int) -> dict[str, Any]:
    return {"type": ["integer", "null"], "minimum": least, "maximum": most}


def _by_severity(most: int) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys("1234", _whole(1, most)), "additionalProperties": False}


# The same bounds as where people set these themselves.
_PROPOSABLE: Final = Draft202012Validator(
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "false_alarms_per_month": {"type": "number", "minimum": 0.01, "maximum": 30},
            "detector": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {
                    "least_mentions": _whole(1, 1_000_000),
                    "least_ratio": {"type": ["number", "null"], "minimum": 1.1, "maximum": 1_000},
                    "mood_least_mentions": _whole(5, 1_000_000),
                    "mood_least_rise": {"type": ["number", "null"], "minimum": 0.01, "maximum": 0.9},
                    "influential_reach": _whole(1, 10**12),
                    "watched_least": _whole(1, 1_000_000),
                    "muted": {"type": ["array", "null"], "items": {"enum": list(KINDS)}, "maxItems": len(KINDS)},
                },
            },
            "watched_terms": {
                "type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 80}, "maxItems": 200
            },
            "quorum": _by_severity(10),
            "review_minutes": _by_severity(10_080),
        },
    }
)  # fmt: skip


@transaction.atomic
def plan_event(
    *, brand_id: UUID, name: str, starts_at: datetime, ends_at: datetime, factor: float, by: Actor, at: datetime
) -> ExpectedEvent:
    """People will talk about the brand, and so much more of it than normal alarms nobody."""
    _refuse_backwards(starts_at, ends_at)
    event = ExpectedEvent(id=uuid7(), brand_id=brand_id, name=name, starts_at=starts_at, ends_at=ends_at, factor=factor)
    event.save(force_insert=True)
    record("expected_event.planned", on=event, by=by, at=at, starts_at=starts_at, ends_at=ends_at, factor=factor)
    _look_again(brand_id, at=at)
    return event


@transaction.atomic
def change_event(*, event_id: UUID, changes: dict[str, Any], by: Actor, at: datetime) -> ExpectedEvent:
    """Move an event, or expect more or less of it. Raises EventOver (409) for one that is cancelled or over."""
    event = _going_to_be(event_id, at=at)
    for name, value in changes.items():
        setattr(event, name, value)
    _refuse_backwards(event.starts_at, event.ends_at)
    event.version += 1
    event.save(update_fields=[*changes, "version"])
    record("expected_event.changed", on=event, by=by, at=at, changed=sorted(changes))
    _look_again(event.brand_id, at=at)
    return event


@transaction.atomic
def cancel_event(*, event_id: UUID, by: Actor, at: datetime) -> ExpectedEvent:
    """Nothing out of the normal is expected any more."""
    event = _going_to_be(event_id, at=at)
    event.cancelled_at = at
    event.version += 1
    event.save(update_fields=["cancelled_at", "version"])
    record("expected_event.cancelled", on=event, by=by, at=at)
    _look_again(event.brand_id, at=at)
    return event


def _going_to_be(event_id: UUID, *, at: datetime) -> ExpectedEvent:
    event: ExpectedEvent = ExpectedEvent.objects.locked(event_id)
    if event.cancelled_at is not None or event.ends_at <= at:
        raise EventOver(ends_at=event.ends_at)
    return event


def _refuse_backwards(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        detail = "This must lie after starts_at."
        raise Invalid(errors=[{"field": "ends_at", "code": "out_of_range", "detail": detail}])


def _look_again(brand_id: UUID, *, at: datetime) -> None:
    later("listening.detect", key=str(brand_id), agency_id=standing_agency(), at=at, args={"brand_id": str(brand_id)})
