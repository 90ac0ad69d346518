"""Deny rules: rival brands are walled from each other's people, and a person from a brand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from time_machine import travel

from permissions.models import DenyRule
from permissions.needs import Need
from tenants.models import Invitation, Seat
from tests.cast import Answer, Person, events_of, key_of, send, walled
from tests.conftest import North
from tests.permissions.governance.scene import grant, grant_of, ids, open_incident, queries_of, rivals

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
# Every list of things that belong to a brand.
LISTS = [
    "brands", "accounts", "incidents", "statements", "post-mortems", "posts", "pauses", "approvals", "events", "pages",
    "signals", "mentions", "sources", "plans", "messages",
]  # fmt: skip


def lines(person: Person, path: str) -> list[dict[str, Any]]:
    answer = person.get(path)
    if answer.status == 400:  # a list that asks for its brand
        return []
    assert answer.status == 200, (path, answer.body)
    found: list[dict[str, Any]] = answer.body["items"]
    return found


@pytest.fixture
def busy(north: North, ana: Person) -> dict[UUID, UUID]:
    """An incident of each brand with a note and a task, and a scheduled post of each."""
    made = {}
    for brand, account in ((north.aurora, north.aurora_account), (north.borealis, north.borealis_account)):
        incident = open_incident(ana, brand, f"Trouble at {brand.slug}")
        assert ana.post(f"incidents/{incident}/notes", {"text": f"About {brand.slug}"}).status == 201
        when = (ana.agency.created_at + timedelta(days=2)).isoformat()
        post = {"account": str(account.pk), "text": f"Hello from {brand.slug}", "scheduled_at": when}
        assert ana.post("posts", post).status == 201
        made[brand.pk] = incident
    return made


def test_an_agency_wide_role_opens_no_rival_and_nothing_of_one(
    north: North, ana: Person, lea: Person, busy: dict[UUID, UUID]
) -> None:
    before = {path: len(lines(lea, path)) for path in LISTS}
    assert all(before[path] >= 2 for path in ("brands", "accounts", "incidents", "posts", "events"))
    assert rivals(ana, north).status == 201
    for brand, incident in busy.items():
        assert lea.get(f"brands/{brand}").status == 404
        assert lea.get(f"incidents/{incident}").status == 404
        assert lea.get(f"incidents/{incident}/timeline").status == 404
        assert lea.get(f"incidents/{incident}/notes").status == 404
        assert lea.get(f"incidents/{incident}/report").status == 404
    walled_off = {str(brand) for brand in busy} | {str(incident) for incident in busy.values()}
    for path in LISTS:
        told = str(lines(lea, path))
        assert not [thing for thing in walled_off if thing in told], path
    assert lea.get(f"events?brand={north.aurora.pk}").body["items"] == []
    assert (
        lea.post("incidents", {"brand": str(north.aurora.pk), "title": "x", "kind": "x", "severity": 1}).status == 400
    )


def test_the_owner_and_the_administrator_see_over_the_wall(north: North, ana: Person, ada: Person) -> None:
    rivals(ana, north)
    both = {str(north.aurora.pk), str(north.borealis.pk)}
    assert ids(ana.get("brands")) == ids(ada.get("brands")) == both


def test_staff_of_one_rival_are_not_granted_the_other(north: North, ana: Person, bo: Person, lea: Person) -> None:
    rivals(ana, north)
    refused = grant(ana, bo, "analyst", north.borealis.pk)
    assert (refused.status, refused.code) == (409, "behind_barrier")
    assert set(refused.body["facts"]["brands"]) == {str(north.aurora.pk), str(north.borealis.pk)}
    assert grant(ana, bo, "analyst", incident=open_incident(ana, north.borealis)).code == "behind_barrier"
    assert grant(ana, lea, "analyst", north.aurora.pk, north.borealis.pk).code == "behind_barrier"
    assert bo.get(f"brands/{north.aurora.pk}").status == 200
    # Who leads the whole agency is put on one side by a role there.
    assert grant(ana, lea, "analyst", north.aurora.pk).status == 201
    assert ids(lea.get("brands")) == {str(north.aurora.pk)}
    assert lea.get(f"brands/{north.borealis.pk}").status == 404


def test_nobody_joins_both_sides_by_an_old_invitation(north: North, ana: Person) -> None:
    both = [str(north.aurora.pk), str(north.borealis.pk)]
    invited = ana.post("invitations", {"email": "fay@example.org", "side": "staff", "role": "analyst", "brands": both})
    with walled(north.agency):
        token = Invitation.objects.get(pk=invited.body["id"]).token_to_send
    rivals(ana, north)
    body = {"token": token, "name": "Fay", "password": "a long enough phrase"}
    refused = send("POST", "/v1/invitations/accept", body)
    assert (refused.status, refused.code) == (409, "behind_barrier")
    with walled(north.agency):
        assert not Seat.objects.filter(user__email="fay@example.org").exists()


def test_a_role_on_one_rivals_incident_is_a_side(north: North, ana: Person, lea: Person) -> None:
    rivals(ana, north)
    incident = open_incident(ana, north.aurora)
    assert grant(ana, lea, "responder", incident=incident).status == 201
    assert lea.get(f"incidents/{incident}").status == 200
    assert ids(lea.get("brands")) == {str(north.aurora.pk)}


def test_a_side_is_left_when_the_grant_ends(north: North, ana: Person, bo: Person, now: datetime) -> None:
    row = grant_of(bo)
    etag = ana.get(f"grants/{row.pk}").etag
    ends = (now + HOUR).isoformat()
    assert ana.patch(f"grants/{row.pk}", {"ends_at": ends, "reason": "moves"}, If_Match=etag).status == 200
    assert rivals(ana, north).status == 201
    assert grant(ana, bo, "analyst", north.borealis.pk).code == "behind_barrier"
    assert grant(ana, bo, "analyst", north.borealis.pk, starts_at=ends).status == 201
    with travel(now + HOUR, tick=False):
        assert ids(bo.get("brands")) == {str(north.borealis.pk)}


def test_a_wall_with_people_on_both_sides_is_refused_and_names_them(north: North, ana: Person, bo: Person) -> None:
    grant(ana, bo, "analyst", north.borealis.pk)
    refused = rivals(ana, north)
    assert (refused.status, refused.code) == (409, "barrier_crossed")
    assert refused.body["facts"]["seats"] == [
        {
            "seat": str(bo.seat.pk),
            "roles": ["account_manager", "analyst"],
            "brands": sorted([str(north.aurora.pk), str(north.borealis.pk)]),
        }
    ]
    with walled(north.agency):
        assert not DenyRule.objects.exists()


def test_one_person_is_walled_off_whatever_they_hold(north: North, ana: Person, lea: Person, bo: Person) -> None:
    rule = ana.post(
        "deny-rules", {"seat": str(lea.seat.pk), "brands": [str(north.aurora.pk)], "reason": "married to them"}
    )
    assert rule.status == 201
    assert ids(lea.get("brands")) == {str(north.borealis.pk)}
    assert lea.get(f"brands/{north.aurora.pk}").status == 404
    assert grant(ana, lea, "analyst", north.aurora.pk).code == "behind_barrier"
    assert bo.get(f"brands/{north.aurora.pk}").status == 200
    assert ana.post(f"deny-rules/{rule.body['id']}/lift", {"reason": "divorced"}).status == 200
    assert lea.get(f"brands/{north.aurora.pk}").status == 200


def test_lifting_restores_and_is_told(north: North, ana: Person, lea: Person) -> None:
    rule = rivals(ana, north)
    assert lea.get(f"brands/{north.aurora.pk}").status == 404
    lifted = ana.post(f"deny-rules/{rule.body['id']}/lift", {"reason": "one client left"})
    assert (lifted.status, lifted.body["lifted_at"] is None) == (200, False)
    assert ids(lea.get("brands")) == {str(north.aurora.pk), str(north.borealis.pk)}
    with walled(north.agency):
        row: DenyRule = DenyRule.objects.get(pk=rule.body["id"])
    told = events_of(row)
    assert [name for name, _, _ in told] == ["deny_rule.created", "deny_rule.lifted"]
    assert told[0][2] == {"seat_id": None, "brands": 2, "ends_at": None}


def test_a_wall_ends_to_the_second(north: North, ana: Person, lea: Person, now: datetime) -> None:
    ends = now + HOUR
    assert rivals(ana, north, ends_at=ends.isoformat()).status == 201
    for at, status in ((now, 404), (ends - timedelta(seconds=1), 404), (ends, 200)):
        with travel(at, tick=False):
            assert lea.get(f"brands/{north.aurora.pk}").status == status
    assert rivals(ana, north, ends_at=(now - HOUR).isoformat()).code == "invalid"


def test_keys_obey(north: North, ana: Person, lea: Person, bo: Person) -> None:
    grant(ana, lea, "admin")
    with walled(north.agency):
        admin = grant_of(lea, "admin")
    key = key_of(lea, Need.BRANDS_READ)
    narrow = key_of(bo, Need.BRANDS_READ, brands=[north.aurora])
    ana.post(f"grants/{admin.pk}/withdraw", {"reason": "done"})
    rivals(ana, north)
    assert ids(key.get("brands")) == set()
    assert ids(narrow.get("brands")) == {str(north.aurora.pk)}


def test_one_brand_is_no_rivalry(north: North, ana: Person) -> None:
    one = ana.post("deny-rules", {"brands": [north.aurora.pk, north.aurora.pk], "reason": "x"})
    assert (one.status, one.code) == (400, "invalid")


def test_colleagues_and_strangers(north: North, ana: Person, lea: Person, eve: Person) -> None:
    rule: Answer = rivals(ana, north)
    path = f"deny-rules/{rule.body['id']}"
    assert [lea.get(path).status, lea.get("deny-rules").status, rivals(lea, north).status] == [403, 403, 403]
    assert lea.post(f"{path}/lift", {"reason": "x"}).status == 403
    assert eve.get(path).status == 404
    assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert eve.post(f"{path}/lift", {"reason": "x"}).status == 404
    foreign = rivals(eve, north)
    assert (foreign.status, foreign.body["errors"][0]["field"]) == (400, "brands.0")


def test_a_list_of_rules_costs_the_same_however_many(north: North, ana: Person, lea: Person) -> None:
    ana.get("deny-rules")
    few = queries_of(lambda: ana.get("deny-rules"))
    for _ in range(3):
        body = {"seat": str(lea.seat.pk), "brands": [str(north.aurora.pk)], "reason": "x"}
        assert ana.post("deny-rules", body).status == 201
    assert queries_of(lambda: ana.get("deny-rules")) == few
