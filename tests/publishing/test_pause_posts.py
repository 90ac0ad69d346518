"""Pausing, what a pause covers, and lifting it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from core.wall import inside
from publishing.actions import drain_pause, lift_pause, start_pause
from publishing.models import Pause
from publishing.queries import active_pauses
from publishing.states import PauseScope
from tests.cast import Person, add_account, events_of
from tests.conftest import North
from tests.publishing.stage import again, approve, calls, ring, schedule, send

pytestmark = pytest.mark.django_db


def body(north: North, **more: object) -> dict[str, object]:
    return {"scope": "brand", "scope_id": north.aurora.pk, "kind": "crisis", "reason": "Mould in the rolls", **more}


def paused(north: North, person: Person, **more: object) -> Pause:
    answer = person.post("pauses", body(north, **more))
    assert answer.status == 200, answer.body
    with inside(north.agency.pk):
        return Pause.objects.get(pk=answer.body["id"])


def test_pausing_an_idle_brand_holds_at_once_and_says_so(north: North, dee: Person) -> None:
    answer = dee.post("pauses", body(north))
    assert answer.status == 200
    assert answer.body["effective"] is True
    assert answer.body["in_flight"] == []
    assert (answer.body["stage"], answer.body["epoch"], answer.body["started_by_side"]) == ("EFFECTIVE", 1, "staff")
    with inside(north.agency.pk):
        pause = Pause.objects.get(pk=answer.body["id"])
    assert events_of(pause) == [
        (
            "pause.started",
            str(dee.actor),
            {
                "scope": "brand",
                "scope_id": str(north.aurora.pk),
                "kind": "crisis",
                "reason": "Mould in the rolls",
                "epoch": 1,
            },
        ),
        ("pause.became_effective", "rule:pause drain", {"scope": "brand", "epoch": 1}),
    ]
    assert answer.etag == f'"{pause.pk}-1"'
    assert not ring("publishing.drain_pause", pause.pk), "nothing is left to drain"


def test_what_comes_due_under_a_pause_is_held_and_other_brands_go_on(north: North, ana: Person) -> None:
    covered = schedule(north.aurora_account, ana)
    free = schedule(north.borealis_account, ana)
    paused(north, ana)
    send(covered)
    send(free)
    assert (again(covered).stage, again(covered).held_reason) == ("HELD", "paused")
    assert again(free).stage == "PUBLISHED"
    assert calls(north.aurora_account) == []


@pytest.mark.parametrize("scope", PauseScope.values)
def test_each_scope_covers_what_lies_in_it(north: North, ana: Person, now: datetime, scope: str) -> None:
    sibling = add_account(north.aurora, "@aurora-kids", now)
    posts = [schedule(account, ana) for account in (north.aurora_account, sibling, north.borealis_account)]
    scope_id = {"agency": None, "brand": north.aurora.pk, "account": north.aurora_account.pk}[scope]
    paused(north, ana, scope=scope, scope_id=scope_id)
    for post in posts:
        send(post)
    held = [again(post).stage == "HELD" for post in posts]
    assert held == {"agency": [True] * 3, "brand": [True, True, False], "account": [True, False, False]}[scope]


def test_a_pause_may_leave_the_statement_lane_open(north: North, ana: Person, lea: Person) -> None:
    approval = approve(north.aurora_account, ana, lea, "We are sorry.")
    paused(north, ana, allow_statements=True)
    statement = schedule(north.aurora_account, ana, "We are sorry.", approval=approval)
    routine = schedule(north.aurora_account, ana)
    send(statement)
    send(routine)
    assert [again(statement).stage, again(routine).stage] == ["PUBLISHED", "HELD"]


def test_a_pause_that_says_nothing_of_statements_stops_them_too(north: North, ana: Person, lea: Person) -> None:
    approval = approve(north.aurora_account, ana, lea, "We are sorry.")
    paused(north, ana)
    statement = schedule(north.aurora_account, ana, "We are sorry.", approval=approval)
    send(statement)
    assert again(statement).held_reason == "paused"


def test_pauses_overlap_as_a_set(north: North, ana: Person) -> None:
    wide, narrow = paused(north, ana, scope="agency", scope_id=None), paused(north, ana)
    assert (wide.epoch, narrow.epoch) == (1, 2)
    assert ana.post(f"pauses/{narrow.pk}/lift", {"reason": "over"}).status == 200
    post = schedule(north.aurora_account, ana)
    send(post)
    assert again(post).held_reason == "paused"
    with inside(north.agency.pk):
        assert active_pauses(brand_id=north.aurora.pk) == [wide]
        assert active_pauses() == [wide]


def test_lifting_never_fires_what_was_missed(north: North, ana: Person, now: datetime) -> None:
    rung = schedule(north.aurora_account, ana)
    missed = schedule(north.aurora_account, ana)
    ahead = schedule(north.aurora_account, ana, scheduled_at=now + timedelta(hours=1))
    pause = paused(north, ana)
    send(rung)
    lifted = ana.post(f"pauses/{pause.pk}/lift", {"reason": "All clear"})
    assert (lifted.status, lifted.body["stage"], lifted.body["lift_reason"]) == (200, "LIFTED", "All clear")
    assert events_of(pause)[-1] == (
        "pause.lifted",
        str(ana.actor),
        {"scope": "brand", "reason": "All clear", "held": 2},
    )
    assert [again(post).stage for post in (rung, missed, ahead)] == ["HELD", "HELD", "SCHEDULED"]
    assert again(missed).held_reason == "paused"
    send(missed)
    assert again(missed).stage == "HELD"
    assert calls(north.aurora_account) == []


def test_a_stale_lift_changes_nothing_of_a_later_pause(north: North, ana: Person) -> None:
    first = paused(north, ana)
    assert ana.post(f"pauses/{first.pk}/lift", {"reason": "over"}).status == 200
    second = paused(north, ana)
    stale = ana.post(f"pauses/{first.pk}/lift", {"reason": "over"})
    assert (stale.status, stale.code) == (409, "cannot_move")
    with inside(north.agency.pk):
        assert active_pauses(brand_id=north.aurora.pk) == [second]


def test_a_lifted_pause_never_becomes_effective(north: North, ana: Person, now: datetime) -> None:
    with inside(north.agency.pk):
        pause = start_pause(
            scope="brand", scope_id=north.aurora.pk, kind="other", reason="", allow_statements=True,
            incident_id=None, by=ana.actor, at=now,
        )  # fmt: skip
        lift_pause(pause_id=pause.pk, reason="a slip", by=ana.actor, at=now)
    drained = drain_pause(pause_id=pause.pk, agency_id=north.agency.pk, patience_s=1, at=timezone.now())
    assert (drained.effective, drained.in_flight) == (False, [])
    assert not ring("publishing.drain_pause", pause.pk)
    with inside(north.agency.pk):
        assert Pause.objects.get(pk=pause.pk).effective_at is None


def test_a_pause_that_nobody_drains_is_drained_by_a_job(north: North, ana: Person, now: datetime) -> None:
    with inside(north.agency.pk):
        pause = start_pause(
            scope="agency", scope_id=north.agency.pk, kind="mourning", reason="A death", allow_statements=False,
            incident_id=None, by=ana.actor, at=now,
        )  # fmt: skip
    assert ring("publishing.drain_pause", pause.pk)
    with inside(north.agency.pk):
        assert Pause.objects.get(pk=pause.pk).effective
    assert not ring("publishing.drain_pause", pause.pk)


def test_a_repeated_request_is_told_how_things_stand(north: North, ana: Person) -> None:
    first = ana.post("pauses", body(north), Idempotency_Key="k1")
    second = ana.post("pauses", body(north), Idempotency_Key="k1")
    assert (second.status, second.body) == (200, first.body)
    assert second.headers["Idempotent-Replayed"] == "true"
    with inside(north.agency.pk):
        assert Pause.objects.count() == 1


def test_a_held_post_cannot_be_released_into_a_pause(north: North, ana: Person) -> None:
    post = schedule(north.aurora_account, ana)
    pause = paused(north, ana)
    send(post)
    refused = ana.post(f"posts/{post.pk}/release", If_Match=f'"{post.pk}-1"')
    assert (refused.status, refused.code) == (409, "paused")
    assert refused.body["facts"]["pauses"] == [
        {"id": str(pause.pk), "scope": "brand", "kind": "crisis", "reason": "Mould in the rolls"}
    ]


def test_a_client_may_pause_its_own_brand_and_nothing_else(north: North, cy: Person) -> None:
    assert cy.post("pauses", body(north)).body["started_by_side"] == "client"
    agency_wide = cy.post("pauses", body(north, scope="agency", scope_id=None))
    assert (agency_wide.status, agency_wide.code) == (403, "not_allowed")
    other = cy.post("pauses", body(north, scope_id=north.borealis.pk))
    assert (other.status, other.body["errors"][0]["field"]) == (400, "scope_id")
    lifted = cy.post(f"pauses/{cy.get('pauses').body['items'][0]['id']}/lift", {"reason": "?"})
    assert lifted.status == 403


def test_staff_of_a_brand_see_what_pauses_the_whole_agency_and_clients_do_not(
    north: North, ana: Person, bo: Person, cy: Person
) -> None:
    wide = paused(north, ana, scope="agency", scope_id=None, reason="Another client's secret")
    paused(north, ana, scope_id=north.borealis.pk)
    assert [item["id"] for item in bo.get("pauses").body["items"]] == [str(wide.pk)]
    assert cy.get("pauses").body["items"] == []
    assert cy.get(f"pauses/{wide.pk}").status == 404
    assert bo.post(f"pauses/{wide.pk}/lift", {"reason": "?"}).status == 403


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scope": "planet"}, "scope"),
        ({"scope_id": None}, "scope_id"),
        ({"scope_id": str(uuid4())}, "scope_id"),
        ({"scope": "agency", "scope_id": str(uuid4())}, "scope_id"),
        ({"kind": "boredom"}, "kind"),
        ({"reason": ""}, "reason"),
        ({"until": "tomorrow"}, "until"),
        ({"allow_statements": "yes"}, "allow_statements"),
        ({"incident": str(uuid4())}, "incident"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(
    north: North, ana: Person, wrong: dict[str, object], field: str
) -> None:
    answer = ana.post("pauses", body(north, **wrong))
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (400, [field])


def test_another_agency_sees_and_moves_nothing(north: North, ana: Person, eve: Person) -> None:
    pause = paused(north, ana)
    for path in ("pauses", f"pauses/{pause.pk}"):
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
    assert eve.post("/v1/agencies/north/pauses", body(north)).status == 404
    assert eve.post(f"/v1/agencies/north/pauses/{pause.pk}/lift", {"reason": "?"}).status == 404
    assert eve.get(f"pauses/{pause.pk}").status == 404
    assert eve.post(f"pauses/{pause.pk}/lift", {"reason": "?"}).status == 404
