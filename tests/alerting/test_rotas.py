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


def turns(*people: Person, **more: Any) -> dict[str, Any]:
    """A daily rotation, as it is easiest to write."""
    return {"members": [str(person.seat.pk) for person in people], "starts_at": "2026-10-24T20:00:00Z", **more}


def shape(*people: Person, **more: Any) -> dict[str, Any]:
    return {"name": "Nights", "time_zone": "Europe/London", "rotations": [turns(*people)], **more}


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
    change = {"rotations": [{"id": seen.body["rotations"][0]["id"], "members": [str(lea.seat.pk)]}]}
    assert lea.patch(f"rotas/{rota.pk}", change).status == 428
    answer = lea.patch(f"rotas/{rota.pk}", change, If_Match=seen.etag)
    assert answer.status == 200, answer.body
    assert (answer.body["name"], answer.body["version"]) == (rota.name, 2)
    assert answer.body["rotations"] == [{**seen.body["rotations"][0], "members": [str(lea.seat.pk)]}]
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
        ({"turn": {"unit": "days", "length": 0}}, "turn.length", "min_value"),
        ({"turn": {"unit": "weeks", "length": 9}}, "turn.length", "max_value"),
        ({"turn": {"unit": "days", "length": "1"}}, "turn.length", "wrong_type"),
        ({"turn": {"unit": "moons"}}, "turn.unit", "invalid_choice"),
        ({"starts_at": "soon"}, "starts_at", "invalid"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "starts_at", "out_of_range"),
        ({"ends_at": "2026-10-24T20:00:00Z"}, "ends_at", "too_early"),
        ({"windows": [{"days": [7], "starts": "09:00", "ends": "17:00"}]}, "windows.0.days.0", "max_value"),
        ({"windows": [{"days": [1], "starts": "9:00", "ends": "17:00"}]}, "windows.0.starts", "invalid"),
        ({"id": str(uuid4())}, "id", "does_not_exist"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
def test_a_rota_that_cannot_be_is_refused(
    lea: Person, dee: Person, change: dict[str, Any], field: str, code: str
) -> None:
    answer = lea.post("rotas", shape(dee, rotations=[turns(dee) | change]))
    assert (answer.status, answer.code) == (400, "invalid")
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] == [(f"rotations.0.{field}", code)]


def test_a_new_rotation_says_its_members_and_its_start(lea: Person) -> None:
    answer = lea.post("rotas", {"name": "Nights", "time_zone": "UTC", "rotations": [{}]})
    said = {(error["field"], error["code"]) for error in answer.body["errors"]}
    assert said == {("rotations.0.members", "required"), ("rotations.0.starts_at", "required")}


def test_rotations_stand_in_layers_and_the_first_on_duty_answers(
    lea: Person, dee: Person, bo: Person, ana: Person
) -> None:
    office = {"windows": [{"days": [0, 1, 2, 3, 4], "starts": "09:00", "ends": "17:00"}], "name": "Office"}
    rota = lea.post("rotas", shape(rotations=[turns(dee, **office), turns(bo)])).body
    for at, person in {
        "2026-11-02T08:59:59Z": bo,  # a Monday, in winter time
        "2026-11-02T09:00:00Z": dee,
        "2026-11-02T16:59:59Z": dee,
        "2026-11-02T17:00:00Z": bo,
        "2026-11-07T12:00:00Z": bo,
        "2027-07-05T08:00:00Z": dee,  # a Monday, in summer time
    }.items():
        assert seat_at(lea, rota["id"], at) == str(person.seat.pk), at

    first, second = rota["rotations"]
    assert (first["name"], second["name"], second["turn"]) == ("Office", "Rotation 2", {"unit": "days", "length": 1})
    # In another order, with one that is new in front; what is not named of the others stays.
    etag = lea.get(f"rotas/{rota['id']}").etag
    changed = lea.patch(
        f"rotas/{rota['id']}",
        {"rotations": [turns(ana, ends_at="2026-10-25T20:00:00Z"), {"id": second["id"]}, {"id": first["id"]}]},
        If_Match=etag,
    )
    assert changed.status == 200, changed.body
    assert [one["id"] for one in changed.body["rotations"]][1:] == [second["id"], first["id"]]
    assert changed.body["rotations"][2] == first
    assert seat_at(lea, rota["id"], "2026-10-25T12:00:00Z") == str(ana.seat.pk)
    assert seat_at(lea, rota["id"], "2026-11-02T09:00:00Z") == str(bo.seat.pk)
    # What is not named any more is gone; the same one twice is refused.
    twice = lea.patch(
        f"rotas/{rota['id']}", {"rotations": [{"id": first["id"]}, {"id": first["id"]}]}, If_Match=changed.etag
    )
    assert twice.body["errors"][0]["code"] == "does_not_exist"
    left = lea.patch(f"rotas/{rota['id']}", {"rotations": [{"id": first["id"]}]}, If_Match=changed.etag)
    assert [one["id"] for one in left.body["rotations"]] == [first["id"]]
    assert seat_at(lea, rota["id"], "2026-11-07T12:00:00Z") is None


def test_follow_the_sun_hands_over_on_the_clocks_of_each_place(
    lea: Person, dee: Person, bo: Person, ana: Person
) -> None:
    every_day = list(range(7))
    places = [
        (dee, "Asia/Tashkent", "08:00", "16:00"),
        (bo, "Europe/London", "08:00", "16:00"),
        (ana, "America/New_York", "11:00", "22:00"),
    ]
    rota = lea.post(
        "rotas",
        shape(
            rotations=[
                turns(person, time_zone=zone, windows=[{"days": every_day, "starts": starts, "ends": ends}])
                for person, zone, starts, ends in places
            ]
        ),
    ).body
    for at, person in {
        "2026-12-01T03:00:00Z": dee,  # 8:00 in Tashkent
        "2026-12-01T10:59:00Z": dee,
        "2026-12-01T11:00:00Z": bo,
        "2026-12-01T15:59:00Z": bo,
        "2026-12-01T16:00:00Z": ana,
        "2026-12-02T02:59:00Z": ana,
        "2026-07-01T15:00:00Z": None,  # before it began
    }.items():
        assert seat_at(lea, rota["id"], at) == (str(person.seat.pk) if person else None), at


def test_who_is_on_call_is_told_for_all_rotas_at_once(
    lea: Person, dee: Person, bo: Person, eve: Person, cy: Person, now: datetime
) -> None:
    first, second = rota_of(dee, at=now, name="A"), rota_of(bo, at=now, name="B")
    answer = dee.get(f"on-call?at={(now + timedelta(hours=1)).isoformat().replace('+', '%2B')}")
    assert [(one["rota"], one["seat"], one["why"]) for one in answer.body["rotas"]] == [
        (str(first.pk), str(dee.seat.pk), "rotation"),
        (str(second.pk), str(bo.seat.pk), "rotation"),
    ]
    assert (eve.get("/v1/agencies/north/on-call").status, cy.get("on-call").status) == (404, 403)


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
        eve.get("/v1/agencies/north/schedule"),
        eve.get(f"rotas/{rota.pk}/schedule"),
        eve.get(f"rotas/{rota.pk}/report"),
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
