"""Duty as iCalendar: addresses that calendar programs read, and rotations that a calendar says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from alerting.actions import create_feed
from alerting.calendar import NotACalendar, read
from alerting.models import CalendarFeed, ImportedShift, Rota
from alerting.queries import on_call
from alerting.queries.feeds import shown_by
from core.logs import masked
from core.wall import inside
from tests.alerting.scene import home_of, rota_of
from tests.cast import Answer, Person, events_of, seat_person, send
from tests.conftest import North

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//somebody//EN\r\n"


def event(who: str, starts: str, ends: str, *more: str, uid: str = "1@there") -> str:
    lines = ["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{who} is on call", f"DTSTART{starts}", f"DTEND{ends}", *more]
    return "\r\n".join([*lines, "END:VEVENT", ""])


def ics(*events: str) -> str:
    return HEAD + "".join(events) + "END:VCALENDAR\r\n"


@pytest.fixture
def ivy(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "ivy", "responder", at=now)


@pytest.fixture
def rota(dee: Person, ivy: Person, now: datetime) -> Rota:
    return rota_of(dee, ivy, at=now)


def path_of(made: Answer) -> str:
    path: str = made.body["url"].split("/", 3)[-1]
    return f"/{path}"


def test_a_calendar_program_reads_ones_duty(rota: Rota, dee: Person, eve: Person, now: datetime) -> None:
    made = dee.post("calendar-feeds", {})
    assert made.status == 201, made.body
    answer = send("GET", path_of(made))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    events = Calendar.from_ical(answer.body).walk("VEVENT")
    assert str(events[0]["SUMMARY"]) == "On call: First line"
    with inside(home_of(rota)):
        for one in events[:5]:
            middle = one["DTSTART"].dt + (one["DTEND"].dt - one["DTSTART"].dt) / 2
            assert on_call(rota, middle) == dee.seat.pk
    assert len({str(one["UID"]) for one in events}) == len(events)
    again = send("GET", path_of(made), If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert send("GET", path_of(made), If_None_Match=f'"x", W/{answer.headers["ETag"]}').status == 304
    assert send("GET", path_of(made), If_None_Match='"x"').status == 200
    assert dee.get("calendar-feeds").body["items"][0]["read_at"] is not None
    assert "url" not in dee.get("calendar-feeds").body["items"][0], "shown once"
    assert eve.get("calendar-feeds").body["items"] == []


def test_a_rotas_calendar_names_its_people(rota: Rota, dee: Person, bo: Person) -> None:
    made = bo.post("calendar-feeds", {"rota": str(rota.pk)})
    text = send("GET", path_of(made)).body.decode()
    assert path_of(made).rsplit("/", 1)[-1] not in masked(f'"GET {path_of(made)} HTTP/1.1" 200')
    assert "SUMMARY:Dee (First line)" in text
    assert "SUMMARY:Ivy (First line)" in text


def test_an_address_opens_nothing_when_it_should_not(
    north: North, rota: Rota, ana: Person, dee: Person, ivy: Person
) -> None:
    made, other = dee.post("calendar-feeds", {}), ivy.post("calendar-feeds", {})
    path = path_of(made)
    assert ivy.post(f"calendar-feeds/{made.body['id']}/revoke").status == 404, "each sees their own"
    token = path.removesuffix(".ics").rsplit("/", 1)[-1]
    mark, agency, feed, secret = token.split("_", 3)
    for wrong in (f"{mark}_{agency}_{feed}_{secret}x", f"{mark}_{agency}_{secret}", "nonsense", f"x_{agency}_{feed}_y"):
        assert send("GET", f"/v1/calendars/{wrong}.ics").status == 404
    assert dee.post(f"calendar-feeds/{made.body['id']}/revoke", {"why": "?"}).status == 400
    assert dee.post(f"calendar-feeds/{made.body['id']}/revoke").body["revoked_at"] is not None
    assert send("GET", path).status == 404
    assert send("GET", path_of(other)).status == 200
    assert ana.post(f"seats/{ivy.seat.pk}/revoke", {"reason": "left"}).status == 200
    assert send("GET", path_of(other)).status == 404
    with inside(north.agency.pk):
        assert CalendarFeed.objects.get(pk=other.body["id"]).revoked_at is not None


def test_a_calendar_says_who_answers_with_exceptions_and_time_zones(
    rota: Rota, lea: Person, dee: Person, ivy: Person, now: datetime
) -> None:
    monday = (now + timedelta(days=7 - now.weekday())).date()
    day = f"{monday:%Y%m%d}"
    skipped = f"{monday + DAY:%Y%m%d}"
    text = ics(
        event(
            dee.user.email, f";TZID=Europe/Berlin:{day}T090000", f";TZID=Europe/Berlin:{day}T170000",
            "RRULE:FREQ=DAILY;COUNT=5", f"EXDATE;TZID=Europe/Berlin:{skipped}T090000",
        ),
        event("Somebody", f";VALUE=DATE:{monday + 5 * DAY:%Y%m%d}", f";VALUE=DATE:{monday + 6 * DAY:%Y%m%d}",
              f"ATTENDEE;CN=Ivy:mailto:{ivy.user.email.upper()}", uid="2@there"),
    )  # fmt: skip
    made = lea.post("rotas", {"name": "From outside", "time_zone": "America/New_York", "rotations": []})
    answer = lea.post(f"rotas/{made.body['id']}/calendar", {"text": text, "name": "Outside"})
    assert answer.status == 200, answer.body
    [rotation] = answer.body["rotations"]
    assert (rotation["name"], rotation["from_calendar"]) == ("Outside", True)
    with inside(home_of(rota)):
        found = Rota.objects.get(pk=made.body["id"])
        midday = datetime(monday.year, monday.month, monday.day, 11, tzinfo=UTC)
        assert on_call(found, midday) == dee.seat.pk
        assert on_call(found, midday + DAY) is None, "the exception"
        assert on_call(found, midday + 2 * DAY) == dee.seat.pk
        whole_day = midday.replace(hour=5) + 5 * DAY  # midnight in New York
        assert on_call(found, whole_day + timedelta(minutes=1)) == ivy.seat.pk
        assert on_call(found, whole_day - timedelta(minutes=1)) is None
        assert events_of(found)[-1][2]["shifts"] == 5
    again = lea.post(f"rotas/{found.pk}/calendar", {"text": ics(), "rotation": rotation["id"]})
    assert again.status == 200, again.body
    with inside(home_of(rota)):
        assert not ImportedShift.objects.exists()
        assert on_call(found, midday) is None


def test_what_names_nobody_known_is_told_and_nothing_is_taken(
    rota: Rota, lea: Person, dee: Person, bo: Person, eve: Person, now: datetime
) -> None:
    start = f":{now + DAY:%Y%m%dT%H%M%SZ}"
    end = f":{now + 2 * DAY:%Y%m%dT%H%M%SZ}"
    text = ics(event(dee.user.email, start, end), event(eve.user.email, start, end, uid="2@there"))
    answer = lea.post(f"rotas/{rota.pk}/calendar", {"text": text})
    assert answer.status == 400
    assert [error["code"] for error in answer.body["errors"]] == ["nobody_known"]
    assert eve.user.email in answer.body["errors"][0]["detail"]
    with inside(home_of(rota)):
        assert not ImportedShift.objects.exists()
    assert lea.post(f"rotas/{rota.pk}/calendar", {"text": "hello"}).body["errors"][0]["code"] == "not_a_calendar"
    turns = lea.get(f"rotas/{rota.pk}").body["rotations"][0]["id"]
    refused = lea.post(f"rotas/{rota.pk}/calendar", {"text": ics(), "rotation": turns})
    assert refused.code == "not_from_calendar"
    assert bo.post(f"rotas/{rota.pk}/calendar", {"text": ics()}).code == "not_allowed"
    assert eve.post(f"rotas/{rota.pk}/calendar", {"text": ics()}).status == 404


@pytest.mark.parametrize(
    "text",
    [
        "",
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n",
        ics("BEGIN:VEVENT\r\nUID:1\r\nDTSTART:yesterday\r\nEND:VEVENT\r\n"),
        ics(event("a@b", ":20260101T000000Z", ":20260101T000100Z", "RRULE:FREQ=MINUTELY")),
        ics(event("a@b", ":20260101T000000Z", ":20260101T010000Z", "RRULE:FREQ=HOURLY")),
        ics(event("a@b", ":20260101T000000Z", ":20260101T010000Z", "RRULE:FREQ=NOW_AND_THEN")),
        ics(event("a@b", ":20260101T000000Z", ":20260101T010000Z", "RRULE:FREQ=DAILY;INTERVAL=0")),
        ics(event("a@b", ";TZID=Far/Away:20260101T000000", ";TZID=Far/Away:20260101T010000")),
        ics(*[event("a@b", ":20260101T000000Z", ":20260101T010000Z")] * 2),
    ],
    ids=[
        "nothing", "no end", "no calendar", "no time", "each minute", "too many", "no rule", "never ends", "no zone",
        "one UID twice",
    ],
)  # fmt: skip
def test_what_is_no_calendar_or_says_too_much_is_refused(text: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(NotACalendar):
        read(text, time_zone="UTC", since=start, until=start + 400 * DAY)


def test_a_zone_that_a_calendar_brings_along_is_its_own() -> None:
    """The library keeps such zones by their names, for whoever comes next."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        "TZOFFSETFROM:-1200\r\nTZOFFSETTO:-1200\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    at_nine = [f";TZID=W. Europe Standard Time:20260105T{hour}0000" for hour in ("09", "10")]
    [odd] = read(ics(zone, event("a@b", *at_nine)), time_zone="UTC", since=start, until=start + 9 * DAY)
    [usual] = read(ics(event("a@b", *at_nine)), time_zone="UTC", since=start, until=start + 9 * DAY)
    assert (odd.starts_at.hour, usual.starts_at.hour) == (21, 8)


