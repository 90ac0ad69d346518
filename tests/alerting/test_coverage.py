"""The coverage proof: whom each step would reach, and when nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerting.actions import create_escalation_policy
from core.wall import inside
from tests.alerting.scene import reach, rota_of
from tests.cast import Answer, Person, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def ladder(person: Person, *steps: dict[str, Any], at: datetime) -> None:
    with inside(person.agency.pk):
        create_escalation_policy(name="Ladder", brand_id=None, steps=list(steps), by=person.actor, at=at)


def ask(person: Person, north: North, days: int = 7) -> Answer:
    answer = person.get(f"coverage?brand={north.aurora.pk}&days={days}")
    assert answer.status == 200, answer.body
    return answer


def of(answer: Answer, severity: int) -> dict[str, Any]:
    found: dict[str, Any] = answer.body["severities"][severity - 1]
    return found


def test_a_rota_without_gaps_and_a_client_who_can_agree_prove_it(
    north: North, ana: Person, dee: Person, cy: Person, eve: Person, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    reach(dee, "email", dee.user.email, at=now)
    ladder(ana, {"notify": [{"rota": rota.pk}], "wait_minutes": 5}, {"notify": [{"role": "owner"}], "wait_minutes": 5},
           at=now)  # fmt: skip
    answer = ask(dee, north)
    assert answer.body["proved"] is True
    assert answer.body["approvers"] == [str(cy.seat.pk)]
    for severity in (1, 2, 3, 4):
        first, second = of(answer, severity)["steps"]
        assert first["people"] == [{"seat": str(dee.seat.pk), "by": "proven"}]
        assert second["people"] == [{"seat": str(ana.seat.pk), "by": "email"}]
        assert first["holes"] == second["holes"] == of(answer, severity)["uncovered"] == []
    assert ana.post(f"seats/{cy.seat.pk}/revoke", {"reason": "left"}).status == 200
    without = ask(dee, north).body
    assert (without["proved"], without["approvers"]) == (False, [])
    assert eve.get(f"/v1/agencies/north/coverage?brand={north.aurora.pk}").status == 404
    assert eve.get(f"coverage?brand={north.aurora.pk}").status == 400


def test_holes_are_listed_to_the_minute_and_say_why(north: North, ana: Person, dee: Person, now: datetime) -> None:
    rota = rota_of(dee, at=now, windows=[{"days": [0, 1, 2, 3, 4, 5, 6], "starts": "08:30", "ends": "20:00"}])
    away = {"starts_at": (now + 2 * DAY).isoformat(), "ends_at": (now + 3 * DAY).isoformat()}
    assert dee.post("absences", away).status == 201
    ladder(ana, {"notify": [{"rota": rota.pk}], "wait_minutes": 5}, at=now)
    found = of(ask(ana, north), 1)
    holes = found["steps"][0]["holes"]
    assert {hole["why"] for hole in holes} == {"gap"}
    assert found["uncovered"] == [hole | {"why": "nobody"} for hole in holes]
    nights = [hole for hole in holes if hole["starts_at"].endswith("T20:00:00Z")]
    assert nights
    assert all(hole["ends_at"].endswith("T08:30:00Z") for hole in nights if hole is not holes[-1])
    day_off = (now + 2.5 * DAY).isoformat().replace("+00:00", "Z")
    assert any(hole["starts_at"] <= day_off < hole["ends_at"] for hole in holes)


def test_a_step_that_its_conditions_keep_out_has_no_holes(
    north: North, ana: Person, dee: Person, bo: Person, now: datetime
) -> None:
    rota = rota_of(dee, at=now, ends_at=now + DAY)
    ladder(
        ana,
        {"notify": [{"role": "owner"}], "wait_minutes": 5},
        {"notify": [{"rota": rota.pk}], "wait_minutes": 5, "when": {"severity_at_least": 2}},
        {
            "notify": [{"seat": bo.seat.pk}], "wait_minutes": 5,
            "when": {"local_hours": {"days": [0, 1, 2, 3, 4, 5, 6], "starts": "09:00", "ends": "18:15"}},
        },
        at=now,
    )  # fmt: skip
    answer = ask(ana, north)
    assert [step["asked"] for step in of(answer, 3)["steps"]] == [True, False, True]
    grave = of(answer, 2)
    [gap] = grave["steps"][1]["holes"]
    assert gap["why"] == "gap"
    assert grave["uncovered"] == [], "an owner is always reached"
    hours = grave["steps"][2]["holes"]
    assert {hole["why"] for hole in hours} == {"hours"}
    assert all(hole["starts_at"].endswith("T18:15:00Z") for hole in hours[1:])


def test_the_number_of_questions_does_not_grow_with_time(north: North, ana: Person, dee: Person, now: datetime) -> None:
    ivy = seat_person(north.agency, "ivy", "responder", at=now)
    rota = rota_of(dee, ivy, at=now)
    ladder(ana, {"notify": [{"rota": rota.pk}, {"role": "owner"}], "wait_minutes": 5}, at=now)
    ask(ana, north, days=1)
    counts = []
    for days in (1, 60):
        with CaptureQueriesContext(connection) as asked:
            ask(ana, north, days=days)
        counts.append(len(asked))
    assert counts[0] == counts[1]
