"""A storm from the first mention to a page: through the public API, and through the jobs that workers run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import pytest
from django.utils import timezone
from time_machine import travel

from alerting.models import Notification, Page
from core.wall import inside
from crisisapi.story.mentions import Mention as Said
from crisisapi.story.mentions import merged, normal_days
from crisisapi.story.mentions import storm as storm_of
from listening.models import Mention, Signal, Source
from permissions.needs import Need
from tests.cast import Person, events_of, key_of, run_due_jobs
from tests.listening.mentions import buckets_of, deliver, lines

pytestmark = pytest.mark.django_db
PER_DAY = 1500


@pytest.fixture
def now() -> Iterator[datetime]:
    """Yesterday afternoon: how many speak before a storm is heard depends on the hour, and the test does not.

    Not tomorrow: jobs are claimed by the clock of Postgres, which no test can move.
    """
    afternoon = (timezone.now() - timedelta(days=1)).replace(hour=15, minute=0, second=20, microsecond=0)
    with travel(afternoon, tick=True):
        yield timezone.now()


def test_a_storm_is_heard_explained_and_wakes_the_owner(ana: Person, bo: Person, source: Source, now: datetime) -> None:
    integration = key_of(bo, Need.MENTIONS_INGEST)
    end = now.replace(second=0, microsecond=0)
    begins = end - timedelta(minutes=50)
    midnight = (end - timedelta(days=3)).replace(hour=0, minute=0)
    ordinary = normal_days(11, "Aurora", midnight, 4, PER_DAY)
    angry = storm_of(11, "Aurora", begins, 120, 12.0, "the new soup", per_day=PER_DAY)
    heard = (said for said in merged(ordinary, angry) if datetime.fromisoformat(said["posted_at"]) < end)
    new = 0
    while batch := list(islice(heard, 1000)):
        answer = deliver(integration, source, lines(dict(said) for said in batch), Content_Type="application/x-ndjson")
        assert answer.status == 200, answer.body
        new += answer.body["new"]
        run_due_jobs("listening.relearn")
        run_due_jobs("listening.detect")
    with inside(source.agency_id):
        assert Mention.objects.count() == new
        [signal] = Signal.objects.filter(kind="volume")
    assert sum(row[1] for row in buckets_of(source)) == new
    assert begins - timedelta(minutes=30) <= signal.starts_at < end
    run_due_jobs("alerting.climb_page")
    with inside(source.agency_id):
        page = Page.objects.get(pk=signal.page_id)
        assert (page.stage, page.cause_id, page.step) == ("OPEN", signal.pk, 1)
        assert list(Notification.objects.filter(page=page).values_list("seat_id", flat=True)) == [ana.seat.pk]
    assert events_of(signal)[0][0] == "signal.raised"
    told = bo.get(f"signals/{signal.pk}").body["explanation"]
    words = " ".join(term["term"] for term in told["terms"])
    assert "soup" in words or "boycott" in words, words
    assert told["languages"]["en"] > 0
    assert told["authors"]["distinct"] > 30
    assert told["authors"]["share_of_loudest"] < 0.2
    for sample in told["sample_mention_ids"]:
        assert bo.get(f"mentions/{sample}").status == 200
    no_words_of_theirs = str([facts for _, _, facts in events_of(signal)])
    assert "soup" not in no_words_of_theirs


def test_ordinary_days_wake_nobody(ana: Person, bo: Person, source: Source, now: datetime) -> None:
    end = now.replace(second=0, microsecond=0)
    midnight = (end - timedelta(days=2)).replace(hour=0, minute=0)
    said: list[Said] = list(normal_days(5, "Aurora", midnight, 3, PER_DAY))
    heard = [dict(one) for one in said if datetime.fromisoformat(one["posted_at"]) < end]
    for start in range(0, len(heard), 2000):
        assert deliver(bo, source, heard[start : start + 2000]).status == 200
        run_due_jobs("listening.relearn")
        run_due_jobs("listening.detect")
    with inside(source.agency_id):
        assert Signal.objects.count() == 0
        assert Page.objects.count() == 0
