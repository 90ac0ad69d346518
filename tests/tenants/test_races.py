"""Two people at the same instant: one invitation taken twice, and an agency that would lose its last owner."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from permissions.models import Grant
from tenants.models import Invitation, Seat, User
from tests.cast import Answer, Person, seat_person, send, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)
BECAUSE = {"reason": "at the same instant"}
LEFT = {"reason": "left"}


def at_once(*acts: Callable[[], Answer]) -> list[Answer]:
    """The answers of acts that start together, each over a connection of its own."""
    barrier, answers = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Answer]) -> None:
        barrier.wait()
        answers.append(act())
        connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def offered(by: Person, email: str, role: str = "responder") -> str:
    answer = by.post("invitations", {"email": email, "side": "staff", "role": role})
    assert answer.status == 201, answer.body
    with walled(by.agency):
        token: str = Invitation.objects.get(pk=answer.body["id"]).token_to_send
    return token


def accept(token: str) -> Callable[[], Answer]:
    body = {"token": token, "name": "Fay", "password": "a long enough phrase"}
    return lambda: send("POST", "/v1/invitations/accept", body)


@pytest.mark.parametrize("round_", range(5))
def test_one_invitation_seats_one_person_once(north: North, ana: Person, round_: int) -> None:
    token = offered(ana, "fay@example.org")
    answers = at_once(*[accept(token)] * 4)
    assert sorted(answer.status for answer in answers) == [201, 404, 404, 404]
    with walled(north.agency):
        assert Seat.objects.filter(user__email="fay@example.org").count() == 1
    assert User.objects.filter(email="fay@example.org").count() == 1


def test_two_invitations_seat_a_person_once(north: North, ana: Person) -> None:
    tokens = [offered(ana, "fay@example.org"), offered(ana, "fay@example.org", "analyst")]
    answers = at_once(*[accept(token) for token in tokens])
    assert sorted(answer.status for answer in answers) == [201, 409]
    with walled(north.agency):
        assert Seat.objects.filter(user__email="fay@example.org").count() == 1


@pytest.fixture
def owners(north: North, ana: Person) -> tuple[Person, Person]:
    return ana, seat_person(north.agency, "olga", "owner", at=north.agency.created_at)


def remove(how: str, by: Person, whom: Person) -> Callable[[], Answer]:
    with walled(whom.agency):
        grant = Grant.objects.get(seat=whom.seat, role="owner").pk
    calls = {
        "revoke": (f"seats/{whom.seat.pk}/revoke", LEFT),
        "suspend": (f"seats/{whom.seat.pk}/suspend", BECAUSE),
        "withdraw": (f"grants/{grant}/withdraw", BECAUSE),
    }
    return lambda: by.post(*calls[how])


WAYS = ("revoke", "suspend", "withdraw")


@pytest.mark.parametrize("one", WAYS)
@pytest.mark.parametrize("other", WAYS)
def test_an_agency_keeps_an_owner_however_two_of_them_go(
    north: North, owners: tuple[Person, Person], one: str, other: str
) -> None:
    ana, olga = owners
    answers = at_once(remove(one, ana, olga), remove(other, olga, ana))
    assert 200 in [answer.status for answer in answers]
    assert [answer for answer in answers if answer.status >= 500] == []
    with walled(north.agency):
        left = Grant.objects.all().live().filter(role="owner", brand=None, seat__stage="ACTIVE")
        assert left.count() == 1
