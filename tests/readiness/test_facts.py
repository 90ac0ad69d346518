"""What is true for a while: who keeps it true, how old it is, what it said before, who is asked when it is stale."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connections

from core.actor import Actor
from core.refusals import Refusal
from core.wall import inside
from incidents.models import Incident
from jobs.models import Job
from readiness.actions import add_fact, remind_of_fact, remove_fact, revise_fact
from readiness.models import Fact, FactRevision
from tests.alerting.conftest import Mailbox
from tests.cast import Answer, Person, events_of, run_due_jobs, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db
with_jobs = pytest.mark.django_db(transaction=True)
CLOCK = Actor.rule("the test")


def said(north: North, **more: Any) -> dict[str, Any]:
    return {
        "brand": str(north.aurora.pk),
        "name": "affected_stores",
        "type": "number",
        "value": "12",
        "good_for_minutes": 60,
        **more,
    }


def told(answer: Answer, status: int = 201) -> dict[str, Any]:
    assert answer.status == status, answer.body
    body: dict[str, Any] = answer.body
    return body


def row(north: North, body: dict[str, Any]) -> Fact:
    with inside(north.agency.pk):
        found: Fact = Fact.objects.found(UUID(body["id"]))
        return found


def test_a_fact_has_a_value_an_owner_and_an_age(north: North, bo: Person, now: datetime) -> None:
    body = told(bo.post("facts", said(north)))
    assert (body["value"], body["owner"], body["stale"], body["version"]) == ("12", str(bo.seat.pk), False, 1)
    fact = row(north, body)
    assert fact.stale_since == fact.said_at + timedelta(minutes=60)
    assert events_of(fact) == [
        (
            "fact.set",
            str(bo.actor),
            {
                "fact": "affected_stores",
                "type": "number",
                "owner_id": str(bo.seat.pk),
                "stale_since": fact.stale_since.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        )
    ]
    with inside(north.agency.pk):
        Fact.objects.filter(pk=fact.pk).update(said_at=now - timedelta(minutes=61))
    assert bo.get(f"facts/{fact.pk}").body["stale"] is True
    assert [one["id"] for one in bo.get("facts?stale=true").body["items"]] == [str(fact.pk)]
    assert bo.get("facts?stale=false").body["items"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": "twelve"}, "value"),
        ({"type": "time", "value": "25 o'clock"}, "value"),
        ({"type": "colour"}, "type"),
        ({"name": "Affected Stores"}, "name"),
        ({"good_for_minutes": 0}, "good_for_minutes"),
        ({"owner": "01890000-0000-7000-8000-000000000000"}, "owner"),
        ({"incident": "01890000-0000-7000-8000-000000000000"}, "incident"),
    ],
)
def test_what_is_no_fact_is_refused_with_its_field(
    north: North, bo: Person, change: dict[str, Any], field: str
) -> None:
    answer = bo.post("facts", said(north) | change)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, field)


def test_it_is_said_again_confirmed_and_taken_away_and_nothing_is_forgotten(
    north: North, bo: Person, lea: Person, now: datetime
) -> None:
    first = bo.post("facts", said(north))
    path = f"facts/{first.body['id']}"
    assert bo.post("facts", said(north, value="14")).status == 428, "there is one: say which version you saw"
    again = bo.post("facts", said(north, value="14"), If_Match=first.etag)
    assert (again.status, again.body["id"], again.body["value"]) == (200, first.body["id"], "14")
    assert bo.patch(path, {"value": "15"}, If_Match=first.etag).status == 412
    with inside(north.agency.pk):
        Fact.objects.filter(pk=first.body["id"]).update(said_at=now - timedelta(days=1))
    confirmed = lea.post(f"{path}/confirm", If_Match=again.etag)
    assert (confirmed.status, confirmed.body["stale"]) == (200, False)
    moved = bo.patch(path, {"owner": str(lea.seat.pk)}, If_Match=confirmed.etag)
    assert (moved.body["owner"], moved.body["said_at"]) == (str(lea.seat.pk), confirmed.body["said_at"])
    assert bo.delete(path, If_Match=moved.etag).status == 204
    assert bo.get("facts").body["items"] == []
    assert [one["id"] for one in bo.get("facts?removed=true").body["items"]] == [first.body["id"]]
    gone = bo.get(path)
    assert bo.post(f"{path}/confirm", If_Match=gone.etag).code == "fact_removed"
    history = bo.get(f"{path}/history").body["items"]
    assert [(one["number"], one["deed"], one["value"], one["author_seat_id"]) for one in history] == [
        (5, "removed", "14", str(bo.seat.pk)),
        (4, "entrusted", "14", str(bo.seat.pk)),
        (3, "confirmed", "14", str(lea.seat.pk)),
        (2, "set", "14", str(bo.seat.pk)),
        (1, "set", "12", str(bo.seat.pk)),
    ]
    with inside(north.agency.pk), pytest.raises(DatabaseError):
        FactRevision.objects.filter(fact_id=gone.body["id"]).update(value="0")
    assert told(bo.post("facts", said(north)))["id"] != first.body["id"], "the name is free again"


def test_an_incident_has_facts_of_its_own(north: North, bo: Person, lea: Person, crisis: Incident) -> None:
    told(bo.post("facts", said(north)))
    own = told(lea.post("facts", said(north, value="3", incident=str(crisis.pk))))
    assert [one["id"] for one in lea.get(f"facts?incident={crisis.pk}").body["items"]] == [own["id"]]
    assert len(lea.get("facts?name=affected_stores").body["items"]) == 2
    elsewhere = said(north, brand=str(north.borealis.pk), incident=str(crisis.pk))
    assert lea.post("facts", elsewhere).body["errors"][0]["field"] == "incident"


def test_a_restricted_incidents_facts_are_for_those_let_in(
    north: North,
    ana: Person,
    lea: Person,
    bo: Person,
    crisis: Incident,
) -> None:
    own = told(lea.post("facts", said(north, incident=str(crisis.pk))))
    answer = ana.post(f"incidents/{crisis.pk}/restrict", {"reason": "A board matter."})
    assert answer.status in (200, 201), answer.body
    assert ana.get(f"facts/{own['id']}").status == 200
    assert bo.get(f"facts/{own['id']}").status == 404
    assert bo.get("facts").body["items"] == []
    assert bo.get(f"facts/{own['id']}/history").status == 404
    wish = {"owner": str(bo.seat.pk)}
    refused = ana.patch(f"facts/{own['id']}", wish, If_Match=ana.get(f"facts/{own['id']}").etag)
    assert refused.body["errors"][0]["field"] == "owner"


@with_jobs
def test_the_owner_is_asked_when_a_fact_of_an_open_incident_is_stale(
    north: North,
    bo: Person,
    lea: Person,
    crisis: Incident,
    mailbox: Mailbox,
    now: datetime,
) -> None:
    fact = row(north, told(bo.post("facts", said(north, incident=str(crisis.pk)))))
    timer = Job.objects.get(handler="readiness.remind_of_fact", key=str(fact.pk), state="READY")
    assert timer.due_at == fact.stale_since
    with inside(north.agency.pk):
        assert remind_of_fact(fact_id=fact.pk, by=CLOCK, at=fact.stale_since - timedelta(seconds=1)) is None
        Fact.objects.filter(pk=fact.pk).update(said_at=now - timedelta(hours=2))
        assert remind_of_fact(fact_id=fact.pk, by=CLOCK, at=now) is not None
    run_due_jobs("alerting.deliver_letter")
    assert (mailbox.addresses, "affected_stores" in mailbox.texts[-1]) == ([bo.user.email], True)
    assert events_of(fact)[-1][0] == "fact.went_stale"
    bo.post(f"facts/{fact.pk}/confirm", If_Match=bo.get(f"facts/{fact.pk}").etag)
    assert Job.objects.get(handler="readiness.remind_of_fact", state="READY").due_at > timer.due_at
    with inside(north.agency.pk):
        remove_fact(fact_id=fact.pk, by=lea.actor, at=now)
    assert not Job.objects.filter(handler="readiness.remind_of_fact", state="READY").exists()


@with_jobs
def test_when_the_owner_goes_the_fact_stays_and_a_lead_is_asked(
    north: North,
    ana: Person,
    bo: Person,
    lea: Person,
    crisis: Incident,
    mailbox: Mailbox,
    now: datetime,
) -> None:
    fact = row(north, told(bo.post("facts", said(north, incident=str(crisis.pk)))))
    told(ana.post(f"seats/{bo.seat.pk}/revoke", {"reason": "left"}), 200)
    left = row(north, {"id": str(fact.pk)})
    assert (left.owner_id, left.value, left.version) == (None, "12", 2)
    with inside(north.agency.pk):
        Fact.objects.filter(pk=fact.pk).update(said_at=now - timedelta(hours=2))
        assert remind_of_fact(fact_id=fact.pk, by=CLOCK, at=now) is not None
    run_due_jobs("alerting.deliver_letter")
    assert mailbox.addresses[-1] == lea.user.email


def test_a_successor_keeps_the_facts_that_they_may_see(north: North, ana: Person, bo: Person, now: datetime) -> None:
    fact = row(north, told(bo.post("facts", said(north))))
    max_ = seat_person(north.agency, "max", "account_manager", brands=[north.aurora], at=now)
    wish = {"reason": "moved", "successor": str(max_.seat.pk)}
    told(ana.post(f"seats/{bo.seat.pk}/revoke", wish), 200)
    assert row(north, {"id": str(fact.pk)}).owner_id == max_.seat.pk
    assert ("fact.handed_over", {"fact": "affected_stores", "owner_id": str(max_.seat.pk)}) in [
        (name, facts) for name, _, facts in events_of(fact)
    ]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_say_it_at_once_one_is_first(north: North, bo: Person, now: datetime) -> None:
    gate, outcomes = threading.Barrier(5), list[str]()

    def say() -> None:
        gate.wait()
        try:
            with inside(north.agency.pk):
                add_fact(
                    brand_id=north.aurora.pk,
                    incident_id=None,
                    name="since",
                    type="time",
                    value="14:30",
                    good_for_minutes=5,
                    owner_id=bo.seat.pk,
                    by=bo.actor,
                    at=now,
                )
            outcomes.append("said")
        except Refusal as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=say) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["fact_exists"] * 4 + ["said"]


def test_needs_brands_and_agencies_keep_people_out(
    north: North, bo: Person, dee: Person, cy: Person, eve: Person, now: datetime
) -> None:
    fact = told(bo.post("facts", said(north)))
    path, etag = f"facts/{fact['id']}", bo.get(f"facts/{fact['id']}").etag
    assert dee.get(path).status == 200
    assert {
        dee.post("facts", said(north, name="other")).code,
        dee.patch(path, {"value": "1"}, If_Match=etag).code,
        dee.post(f"{path}/confirm", If_Match=etag).code,
        dee.delete(path, If_Match=etag).code,
        cy.get("facts").code,
    } == {"not_allowed"}
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    assert elsewhere.get(path).status == 404
    assert elsewhere.post("facts", said(north)).body["errors"][0]["field"] == "brand"
    for at in ("facts", path, f"{path}/history"):
        assert eve.get(f"/v1/agencies/north/{at}").status == 404
    assert eve.patch(f"/v1/agencies/north/{path}", {"value": "1"}, If_Match=etag).status == 404


def test_revising_says_only_what_is_named(north: North, bo: Person, now: datetime) -> None:
    fact = row(north, told(bo.post("facts", said(north))))
    later = now + timedelta(minutes=30)
    with inside(north.agency.pk):
        revised = revise_fact(fact_id=fact.pk, good_for_minutes=5, forget_owner=True, by=bo.actor, at=later)
    assert (revised.value, revised.said_at, revised.owner_id) == ("12", fact.said_at, None)
    assert revised.stale_since == fact.said_at + timedelta(minutes=5)
