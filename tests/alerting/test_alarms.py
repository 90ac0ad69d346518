"""What the auditor found in an agency, as those who look after its machines read it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerting.actions import raise_alarm
from alerting.auditor.looking import AUDITOR
from core.wall import inside
from tests.cast import Person
from tests.conftest import North

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def alarm(north: North, check: str, at: datetime, *, count: int = 1) -> bool:
    with inside(north.agency.pk):
        return raise_alarm(check=check, count=count, by=AUDITOR, at=at)


def test_alarms_are_listed_newest_first_one_for_each_check_and_hour(north: North, ana: Person, now: datetime) -> None:
    start = now.replace(minute=5, second=0, microsecond=0)
    assert alarm(north, "pages_late", start - HOUR, count=3)
    assert not alarm(north, "pages_late", start - HOUR + timedelta(minutes=1), count=4)
    assert alarm(north, "pages_late", start)
    assert alarm(north, "jobs_dead", start)
    answer = ana.get("alarms")
    assert answer.status == 200
    listed = [(item["check_name"], item["count"]) for item in answer.body["items"]]
    assert listed == [("jobs_dead", 1), ("pages_late", 1), ("pages_late", 3)]
    narrowed = ana.get("alarms?check_name=pages_late")
    assert [item["count"] for item in narrowed.body["items"]] == [1, 3]
    one = ana.get(f"alarms/{answer.body['items'][2]['id']}")
    assert (one.status, one.body["hour"]) == (200, (start - HOUR).replace(minute=0).isoformat().replace("+00:00", "Z"))
    assert ana.get("alarms?check_name=nothing").status == 400


def test_only_those_who_see_failed_work_read_alarms_and_no_other_agency(
    north: North, ana: Person, dee: Person, cy: Person, eve: Person, now: datetime
) -> None:
    alarm(north, "pages_late", now)
    [item] = ana.get("alarms").body["items"]
    for person, status in ((dee, 403), (cy, 403), (eve, 404)):
        for path in ("alarms", f"alarms/{item['id']}"):
            assert person.get(f"/v1/agencies/north/{path}").status == status, (person.user.name, path)
    assert eve.get("alarms").body["items"] == []
