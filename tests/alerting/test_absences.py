"""People who are away: the next in order answers."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from alerting.actions import add_absence
from alerting.models import Absence, Rota
from alerting.queries import on_call
from core.refusals import Refusal
from core.wall import inside
from tests.alerting.scene import home_of, rota_of
from tests.cast import Answer, Person, events_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def ivy(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "ivy", "responder", at=now)


@pytest.fixture
def rota(dee: Person, ivy: Person, now: datetime) -> Rota:
    """Dee has today, Ivy tomorrow, Dee the day after."""
    return rota_of(dee, ivy, at=now)


def who_answers(rota: Rota, at: datetime) -> object:
    with inside(home_of(rota)):
        return on_call(rota, at)


def away(person: Person, since: datetime, until: datetime, **more: object) -> Answer:
    return person.post("absences", {"starts_at": since.isoformat(), "ends_at": until.isoformat(), **more})


def test_while_somebody_is_away_the_next_in_order_answers(
    rota: Rota, dee: Person, ivy: Person, bo: Person, lea: Person, eve: Person, now: datetime
) -> None:
    made = away(ivy, now + DAY, now + 2 * DAY)
    assert made.status == 201, made.body
    noon = now + 1.5 * DAY
    assert who_answers(rota, noon) == dee.seat.pk
    again = away(ivy, now + 1.9 * DAY, now + 3 * DAY)
    assert (again.code, again.body["facts"]) == ("already_away", {"absence_id": made.body["id"]})
    assert away(bo, now, now + DAY, seat=str(dee.seat.pk)).code == "not_allowed"
    assert away(lea, now + DAY, now + 2 * DAY, seat=str(dee.seat.pk)).status == 201
    assert who_answers(rota, noon) is None, "both are away: a gap that is said"
    path = f"absences/{made.body['id']}"
    assert eve.post(f"{path}/end").status == 404
    assert bo.post(f"{path}/end").code == "not_allowed"
    assert ivy.post(f"{path}/end").body["cancelled_at"] is not None
    assert who_answers(rota, noon) == ivy.seat.pk
    with inside(home_of(rota)):
        absence = Absence.objects.get(pk=made.body["id"])
    assert [name for name, _, _ in events_of(absence)] == ["absence.added", "absence.ended"]


def test_who_comes_back_early_was_away_until_then(rota: Rota, dee: Person, ivy: Person, now: datetime) -> None:
    made = away(dee, now - timedelta(hours=2), now + timedelta(hours=2))
    assert who_answers(rota, now) == ivy.seat.pk
    ended = dee.post(f"absences/{made.body['id']}/end").body
    assert ended["cancelled_at"] is None
    assert ended["ends_at"] < made.body["ends_at"]
    assert who_answers(rota, now + timedelta(hours=1)) == dee.seat.pk
    assert who_answers(rota, now - timedelta(seconds=30)) == ivy.seat.pk


def test_who_is_gone_is_not_away(rota: Rota, ana: Person, dee: Person, lea: Person, now: datetime) -> None:
    made = away(dee, now + DAY, now + 2 * DAY)
    assert ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"}).status == 200
    assert lea.get(f"absences/{made.body['id']}").body["cancelled_at"] is not None


def test_an_absence_is_revised(rota: Rota, dee: Person, ivy: Person, bo: Person, eve: Person, now: datetime) -> None:
    made = away(ivy, now + DAY, now + 2 * DAY)
    path = f"absences/{made.body['id']}"
    later = {"ends_at": (now + 4 * DAY).isoformat()}
    assert ivy.patch(path, later).status == 428
    assert eve.patch(path, later, If_Match=made.etag).status == 404
    assert bo.patch(path, later, If_Match=made.etag).code == "not_allowed"
    revised = ivy.patch(path, later, If_Match=made.etag)
    assert (revised.status, revised.body["version"]) == (200, 2), revised.body
    assert revised.body["starts_at"] == made.body["starts_at"]
    assert who_answers(rota, now + 3.5 * DAY) == dee.seat.pk
    assert ivy.patch(path, later, If_Match=made.etag).status == 412
    other = away(ivy, now + 5 * DAY, now + 6 * DAY)
    over = ivy.patch(path, {"ends_at": (now + 5.5 * DAY).isoformat()}, If_Match=revised.etag)
    assert (over.code, over.body["facts"]) == ("already_away", {"absence_id": other.body["id"]})
    wrong = ivy.patch(path, {"ends_at": now.isoformat()}, If_Match=revised.etag)
    assert wrong.body["errors"][0]["field"] == "ends_at"
    ended = ivy.post(f"{path}/end")
    assert ivy.patch(path, later, If_Match=ended.etag).code == "absence_over"
    with inside(home_of(rota)):
        absence = Absence.objects.get(pk=made.body["id"])
    assert [name for name, _, _ in events_of(absence)] == ["absence.added", "absence.revised", "absence.ended"]


@pytest.mark.django_db(transaction=True)
def test_of_absences_of_the_same_time_one_is_written(north: North, dee: Person, now: datetime) -> None:
    barrier, said = Barrier(4), list[str]()

    def say(hours: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            with walled(north.agency):
                try:
                    add_absence(
                        seat_id=dee.seat.pk, starts_at=now + timedelta(hours=hours), ends_at=now + DAY,
                        by=dee.actor, at=now,
                    )  # fmt: skip
                    said.append("added")
                except Refusal as refused:
                    said.append(refused.code)
        finally:
            connection.close()

    threads = [Thread(target=say, args=(hours,)) for hours in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert Counter(said) == {"added": 1, "already_away": 3}
