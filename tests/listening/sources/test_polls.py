"""Polling: fetched outside, stored in one transaction with the cursor, and never lost, doubled or hurried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from core.wall import inside
from jobs.models import Job
from jobs.rounds import ROUNDS
from listening.actions import add_source
from listening.actions.polls import SOURCES, store_fetched, watch_sources
from listening.ingest import Item
from listening.models import Mention, Source
from listening.sources.seam import Fetched, made_author, made_item
from tests.cast import SETTING_THE_STAGE, events_of, run_due_jobs
from tests.conftest import North
from tests.listening.sources.host import Host, Said
from tests.listening.sources.mastodon_server import Mastodon
from tests.listening.sources.test_rss import feed

pytestmark = pytest.mark.django_db

POLL = "listening.poll"


def rss(north: North, host: Host, *, at: datetime | None = None, **said: Any) -> Source:
    with inside(north.agency.pk):
        return add_source(
            brand_id=north.aurora.pk,
            kind="rss",
            name="The Daily",
            place={"url": f"{host.url}/feed"},
            by=SETTING_THE_STAGE,
            at=at or timezone.now(),
            **said,
        )


def hashtag(north: North, host: Host) -> Source:
    with inside(north.agency.pk):
        return add_source(
            brand_id=north.aurora.pk,
            kind="mastodon_hashtag",
            name="#aurora",
            place={"server": host.url, "hashtag": "aurora"},
            by=SETTING_THE_STAGE,
            at=timezone.now(),
        )


def now_of(source: Source) -> Source:
    with inside(source.agency_id):
        found: Source = Source.objects.get(pk=source.pk)
    return found


def said_of(source: Source) -> list[str]:
    with inside(source.agency_id):
        return sorted(Mention.objects.filter(source_id=source.pk).values_list("external_id", flat=True))


def timer_of(source: Source) -> Job:
    return Job.objects.get(handler=POLL, key=str(source.pk), state="READY")


def waits(source: Source) -> float:
    """Seconds until the source is asked again."""
    return (timer_of(source).due_at - timezone.now()).total_seconds()


def make_due(source: Source) -> None:
    Job.objects.filter(pk=timer_of(source).pk).update(due_at=timezone.now() - timedelta(seconds=1))


def poll(source: Source, times: int = 1) -> None:
    for _ in range(times):
        make_due(source)
        assert run_due_jobs(POLL) == 1


def names(source: Source) -> list[str]:
    return [name for name, _, _ in events_of(source)]


def test_what_a_feed_says_is_stored_and_the_next_turn_is_set(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(feed("a", "b"))
    source = rss(north, host)
    assert run_due_jobs(POLL) == 1
    assert said_of(source) == ["a", "b"]
    source = now_of(source)
    assert (source.health, source.failures, source.problem) == ("ok", 0, "")
    assert source.answered_at == source.asked_at == source.heard_at
    assert source.lag_s == 0
    assert source.cursor is not None
    assert 280 < waits(source) < 320


def test_what_comes_again_is_stored_once(north: North, host: Host) -> None:
    host.answers["/feed"] = [Said(feed("a", "b")), Said(feed("b", "c")), Said(feed("b", "c"))]
    source = rss(north, host)
    run_due_jobs(POLL)
    poll(source, times=2)
    assert said_of(source) == ["a", "b", "c"]


def test_a_hashtag_is_read_to_its_end_in_bounded_runs(north: North, host: Host) -> None:
    server = Mastodon(host)
    server.post()
    source = hashtag(north, host)
    run_due_jobs(POLL)
    wanted = {"1001", *(server.post() for _ in range(430))}
    ran = 0
    while waits(source) < 5 or not ran:
        poll(source)
        ran += 1
        assert ran < 10
    assert set(said_of(source)) == wanted
    assert ran == 3  # two hundred a run
    assert now_of(source).gaps == 0


def test_a_gap_is_counted_and_told(north: North, host: Host) -> None:
    host.answers["/feed"] = [Said(feed("a", "b")), Said(feed("x", "y"))]
    source = rss(north, host)
    run_due_jobs(POLL)
    poll(source)
    assert now_of(source).gaps == 1
    assert ("source.gap_found", str(SOURCES), {"gaps": 1}) in events_of(source)
    assert said_of(source) == ["a", "b", "x", "y"]


def test_failures_back_off_and_are_told_once_and_so_is_the_recovery(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(status=500)
    source = rss(north, host)
    run_due_jobs(POLL)
    first = waits(source)
    assert 140 < first <= 300
    poll(source)
    assert now_of(source).health == "new"
    poll(source)
    poll(source)
    source = now_of(source)
    assert (source.health, source.failures, source.problem) == ("failing", 4, "The host answered 500.")
    assert waits(source) > 1_100
    assert names(source).count("source.failing") == 1
    host.answers["/feed"] = Said(feed("a"))
    poll(source)
    source = now_of(source)
    assert (source.health, source.failures, source.problem) == ("ok", 0, "")
    assert events_of(source)[-1] == ("source.recovered", str(SOURCES), {"before": "failing"})
    assert said_of(source) == ["a"]


def test_a_backoff_never_outgrows_an_hour(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(status=500)
    source = rss(north, host)
    with inside(north.agency.pk):
        Source.objects.filter(pk=source.pk).update(failures=5_000)
    run_due_jobs(POLL)
    assert 1_700 < waits(source) <= 3_600


def test_retry_after_is_obeyed(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(status=429, headers={"Retry-After": "1800"})
    source = rss(north, host)
    run_due_jobs(POLL)
    assert 1_790 < waits(source) < 2_000
    assert now_of(source).failures == 1
    # Another source of this host finds out without asking, and it is no failure of its own.
    other = hashtag(north, host)
    run_due_jobs(POLL)
    assert len(host.seen) == 1
    assert now_of(other).failures == 0
    assert 1_700 < waits(other) < 2_200


def test_what_a_host_refuses_needs_people(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(status=403)
    source = rss(north, host)
    run_due_jobs(POLL)
    assert now_of(source).health == "refused"
    assert [facts for name, _, facts in events_of(source) if name == "source.failing"] == [
        {"health": "refused", "failures": 1, "problem": "The host answered 403."}
    ]
    assert waits(source) > 440


def test_garbage_stores_nothing_and_moves_nothing(north: North, host: Host) -> None:
    host.answers["/feed"] = [Said(feed("a")), Said(b"<html>all is well</html>"), Said(feed("a", "b"))]
    source = rss(north, host)
    run_due_jobs(POLL)
    before = now_of(source).cursor
    poll(source)
    source = now_of(source)
    assert (source.cursor, source.problem) == (before, "The answer is no feed.")
    poll(source)
    assert said_of(source) == ["a", "b"]


def test_a_source_that_was_paused_meanwhile_stores_nothing(north: North, host: Host) -> None:
    source = rss(north, host)
    host.answers["/feed"] = Said(feed("a"))
    with inside(north.agency.pk):
        Source.objects.filter(pk=source.pk).update(paused_at=timezone.now())
        assert not store_fetched(
            source_id=source.pk, cursor_was=None, fetched=Fetched(items(1), {"x": 1}), by=SOURCES, at=timezone.now()
        )
    assert run_due_jobs(POLL) == 1
    assert (said_of(source), host.seen) == ([], [])


def items(*numbers: int) -> list[Item]:
    at = timezone.now()
    return [
        made_item(external_id=f"i-{n}", posted_at=at, text=f"words {n}", at=at, author=made_author(handle=f"h{n}"))
        for n in numbers
    ]


def test_of_two_that_asked_at_once_one_moves_the_cursor(north: North, host: Host) -> None:
    source = rss(north, host)
    both = {"source_id": source.pk, "cursor_was": None, "by": SOURCES, "at": timezone.now()}
    with inside(north.agency.pk):
        assert store_fetched(fetched=Fetched(items(1, 2), {"at": 2}), **both)
        assert not store_fetched(fetched=Fetched(items(1, 2, 3), {"at": 3}), **both)
    source = now_of(source)
    assert (source.cursor, said_of(source)) == ({"at": 2}, ["i-1", "i-2"])
    assert timer_of(source)


def test_a_lost_timer_is_set_again_by_the_round(north: North, host: Host) -> None:
    source = rss(north, host)
    Job.objects.filter(handler=POLL).update(state="DEAD", finished_at=timezone.now())
    with inside(north.agency.pk):
        watch_sources(by=SOURCES, at=timezone.now())
    assert timer_of(source)
    assert "listening.watch_sources" in ROUNDS


def test_the_rounds_job_runs(north: North, host: Host) -> None:
    host.answers["/feed"] = Said(feed("a"))
    source = rss(north, host)
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        Job.objects.filter(handler="listening.watch_sources").delete()
        with inside(north.agency.pk):
            assert watch_sources(by=SOURCES, at=timezone.now()) == 0
    assert timer_of(source)


def test_an_archived_brand_is_not_asked_about(north: North, host: Host) -> None:
    source = rss(north, host)
    with inside(north.agency.pk):
        north.aurora.archived_at = timezone.now()
        north.aurora.save()
    assert run_due_jobs(POLL) == 1
    assert host.seen == []
    assert said_of(source) == []
