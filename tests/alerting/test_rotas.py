"""Rotas and overrides over HTTP, and who answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from alerting.models import Rota, RotaOverride
from alerting.queries import on_call
from core.wall import inside
from tenants.models import Seat
from tests.alerting.scene import rota_of
from tests.cast import Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db


def shape(*people: Person, **more: Any) -> dict[str, Any]:
    return {
        "name": "Nights",
        "time_zone": "Europe/London",
        "members": [str(person.seat.pk) for person in people],
        "starts_at": "2026-10-24T20:00:00Z",
        "shift_hours": 24,
        **more,
    }


def seat_at(person: Person, rota_id: str, at: str) -> Any:
    answer = person.get(f"rotas/{rota_id}/on-call?at={at}")
    assert answer.status == 200, answer.body
    return answer.body["seat"]


def test_a_lead_makes_a_rota_that_follows_the_clock_of_its_zone(north: North, lea: Person, dee: Person) -> None:
    answer = lea.post("rotas", shape(dee, lea))
    assert answer.status == 201, answer.body
    with inside(north.agency.pk):
        rota = Rota.objects.get(pk=answer.body["id"])
    assert events_of(rota) == [("rota.created", str(lea.actor), {"name": "Nights"})]
    # London's clocks go back on 25 October: 21:00 summer time is 20:00 UTC, 21:00 winter time is 21:00 UTC.
    first, second = str(dee.seat.pk), str(lea.seat.pk)
    for at, seat in {
        "2026-10-24T19:59:59Z": None,
        "2026-10-24T20:00:00Z": first,
        "2026-10-25T20:30:00Z": first,
        "2026-10-25T21:00:00Z": second,
        "2026-10-26T20:59:59Z": second,
        "2026-10-26T21:00:00Z": first,
    }.items():
        assert seat_at(dee, answer.body["id"], at) == seat, at


def test_an_override_stands_in_and_its_end_gives_the_turn_back(
    north: North, lea: Person, dee: Person, bo: Person, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    wanted = {"seat": str(bo.seat.pk), "starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=2)).isoformat()}
    made = lea.post(f"rotas/{rota.pk}/overrides", wanted)
    assert made.status == 201, made.body
    answer = bo.get(f"rotas/{rota.pk}/on-call")
    assert (answer.body["seat"], answer.body["override"]) == (str(bo.seat.pk), made.body["id"])
    with inside(north.agency.pk):
        assert on_call(rota, now + timedelta(hours=2)) == dee.seat.pk

    cancelled = lea.post(f"rota-overrides/{made.body['id']}/cancel")
    assert cancelled.status == 200
    assert cancelled.body["cancelled_at"] is not None
    assert bo.get(f"rotas/{rota.pk}/on-call").body["seat"] == str(dee.seat.pk)
    assert lea.post(f"rota-overrides/{made.body['id']}/cancel").status == 200  # repeating changes nothing
    facts = {"override_id": made.body["id"], "seat_id": str(bo.seat.pk)}
    assert [(name, said["override_id"]) for name, _, said in events_of(rota)[1:]] == [
        ("rota.overridden", made.body["id"]),
        ("rota.override_cancelled", made.body["id"]),
    ]
    assert events_of(rota)[-1] == ("rota.override_cancelled", str(lea.actor), facts)
    assert [one["id"] for one in lea.get(f"rota-overrides?rota={rota.pk}").body["items"]] == [made.body["id"]]
    assert lea.get(f"rota-overrides?rota={uuid4()}").body["items"] == []


def test_of_two_overrides_the_later_made_counts(
    north: North, lea: Person, dee: Person, bo: Person, now: datetime
) -> None:
    rota = rota_of(dee, at=now)
    for person, made_at in ((bo, now), (lea, now + timedelta(seconds=1))):
        with inside(north.agency.pk):
            RotaOverride(
                rota_id=rota.pk,
                seat_id=person.seat.pk,
                starts_at=now,
                ends_at=now + timedelta(hours=1),
                created_at=made_at,
            ).save()
    with inside(north.agency.pk):
        assert on_call(rota, now) == lea.seat.pk


def test_whoever_has_no_seat_any_more_is_passed_over(north: North, lea: Person, dee: Person, now: datetime) -> None:
    rota = rota_of(dee, lea, at=now)
    with inside(north.agency.pk):
        # Ended past the revocation: the rota still names the person.
        Seat.objects.filter(pk=dee.seat.pk).update(stage="ENDED", ended_at=now, end_reason="left")
        assert on_call(rota, now) == lea.seat.pk
        Seat.objects.filter(pk=lea.seat.pk).update(stage="ENDED", ended_at=now, end_reason="left")
        assert on_call(rota, now) is None


def test_an_override_that_cannot_be_is_refused(
    north: North, lea: Person, dee: Person, cy: Person, now: datetime
) -> None:
    rota = rota_of(dee, at=now)

    def ask(seat: Person, start: timedelta, end: timedelta) -> tuple[int, str]:
        body = {
            "seat": str(seat.seat.pk),
            "starts_at": (now + start).isoformat(),
            "ends_at": (now + end).isoformat(),
        }
        answer = lea.post(f"rotas/{rota.pk}/overrides", body)
        return answer.status, answer.body["errors"][0]["code"]

    hour = timedelta(hours=1)
    assert ask(dee, hour, hour) == (400, "too_early")
    assert ask(dee, -2 * hour, -hour) == (400, "too_early")
    assert ask(cy, hour, 2 * hour) == (400, "does_not_exist")  # clients are not on call


def test_an_override_that_is_over_is_not_changed(north: North, lea: Person, dee: Person, now: datetime) -> None:
    rota = rota_of(dee, at=now)
    with inside(north.agency.pk):
        over = RotaOverride(
            rota_id=rota.pk,
            seat_id=lea.seat.pk,
            starts_at=now - timedelta(hours=2),
            ends_at=now - timedelta(hours=1),
            created_at=now,
        )
        over.save()
    assert lea.post(f"rota-overrides/{over.pk}/cancel").code == "override_over"


def test_a_rota_is_changed_by_whoever_saw_its_version(north: North, lea: Person, dee: Person, now: datetime) -> None:
    rota = rota_of(dee, at=now)
    seen = lea.get(f"rotas/{rota.pk}")
    change = {"members": [str(lea.seat.pk)]}
    assert lea.patch(f"rotas/{rota.pk}", change).status == 428
    answer = lea.patch(f"rotas/{rota.pk}", change, If_Match=seen.etag)
    assert answer.status == 200, answer.body
    assert (answer.body["members"], answer.body["name"], answer.body["version"]) == ([str(lea.seat.pk)], rota.name, 2)
    assert lea.patch(f"rotas/{rota.pk}", change, If_Match=seen.etag).status == 412
    assert events_of(rota)[-1] == (
        "rota.revised",
        str(lea.actor),
        {"version": 2, "members": [str(lea.seat.pk)]},
    )


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"members": []}, "members", "min_length"),
        ({"members": [str(uuid4())]}, "members.0", "does_not_exist"),
        ({"shift_hours": 0}, "shift_hours", "min_value"),
        ({"shift_hours": "24"}, "shift_hours", "wrong_type"),
        ({"starts_at": "soon"}, "starts_at", "invalid"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
def test_a_rota_that_cannot_be_is_refused(
    lea: Person, dee: Person, change: dict[str, Any], field: str, code: str
) -> None:
    answer = lea.post("rotas", shape(dee) | change)
    assert (answer.status, answer.code) == (400, "invalid")
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] == [(field, code)]


def test_an_unknown_zone_and_a_name_that_is_taken_are_refused(lea: Person, dee: Person) -> None:
    assert lea.post("rotas", shape(dee, time_zone="Mars/Olympus")).status == 400
    assert lea.post("rotas", shape(dee)).status == 201
    answer = lea.post("rotas", shape(dee))
    assert (answer.status, answer.code) == (409, "rota_name_taken")


def test_who_may_not_change_rotas_is_refused(dee: Person, bo: Person, cy: Person, now: datetime) -> None:
    rota = rota_of(dee, at=now)
    for person in (dee, bo):
        answer = person.post("rotas", shape(dee, name="Mine"))
        assert (answer.status, answer.body["facts"]) == (403, {"need": "rotas.write"})
        assert person.get(f"rotas/{rota.pk}").status == 200
    assert cy.get(f"rotas/{rota.pk}").status == 403


def test_a_stranger_finds_no_rota(north: North, dee: Person, eve: Person, now: datetime) -> None:
    rota = rota_of(dee, at=now)
    with inside(north.agency.pk):
        override = RotaOverride(
            rota_id=rota.pk,
            seat_id=dee.seat.pk,
            starts_at=now,
            ends_at=now + timedelta(hours=1),
            created_at=now,
        )
        override.save()
    for answer in (
        eve.get("/v1/agencies/north/rotas"),
        eve.post("/v1/agencies/north/rotas", shape(dee)),
        eve.get(f"rotas/{rota.pk}"),
        eve.get(f"rotas/{rota.pk}/on-call"),
        eve.patch(f"rotas/{rota.pk}", {"name": "mine"}, If_Match=f'"{rota.pk}-1"'),
        eve.post(f"rotas/{rota.pk}/overrides", {"seat": str(eve.seat.pk)}),
        eve.get(f"rota-overrides/{override.pk}"),
        eve.post(f"rota-overrides/{override.pk}/cancel"),
    ):
        assert answer.status == 404
    # Another agency's person is nobody here.
    answer = eve.post("rotas", shape(dee))
    assert answer.body["errors"][0]["code"] == "does_not_exist"