def test_importing_again_leaves_what_has_been(rota: Rota, lea: Person, dee: Person, ivy: Person, now: datetime) -> None:
    since, until = f":{now - 2 * DAY:%Y%m%dT%H%M%SZ}", f":{now + 2 * DAY:%Y%m%dT%H%M%SZ}"
    made = lea.post(f"rotas/{rota.pk}/calendar", {"text": ics(event(dee.user.email, since, until))})
    rotation = made.body["rotations"][-1]["id"]
    with inside(home_of(rota)):
        ImportedShift.objects.update(starts_at=now - DAY)
    again = {"text": ics(event(ivy.user.email, since, until)), "rotation": rotation}
    assert lea.post(f"rotas/{rota.pk}/calendar", again).status == 200
    with inside(home_of(rota)):
        first, second = ImportedShift.objects.order_by("starts_at")
    assert (first.seat_id, second.seat_id) == (dee.seat.pk, ivy.seat.pk)
    assert first.ends_at == second.starts_at >= now


def test_a_stretch_keeps_its_name_as_days_go_by(rota: Rota, dee: Person, now: datetime) -> None:
    made = dee.post("rotas", {"name": "Alone", "time_zone": "UTC", "rotations": []})
    assert made.code == "not_allowed"
    alone = rota_of(dee, at=now - 40 * DAY, name="Alone", turn={"unit": "weeks", "length": 8})
    with inside(home_of(rota)):
        feed, _ = create_feed(seat_id=dee.seat.pk, rota_id=alone.pk, by=dee.actor, at=now)
        _, today = shown_by(feed, now)
        _, tomorrow = shown_by(feed, now + DAY)
    names = {one.uid: (one.starts_at, one.ends_at) for one in today}
    assert len(names) == len(today) == 3
    assert {one.uid: (one.starts_at, one.ends_at) for one in tomorrow} == names


def test_what_was_written_reads_back(rota: Rota, dee: Person, ivy: Person, now: datetime) -> None:
    text: Any = send("GET", path_of(dee.post("calendar-feeds", {"rota": str(rota.pk)}))).body
    said = read(text.decode(), time_zone="UTC", since=now, until=now + 10 * DAY)
    with inside(home_of(rota)):
        for one in said:
            seat = on_call(rota, one.starts_at + timedelta(seconds=1))  # a calendar knows no parts of a second
            assert one.summary.startswith("Dee" if seat == dee.seat.pk else "Ivy")
