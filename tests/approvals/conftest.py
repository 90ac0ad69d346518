"""A text of brand aurora that the crisis lead and then the client are asked to agree to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from approvals.actions import request_approval
from approvals.models import Approval, AskedStep
from approvals.payload import deliveries_payload
from tests.cast import Person, walled
from tests.conftest import North

LEAD = {"name": "lead", "role": "crisis_lead", "side": "staff", "quorum": 1}
CLIENT = {"name": "client", "role": "client_approver", "side": "client", "quorum": 1}
TEXT = "We are sorry. We have withdrawn the product."

Asking = Callable[..., Approval]


def quoted(digest: str) -> str:
    return f'"{digest}"'


@pytest.fixture
def ask(north: North, bo: Person, now: datetime) -> Asking:
    """Ask for approval in Bo's name: `ask()`, or with another text, process or end."""

    def request(
        *,
        text: str = TEXT,
        stages: list[dict[str, Any]] | None = None,
        authors: list[UUID] | None = None,
        expires_at: datetime | None = None,
        about_id: UUID | None = None,
        payload: dict[str, Any] | None = None,
        at: datetime | None = None,
        **more: Any,
    ) -> Approval:
        with walled(north.agency):
            return request_approval(
                brand_id=north.aurora.pk,
                about_kind="tests.text",
                about_id=about_id or uuid4(),
                payload=payload
                or deliveries_payload(
                    brand_id=north.aurora.pk, language="en", deliveries=[(north.aurora_account.pk, text)]
                ),
                stages=stages or [LEAD, CLIENT],
                author_seat_ids=[bo.seat.pk] if authors is None else authors,
                expires_at=expires_at,
                by=bo.actor,
                at=at or now,
                **more,
            )

    return request


@pytest.fixture
def reread(north: North) -> Callable[[Approval], Approval]:
    """The approval as it is in the database now."""

    def read(approval: Approval) -> Approval:
        with walled(north.agency):
            found: Approval = Approval.objects.found(approval.pk)
            return found

    return read


def say(person: Person, verdict: str, approval: Approval, comment: str = "", **more: Any) -> Any:
    return person.post(
        f"approvals/{approval.pk}/{verdict}", {"comment": comment} | more, If_Match=quoted(approval.digest)
    )


def steps_of(approval: Approval) -> dict[int, AskedStep]:
    """The steps that were asked, by their places."""
    with walled(approval.agency):
        return {row.place: row for row in AskedStep.objects.filter(approval_id=approval.pk)}


def asked_now(approval: Approval) -> list[int]:
    return sorted(place for place, row in steps_of(approval).items() if row.closed_at is None)
