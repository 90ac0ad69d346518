"""A link that Ana's agency mailed to Cy, whose voice the client's stage waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from approvals.models import Approval, DecisionLink
from tests.approvals.conftest import CLIENT, Asking
from tests.cast import Answer, Person, send, walled
from tests.conftest import North

Mailing = Callable[..., str]


def path_of(token: str) -> str:
    return f"/v1/decisions/{token}"


def look(token: str, **headers: str) -> Answer:
    """Open the link as somebody who has nothing but the link."""
    return send("GET", path_of(token), **headers)


def say_by(token: str, approval: Approval, verdict: str = "approve", **more: Any) -> Answer:
    headers = more.pop("headers", {})
    return send("POST", path_of(token), {"verdict": verdict, "digest": approval.digest} | more, **headers)


@pytest.fixture
def for_the_client(ask: Asking) -> Approval:
    """A text that waits for the client alone."""
    return ask(stages=[CLIENT])


@pytest.fixture
def mail_link(north: North, bo: Person) -> Mailing:
    """Have a link mailed and take its token from under the seal."""

    def mail(approval: Approval, person: Person, **wish: Any) -> str:
        answer = bo.post(f"approvals/{approval.pk}/links", {"seat": str(person.seat.pk)} | wish)
        assert answer.status == 201, answer.body
        with walled(north.agency):
            token = DecisionLink.objects.get(pk=answer.body["id"]).token_to_send
        assert token is not None
        return str(token)

    return mail
