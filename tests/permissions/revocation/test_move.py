"""Whoever moves hands over everything, or stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from alerting.actions import acknowledge_page, override_rota, raise_page
from alerting.models import EscalationPolicy, Page, RotaOverride, Rotation
from approvals.actions import request_approval
from approvals.payload import deliveries_payload
from approvals.process import Step
from core.ids import uuid7
from core.wall import inside
from incidents.actions import add_duty, open_incident
from incidents.models import Duty, Incident
from permissions.models import Revocation
from publishing.actions import schedule_post
from publishing.models import Post
from tenants.models import Seat
from tests.alerting.scene import policy_of, rota_of
from tests.cast import Answer, Person, events_of, seat_person
from tests.conftest import North
from tests.permissions.revocation.conftest import goodbye, line_of, report_on

pytestmark = pytest.mark.django_db


def move(person: Person, to: Person | UUID | None, by: Person, reason: str = "moved") -> Answer:
    successor = to.seat.pk if isinstance(to, Person) else to
    wish = {"reason": reason} | ({"successor": str(successor)} if successor else {})
    return by.post(f"seats/{person.seat.pk}/revoke", wish)


def post_of(person: Person, account: Any, **more: Any) -> Post:
    wish: dict[str, Any] = {
        "text": "Good morning.", "scheduled_at": timezone.now() + timedelta(hours=2), "lane": "routine",
        "approval_id": None, "digest": None, "incident_id": None,
    }  # fmt: skip
    with inside(person.agency.pk):
        return schedule_post(account_id=account.pk, by=person.actor, at=timezone.now(), **(wish | more))


def incident_with(person: Person, duty: str, deputy: Person | None, brand: Any, by: Person, at: datetime) -> Incident:
    with inside(person.agency.pk):
        incident: Incident = open_incident(
            brand_id=brand.pk, title="Storm", kind="product", severity=2, cause_kind="", cause_id=None,
            by=by.actor, at=at,
        )  # fmt: skip
        add_duty(
            incident_id=incident.pk, duty=duty, seat_id=person.seat.pk, deputy_id=deputy.seat.pk if deputy else None,
            by=by.actor, at=at,
        )  # fmt: skip
    return incident


def test_a_successor_takes_shifts_steps_pages_duties_and_posts(
    *, north: North, ana: Person, lea: Person, dee: Person, now: datetime
) -> None:
    mia = seat_person(north.agency, "mia", "crisis_lead", at=now)
    rota = rota_of(lea, dee, at=now)
    policy = policy_of(ana, [{"seat": lea.seat.pk}, {"seat": mia.seat.pk}], at=now)
    with inside(north.agency.pk):
        override_rota(
            rota_id=rota.pk, seat_id=lea.seat.pk, starts_at=now + timedelta(days=1),
            ends_at=now + timedelta(days=2), by=ana.actor, at=now,
        )  # fmt: skip
        page = raise_page(
            brand_id=north.aurora.pk, cause_kind="test", cause_id=uuid7(), severity=3, headline="Look.",
            by=ana.actor, at=now,
        )  # fmt: skip
        acknowledge_page(page_id=page.pk, by=lea.actor, at=now)
    incident = incident_with(lea, "commander", dee, north.aurora, ana, now)
    post = post_of(lea, north.aurora_account)

    answer = move(lea, mia, ana)
    assert (answer.status, answer.body["stage"]) == (200, "ENDED")
    with inside(north.agency.pk):
        assert Rotation.objects.get(rota=rota).members == [mia.seat.pk, dee.seat.pk]
        assert [one.seat_id for one in RotaOverride.objects.filter(cancelled_at=None)] == [mia.seat.pk]
        assert EscalationPolicy.objects.get(pk=policy.pk).steps[0]["notify"] == [{"seat": str(mia.seat.pk)}]
        taken = Page.objects.get(pk=page.pk)
        assert (taken.stage, taken.acknowledged_by_id) == ("ACKNOWLEDGED", mia.seat.pk)
        duty = Duty.objects.get(incident=incident)
        assert (duty.seat_id, duty.deputy_id) == (mia.seat.pk, dee.seat.pk)
        kept = Post.objects.get(pk=post.pk)
        assert (kept.stage, kept.author_seat_id) == ("SCHEDULED", mia.seat.pk)
    name, _, facts = events_of(lea.seat)[-1]
    assert (name, facts["reason"], facts["successor_id"]) == ("seat.revoked", "moved", str(mia.seat.pk))
    assert facts["handed_over"] == {
        "absences": 0, "acknowledged pages": 1, "calendar addresses": 0, "decisions that wait for them": 0,
        "delegations": 0, "escalation steps": 1, "facts that they keep true": 0, "improvements": 0,
        "incident duties": 1, "incident tasks": 0, "offered duties": 0, "parts of reviews": 0,
        "ratings of reviews": 0, "reviews": 0, "revocation tasks": 0, "rota shifts": 2,
        "scheduled posts": 1, "shift swaps": 0, "silences": 0,
    }  # fmt: skip
    assert [facts["ended"][name] for name in ("rota shifts", "incident duties", "scheduled posts")] == [0, 0, 0]
    report = report_on(lea, by=ana)
    assert line_of(report, "rota shifts")["handed_over"] == 2
    assert {task["owner_id"] for task in report["tasks"]} == {str(mia.seat.pk)}


def test_what_cannot_be_handed_over_refuses_the_move_and_changes_nothing(
    north: North, ana: Person, lea: Person, bo: Person, dee: Person, now: datetime
) -> None:
    incident = incident_with(lea, "commander", dee, north.borealis, ana, now)
    post = post_of(lea, north.borealis_account)
    own = post_of(lea, north.aurora_account)
    with inside(north.agency.pk):
        duty = Duty.objects.get(incident=incident)
    answer = move(lea, bo, ana)
    assert (answer.status, answer.code) == (409, "cannot_hand_over")
    things = {(thing["line"], thing["kind"], thing["id"], thing["why"]) for thing in answer.body["facts"]["things"]}
    assert things == {
        ("incident duties", "incidents.Duty", str(duty.pk), "cannot_see"),
        ("scheduled posts", "publishing.Post", str(post.pk), "not_allowed"),
    }
    with inside(north.agency.pk):
        assert Seat.objects.get(pk=lea.seat.pk).stage == "ACTIVE"
        assert Duty.objects.get(pk=duty.pk).seat_id == lea.seat.pk
        assert Post.objects.get(pk=own.pk).author_seat_id == lea.seat.pk
        assert not Revocation.objects.exists()
    assert lea.get("brands").status == 200


def test_somebody_who_leaves_hands_over_what_can_be_and_the_rest_is_undone(
    north: North, ana: Person, lea: Person, bo: Person
) -> None:
    theirs, ours = post_of(lea, north.borealis_account), post_of(lea, north.aurora_account)
    assert move(lea, bo, ana, reason="left").status == 200
    with inside(north.agency.pk):
        assert Post.objects.get(pk=theirs.pk).held_reason == "author_gone"
        assert Post.objects.get(pk=ours.pk).author_seat_id == bo.seat.pk


def test_a_decision_that_only_they_could_take_refuses_the_move(
    north: North, ana: Person, cy: Person, bo: Person, now: datetime
) -> None:
    viewer = seat_person(north.agency, "vic", "client_viewer", brands=[north.aurora], side="client", at=now)
    deciding = seat_person(north.agency, "dan", "client_approver", brands=[north.aurora], side="client", at=now)
    assert move(deciding, viewer, ana).status == 200, "Cy can decide, so nothing waits for Dan"
    with inside(north.agency.pk):
        approval = request_approval(
            brand_id=north.aurora.pk, about_kind="test", about_id=uuid4(),
            payload=deliveries_payload(
                brand_id=north.aurora.pk, language="en", deliveries=[(north.aurora_account.pk, "Sorry.")]
            ),
            stages=[Step(name="client", role="client_approver", side="client", quorum=1)],
            author_seat_ids=[bo.seat.pk], expires_at=None, by=bo.actor, at=now,
        )  # fmt: skip
    answer = move(cy, viewer, ana)
    assert [(one["id"], one["why"]) for one in answer.body["facts"]["things"]] == [(str(approval.pk), "has_no_voice")]
    assert move(cy, None, ana, reason="left").status == 200
    tasks = [task for task in report_on(cy, by=ana)["tasks"] if task["line"] == "decisions that wait for them"]
    assert [str(approval.pk) in task["title"] for task in tasks] == [True]


@pytest.mark.parametrize("reason", ["moved", "compromised"])
def test_a_move_names_a_successor_and_a_compromised_seat_has_none(
    ana: Person, lea: Person, dee: Person, reason: str
) -> None:
    answer = move(lea, dee if reason == "compromised" else None, ana, reason=reason)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "successor")


def test_a_successor_is_an_active_colleague_of_the_same_side(
    ana: Person, lea: Person, dee: Person, cy: Person, eve: Person
) -> None:
    ana.post(f"seats/{dee.seat.pk}/suspend", {"reason": "away"})
    for successor in (dee, cy, lea, eve, uuid4()):
        answer = move(lea, successor, ana)
        assert (answer.status, answer.body["errors"][0]["field"]) == (400, "successor")
    assert lea.get("brands").status == 200


def test_a_repeated_goodbye_answers_with_the_one_that_stands(ana: Person, lea: Person, dee: Person) -> None:
    first = move(lea, None, ana, reason="left")
    again = move(lea, dee, ana)
    assert (again.status, again.body["revocation"]["id"]) == (200, first.body["revocation"]["id"])
    assert again.body["end_reason"] == "left"
    assert goodbye(lea).successor_id is None
