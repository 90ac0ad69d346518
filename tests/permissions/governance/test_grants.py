"""Grants begin and end to the second, on the agency, on brands, on incidents."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from time_machine import travel

from permissions.models import BrandReach, IncidentReach
from permissions.needs import Need
from permissions.queries.holders import seats_with_role
from tests.cast import Person, events_of, key_of, seat_person, walled
from tests.conftest import North
from tests.permissions.governance.scene import grant, grant_of, ids, open_incident, queries_of

pytestmark = pytest.mark.django_db

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def sees(person: Person, brand: Any, at: datetime) -> bool:
    with travel(at, tick=False):
        return person.get(f"brands/{brand.pk}").status == 200


def test_a_grant_begins_and_ends_to_the_second_with_no_worker_running(
    north: North, ana: Person, bo: Person, now: datetime
) -> None:
    begins, ends = now + HOUR, now + 2 * HOUR
    answer = grant(ana, bo, "analyst", north.borealis.pk, starts_at=begins.isoformat(), ends_at=ends.isoformat())
    assert (answer.status, answer.body[0]["state"]) == (201, "coming")
    seen = [sees(bo, north.borealis, at) for at in (now, begins - SECOND, begins, ends - SECOND, ends, ends + HOUR)]
    assert seen == [False, False, True, True, False, False]


def test_two_grants_with_a_gap_have_the_gap(north: North, ana: Person, bo: Person, now: datetime) -> None:
    times = [now + hours * HOUR for hours in (1, 2, 3, 4)]
    for role, begins, ends in (("analyst", *times[:2]), ("responder", *times[2:])):
        answer = grant(ana, bo, role, north.borealis.pk, starts_at=begins.isoformat(), ends_at=ends.isoformat())
        assert answer.status == 201
    expected = {times[0]: True, times[1] - SECOND: True, times[1]: False, times[2] - SECOND: False, times[2]: True,
                times[3] - SECOND: True, times[3]: False}  # fmt: skip
    assert {at: sees(bo, north.borealis, at) for at in expected} == expected


def test_a_role_is_held_by_the_same_seconds(north: North, ana: Person, bo: Person, now: datetime) -> None:
    begins, ends = now + HOUR, now + 2 * HOUR
    grant(ana, bo, "analyst", north.borealis.pk, starts_at=begins.isoformat(), ends_at=ends.isoformat())
    with walled(north.agency):
        held = [
            bo.seat.pk in seats_with_role(role="analyst", brand_id=north.borealis.pk, at=at)
            for at in (begins - SECOND, begins, ends - SECOND, ends)
        ]
    assert held == [False, True, True, False]


def test_the_same_role_granted_again_replaces_the_first_and_says_so(north: North, ana: Person, bo: Person) -> None:
    first = grant(ana, bo, "analyst", north.borealis.pk).body[0]
    second = grant(ana, bo, "analyst", north.borealis.pk, reason="longer").body[0]
    assert ids(ana.get(f"grants?seat={bo.seat.pk}&state=withdrawn")) == {first["id"]}
    assert second["id"] in ids(ana.get(f"grants?seat={bo.seat.pk}&state=counting"))
    trail = ana.get(f"events?subject={first['id']}").body["items"]
    assert [event["name"] for event in trail] == ["role.withdrawn", "role.granted"]


def test_naming_a_brand_twice_grants_once(north: North, ana: Person, bo: Person) -> None:
    answer = grant(ana, bo, "analyst", north.borealis.pk, north.borealis.pk)
    assert (answer.status, len(answer.body)) == (201, 1)


def test_an_owners_only_grant_is_not_replaced_by_a_later_or_a_passing_one(
    north: North, ana: Person, now: datetime
) -> None:
    later = (now + HOUR).isoformat()
    assert grant(ana, ana, "owner", starts_at=later).code == "last_owner"
    assert grant(ana, ana, "owner", ends_at=later).code == "last_owner"
    assert grant(ana, ana, "owner").status == 201


def test_grants_are_found_by_person_brand_role_and_state(north: North, ana: Person, bo: Person, now: datetime) -> None:
    coming = grant(ana, bo, "analyst", north.borealis.pk, starts_at=(now + HOUR).isoformat()).body[0]["id"]
    over = grant(ana, bo, "responder", north.borealis.pk, ends_at=(now + HOUR).isoformat()).body[0]["id"]
    own = str(grant_of(bo, "account_manager").pk)
    assert ids(ana.get(f"grants?seat={bo.seat.pk}")) == {coming, over, own}
    assert ids(ana.get(f"grants?brand={north.borealis.pk}")) == {coming, over}
    assert ids(ana.get("grants?role=analyst")) == {coming}
    assert ids(ana.get("grants?state=coming")) == {coming}
    with travel(now + 2 * HOUR, tick=False):
        assert ids(ana.get("grants?state=over")) == {over}
        assert ids(ana.get("grants?state=coming")) == set()
    assert ana.get("grants?state=never").status == 400


def test_a_list_of_grants_costs_the_same_however_many(north: North, ana: Person, bo: Person) -> None:
    ana.get("grants")
    few = queries_of(lambda: ana.get("grants"))
    for role in ("analyst", "responder", "crisis_lead"):
        grant(ana, bo, role, north.borealis.pk)
    assert queries_of(lambda: ana.get("grants")) == few


# -- on one incident ----------------------------------------------------------------------------------------------


def test_a_grant_on_an_incident_opens_it_alone(north: North, ana: Person, bo: Person) -> None:
    incident, other = open_incident(ana, north.borealis), open_incident(ana, north.borealis, "Another")
    answer = grant(ana, bo, "responder", incident=incident)
    assert (answer.status, answer.body[0]["incident"], answer.body[0]["brand"]) == (201, str(incident), None)
    assert bo.get(f"incidents/{incident}").status == 200
    assert bo.get(f"incidents/{other}").status == 404
    assert ids(bo.get("incidents")) == {str(incident)}
    assert bo.get(f"brands/{north.borealis.pk}").status == 404
    assert ana.post(f"grants/{answer.body[0]['id']}/withdraw", {"reason": "done"}).status == 200
    assert bo.get(f"incidents/{incident}").status == 404


def test_a_grant_is_on_brands_or_on_an_incident(north: North, ana: Person, bo: Person, eve: Person) -> None:
    incident = open_incident(ana, north.borealis)
    assert grant(ana, bo, "analyst", north.borealis.pk, incident=incident).code == "invalid"
    absent = grant(ana, bo, "analyst", incident="0192f4c0-0000-7000-8000-000000000000")
    assert (absent.status, absent.body["errors"][0]["field"]) == (400, "incident")


def test_a_brands_administrator_grants_on_its_incidents_and_on_no_other(
    north: North, ana: Person, bo: Person, now: datetime
) -> None:
    local = seat_person(north.agency, "loc", "admin", brands=[north.aurora], at=now)
    here, there = open_incident(ana, north.aurora), open_incident(ana, north.borealis)
    given = grant(local, bo, "analyst", incident=here)
    assert given.status == 201
    assert grant(local, bo, "analyst", incident=there).status == 400
    assert given.body[0]["id"] in ids(local.get("grants"))
    foreign = grant(ana, bo, "analyst", incident=there).body[0]["id"]
    assert foreign not in ids(local.get("grants"))
    assert local.post(f"grants/{foreign}/withdraw", {"reason": "x"}).status == 404
    assert local.post(f"grants/{given.body[0]['id']}/withdraw", {"reason": "x"}).status == 200


# -- changing the end ---------------------------------------------------------------------------------------------


def test_the_end_of_a_grant_is_moved_and_holds_to_the_second(
    north: North, ana: Person, bo: Person, now: datetime
) -> None:
    grant(ana, bo, "analyst", north.borealis.pk, ends_at=(now + 3 * HOUR).isoformat())
    row = grant_of(bo, "analyst")
    seen = ana.get(f"grants/{row.pk}")
    sooner = now + HOUR
    changed = ana.patch(f"grants/{row.pk}", {"ends_at": sooner.isoformat(), "reason": "moved"}, If_Match=seen.etag)
    assert (changed.status, changed.body["version"]) == (200, 2)
    assert [sees(bo, north.borealis, at) for at in (sooner - SECOND, sooner)] == [True, False]
    with walled(north.agency):
        assert set(BrandReach.objects.filter(grant=row).values_list("ends_at", flat=True)) == {sooner}
    name, actor, facts = events_of(row)[-1]
    assert (name, actor, facts["reason"]) == ("role.rescheduled", f"seat:{ana.seat.pk}", "moved")
    assert ana.patch(f"grants/{row.pk}", {"ends_at": None, "reason": "stays"}).status == 428
    assert ana.patch(f"grants/{row.pk}", {"ends_at": None, "reason": "stays"}, If_Match=seen.etag).status == 412
    assert ana.patch(f"grants/{row.pk}", {"ends_at": None, "reason": "stays"}, If_Match=changed.etag).status == 200
    assert sees(bo, north.borealis, now + 30 * HOUR / 10)


def test_what_is_over_stays_over(north: North, ana: Person, bo: Person, now: datetime) -> None:
    grant(ana, bo, "analyst", north.borealis.pk, ends_at=(now + HOUR).isoformat())
    row = grant_of(bo, "analyst")
    with travel(now + HOUR, tick=False):
        etag = ana.get(f"grants/{row.pk}").etag
        answer = ana.patch(f"grants/{row.pk}", {"ends_at": None, "reason": "again"}, If_Match=etag)
        assert (answer.status, answer.code) == (409, "grant_over")
    past = ana.patch(f"grants/{row.pk}", {"ends_at": (now - HOUR).isoformat(), "reason": "x"}, If_Match=etag)
    assert (past.status, past.code) == (400, "invalid")


def test_to_lengthen_a_grant_asks_for_what_granting_asks(
    north: North, ana: Person, ada: Person, dee: Person, now: datetime
) -> None:
    grant(ana, dee, "owner", ends_at=(now + HOUR).isoformat())
    row = grant_of(dee, "owner")
    etag = ada.get(f"grants/{row.pk}").etag
    longer = ada.patch(f"grants/{row.pk}", {"ends_at": None, "reason": "x"}, If_Match=etag)
    assert (longer.status, longer.code) == (403, "role_too_high")
    shorter = {"ends_at": (now + HOUR / 2).isoformat(), "reason": "x"}
    assert ada.patch(f"grants/{row.pk}", shorter, If_Match=etag).status == 200


def test_the_last_owner_is_not_given_an_end(north: North, ana: Person, now: datetime) -> None:
    row = grant_of(ana, "owner")
    etag = ana.get(f"grants/{row.pk}").etag
    answer = ana.patch(f"grants/{row.pk}", {"ends_at": (now + HOUR).isoformat(), "reason": "x"}, If_Match=etag)
    assert (answer.status, answer.code) == (409, "last_owner")


def test_colleagues_change_no_grant_and_strangers_find_none(
    north: North, ana: Person, lea: Person, eve: Person, bo: Person, now: datetime
) -> None:
    row = grant_of(bo)
    etag = ana.get(f"grants/{row.pk}").etag
    body = {"ends_at": None, "reason": "x"}
    assert lea.patch(f"grants/{row.pk}", body, If_Match=etag).status == 403
    assert eve.patch(f"grants/{row.pk}", body, If_Match=etag).status == 404
    assert eve.patch(f"/v1/agencies/north/grants/{row.pk}", body, If_Match=etag).status == 404
    assert eve.get("grants?seat=" + str(bo.seat.pk)).body["items"] == []


def test_a_key_for_one_brand_grants_nothing_beyond_it(north: North, ana: Person, bo: Person) -> None:
    needs = [Need(need) for need in Need.values]
    key = key_of(ana, *needs, brands=[north.aurora])
    assert grant(key, bo, "analyst", north.aurora.pk).status == 201
    assert grant(key, bo, "analyst").status == 403
    assert grant(key, bo, "analyst", north.borealis.pk).status == 400
    assert grant(key, bo, "analyst", incident=open_incident(ana, north.borealis)).status == 400
    with walled(north.agency):
        assert not IncidentReach.objects.filter(user=bo.user).exists()


def test_a_key_for_one_brand_reads_nothing_of_the_agencys_own(north: North, ana: Person) -> None:
    key = key_of(ana, *[Need(need) for need in Need.values], brands=[north.aurora])
    assert ana.post("deny-rules", {"brands": [north.aurora.pk], "seat": str(ana.seat.pk), "reason": "x"}).status == 201
    assert key.get("deny-rules").body["items"] == []
    assert key.post("roles", {"slug": "x", "label": "X", "side": "staff", "needs": ["brands.read"]}).status == 403
