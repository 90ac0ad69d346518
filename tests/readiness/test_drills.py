"""Drills over HTTP: planned, changed, started, ended, called off, compared, and left out of ordinary lists."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from alerting.actions import create_escalation_policy
from alerting.models import EscalationPolicy
from core.wall import inside
from incidents.actions import open_incident
from permissions.actions.rules import deny_brands
from permissions.models import DenyRule, Grant
from permissions.needs import Need
from permissions.queries.holders import seats_with_need, seats_with_role
from permissions.revocation import LINES
from readiness.models import Drill, Message, PlanVersion
from readiness.queries import plan_in_force
from tenants.actions.goodbyes import revoke_seat
from tenants.models import Brand, SocialAccount
from tests.cast import Answer, Person, events_of, seat_person, walled
from tests.conftest import North
from tests.readiness.drilling import named, planned, put_in_force, reread, started, twin_of

pytestmark = pytest.mark.django_db
Body = dict[str, Any]


@pytest.fixture
def plan(north: North, ana: Person, lea: Person, bo: Person, dee: Person, cy: Person, now: datetime) -> None:
    put_in_force(north, ana, now)


@pytest.fixture
def new_drill(north: North, lea: Person, bo: Person) -> Body:
    return {
        "brand": str(north.aurora.pk),
        "name": "Summer",
        "scenario": {"type": "data_breach", "size": "small"},
        "participants": [str(lea.seat.pk), str(bo.seat.pk)],
    }


def made(person: Person, body: Body, **more: Any) -> Answer:
    answer = person.post("drills", body | more)
    assert answer.status == 201, answer.body
    return answer


def fields(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 400, answer.body
    return [(error["field"], error["code"]) for error in answer.body["errors"]]


def row_of(north: North, answer: Answer) -> Drill:
    with walled(north.agency):
        found: Drill = Drill.objects.found(UUID(answer.body["id"]))
        return found


# -- planning -------------------------------------------------------------------------------------------------------


def test_a_drill_is_planned_and_nothing_moves(
    north: North, plan: None, lea: Person, bo: Person, new_drill: Body
) -> None:
    drill = made(lea, new_drill, speed=6, planned_for="2027-01-04T09:00:00Z")
    body = drill.body
    assert (body["stage"], body["speed"], body["twin"], body["ends_at"]) == ("PLANNED", 6, None, None)
    assert body["participants"] == [str(one) for one in named(lea, bo)]
    assert body["scenario"]["type"] == "data_breach"
    assert set(body["scores"].values()) == {None}
    assert events_of(row_of(north, drill)) == [
        (
            "drill.planned",
            f"seat:{lea.seat.pk}",
            {"name": "Summer", "scenario": "data_breach", "speed": 6, "participants": body["participants"]},
        )
    ]
    with walled(north.agency):
        assert Brand.objects.filter(drill_of__isnull=False).count() == 0
    assert lea.get(f"drills/{body['id']}").body == body


def test_who_cannot_play_is_refused(
    north: North, plan: None, lea: Person, eve: Person, new_drill: Body, now: datetime
) -> None:
    stranger = seat_person(north.agency, "fay", "responder", brands=[north.borealis], at=now)
    people = [str(lea.seat.pk), str(eve.seat.pk), str(stranger.seat.pk), str(uuid4())]
    assert fields(lea.post("drills", new_drill | {"participants": people})) == [
        ("participants.1", "does_not_exist"), ("participants.2", "no_role"), ("participants.3", "does_not_exist"),
    ]  # fmt: skip
    assert fields(lea.post("drills", new_drill | {"participants": []})) == [("participants", "empty")]
    assert fields(lea.post("drills", new_drill | {"speed": 61})) == [("speed", "max_value")]
    assert fields(lea.post("drills", new_drill | {"scenario": {"type": "flood"}})) == [
        ("scenario.type", "does_not_exist")
    ]


def test_only_who_runs_drills_plans_them(
    north: North, plan: None, bo: Person, cy: Person, eve: Person, new_drill: Body
) -> None:
    assert (bo.post("drills", new_drill).status, bo.get("drills").status) == (403, 200)
    assert (cy.post("drills", new_drill).status, cy.get("drills").status) == (403, 403)
    assert eve.get("/v1/agencies/north/drills").status == 404
    assert eve.post("/v1/agencies/north/drills", new_drill).status == 404


def test_a_planned_drill_is_changed_by_who_saw_it(
    north: North, plan: None, lea: Person, bo: Person, new_drill: Body
) -> None:
    drill = made(lea, new_drill)
    path = f"drills/{drill.body['id']}"
    assert lea.patch(path, {"name": "Winter"}).status == 428
    changed = lea.patch(path, {"name": "Winter", "participants": [str(bo.seat.pk)], "speed": 2}, If_Match=drill.etag)
    assert (changed.body["name"], changed.body["participants"]) == ("Winter", [str(bo.seat.pk)])
    assert lea.patch(path, {"name": "Spring"}, If_Match=drill.etag).status == 412
    assert events_of(row_of(north, drill))[-1][2] == {"fields": ["name", "participants", "speed"]}
    same = lea.patch(path, {"name": "Winter"}, If_Match=changed.etag)
    assert same.etag == changed.etag
    loud = {"phases": [{"minutes": 1, "per_minute": 1_500, "mood": "angry"}]}
    assert lea.patch(path, {"scenario": loud, "speed": 1}, If_Match=changed.etag).status == 200
    now = lea.get(path)
    assert fields(lea.patch(path, {"speed": 10}, If_Match=now.etag)) == [
        ("scenario.phases.0.per_minute", "out_of_range")
    ]


def test_the_ready_made_scenarios_are_told(plan: None, bo: Person) -> None:
    found = bo.get("drills/scenarios").body
    assert {(one["type"], one["size"]) for one in found} >= {("data_breach", "small"), ("product_harm", "large")}
    assert all(one["phases"] and one["about"] for one in found)


# -- starting -------------------------------------------------------------------------------------------------------


def test_a_started_drill_stands_on_a_twin(
    north: North, plan: None, lea: Person, bo: Person, new_drill: Body, ana: Person
) -> None:
    with walled(north.agency):
        create_escalation_policy(
            name="Ladder", brand_id=north.aurora.pk,
            steps=[
                {"notify": [{"seat": ana.seat.pk}], "wait_minutes": 5},
                {"notify": [{"role": "crisis_lead"}], "wait_minutes": 30},
            ],
            by=ana.actor, at=north.aurora.created_at,
        )  # fmt: skip
    drill = made(lea, new_drill, speed=10)
    answer = lea.post(f"drills/{drill.body['id']}/start")
    assert (answer.status, answer.body["stage"]) == (200, "RUNNING"), answer.body
    assert answer.body["left_out"] == ["client"]
    row, twin = row_of(north, drill), twin_of(row_of(north, drill))
    assert (twin.name, twin.drill_of_id, twin.time_zone) == ("DRILL Aurora: Summer", north.aurora.pk, "UTC")
    assert answer.body["twin"] == str(twin.pk)
    with walled(north.agency):
        accounts = list(SocialAccount.objects.filter(brand=twin))
        assert [(one.network, one.connected_by_id) for one in accounts] == [("sandbox", None)]
        played = plan_in_force(twin.pk)
        assert played is not None
        assert {one["kind"]: one["minutes"] for one in played.body["clocks"]} == {
            "acknowledge": 1, "first_words": 6, "update": 12,
        }  # fmt: skip
        policy = EscalationPolicy.objects.get(brand=twin)
        assert played.body["alert"] == {"escalation_policy": str(policy.pk)}
        assert [(step["notify"], step["wait_minutes"]) for step in policy.steps] == [([{"role": "crisis_lead"}], 3)]
        assert policy.last_resort == [{"seat": str(one)} for one in named(lea, bo)]
        grants = Grant.objects.filter(brand=twin).values_list("seat_id", "role")
        assert set(grants) == {(lea.seat.pk, "crisis_lead"), (bo.seat.pk, "account_manager")}
    assert row.plan_version_id is not None
    name, actor, facts = events_of(row)[-1]
    assert (name, actor, facts["twin_id"], facts["speed"]) == (
        "drill.started", f"seat:{lea.seat.pk}", str(twin.pk), 10,
    )  # fmt: skip
    ends_at = datetime.fromisoformat(answer.body["ends_at"])
    began = datetime.fromisoformat(answer.body["started_at"])
    assert ends_at - began == timedelta(minutes=14)


def test_on_a_twin_only_those_who_play_are_asked(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    twin = twin_of(started(north, ana, [lea, bo], at=now))
    with walled(north.agency):
        assert seats_with_role(role="owner", brand_id=twin.pk, at=now) == []
        assert seats_with_role(role="owner", brand_id=north.aurora.pk, at=now) == [ana.seat.pk]
        assert set(seats_with_need(need=Need.INCIDENTS_READ, brand_id=twin.pk, at=now)) == set(named(lea, bo))


def test_a_brand_plays_one_drill_at_a_time_and_a_plan_is_needed(
    north: North, plan: None, lea: Person, new_drill: Body
) -> None:
    first, second = made(lea, new_drill), made(lea, new_drill)
    assert lea.post(f"drills/{first.body['id']}/start").status == 200
    refused = lea.post(f"drills/{second.body['id']}/start")
    assert (refused.status, refused.code) == (409, "drill_running")
    assert lea.post(f"drills/{first.body['id']}/start").status == 409
    assert lea.patch(f"drills/{first.body['id']}", {"name": "x"}, If_Match=lea.get(
        f"drills/{first.body['id']}").etag).code == "drill_frozen"  # fmt: skip


def test_without_a_plan_there_is_nothing_to_try_out(north: North, lea: Person, bo: Person, new_drill: Body) -> None:
    drill = made(lea, new_drill)
    refused = lea.post(f"drills/{drill.body['id']}/start")
    assert (refused.status, refused.code) == (409, "no_plan")


def test_a_twin_has_no_drill_and_no_outside(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, new_drill: Body, now: datetime
) -> None:
    twin = twin_of(started(north, ana, [lea, bo], at=now))
    assert lea.post("drills", new_drill | {"brand": str(twin.pk)}).code == "drill_of_drill"
    outside = {"brand": str(twin.pk), "network": "mastodon", "handle": "@aurora"}
    assert ana.post("accounts", outside).code == "sandbox_only"
    known = ana.post("accounts", outside | {"network": "sandbox"})
    assert known.code == "account_known", "the brand's own accounts are there already, in the sandbox"
    assert ana.post("accounts", outside | {"network": "sandbox", "handle": "@second"}).status == 201
    invited = ana.post("invitations", {"email": "x@client.example", "side": "client", "role": "client_approver",
                                       "brands": [str(twin.pk)]})  # fmt: skip
    assert (invited.status, invited.code) == (409, "drill_invites_nobody")
    etag = ana.get(f"brands/{twin.pk}").etag
    assert ana.patch(f"brands/{twin.pk}", {"name": "Aurora"}, If_Match=etag).body["name"] == "DRILL Aurora"


def test_whom_a_wall_keeps_from_a_brand_it_keeps_from_the_twin(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    fay = seat_person(north.agency, "fay", "crisis_lead", at=now)
    gil = seat_person(north.agency, "gil", "account_manager", brands=[north.borealis], at=now)
    with walled(north.agency):
        deny_brands(seat_id=fay.seat.pk, brand_ids=[north.aurora.pk], reason="x", ends_at=None, by=ana.actor, at=now)
        deny_brands(
            seat_id=None, brand_ids=[north.aurora.pk, north.borealis.pk], reason="rivals", ends_at=None, by=ana.actor,
            at=now,
        )  # fmt: skip
    twin = twin_of(started(north, ana, [bo], at=now))
    assert [person.get(f"brands/{twin.pk}").status for person in (ana, bo, fay, gil)] == [200, 200, 404, 404]
    with walled(north.agency):
        assert DenyRule.objects.filter(brand_ids__contains=[twin.pk]).count() == 2
        assert DenyRule.objects.filter(brand_ids__contains=[twin.pk, north.aurora.pk]).count() == 0


def test_the_library_is_taken_along(north: North, plan: None, ana: Person, bo: Person, now: datetime) -> None:
    text = {"account": str(north.aurora_account.pk), "text": "We are looking into it."}
    body = {"brand": str(north.aurora.pk), "title": "First", "kind": "holding", "crisis_kind": "insensitive_post"}
    message = bo.post("messages", body | {"language": "en", "deliveries": [text]})
    put_in_force(north, ana, now + timedelta(seconds=1), messages=[message.body["id"]])
    twin = twin_of(started(north, ana, [bo], at=now + timedelta(seconds=2)))
    with walled(north.agency):
        copy = Message.objects.get(brand=twin)
        account = SocialAccount.objects.get(brand=twin)
        assert copy.deliveries == [{"account": str(account.pk), "text": text["text"]}]
        assert PlanVersion.objects.get(brand=twin).body["messages"] == [str(copy.pk)]
        assert copy.approval_id is None


# -- lists ----------------------------------------------------------------------------------------------------------


def test_a_twin_is_left_out_of_lists_unless_asked_for(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    twin = twin_of(started(north, ana, [lea, bo], at=now))
    with walled(north.agency):
        played = open_incident(
            brand_id=twin.pk, title="Played", kind="insensitive_post", severity=2, cause_kind="", cause_id=None,
            by=lea.actor, at=now,
        )  # fmt: skip
        real = open_incident(
            brand_id=north.aurora.pk, title="Real", kind="insensitive_post", severity=2, cause_kind="", cause_id=None,
            by=lea.actor, at=now,
        )  # fmt: skip
    assert (played.reference, real.reference) == (f"DRILL-{now.year}-0001", f"INC-{now.year}-0001")
    assert ids(ana.get("incidents")) == {str(real.pk)}
    assert ids(ana.get("incidents?drills=true")) == {str(real.pk), str(played.pk)}
    assert ids(ana.get(f"incidents?brand={twin.pk}")) == {str(played.pk)}
    assert ids(bo.get("brands")) == {str(north.aurora.pk)}
    assert ids(bo.get("brands?drills=true")) == {str(north.aurora.pk), str(twin.pk)}
    assert str(twin.pk) in {one["brand"] for one in ana.get("accounts?drills=true").body["items"]}
    assert str(twin.pk) not in {one["brand"] for one in ana.get("accounts").body["items"]}
    assert ana.get(f"brands/{twin.pk}").body["drill_of"] == str(north.aurora.pk)
    shown = {one["id"]: one["drill"] for one in ana.get("incidents?drills=true").body["items"]}
    assert shown == {str(real.pk): False, str(played.pk): True}
    assert fields(ana.get("brands?drills=yes")) == [("drills", "wrong_type")]


def ids(answer: Answer) -> set[str]:
    assert answer.status == 200, answer.body
    return {one["id"] for one in answer.body["items"]}


# -- ending ---------------------------------------------------------------------------------------------------------


def test_an_ended_drill_is_archived_and_stays_so(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    drill = started(north, ana, [lea, bo], at=now)
    answer = lea.post(f"drills/{drill.pk}/end")
    assert (answer.status, answer.body["stage"]) == (200, "ENDED"), answer.body
    twin = twin_of(drill)
    assert (twin.stage, twin.archived_at is not None) == ("ARCHIVED", True)
    assert events_of(reread(drill))[-1][::2] == ("drill.ended", {"twin_id": str(twin.pk), "by_itself": False})
    assert ana.post(f"brands/{twin.pk}/restore", {"reason": "more"}).code == "drill_over"
    assert lea.post(f"drills/{drill.pk}/end").status == 409
    opened = {"brand": str(twin.pk), "title": "x", "kind": "insensitive_post", "severity": 3}
    assert lea.post("incidents", opened).code == "brand_archived"
    again = planned(north, ana, [lea], at=now)
    assert lea.post(f"drills/{again.pk}/start").status == 200, "the next one may begin"


def test_a_drill_is_called_off_before_and_while_it_is_played(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    drill = planned(north, ana, [lea], at=now)
    called = lea.post(f"drills/{drill.pk}/cancel", {"reason": "A real crisis."})
    assert (called.body["stage"], called.body["twin"]) == ("CANCELLED", None)
    assert events_of(drill)[-1][::2] == ("drill.cancelled", {"twin_id": None, "reason": "A real crisis."})
    running = started(north, ana, [lea, bo], at=now)
    assert lea.post(f"drills/{running.pk}/cancel", {"reason": "A real crisis."}).body["stage"] == "CANCELLED"
    assert twin_of(running).stage == "ARCHIVED"


def test_drills_are_compared_by_the_drills_clock(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    slow = started(north, ana, [lea, bo], speed=1, at=now - timedelta(hours=3))
    assert lea.post(f"drills/{slow.pk}/end").status == 200
    fast = started(north, ana, [lea, bo], speed=10, at=now - timedelta(hours=2))
    assert lea.post(f"drills/{fast.pk}/end").status == 200
    with walled(north.agency):
        for drill, seconds in ((slow, 300.0), (fast, 60.0)):
            row: Drill = Drill.objects.locked(drill.pk)
            took = {"seconds": seconds, "drill_seconds": seconds * drill.speed}
            row.scores = row.scores | {"measures": row.scores["measures"] | {"decide": took}}
            row.save(update_fields=["scores"])
    answer = ana.get(f"drills/compare?ids={slow.pk},{fast.pk}")
    assert answer.status == 200, answer.body
    decide = next(one for one in answer.body["measures"] if one["measure"] == "decide")
    assert decide == {
        "measure": "decide", "drill_seconds": {str(slow.pk): 300.0, str(fast.pk): 600.0}, "best": str(slow.pk),
    }  # fmt: skip
    assert [one["id"] for one in answer.body["drills"]] == [str(slow.pk), str(fast.pk)]
    detect = next(one for one in answer.body["measures"] if one["measure"] == "detect")
    assert detect["best"] is None
    assert fields(ana.get(f"drills/compare?ids={slow.pk}")) == [("ids", "out_of_range")]
    assert fields(ana.get(f"drills/compare?ids={slow.pk},{uuid4()}")) == [("ids.1", "does_not_exist")]
    assert fields(ana.get(f"drills/compare?ids={slow.pk},x")) == [("ids", "invalid")]
    ahead = planned(north, ana, [lea], at=now)
    assert fields(ana.get(f"drills/compare?ids={slow.pk},{ahead.pk}")) == [("ids.1", "not_over")]


def test_who_leaves_plays_no_more(
    north: North, plan: None, ana: Person, lea: Person, bo: Person, now: datetime
) -> None:
    drill, ahead = started(north, ana, [lea, bo], at=now), planned(north, ana, [lea, bo], at=now)
    with inside(north.agency.pk):
        left = LINES["drills"].left
        assert left is not None
        assert left([bo.seat.pk, lea.seat.pk], now) == {bo.seat.pk: 2, lea.seat.pk: 2}
        revoke_seat(seat_id=bo.seat.pk, reason="left", by=ana.actor, at=now)
        assert left([bo.seat.pk], now) == {}
    assert (reread(drill).participants, reread(ahead).participants) == ([lea.seat.pk], [lea.seat.pk])


def test_a_stranger_sees_no_drill(
    north: North, plan: None, ana: Person, lea: Person, eve: Person, now: datetime
) -> None:
    drill = planned(north, ana, [lea], at=now)
    for path in (f"drills/{drill.pk}", "drills/scenarios", f"drills/compare?ids={drill.pk},{drill.pk}"):
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
    for verb in ("start", "end", "cancel"):
        assert eve.post(f"/v1/agencies/north/drills/{drill.pk}/{verb}", {"reason": "x"}).status == 404
