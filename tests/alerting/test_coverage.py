"""The coverage proof: whom each step would reach, and when nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerting.actions import create_escalation_policy, write_personal_rules
from alerting.models import EscalationPolicy
from core.wall import inside
from permissions.actions.rules import deny_brands
from permissions.models import Grant
from tests.alerting.scene import reach, rota_of
from tests.cast import Answer, Person, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
QUESTIONS = 28


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
    assert answer.body["approvers"] == [{"seat": str(cy.seat.pk), "by": "email"}]
    assert answer.body["unapproved"] == []
    for severity in (1, 2, 3, 4):
        first, second = of(answer, severity)["steps"]
        assert first["people"] == [{"seat": str(dee.seat.pk), "by": "proven"}]
        assert second["people"] == [{"seat": str(ana.seat.pk), "by": "email"}]
        assert first["holes"] == second["holes"] == of(answer, severity)["uncovered"] == []
    assert ana.post(f"seats/{cy.seat.pk}/revoke", {"reason": "left"}).status == 200
    without = ask(dee, north).body
    assert (without["proved"], without["approvers"]) == (False, [])
    assert without["unapproved"] == [{"starts_at": without["from"], "ends_at": without["until"], "why": "nobody"}]
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
            "when": {"local_hours": {"days": [0, 1, 2, 3, 4, 5, 6], "starts": "09:00", "ends": "18:07"}},
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
    assert all(hole["starts_at"].endswith("T18:07:00Z") for hole in hours[1:])


def test_who_keeps_quiet_hours_does_not_hear_of_small_things(
    north: North, ana: Person, dee: Person, now: datetime
) -> None:
    with inside(north.agency.pk):
        write_personal_rules(
            seat_id=dee.seat.pk, language="en", time_zone="Asia/Tashkent", usual=[], important=[],
            quiet_hours=[{"days": [0, 1, 2, 3, 4, 5, 6], "starts": "22:10", "ends": "06:40"}], by=dee.actor, at=now,
        )  # fmt: skip
    ladder(ana, {"notify": [{"seat": dee.seat.pk}], "wait_minutes": 5}, at=now)
    answer = ask(ana, north)
    assert of(answer, 1)["steps"][0]["holes"] == of(answer, 2)["steps"][0]["holes"] == []
    quiet = of(answer, 4)["steps"][0]["holes"]
    assert {hole["why"] for hole in quiet} == {"quiet"}
    assert all(hole["starts_at"].endswith("T17:10:00Z") for hole in quiet[1:])
    assert all(hole["ends_at"].endswith("T01:40:00Z") for hole in quiet[:-1])
    assert of(answer, 3)["uncovered"] == [hole | {"why": "nobody"} for hole in quiet]
    assert answer.body["proved"] is False


def test_a_role_counts_as_long_as_it_is_held(north: North, ana: Person, bo: Person, cy: Person, now: datetime) -> None:
    ladder(ana, {"notify": [{"role": "account_manager"}], "wait_minutes": 5}, at=now)
    assert ask(ana, north).body["proved"] is True
    with inside(north.agency.pk):
        Grant.objects.filter(seat_id=bo.seat.pk).update(ends_at=now + DAY)
        Grant.objects.filter(seat_id=cy.seat.pk).update(starts_at=now + 2 * DAY)
    answer = ask(ana, north).body
    [hole] = answer["severities"][0]["steps"][0]["holes"]
    assert (hole["starts_at"], hole["ends_at"], hole["why"]) == (told(now + DAY), answer["until"], "nobody")
    [without] = answer["unapproved"]
    assert (without["starts_at"], without["ends_at"]) == (answer["from"], told(now + 2 * DAY))


def told(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def test_a_step_that_names_no_person_reaches_none(north: North, ana: Person, now: datetime) -> None:
    ladder(
        ana,
        {"notify": [{"duty": "spokesperson"}], "wait_minutes": 5},
        {"notify": [{"role": "owner"}], "wait_minutes": 5},
        at=now,
    )
    found = of(ask(ana, north), 1)
    assert [hole["why"] for hole in found["steps"][0]["holes"]] == ["no_person"]
    assert found["steps"][1]["holes"] == found["uncovered"] == []


def test_whom_a_deny_rule_keeps_away_agrees_to_nothing(north: North, ana: Person, cy: Person, now: datetime) -> None:
    assert ask(ana, north).body["approvers"] == [{"seat": str(cy.seat.pk), "by": "email"}]
    with inside(north.agency.pk):
        deny_brands(
            seat_id=cy.seat.pk, brand_ids=[north.aurora.pk], reason="A quarrel.", ends_at=now + 2 * DAY,
            by=ana.actor, at=now,
        )  # fmt: skip
    [without] = ask(ana, north).body["unapproved"]
    assert without["ends_at"] == told(now + 2 * DAY)


def test_the_number_of_questions_does_not_grow(north: North, ana: Person, dee: Person, now: datetime) -> None:
    people = [seat_person(north.agency, f"p{number}", "responder", at=now) for number in range(4)]
    first, second = rota_of(dee, at=now), rota_of(dee, *people, at=now, name="Second line")
    ladder(ana, {"notify": [{"rota": first.pk}], "wait_minutes": 5}, at=now)
    counts = [questions(ana, north, days=1)]
    with inside(north.agency.pk):
        EscalationPolicy.objects.all().delete()
    roles = [{"role": role} for role in ("owner", "admin", "responder", "crisis_lead")]
    ladder(ana, {"notify": [{"rota": first.pk}, {"rota": second.pk}, *roles], "wait_minutes": 5},
           {"notify": [{"seat": dee.seat.pk}], "wait_minutes": 5}, at=now)  # fmt: skip
    counts.append(questions(ana, north, days=60))
    assert counts == [QUESTIONS, QUESTIONS]


def questions(person: Person, north: North, *, days: int) -> int:
    ask(person, north, days=days)
    with CaptureQueriesContext(connection) as asked:
        ask(person, north, days=days)
    return len(asked)
