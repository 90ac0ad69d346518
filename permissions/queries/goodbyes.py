"""What a goodbye comes to: the report that is shown, printed, hashed and recorded."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps

from ledger.chain import canonical
from permissions.models import Revocation, RevocationLine, RevocationTask
from permissions.revocation import in_order
from permissions.states import Finding, RevocationStage

FACTS = ("id", "seat_id", "reason", "successor_id", "asked_at", "asked_by", "due_at", "done_at", "completed_at")
LINE = ("name", "finding", "ended", "handed_over", "left", "detail", "checked_at")
TASK = ("id", "line", "title", "owner_id", "due_at", "done_at", "done_by_id", "note")


def report_of(revocation: Revocation) -> dict[str, Any]:
    """The goodbye, its lines in the order of their names, and its tasks; two queries.

    The same state gives the same report, and the same digest, whenever it is asked for.
    """
    lines = list(RevocationLine.objects.filter(revocation_id=revocation.pk).order_by("name"))
    tasks = list(RevocationTask.objects.filter(revocation_id=revocation.pk).order_by("due_at", "id"))
    return {
        "format": 1,
        "revocation": {name: getattr(revocation, name) for name in FACTS},
        "complete": revocation.stage == RevocationStage.COMPLETE,
        "findings": findings_of(lines),
        "lines": [{name: getattr(found, name) for name in LINE} for found in lines],
        "tasks": [{name: getattr(task, name) for name in TASK} for task in tasks],
    }


def findings_of(lines: list[RevocationLine]) -> dict[str, int]:
    """How many lines come to each finding."""
    counts = Counter(found.finding for found in lines)
    return {finding.value: counts[finding.value] for finding in Finding}


def digest_of(report: dict[str, Any]) -> str:
    """SHA-256 of the report as canonical JSON: sorted keys, no spaces, UTF-8."""
    return hashlib.sha256(canonical(report)).hexdigest()


def goodbye_of(seat_id: UUID) -> Revocation | None:
    """The newest goodbye of a seat that was not called off."""
    found = Revocation.objects.filter(seat_id=seat_id).exclude(stage=RevocationStage.CANCELLED).order_by("-id")
    newest: Revocation | None = found.first()
    return newest


def drifted(*, at: datetime) -> Iterator[UUID]:
    """Seats that ended, of which something is alive, in the order of their ids; those being proven just now are not.

    One query for a line and every thousand of the agency's ended seats.
    """
    open_ones = Revocation.objects.filter(stage=RevocationStage.VERIFYING).values("seat_id")
    seats: Any = apps.get_model("tenants", "Seat").objects
    ended = seats.filter(stage="ENDED").exclude(pk__in=open_ones).order_by("pk").values_list("pk", flat=True)
    for some in _thousands(list(ended)):
        alive = {seat for found in in_order() if found.left for seat, left in found.left(some, at).items() if left}
        yield from sorted(alive)


def unproven() -> list[UUID]:
    """Goodbyes with a line that is not confirmed: whatever became of their timers, they are asked again."""
    lines = RevocationLine.objects.filter(
        finding=Finding.UNCONFIRMED, revocation__stage=RevocationStage.VERIFYING
    ).order_by("revocation_id")
    return list(lines.values_list("revocation_id", flat=True).distinct())


def _thousands(seats: list[UUID]) -> Iterator[list[UUID]]:
    yield from (seats[first : first + 1000] for first in range(0, len(seats), 1000))
