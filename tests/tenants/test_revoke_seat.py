"""A goodbye: the seat ends, and so does everything that could be reached through it."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection

from core.wall import inside
from permissions.models import AgencyReach, ApiKey, BrandReach, Grant
from permissions.needs import Need
from tenants.models import Seat
from tests.cast import Person, events_of, key_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
LEFT = {"reason": "left"}


def test_revoking_ends_sessions_keys_and_grants_at_once(north: North, ana: Person, lea: Person) -> None:
    key = key_of(lea, Need.BRANDS_READ)
    assert [lea.get("brands").status, key.get("brands").status] == [200, 200]
    answer = ana.post(f"seats/{lea.seat.pk}/revoke", LEFT)
    assert (answer.status, answer.body["stage"]) == (200, "ENDED")
    assert [lea.get("brands").status, key.get("brands").status] == [401, 401]
    with walled(north.agency):
        assert not Grant.objects.all().live().filter(seat=lea.seat).exists()
        assert not AgencyReach.objects.filter(user=lea.user).exists()
        assert not BrandReach.objects.filter(user=lea.user).exists()
        assert ApiKey.objects.get(seat=lea.seat).revoked_at is not None
        seat = Seat.objects.get(pk=lea.seat.pk)
    assert seat.auth_epoch == lea.seat.auth_epoch + 1
    assert seat.ended_counts["API keys"] == 1
    name, actor, facts = events_of(seat)[-1]
    assert (name, actor, facts["reason"]) == ("seat.revoked", str(ana.actor), "left")
    assert facts["ended"] == seat.ended_counts


def test_revoking_twice_changes_nothing(ana: Person, lea: Person) -> None:
    first = ana.post(f"seats/{lea.seat.pk}/revoke", LEFT)
    second = ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "compromised"})
    assert (second.status, second.body["end_reason"]) == (200, first.body["end_reason"])
    assert len([event for event in events_of(lea.seat) if event[0] == "seat.revoked"]) == 1


def test_the_last_owner_stays(ana: Person) -> None:
    assert ana.post(f"seats/{ana.seat.pk}/revoke", LEFT).code == "last_owner"


def test_an_unknown_reason_is_refused(ana: Person, lea: Person) -> None:
    assert ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "bored"}).status == 400


def test_a_colleague_without_the_need_and_a_stranger(lea: Person, ana: Person, eve: Person) -> None:
    assert lea.post(f"seats/{ana.seat.pk}/revoke", LEFT).status == 403
    assert eve.post(f"/v1/agencies/north/seats/{ana.seat.pk}/revoke", LEFT).status == 404
    assert eve.post(f"seats/{ana.seat.pk}/revoke", LEFT).status == 404
    assert eve.post(f"seats/{uuid4()}/revoke", LEFT).status == 404


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_remove_each_other(north: North, ana: Person) -> None:
    other = seat_person(north.agency, "olga", "owner", at=north.agency.created_at)
    barrier, answers = threading.Barrier(2), []

    def remove(by: Person, whom: Person) -> None:
        barrier.wait()
        answers.append(by.post(f"seats/{whom.seat.pk}/revoke", LEFT).status)
        connection.close()

    pairs = [(ana, other), (other, ana)]
    threads = [threading.Thread(target=remove, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 200 in answers
    with inside(north.agency.pk):
        assert Seat.objects.all().active().count() == 1
