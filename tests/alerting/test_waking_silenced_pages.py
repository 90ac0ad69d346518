"""A page that a silence swallowed wakes by hand, by growing too grave, and beside its like."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from alerting.actions import worsen_page
from alerting.models import Page, Silence
from core.wall import inside
from tests.alerting.scene import LISTENING, fresh, timer_of
from tests.alerting.test_races import at_once
from tests.alerting.test_silences import raised, silence_of
from tests.cast import Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db
TOPIC = "story:1"
WHY = {"reason": "It is no test after all."}


def worsened(page: Page, severity: int) -> Page:
    with inside(page.agency_id):
        worsen_page(page_id=page.pk, severity=severity, by=LISTENING, at=timezone.now())
    return fresh(page)


def test_a_swallowed_page_is_woken_by_hand_and_stays_on_the_list(north: North, dee: Person) -> None:
    silence = silence_of(dee)
    page = raised(north)
    answer = dee.post(f"pages/{page.pk}/reopen", WHY)
    assert (answer.status, answer.body["stage"], answer.body["silence"]) == (200, "OPEN", str(silence.pk))
    assert timer_of(page) is not None
    assert events_of(page)[-1] == ("page.reopened", str(dee.actor), {"cycle": 2, "reason": WHY["reason"]})
    assert [one["id"] for one in dee.get(f"silences/{silence.pk}/pages").body["items"]] == [str(page.pk)]


def test_a_swallowed_page_can_be_taken_and_ended(north: North, dee: Person) -> None:
    silence_of(dee)
    page = raised(north)
    assert dee.post(f"pages/{page.pk}/acknowledge").body["stage"] == "ACKNOWLEDGED"
    assert dee.post(f"pages/{page.pk}/resolve", WHY).body["stage"] == "RESOLVED"
    other = raised(north)
    answer = dee.post(f"pages/{other.pk}/snooze", {**WHY, "until": (timezone.now() + timedelta(hours=1)).isoformat()})
    assert (answer.status, answer.code) == (409, "cannot_move"), "it sleeps already"


@pytest.mark.parametrize(
    ("gravest", "severity", "stage"), [(3, 3, "SILENCED"), (3, 2, "OPEN"), (3, 1, "OPEN"), (2, 2, "SILENCED")]
)
def test_what_grows_too_grave_for_its_silence_wakes(
    north: North, dee: Person, gravest: int, severity: int, stage: str
) -> None:
    silence_of(dee, gravest=gravest)
    page = raised(north, severity=4)
    after = worsened(page, severity)
    assert (after.stage, after.severity) == (stage, severity)
    assert (timer_of(page) is not None) == (stage == "OPEN")


@pytest.mark.parametrize("how", ["ended by hand", "over"])
def test_what_grows_after_its_silence_wakes_however_small_it_is(north: North, dee: Person, how: str) -> None:
    silence = silence_of(dee)
    page = raised(north, severity=4)
    if how == "over":
        with inside(north.agency.pk):
            now = timezone.now()
            Silence.objects.filter(pk=silence.pk).update(starts_at=now - timedelta(hours=2), ends_at=now)
    else:
        assert dee.post(f"silences/{silence.pk}/end").status == 200
    assert fresh(page).stage == "SILENCED"
    assert worsened(page, 3).stage == "OPEN"


def test_of_two_swallowed_pages_of_a_topic_the_second_wakes_alone(north: North, dee: Person) -> None:
    silence_of(dee)
    first, second = raised(north, topic=TOPIC), raised(north, topic=TOPIC)
    assert first.pk != second.pk
    assert dee.post(f"pages/{first.pk}/reopen", WHY).body["topic"] == TOPIC
    assert dee.post(f"pages/{second.pk}/acknowledge").body["topic"] is None
    assert (fresh(first).stage, fresh(second).stage) == ("OPEN", "ACKNOWLEDGED")
    third = raised(north, topic=TOPIC)
    assert third.pk == first.pk, "further causes join the one that kept the topic"


@pytest.mark.django_db(transaction=True)
def test_two_of_a_topic_that_wake_at_once_both_wake(north: North, dee: Person) -> None:
    silence_of(dee)
    for number in range(6):
        topic = f"story:{number}"
        pages = [raised(north, topic=topic), raised(north, topic=topic)]

        def wake(page_id: UUID) -> None:
            with inside(north.agency.pk):
                worsen_page(page_id=page_id, severity=1, by=LISTENING, at=timezone.now())

        at_once(*(lambda page_id=page.pk: wake(page_id) for page in pages))
        awake = [fresh(page) for page in pages]
        assert [page.stage for page in awake] == ["OPEN", "OPEN"]
        assert {page.topic for page in awake} == {topic, None}
        assert all(timer_of(page) for page in awake)


@pytest.mark.parametrize("kind", ["incidents.clock", "approvals.approval", "incidents.incident", "listening.source"])
def test_whatever_raises_pages_can_be_silenced(north: North, dee: Person, kind: str) -> None:
    silence_of(dee, cause_kinds=[kind])
    assert raised(north, kind=kind).stage == "SILENCED"
    assert raised(north).stage == "OPEN"
