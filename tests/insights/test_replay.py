"""The same mentions under another threshold, and the same words approved faster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.utils import timezone

from core.ids import uuid7
from core.wall import inside
from incidents.actions import activate_incident, open_incident
from incidents.models import Incident, PostMortem
from ledger.models import Event
from listening.actions.settings import change_settings
from listening.models import Bucket, Signal
from listening.queries import start_of_minute
from publishing.models import Post
from readiness.models import Message, PlanVersion
from tests.cast import Answer, Person, seat_person
from tests.conftest import North
from tests.incidents.stage import approved, lift, release, settle

pytestmark = pytest.mark.django_db

DAYS = 8
SLOW = timedelta(minutes=75)  # until the signal was there


def minutes_of(storm_minute: int, total: int) -> Iterator[tuple[int, int]]:
    """Two a minute, as ever; from the storm on it swells over two hours to thirty."""
    dice = np.random.default_rng(4)
    for minute in range(total):
        since = minute - storm_minute
        rate = 2.0 if since < 0 else min(30.0, 2.0 + 28.0 * since / 120)
        yield minute, int(dice.poisson(rate))


@pytest.fixture
def began(now: datetime) -> datetime:
    return start_of_minute(now - timedelta(hours=4))


@pytest.fixture
def heard(north: North, began: datetime, now: datetime) -> None:
    start = began - timedelta(days=DAYS)
    total = int((start_of_minute(now) - start) / timedelta(minutes=1))
    storm = DAYS * 24 * 60
    source = uuid7()
    with inside(north.agency.pk):
        Bucket.objects.bulk_create(
            Bucket(
                brand_id=north.aurora.pk,
                minute=start + timedelta(minutes=minute),
                source_id=source,
                language="en",
                volume=volume,
                negative=volume // 5,
                reach=100 * volume,
                authors=volume,
            )
            for minute, volume in minutes_of(storm, total)
            if volume
        )


@pytest.fixture
def storm(north: North, heard: None, began: datetime, lea: Person, dee: Person, plan: PlanVersion) -> Incident:
    """It began four hours ago; the signal came after 75 minutes, and Lea activated at once."""
    with inside(north.agency.pk):
        signal = Signal(
            brand_id=north.aurora.pk,
            kind="volume",
            severity_hint=8,
            starts_at=began,
            alarmed_at=began + SLOW,
            seen_at=timezone.now(),
            raised_at=began + SLOW,
            review_due_at=timezone.now(),
            explanation={},
        )
        signal.save()
        incident = open_incident(
            brand_id=north.aurora.pk,
            title="A bad joke",
            kind="insensitive_post",
            severity=2,
            cause_kind="listening.signal",
            cause_id=UUID(str(signal.pk)),
            by=lea.actor,
            at=began + SLOW,
        )
        return activate_incident(incident_id=incident.pk, severity=2, pause=True, by=lea.actor, at=began + SLOW)


def review_of(incident: Incident, lea: Person) -> str:
    lift(lea, incident)
    for verb in ("contain", "resolve", "put-under-review"):
        assert lea.post(f"incidents/{incident.pk}/{verb}").status == 200
    with inside(incident.agency_id):
        return f"post-mortems/{PostMortem.objects.get(incident=incident).pk}"


def replay(person: Person, review: str, **wish: Any) -> Answer:
    answer = person.post(f"{review}/replay", wish)
    assert answer.status == 200, answer.body
    return answer


def minutes(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)) / timedelta(minutes=1)


def test_a_finer_threshold_would_have_been_earlier(north: North, storm: Incident, began: datetime, lea: Person) -> None:
    with inside(north.agency.pk):
        change_settings(
            brand_id=north.aurora.pk, changes={"detector": {"least_ratio": 6}}, by=lea.actor,
            at=began - timedelta(days=1),
        )  # fmt: skip
    review = review_of(storm, lea)
    same = replay(lea, review, threshold={"least_ratio": 6}).body
    assert (same["minutes_saved"], same["signal_at_would_be"]) == (0.0, same["signal_at_was"])
    finer = replay(lea, review, threshold={"false_alarms_per_month": 30, "least_ratio": 1.2, "least_mentions": 3}).body
    coarser = replay(lea, review, threshold={"least_ratio": 12}).body
    assert finer["minutes_saved"] > 0 > coarser["minutes_saved"]
    assert minutes(finer["signal_at_would_be"], finer["signal_at_was"]) == pytest.approx(
        finer["minutes_saved"], abs=0.1
    )
    assert finer["first_words_was"] is None
    assert "As the brand is watched now it sounds at" in " ".join(finer["explained"])


def test_a_threshold_that_hears_nothing_says_never(storm: Incident, lea: Person) -> None:
    deaf = replay(lea, review_of(storm, lea), threshold={"least_mentions": 1_000_000, "muted": ["mood"]}).body
    assert (deaf["signal_at_would_be"], deaf["minutes_saved"]) == (None, None)
    assert deaf["explained"][0].startswith("No alarm would have sounded until")


def test_what_is_watched_anew_is_not_held_against_the_past(north: North, storm: Incident, lea: Person) -> None:
    with inside(north.agency.pk):
        change_settings(
            brand_id=north.aurora.pk, changes={"false_alarms_per_month": 30}, by=lea.actor, at=timezone.now()
        )
    told = replay(lea, review_of(storm, lea), threshold={"least_ratio": 1.2}).body
    assert "The brand is watched in another way since" in " ".join(told["explained"])


def test_a_crisis_that_people_opened_would_have_been_heard(
    north: North, heard: None, began: datetime, lea: Person, dee: Person, plan: PlanVersion
) -> None:
    with inside(north.agency.pk):
        incident = open_incident(
            brand_id=north.aurora.pk, title="x", kind="other", severity=3, cause_kind="", cause_id=None, by=lea.actor,
            at=began + timedelta(hours=3),
        )  # fmt: skip
        activate_incident(incident_id=incident.pk, severity=3, pause=True, by=lea.actor, at=began + timedelta(hours=3))
        incident = Incident.objects.get(pk=incident.pk)
    told = replay(lea, review_of(incident, lea), threshold={}).body
    assert told["signal_at_was"] is None
    assert told["minutes_saved"] > 60
    assert "No signal was raised" in " ".join(told["explained"])


def test_a_faster_approval_brings_the_first_words_forward(
    north: North, storm: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    release(lea, approved(bo, [lea, cy], storm, north))
    settle()
    review = review_of(storm, lea)
    with inside(north.agency.pk):
        out = Post.objects.get(incident=storm).published_at
    same = replay(lea, review, approval_minutes=0).body
    assert datetime.fromisoformat(same["first_words_was"]) == out
    assert same["minutes_saved"] == pytest.approx(0, abs=0.5)
    slower = replay(lea, review, approval_minutes=30).body
    assert slower["minutes_saved"] == pytest.approx(-30, abs=0.5)
    assert minutes(slower["first_words_was"], slower["first_words_would_be"]) == pytest.approx(30, abs=0.5)
    assert slower["signal_at_would_be"] == slower["signal_at_was"]


def test_words_that_were_agreed_to_beforehand_gain_nothing(
    north: North, storm: Incident, message: Message, lea: Person
) -> None:
    out = lea.post(f"incidents/{storm.pk}/holding-statement", {"message": str(message.pk)})
    assert out.status in (200, 201), out.body
    settle()
    told = replay(lea, review_of(storm, lea), approval_minutes=1).body
    assert told["minutes_saved"] == 0.0
    assert "agreed to beforehand" in told["explained"][0]


def test_nothing_was_said(storm: Incident, lea: Person) -> None:
    told = replay(lea, review_of(storm, lea), approval_minutes=1).body
    assert (told["first_words_would_be"], told["minutes_saved"]) == (None, 0.0)
    assert told["explained"] == ["Nothing was said in public: no approval could have made it faster."]


def test_it_writes_nothing(north: North, storm: Incident, lea: Person) -> None:
    review = review_of(storm, lea)
    with inside(north.agency.pk):
        before = Event.objects.count(), Signal.objects.count()
    replay(lea, review, threshold={"least_ratio": 1.2}, approval_minutes=3)
    with inside(north.agency.pk):
        assert (Event.objects.count(), Signal.objects.count()) == before


def test_who_may_not_and_what_makes_no_sense(
    north: North, storm: Incident, lea: Person, cy: Person, eve: Person, now: datetime
) -> None:
    review = review_of(storm, lea)
    for wish in ({}, {"threshold": {"speed": 1}}, {"approval_minutes": -1}, {"threshold": {"least_ratio": 1}}):
        assert lea.post(f"{review}/replay", wish).status == 400, wish
    rival = seat_person(north.agency, "ro", "account_manager", brands=[north.borealis], at=now)
    assert cy.post(f"{review}/replay", {"approval_minutes": 1}).code == "not_allowed"
    assert rival.post(f"{review}/replay", {"approval_minutes": 1}).status == 404
    for absent in (f"/v1/agencies/north/{review}/replay", f"{review}/replay"):
        assert eve.post(absent, {"approval_minutes": 1}).status == 404
