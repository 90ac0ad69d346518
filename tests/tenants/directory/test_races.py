"""Directories write from many threads: real transactions, one barrier."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from core.wall import inside
from permissions.models import Grant
from tenants.actions.directory_roles import map_group
from tenants.models import DirectoryUser, Seat, User
from tests.cast import Answer, Person
from tests.conftest import North
from tests.tenants.directory.cast import DirectoryClient, directory_of, person

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    barrier, answers = Barrier(len(calls)), [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            answers[place] = call()
        finally:
            connection.close()

    threads = [Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def statuses(answers: list[Answer]) -> list[int]:
    return sorted(answer.status for answer in answers)


def test_of_two_creations_of_one_name_one_is_told_that_it_is_taken(north: North, directory: DirectoryClient) -> None:
    for name in ("ida", "joe", "kim"):
        said = person(name)
        answers = at_once(*[lambda said=said: directory.post("Users", said)] * 4)
        assert statuses(answers) == [201, 409, 409, 409]
        assert {answer.body["scimType"] for answer in answers if answer.status == 409} == {"uniqueness"}
    with inside(north.agency.pk):
        assert (DirectoryUser.objects.count(), Seat.objects.filter(user__email__endswith="@example.com").count()) == (
            3, 3,
        )  # fmt: skip


def test_two_agencies_take_the_same_new_person_in_at_once(directory: DirectoryClient, eve: Person) -> None:
    foreign = directory_of(eve)
    for number in range(3):
        said = person(f"new{number}")
        answers = at_once(
            lambda said=said: directory.post("Users", said), lambda said=said: foreign.post("Users", said)
        )
        assert statuses(answers) == [201, 201]
        assert User.objects.filter(email=f"new{number}@example.com").count() == 1


def test_whoever_leaves_while_being_put_into_groups_holds_nothing(
    north: North, ana: Person, directory: DirectoryClient
) -> None:
    group = directory.add_group("Crisis")
    with inside(north.agency.pk):
        map_group(
            group_id=group["id"], role="responder", brand_ids=[north.aurora.pk], mapper=ana.caller(),
            check=lambda _row: None, by=ana.actor, at=timezone.now(),
        )  # fmt: skip
    for number in range(4):
        made = directory.add_user(f"p{number}")
        add = {"op": "add", "path": "members", "value": [{"value": made["id"]}]}
        off = {"op": "replace", "value": {"active": False}}
        answers = at_once(
            lambda add=add: directory.patch(f"Groups/{group['id']}", add),
            lambda off=off, made=made: directory.patch(f"Users/{made['id']}", off),
            lambda off=off, made=made: directory.patch(f"Users/{made['id']}", off),
        )
        assert statuses(answers) == [200, 200, 200]
    with inside(north.agency.pk):
        assert Grant.objects.all().live().filter(role="responder").count() == 0
        assert set(Seat.objects.filter(user__email__startswith="p").values_list("stage", flat=True)) == {"ENDED"}
    assert len(directory.get(f"Groups/{group['id']}").body["members"]) == 4


def test_a_revocation_here_and_a_deactivation_there_end_the_seat_once(
    north: North, ana: Person, directory: DirectoryClient
) -> None:
    for number in range(4):
        made = directory.add_user(f"q{number}")
        with inside(north.agency.pk):
            seat = DirectoryUser.objects.get(pk=made["id"]).seat
        off = {"op": "replace", "value": {"active": False}}
        answers = at_once(
            lambda seat=seat: ana.post(f"seats/{seat.pk}/revoke", {"reason": "left"}),
            lambda off=off, made=made: directory.patch(f"Users/{made['id']}", off),
        )
        assert all(200 <= answer.status < 300 for answer in answers), [answer.body for answer in answers]
        with inside(north.agency.pk):
            seat.refresh_from_db()
        assert (seat.stage, seat.auth_epoch) == ("ENDED", 2)
