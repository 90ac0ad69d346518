"""A whole drill, from its first mention to its scores: jobs run when they are due, people act through the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors.models import SandboxPost
from core.wall import inside
from incidents.models import Clock, Incident
from jobs.models import Job
from ledger.models import Event
from listening.models import Mention, Signal
from readiness.models import Drill
from readiness.queries.drills import MEASURES, moments_of, scores_of
from tests.alerting.conftest import Mailbox
from tests.cast import Answer, Person, run_due_jobs
from tests.conftest import North
from tests.incidents.stage import say
from tests.readiness.drilling import STORM, pass_time, put_in_force, reread, started, twin_of

pytestmark = pytest.mark.django_db(transaction=True)
SPEED = 4


@pytest.fixture
def drill(north: North, ana: Person, lea: Person, bo: Person, dee: Person, cy: Person, now: datetime) -> Drill:
    """It began eight minutes ago, four times as fast as life: half an hour of it has passed. Lea and Bo play."""
    put_in_force(north, ana, now - timedelta(days=1))
    return started(north, ana, [lea, bo], speed=SPEED, at=now - timedelta(minutes=8, seconds=30))


def ok(answer: Answer, status: int = 200) -> Any:
    assert answer.status == status, answer.body
    return answer.body


def matched(person: Person, path: str, verb: str, body: Any = None) -> Any:
    return ok(person.post(f"{path}/{verb}", body, If_Match=person.get(path).etag))


def of_twin(drill: Drill, name: str) -> list[Event]:
    with inside(drill.agency_id):
        return list(Event.objects.filter(brand_id=drill.twin_id, name=name).order_by("seq"))


def test_a_drill_from_its_first_mention_to_its_scores(
    north: North, drill: Drill, ana: Person, lea: Person, bo: Person, mailbox: Mailbox, now: datetime
) -> None:
    twin = twin_of(drill)
    pass_time(now)

    # It was heard, minute by minute, and the detector raised its signal.
    with inside(north.agency.pk):
        heard = Mention.objects.filter(brand_id=twin.pk)
        assert 16 * 50 < heard.count() < 16 * 72 + 60
        assert not Mention.objects.filter(brand_id=north.aurora.pk).exists()
        assert all(drill.started_at <= one <= now for one in heard.values_list("posted_at", flat=True))  # type: ignore[operator]
        signal = Signal.objects.get(brand_id=twin.pk)
        began = moments_of(drill)["began"]
    assert drill.started_at is not None
    assert began == drill.started_at + timedelta(minutes=2)
    assert began < signal.raised_at < began + timedelta(minutes=4)

    # Those who play were woken, and nobody else; each message says what it is.
    assert set(mailbox.addresses) == {lea.user.email, bo.user.email} or mailbox.addresses == [lea.user.email]
    assert all(mail["Subject"].startswith("[DRILL]") for _, mail in mailbox.mails)

    # People act.
    [page] = ok(lea.get(f"pages?brand={twin.pk}"))["items"]
    assert page["drill"] is True
    ok(lea.post(f"pages/{page['id']}/acknowledge"))
    activation = {"severity": 2, "kind": "insensitive_post", "title": "Played", "reason": "It is loud."}
    activated = lea.post(f"signals/{signal.pk}/activate", activation, If_Match=lea.get(f"signals/{signal.pk}").etag)
    incident = ok(lea.get(f"incidents/{ok(activated)['incident']}"))
    assert (incident["reference"][:6], incident["drill"]) == ("DRILL-", True)
    assert [step["name"] for step in incident["plan"]["approval"]["stages"]] == ["lead"]
    duties = {one["duty"]: one["seat"] for one in ok(lea.get(f"incidents/{incident['id']}/duties"))["items"]}
    assert set(duties.values()) <= {str(lea.seat.pk), str(bo.seat.pk), None}
    with inside(north.agency.pk):
        clocks = dict(Clock.objects.filter(incident_id=incident["id"]).values_list("kind", "minutes"))
    assert clocks == {"acknowledge": 1, "first_words": 15, "update": 30}

    # The first words: written, agreed to, out in the sandbox.
    [account] = ok(lea.get(f"accounts?brand={twin.pk}"))["items"]
    words = {"account": account["id"], "text": "We are sorry. We are looking into it."}
    said = {"incident": incident["id"], "title": "First", "language": "en", "deliveries": [words]}
    statement = ok(bo.post("statements", said), 201)
    path = f"statements/{statement['id']}"
    asked = bo.post(f"{path}/submit", If_Match=bo.get(path).etag)
    assert ok(say(lea, "approve", asked))["stage"] == "GRANTED"
    run_due_jobs()
    matched(bo, path, "release")
    run_due_jobs()
    with inside(north.agency.pk):
        assert SandboxPost.objects.get(brand_id=twin.pk).text == words["text"]

    # The way out.
    matched(lea, f"incidents/{incident['id']}", "contain", {"note": "calm"})
    ok(lea.post(f"pauses/{incident['pause']}/lift", {"reason": "calm"}))
    matched(lea, f"incidents/{incident['id']}", "resolve", {"note": "over"})

    # The scores, while it is played and when it is over.
    ended = ok(lea.post(f"drills/{drill.pk}/end"))
    scores = ended["scores"]
    assert set(scores) == set(MEASURES)
    assert all(scores[name] is not None for name in MEASURES)
    for took in scores.values():
        assert took["drill_seconds"] == pytest.approx(took["seconds"] * SPEED, abs=0.01)
    assert scores["detect"]["seconds"] == pytest.approx((signal.raised_at - began).total_seconds(), abs=0.01)
    raised = signal.raised_at
    acknowledged = of_twin(drill, "page.acknowledged")[0].at
    assert scores["acknowledge"]["seconds"] == pytest.approx((acknowledged - raised).total_seconds(), abs=0.01)
    assert scores["decide"]["seconds"] <= scores["first_words"]["seconds"] <= scores["resolve"]["seconds"]
    assert scores["approve"]["seconds"] < 60
    assert ok(ana.get(f"drills/{drill.pk}"))["scores"] == scores, "they are frozen"

    # Nothing of it goes on.
    run_due_jobs()
    mailbox.mails.clear()
    with inside(north.agency.pk):
        mentions = Mention.objects.filter(brand_id=twin.pk).count()
    Job.objects.filter(state="READY").update(due_at=timezone.now() - timedelta(seconds=1))
    run_due_jobs()
    assert [mail for mail in mailbox.mails if "DRILL" in mail[1]["Subject"]] == []
    with inside(north.agency.pk):
        assert Mention.objects.filter(brand_id=twin.pk).count() == mentions
        assert Signal.objects.filter(brand_id=twin.pk).count() == 1


def test_a_drill_that_nobody_plays_ends_by_itself_with_what_never_happened(
    north: North, ana: Person, lea: Person, now: datetime, mailbox: Mailbox
) -> None:
    put_in_force(north, ana, now - timedelta(days=1))
    drill = started(north, ana, [lea], speed=SPEED, at=now - timedelta(minutes=40))
    pass_time(now)
    ended = reread(drill)
    assert ended.stage == "ENDED"
    assert ended.ended_at == ended.started_at + timedelta(minutes=30)  # type: ignore[operator]
    scores = ended.scores["measures"]
    assert scores["detect"] is not None
    assert {name for name in MEASURES if scores[name] is None} == set(MEASURES) - {"detect"}
    name = [event for event in _events(ended) if event.name == "drill.ended"]
    assert [(event.facts["by_itself"], event.actor_kind) for event in name] == [(True, "rule")]
    with inside(north.agency.pk):
        assert not Incident.objects.filter(brand_id=drill.twin_id).exists()
    assert twin_of(drill).stage == "ARCHIVED"


def _events(drill: Drill) -> list[Event]:
    with inside(drill.agency_id):
        return list(Event.objects.filter(subject_id=drill.pk).order_by("seq"))


def test_a_feeder_that_was_away_takes_up_what_it_missed_and_says_nothing_twice(
    north: North, ana: Person, lea: Person, now: datetime, mailbox: Mailbox
) -> None:
    put_in_force(north, ana, now - timedelta(days=1))
    drill = started(north, ana, [lea], speed=4, at=now - timedelta(minutes=9))
    pass_time(now - timedelta(minutes=6))
    with inside(north.agency.pk):
        some = Mention.objects.filter(brand_id=drill.twin_id).count()
    pass_time(now - timedelta(minutes=1), but=["listening.feed_drill"])
    pass_time(now)
    with inside(north.agency.pk):
        found = Mention.objects.filter(brand_id=drill.twin_id)
        assert found.count() > some > 0
        assert found.count() == found.values("external_id").distinct().count()
        assert max(found.values_list("posted_at", flat=True)) <= now
        newest = Job.objects.filter(handler="listening.feed_drill", state="READY")
        assert not newest.exists(), "everything has been said"


def test_what_is_shown_while_it_is_played_is_what_is_so(
    north: North, drill: Drill, lea: Person, now: datetime, mailbox: Mailbox
) -> None:
    with inside(north.agency.pk):
        assert scores_of(drill)["detect"] is None
    shown = ok(lea.get(f"drills/{drill.pk}"))
    assert shown["scores"]["detect"] is None
    pass_time(now)
    shown = ok(lea.get(f"drills/{drill.pk}"))
    assert shown["scores"]["detect"]["drill_seconds"] > 0
    assert shown["scores"]["decide"] is None
    assert shown["scenario"]["phases"][1]["texts"] == STORM["phases"][1]["texts"]
