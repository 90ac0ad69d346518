"""Activating a signal: incident, plan and pause in one transaction, or nothing of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerting.models import Page
from core.wall import inside
from incidents.models import Incident
from listening import actions
from listening.models import Signal, Source
from publishing.models import Pause
from tests.cast import Person, events_of
from tests.conftest import North
from tests.listening.storms import detect, hear, quiet_days, signals_of, storm, whole
from tests.listening.test_review_signal import page_of, stored

pytestmark = pytest.mark.django_db
BODY = {"severity": 2, "kind": "product", "title": "Glass in the soup", "reason": "It is real.", "pause": True}


@pytest.fixture
def signal(ana: Person, source: Source, now: datetime) -> Signal:
    end = whole(now)
    hear(source, quiet_days(end, days=1))
    hear(source, storm(end - timedelta(minutes=20), minutes=20, per_minute=30))
    [raised] = detect(source, now)
    return raised


def etag(person: Person, signal: Signal) -> str:
    return person.get(f"signals/{signal.pk}").etag


@pytest.mark.django_db(transaction=True)
def test_activation_opens_the_incident_pauses_the_brand_and_ends_the_page(lea: Person, signal: Signal) -> None:
    answer = lea.post(f"signals/{signal.pk}/activate", BODY, If_Match=etag(lea, signal))
    assert answer.status == 200, answer.body
    assert answer.body["stage"] == "ACTIVATED"
    with inside(signal.agency_id):
        [incident] = Incident.objects.all()
        [pause] = Pause.objects.all()
    assert answer.body["incident"] == str(incident.pk)
    assert (incident.stage, incident.severity, incident.kind, incident.title) == ("ACTIVE", 2, "product", BODY["title"])
    assert (incident.cause_kind, incident.cause_id, incident.brand_id) == (
        "listening.signal",
        signal.pk,
        signal.brand_id,
    )
    assert (answer.body["pause_state"]["id"], answer.body["pause_state"]["stage"]) == (str(pause.pk), "EFFECTIVE")
    assert (incident.pause_id, pause.scope, pause.scope_id) == (pause.pk, "brand", signal.brand_id)
    page = page_of(signal)
    assert (page.stage, page.acknowledged_by_id) == ("RESOLVED", lea.seat.pk)
    assert events_of(signal)[1:] == [
        ("signal.activated", str(lea.actor), {"reason": "It is real.", "incident_id": str(incident.pk)})
    ]
    told = [name for name, _, _ in events_of(page)]
    assert told == ["page.raised", "page.acknowledged", "page.resolved"]
    assert [name for name, _, _ in events_of(incident)][:2] == ["incident.opened", "incident.activated"]


def test_without_a_pause_posts_go_on(lea: Person, signal: Signal) -> None:
    answer = lea.post(f"signals/{signal.pk}/activate", {**BODY, "pause": False}, If_Match=etag(lea, signal))
    assert answer.status == 200
    with inside(signal.agency_id):
        assert Pause.objects.count() == 0


def test_when_the_activation_fails_nothing_of_it_stays(
    lea: Person, signal: Signal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.failpoints.ARMED", {"listening.between_open_and_activate": "raise"})
    with pytest.raises(RuntimeError, match="between_open_and_activate"):
        lea.post(f"signals/{signal.pk}/activate", BODY, If_Match=etag(lea, signal))
    with inside(signal.agency_id):
        assert Incident.objects.count() == 0
    assert stored(signal).stage == "OPEN"
    assert page_of(signal).stage == "OPEN"
    assert [name for name, _, _ in events_of(signal)] == ["signal.raised"]


def test_an_activated_signal_is_not_activated_again(lea: Person, signal: Signal) -> None:
    first = lea.post(f"signals/{signal.pk}/activate", BODY, If_Match=etag(lea, signal))
    second = lea.post(f"signals/{signal.pk}/activate", BODY, If_Match=first.etag)
    assert (second.status, second.code) == (409, "cannot_move")
    with inside(signal.agency_id):
        assert Incident.objects.count() == 1


def test_the_same_key_activates_once(lea: Person, signal: Signal) -> None:
    seen = etag(lea, signal)
    first = lea.post(f"signals/{signal.pk}/activate", BODY, If_Match=seen, Idempotency_Key="go")
    again = lea.post(f"signals/{signal.pk}/activate", BODY, If_Match=seen, Idempotency_Key="go")
    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body


def test_while_the_incident_runs_the_storm_grows_its_signal_and_wakes_nobody(
    lea: Person, signal: Signal, source: Source
) -> None:
    assert lea.post(f"signals/{signal.pk}/activate", BODY, If_Match=etag(lea, signal)).status == 200
    with inside(signal.agency_id):
        pages = Page.objects.count()
    later = signal.seen_at + timedelta(minutes=30)
    hear(source, storm(signal.seen_at, minutes=30, per_minute=400), negative=0.95)
    raised = detect(source, later)
    assert [s.kind for s in raised] in ([], ["mood"])
    assert all(s.page_id is None for s in raised)
    grown = next(s for s in signals_of(source) if s.kind == "volume")
    assert (grown.pk, grown.seen_at) == (signal.pk, later)
    with inside(signal.agency_id):
        assert Page.objects.count() == pages


def test_a_reviewer_who_may_not_open_incidents_does_not_activate(
    bo: Person, cy: Person, dee: Person, signal: Signal, north: North
) -> None:
    assert cy.post(f"signals/{signal.pk}/activate", BODY, If_Match='"x"').status == 403
    assert dee.post(f"signals/{signal.pk}/activate", BODY, If_Match=etag(dee, signal)).status == 200


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"severity": 0}, "severity"), ({"severity": 5}, "severity"), ({"title": ""}, "title"), ({"loud": 1}, "loud")],
)
def test_a_wrong_wish_is_refused_with_its_field(
    lea: Person, signal: Signal, wrong: dict[str, object], field: str
) -> None:
    answer = lea.post(f"signals/{signal.pk}/activate", {**BODY, **wrong}, If_Match=etag(lea, signal))
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, [field])


def test_activation_by_an_action_names_who_and_when(lea: Person, signal: Signal, now: datetime) -> None:
    with inside(signal.agency_id):
        activated = actions.activate_signal(signal_id=signal.pk, **BODY, by=lea.actor, at=now)
    assert activated.reviewed_at == now
