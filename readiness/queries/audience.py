"""Who is to acknowledge a policy, who has, and who is still to be asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet

from permissions.models import Grant
from readiness.models import Acknowledgement, Contact, PolicyVersion
from tenants.states import SeatStage


@dataclass(frozen=True, slots=True)
class _Member:
    side: str
    roles: frozenset[str]
    departments: frozenset[str]

    def fits(self, entry: Mapping[str, Any]) -> bool:
        return (
            entry.get("side", self.side) == self.side
            and (entry.get("role") is None or entry["role"] in self.roles)
            and (entry.get("department") is None or entry["department"].casefold() in self.departments)
        )


def audience_of(version: PolicyVersion, at: datetime, *, among: Collection[UUID] | None = None) -> set[UUID]:
    """The seats that a version asks: of the people who work for the brand (or, for the agency's policies, anywhere),
    those whom an entry of its audience fits; `among` asks about these seats alone. Departments are those of the contact
    book. Two queries.
    """
    who = version.audience["who"]
    if not who:
        return set()
    brand_id = version.policy.brand_id
    grants = Grant.objects.all().counting(at).filter(seat__stage=SeatStage.ACTIVE)
    if among is not None:
        grants = grants.filter(seat_id__in=among)
    if brand_id is not None:
        grants = grants.filter(Q(brand_id=None) | Q(brand_id=brand_id), incident=None)
    roles: dict[UUID, set[str]] = {}
    sides: dict[UUID, str] = {}
    for seat_id, side, role in grants.order_by().values_list("seat_id", "seat__side", "role").distinct():
        roles.setdefault(seat_id, set()).add(role)
        sides[seat_id] = side
    departments = _departments() if any(entry.get("department") for entry in who) else {}
    members = {
        seat_id: _Member(sides[seat_id], frozenset(held), frozenset(departments.get(seat_id, ())))
        for seat_id, held in roles.items()
    }
    return {seat_id for seat_id, member in members.items() if any(member.fits(entry) for entry in who)}


def _departments() -> dict[UUID, set[str]]:
    found: dict[UUID, set[str]] = {}
    listed = Contact.objects.filter(removed_at=None, seat__isnull=False).exclude(department="")
    for seat_id, department in listed.values_list("seat_id", "department"):
        found.setdefault(seat_id, set()).add(department.casefold())
    return found


def asked_already(version: PolicyVersion, *, among: Collection[UUID] | None = None) -> set[UUID]:
    """The seats that were asked about a version, or need not be because they have acknowledged an earlier one that
    says what matters: since the last version that asks everybody again. `among` asks about these seats alone.
    """
    rows = Acknowledgement.objects.all() if among is None else Acknowledgement.objects.filter(seat_id__in=among)
    asked = set(rows.filter(version=version).values_list("seat_id", flat=True))
    if not version.asks_again:
        earlier = PolicyVersion.objects.filter(policy_id=version.policy_id, number__lt=version.number)
        since = earlier.filter(asks_again=True).order_by("-number").values_list("number", flat=True).first() or 0
        known = rows.filter(
            version__policy_id=version.policy_id,
            version__number__gte=since,
            version__number__lt=version.number,
            acknowledged_at__isnull=False,
        )
        asked |= set(known.values_list("seat_id", flat=True))
    return asked


def versions_that_ask() -> QuerySet[PolicyVersion]:
    """The newest version of every policy that is not retired and has an audience."""
    newest = PolicyVersion.objects.filter(policy__retired_at=None, number=F("policy__number"))
    return newest.exclude(audience__who=[]).select_related("policy").order_by("pk")


def open_acknowledgements() -> QuerySet[Acknowledgement]:
    """Of those asked: who has neither acknowledged nor been excused."""
    return Acknowledgement.objects.filter(acknowledged_at=None, excused_at=None)


def numbers_of(version: PolicyVersion, at: datetime) -> dict[str, int]:
    """How a version's campaign stands; one query. `asked` is all rows, and the sum of the three that follow it."""
    waiting = Q(acknowledged_at=None, excused_at=None)
    counts: dict[str, int] = Acknowledgement.objects.filter(version=version).aggregate(
        asked=Count("pk"),
        acknowledged=Count("pk", filter=Q(acknowledged_at__isnull=False)),
        waiting=Count("pk", filter=waiting),
        excused=Count("pk", filter=Q(acknowledged_at=None, excused_at__isnull=False)),
        overdue=Count("pk", filter=waiting & Q(due_at__lte=at)),
        late=Count("pk", filter=Q(acknowledged_at__gt=F("due_at"))),
    )
    return counts
