"""Separation of duties: nobody is granted two roles of a rule on one brand, by whatever path."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from permissions.models import SeparationRule
from tests.cast import Answer, Person, events_of, seat_person, walled
from tests.conftest import North
from tests.permissions.governance.scene import grant, grant_of, ids, open_incident, queries_of

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def separate(by: Person, *roles: str, **more: Any) -> Answer:
    return by.post("separation-rules", {"name": "four eyes", "roles": roles, "reason": "audit"} | more)


@pytest.fixture
def rule(north: North, ana: Person) -> Answer:
    answer = separate(ana, "analyst", "responder")
    assert answer.status == 201
    return answer


def test_a_rule_refuses_the_second_role_on_the_same_brand_only(
    north: North, ana: Person, bo: Person, rule: Answer
) -> None:
    assert grant(ana, bo, "analyst", north.borealis.pk).status == 201
    refused = grant(ana, bo, "responder", north.borealis.pk)
    assert (refused.status, refused.code) == (409, "duties_conflict")
    assert refused.body["facts"] == {"rule": rule.body["id"], "name": "four eyes", "held": ["analyst"]}
    assert grant(ana, bo, "responder", north.aurora.pk).status == 201


def test_a_role_on_the_whole_agency_is_held_on_every_brand(
    north: North, ana: Person, bo: Person, lea: Person, rule: Answer
) -> None:
    assert grant(ana, bo, "analyst", north.borealis.pk).status == 201
    assert grant(ana, bo, "responder").code == "duties_conflict"
    assert grant(ana, lea, "analyst").status == 201
    assert grant(ana, lea, "responder", north.aurora.pk).code == "duties_conflict"


def test_a_role_on_an_incident_is_held_on_its_brand(north: North, ana: Person, bo: Person, rule: Answer) -> None:
    here, there = open_incident(ana, north.aurora), open_incident(ana, north.borealis)
    assert grant(ana, bo, "analyst", north.borealis.pk).status == 201
    assert grant(ana, bo, "responder", incident=there).code == "duties_conflict"
    assert grant(ana, bo, "responder", incident=here).status == 201
    assert grant(ana, bo, "analyst", north.aurora.pk).code == "duties_conflict"


def test_times_that_never_meet_do_not_conflict(
    north: North, ana: Person, bo: Person, rule: Answer, now: datetime
) -> None:
    soon, later = (now + HOUR).isoformat(), (now + 2 * HOUR).isoformat()
    assert grant(ana, bo, "analyst", north.borealis.pk, ends_at=soon).status == 201
    assert grant(ana, bo, "responder", north.borealis.pk, starts_at=soon).status == 201
    row = grant_of(bo, "analyst")
    etag = ana.get(f"grants/{row.pk}").etag
    longer = ana.patch(f"grants/{row.pk}", {"ends_at": later, "reason": "x"}, If_Match=etag)
    assert (longer.status, longer.code) == (409, "duties_conflict")


def test_two_brands_in_one_call_are_refused_together(north: North, ana: Person, bo: Person, rule: Answer) -> None:
    assert grant(ana, bo, "analyst", north.borealis.pk).status == 201
    assert grant(ana, bo, "responder", north.aurora.pk, north.borealis.pk).code == "duties_conflict"
    assert ids(ana.get("grants?role=responder")) == set()


def test_a_new_seat_by_invitation_obeys_no_less(north: North, ana: Person, rule: Answer, now: datetime) -> None:
    """An invitation gives one role to a new seat; what is granted to the seat afterwards is checked against it."""
    kay = seat_person(north.agency, "kay", "analyst", brands=[north.aurora], at=now)
    assert grant(ana, kay, "responder", north.aurora.pk).code == "duties_conflict"


def test_a_rule_with_violators_is_refused_and_names_them(north: North, ana: Person, bo: Person, dee: Person) -> None:
    grant(ana, bo, "analyst", north.borealis.pk)
    grant(ana, bo, "responder", north.borealis.pk)
    grant(ana, dee, "analyst", north.aurora.pk)  # holds responder on the whole agency
    refused = separate(ana, "analyst", "responder")
    assert (refused.status, refused.code) == (409, "duties_conflict")
    named = {(seat["seat"], *seat["brands"]) for seat in refused.body["facts"]["seats"]}
    assert named == {(str(bo.seat.pk), str(north.borealis.pk)), (str(dee.seat.pk), str(north.aurora.pk))}
    with walled(north.agency):
        assert not SeparationRule.objects.exists()


def test_accepted_violators_are_told_until_they_give_one_up(north: North, ana: Person, bo: Person) -> None:
    grant(ana, bo, "analyst", north.borealis.pk)
    grant(ana, bo, "responder", north.borealis.pk)
    rule = separate(ana, "analyst", "responder", accept_existing=True)
    assert rule.status == 201
    told = {"seat": str(bo.seat.pk), "roles": ["analyst", "responder"], "brands": [str(north.borealis.pk)]}
    assert rule.body["violators"] == [told]
    with walled(north.agency):
        row: SeparationRule = SeparationRule.objects.get(pk=rule.body["id"])
    assert events_of(row) == [
        (
            "separation_rule.created",
            f"seat:{ana.seat.pk}",
            {"name": "four eyes", "roles": ["analyst", "responder"], "reason": "audit", "accepted": 1},
        )
    ]
    assert ana.get("separation-rules").body["items"][0]["violators"] == [told]
    ana.post(f"grants/{grant_of(bo, 'responder').pk}/withdraw", {"reason": "four eyes"})
    assert ana.get(f"separation-rules/{row.pk}").body["violators"] == []
    assert grant(ana, bo, "responder", north.borealis.pk).code == "duties_conflict"


def test_lifting_lets_the_roles_be_held_together(north: North, ana: Person, bo: Person, rule: Answer) -> None:
    grant(ana, bo, "analyst", north.borealis.pk)
    lifted = ana.post(f"separation-rules/{rule.body['id']}/lift", {"reason": "small team"})
    assert (lifted.status, lifted.body["version"]) == (200, 2)
    assert grant(ana, bo, "responder", north.borealis.pk).status == 201
    assert ana.post(f"separation-rules/{rule.body['id']}/lift", {"reason": "again"}).body["version"] == 2


def test_a_rule_keeps_two_known_roles_apart(ana: Person) -> None:
    assert separate(ana, "analyst", "analyst").code == "invalid"
    assert separate(ana, "analyst", "nobody").code == "invalid"


def test_colleagues_and_strangers(north: North, lea: Person, eve: Person, rule: Answer) -> None:
    path = f"separation-rules/{rule.body['id']}"
    assert [lea.get(path).status, lea.get("separation-rules").status, separate(lea, "analyst", "owner").status] == [
        403, 403, 403,
    ]  # fmt: skip
    assert lea.post(f"{path}/lift", {"reason": "x"}).status == 403
    assert eve.get(path).status == 404
    assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert eve.post(f"{path}/lift", {"reason": "x"}).status == 404
    assert eve.get("separation-rules").body["items"] == []


def test_a_list_of_rules_costs_the_same_however_many(north: North, ana: Person, rule: Answer) -> None:
    ana.get("separation-rules")
    few = queries_of(lambda: ana.get("separation-rules"))
    for role in ("crisis_lead", "account_manager", "admin"):
        assert separate(ana, "integration", role).status == 201
    assert queries_of(lambda: ana.get("separation-rules")) == few
