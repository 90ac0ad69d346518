"""A source that fails, or is silent for longer than it ever was, wakes somebody: once, until it speaks again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerting.models import Page
from core.wall import inside
from jobs.models import Job
from listening.actions import add_source, ingest_mentions
from listening.actions.polls import SOURCES, watch_sources
from listening.models import Bucket, Source
from tests.cast import SETTING_THE_STAGE, Person, events_of, run_due_jobs
from tests.conftest import North
from tests.listening.mentions import items, mention
from tests.listening.sources.host import Host, Said
from tests.listening.sources.test_polls import now_of, poll, rss
from tests.listening.sources.test_rss import feed

pytestmark = pytest.mark.django_db


def watch(north: North, at: datetime) -> None:
    with inside(north.agency.pk):
        watch_sources(by=SOURCES, at=at)


def pages(north: North) -> list[Page]:
    with inside(north.agency.pk):
        return list(Page.objects.filter(cause_kind="listening.source").order_by("raised_at"))


def push(north: North, at: datetime, **said: Any) -> Source:
    with inside(north.agency.pk):
        return add_source(brand_id=north.aurora.pk, kind="push", name="tool", by=SETTING_THE_STAGE, at=at, **said)


def hear(source: Source, number: int, at: datetime) -> None:
    said = items([mention(number, posted_at=at.isoformat())], at)
    with inside(source.agency_id):
        ingest_mentions(source_id=source.pk, items=said, by=SETTING_THE_STAGE, at=at)


def a_past(source: Source, *, to: datetime, days: int, pause: timedelta) -> None:
    """Buckets every twenty minutes for so many days, with one pause of that length each night."""
    with inside(source.agency_id):
        at, rows = to - timedelta(days=days), []
        while at <= to:
            rows.append(
                Bucket(
                    agency_id=source.agency_id, brand_id=source.brand_id, source_id=source.pk, language="en",
                    minute=at.replace(second=0, microsecond=0), volume=1, negative=0, reach=0, authors=1,
                )
            )  # fmt: skip
            at += pause if at.hour == 0 and at.minute < 20 else timedelta(minutes=20)
        Bucket.objects.bulk_create(rows)


def test_a_source_that_must_speak_each_hour_and_does_not_wakes_somebody_once(
    north: North, ana: Person, now: datetime
) -> None:
    source = push(north, now, silent_after_s=3_600)
    watch(north, now + timedelta(minutes=59))
    assert pages(north) == []
    for minute in (61, 62, 90):
        watch(north, now + timedelta(minutes=minute))
    [page] = pages(north)
    assert (page.severity, page.stage, page.headline) == (3, "OPEN", "The source tool has been silent for 61 minutes")
    source = now_of(source)
    assert (source.health, source.page_id) == ("silent", page.pk)
    assert events_of(source)[-1] == (
        "source.silent", str(SOURCES), {"quiet_s": 3_660, "allowed_s": 3_600, "page_id": str(page.pk)},
    )  # fmt: skip
    assert [name for name, _, _ in events_of(source)].count("source.silent") == 1


def test_it_speaks_again_and_the_page_ends_and_the_next_silence_is_another(north: North, now: datetime) -> None:
    source = push(north, now, silent_after_s=3_600)
    watch(north, now + timedelta(hours=2))
    hear(source, 1, now + timedelta(hours=3))
    watch(north, now + timedelta(hours=3, minutes=1))
    [page] = pages(north)
    assert page.stage == "RESOLVED"
    source = now_of(source)
    assert (source.health, source.page_id) == ("ok", None)
    assert [name for name, _, _ in events_of(source)][-2:] == ["mentions.ingested", "source.recovered"]
    watch(north, now + timedelta(hours=4, minutes=30))
    assert [page.stage for page in pages(north)] == ["RESOLVED", "OPEN"]


def test_a_source_without_a_past_may_be_silent(north: North, now: datetime) -> None:
    push(north, now)
    watch(north, now + timedelta(days=30))
    assert pages(north) == []


def test_its_own_past_says_how_long_a_source_may_be_silent(north: North, now: datetime) -> None:
    source = push(north, now - timedelta(days=20))
    a_past(source, to=now, days=13, pause=timedelta(hours=6))
    with inside(north.agency.pk):
        Source.objects.filter(pk=source.pk).update(heard_at=now)
    watch(north, now + timedelta(hours=11))
    assert pages(north) == []
    watch(north, now + timedelta(hours=13))
    assert len(pages(north)) == 1


def test_a_lively_source_is_missed_after_an_hour(north: North, now: datetime) -> None:
    source = push(north, now - timedelta(days=20))
    a_past(source, to=now, days=5, pause=timedelta(minutes=20))
    with inside(north.agency.pk):
        Source.objects.filter(pk=source.pk).update(heard_at=now)
    watch(north, now + timedelta(minutes=39))
    assert pages(north) == []
    watch(north, now + timedelta(minutes=41))
    assert len(pages(north)) == 1


def test_an_outage_of_the_past_makes_no_other_plausible(north: North, now: datetime) -> None:
    source = push(north, now - timedelta(days=20))
    a_past(source, to=now, days=13, pause=timedelta(minutes=20))
    with inside(north.agency.pk):
        Source.objects.filter(pk=source.pk).update(heard_at=now)
        Bucket.objects.filter(minute__gte=now - timedelta(days=3), minute__lt=now - timedelta(days=1)).delete()
    watch(north, now + timedelta(hours=1))
    assert len(pages(north)) == 1


def test_a_source_that_fails_for_a_quarter_of_an_hour_wakes_somebody(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(status=500)
    source = rss(north, host)
    start = timezone.now()
    run_due_jobs("listening.poll")
    poll(source, times=3)
    watch(north, start + timedelta(minutes=14))
    assert pages(north) == []
    for minute in (16, 17, 60):
        watch(north, start + timedelta(minutes=minute))
    [page] = pages(north)
    assert page.headline.startswith("The source The Daily has failed for")
    host.answers["/feed"] = Said(feed("a"))
    poll(source)
    assert [page.stage for page in pages(north)] == ["RESOLVED"]
    assert now_of(source).page_id is None


def test_a_paused_or_ended_source_is_missed_by_nobody(north: North, bo: Person, now: datetime) -> None:
    source = push(north, now, silent_after_s=3_600)
    watch(north, now + timedelta(hours=2))
    assert bo.post(f"sources/{source.pk}/pause", {"reason": "x"}).status == 200
    assert [page.stage for page in pages(north)] == ["RESOLVED"]
    watch(north, now + timedelta(hours=9))
    assert len(pages(north)) == 1
    assert bo.post(f"sources/{source.pk}/resume").status == 200
    assert bo.post(f"sources/{source.pk}/end", {"reason": "x"}).status == 200
    watch(north, now + timedelta(hours=18))
    assert len(pages(north)) == 1


def test_a_polled_source_that_answers_and_says_nothing_new_is_silent_too(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(feed("a"))
    source = rss(north, host, silent_after_s=3_600)
    start = timezone.now()
    run_due_jobs("listening.poll")
    poll(source)
    watch(north, start + timedelta(minutes=61))
    assert now_of(source).health == "silent"
    poll(source)
    assert now_of(source).health == "silent"
    host.answers["/feed"] = Said(feed("a", "b"))
    poll(source)
    assert now_of(source).health == "ok"
    assert [page.stage for page in pages(north)] == ["RESOLVED"]
    assert Job.objects.filter(handler="listening.poll", state="READY").count() == 1
