"""The firehose over a real websocket: one reader, every agency, and nothing of one brand with another."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from core.outbound import OutboundFailed, websocket
from core.wall import inside
from jobs.models import Job
from listening.actions import add_source
from listening.actions.firehose import FIREHOSE, move_shared
from listening.actions.polls import SOURCES, watch_sources
from listening.models import Mention, Query, SharedStream, Source
from listening.sources.firehose import OVERLAP_US, listen
from listening.sources.seam import Temporary
from tenants.models import Agency, Brand
from tests.cast import SETTING_THE_STAGE, Person, add_brand, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

CUT = object()


class Jetstream:
    """Sends every reader what was said since its cursor, and then what is said."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.queries: list[dict[str, list[str]]] = []
        self.live: SimpleQueue[Any] = SimpleQueue()
        self.server = serve(self._talk, "127.0.0.1", 0, compression=None)
        self.url = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}/subscribe"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def _talk(self, line: ServerConnection) -> None:
        query = parse_qs(urlsplit(line.request.path).query)
        self.queries.append(query)
        since = int(query.get("cursor", ["0"])[0])
        try:
            for event in list(self.said):
                if event["time_us"] >= since:
                    line.send(json.dumps(event))
            while True:
                try:
                    event = self.live.get(timeout=0.05)
                except Empty:
                    line.ping()
                    continue
                if event is CUT:
                    return
                line.send(event if isinstance(event, str | bytes) else json.dumps(event))
        except ConnectionClosed:
            return

    def post(self, text: str, *, rkey: str, operation: str = "create", at: datetime | None = None) -> dict[str, Any]:
        at = at or timezone.now()
        commit: dict[str, Any] = {"operation": operation, "collection": "app.bsky.feed.post", "rkey": rkey}
        if operation == "create":
            commit["record"] = {"text": text, "createdAt": at.isoformat(), "langs": ["en"]}
        event = {"did": "did:plc:w", "time_us": int(at.timestamp() * 1e6), "kind": "commit", "commit": commit}
        self.said.append(event)
        return event


@pytest.fixture
def jetstream(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jetstream]:
    running = Jetstream()
    settings.BLUESKY_JETSTREAM_URL = running.url
    monkeypatch.setattr("listening.sources.jobs.TURN_S", 1.5)
    yield running
    running.live.put(CUT)
    running.server.shutdown()


def listener(brand: Brand, expression: str, *, name: str = "firehose") -> Source:
    now = timezone.now()
    with inside(brand.agency_id):
        query = Query.objects.create(brand=brand, name=name, expression=expression, created_at=now)
        return add_source(
            brand_id=brand.pk, kind="bluesky_firehose", name=name, query_id=query.pk, by=SETTING_THE_STAGE, at=now
        )


def turn() -> None:
    """One turn of the reader; it sets the next one."""
    Job.objects.filter(handler=FIREHOSE, state="READY").update(due_at=timezone.now())
    with pytest.raises(AssertionError, match="feeds itself"):
        run_due_jobs(FIREHOSE, limit=1)


def stored(source: Source) -> dict[str, str]:
    with inside(source.agency_id):
        rows = Mention.objects.filter(source_id=source.pk).values_list("external_id", "text")
        return {uri.rpartition("/")[2]: text for uri, text in rows}


def test_each_agency_gets_what_its_queries_ask_for_and_nothing_else(
    north: North, south: Agency, now: datetime, jetstream: Jetstream
) -> None:
    aurora, borealis = listener(north.aurora, "aurora"), listener(north.borealis, "borealis OR tables")
    solaris = listener(add_brand(south, "solaris", now), "solaris")
    jetstream.post("The aurora tables broke", rkey="1")
    jetstream.post("Nobody asked for this", rkey="2")
    jetstream.post("solaris shines", rkey="3")
    assert Job.objects.filter(handler=FIREHOSE, state="READY").count() == 1
    turn()
    assert stored(aurora) == {"1": "The aurora tables broke"}
    assert stored(borealis) == {"1": "The aurora tables broke"}
    assert stored(solaris) == {"3": "solaris shines"}
    assert [name for name, _, _ in events_of(solaris)] == ["source.added", "mentions.ingested"]
    row = SharedStream.objects.get()
    assert (row.cursor, row.failures) == (jetstream.said[-1]["time_us"], 0)
    assert Job.objects.filter(handler=FIREHOSE, state="READY").count() == 1


def test_the_next_turn_goes_on_where_the_last_one_ended_and_deletions_follow(
    north: North, jetstream: Jetstream
) -> None:
    aurora = listener(north.aurora, "aurora")
    jetstream.post("aurora one", rkey="1")
    turn()
    jetstream.post("aurora two", rkey="2")
    jetstream.post("", rkey="1", operation="delete")
    jetstream.post("", rkey="unknown", operation="delete")
    turn()
    assert stored(aurora) == {"1": "", "2": "aurora two"}
    assert [query.get("cursor") for query in jetstream.queries] == [
        None, [str(jetstream.said[0]["time_us"] - OVERLAP_US)],
    ]  # fmt: skip
    assert jetstream.queries[0]["wantedCollections"] == ["app.bsky.feed.post"]


def test_what_was_missed_is_a_gap_and_is_told(north: North, jetstream: Jetstream) -> None:
    aurora = listener(north.aurora, "aurora")
    SharedStream.objects.create(name="bluesky", cursor=int((time.time() - 600) * 1e6))
    jetstream.post("aurora after the gap", rkey="1")
    turn()
    with inside(north.agency.pk):
        assert Source.objects.get(pk=aurora.pk).gaps == 1
    assert ("source.gap_found", str(SOURCES), {"gaps": 1}) in events_of(aurora)
    turn()
    with inside(north.agency.pk):
        assert Source.objects.get(pk=aurora.pk).gaps == 1


def test_a_stream_that_cannot_be_read_is_told_on_the_sources(north: North, settings: Settings) -> None:
    settings.BLUESKY_JETSTREAM_URL = "ws://127.0.0.1:9/subscribe"
    aurora = listener(north.aurora, "aurora")
    for _ in range(3):
        Job.objects.filter(handler=FIREHOSE, state="READY").update(due_at=timezone.now())
        assert run_due_jobs(FIREHOSE) == 1
    with inside(north.agency.pk):
        watch_sources(by=SOURCES, at=timezone.now())
        source = Source.objects.get(pk=aurora.pk)
    assert (source.health, source.failures, source.problem) == ("failing", 3, "The host could not be reached.")
    assert events_of(source)[-1][0] == "source.failing"


def test_a_cut_keeps_what_was_said(north: North, jetstream: Jetstream) -> None:
    aurora = listener(north.aurora, "aurora")
    jetstream.post("aurora one", rkey="1")
    jetstream.live.put(CUT)
    Job.objects.filter(handler=FIREHOSE, state="READY").update(due_at=timezone.now())
    assert run_due_jobs(FIREHOSE) == 1
    assert stored(aurora) == {"1": "aurora one"}
    assert SharedStream.objects.get().failures == 1


def test_nobody_reads_when_nobody_listens(north: North, bo: Person, jetstream: Jetstream) -> None:
    aurora = listener(north.aurora, "aurora")
    assert bo.post(f"sources/{aurora.pk}/pause", {"reason": "x"}).status == 200
    assert run_due_jobs(FIREHOSE) == 1
    assert Job.objects.filter(handler=FIREHOSE, state="READY").count() == 0
    assert jetstream.queries == []
    assert bo.post(f"sources/{aurora.pk}/resume").status == 200
    assert Job.objects.filter(handler=FIREHOSE, state="READY").count() == 1
    Job.objects.filter(handler=FIREHOSE).delete()
    with inside(north.agency.pk):
        watch_sources(by=SOURCES, at=timezone.now())
    assert Job.objects.filter(handler=FIREHOSE, state="READY").count() == 1


def test_a_second_reader_finds_the_cursor_moved() -> None:
    now = timezone.now()
    assert move_shared(cursor_was=None, time_us=5, gap=False, at=now)
    assert not move_shared(cursor_was=None, time_us=6, gap=False, at=now)
    assert move_shared(cursor_was=5, time_us=6, gap=False, at=now)


def test_a_firehose_without_a_query_is_refused(bo: Person, north: North) -> None:
    said = {"brand": str(north.aurora.pk), "kind": "bluesky_firehose", "name": "all of it"}
    answer = bo.post("sources", said)
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, ["query"])


def test_whatever_is_no_event_is_passed_over(jetstream: Jetstream) -> None:
    good = jetstream.post("words", rkey="1")
    jetstream.said.clear()
    for event in ("not json", b"\x00\xff", "[]", "5", {"time_us": "x"}, {"time_us": -1}, {**good, "commit": 5},
                  {**good, "did": None}, {**good, "commit": {**good["commit"], "record": []}},
                  {**good, "commit": {**good["commit"], "collection": "app.bsky.feed.like"}},
                  {**good, "kind": "account"}, good):  # fmt: skip
        jetstream.live.put(event)
    heard = list(listen(jetstream.url, since_us=None, until=time.monotonic() + 2.5))
    assert [item.text for one in heard for item in one.items] == ["words"]
    assert heard[-1].time_us == good["time_us"]
    assert heard[0].items[0].posted_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    "url", ["ws://169.254.169.254/", "wss://10.0.0.1/", "ftp://127.0.0.1/", "127.0.0.1:80", "ws://user:pw@127.0.0.1/"]
)
def test_a_websocket_goes_where_other_calls_may_go(url: str) -> None:
    with pytest.raises(OutboundFailed), websocket(url, seconds=2.0):
        pass


def test_loopback_is_the_inside_for_websockets_too(jetstream: Jetstream, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with pytest.raises(Temporary):
        list(listen(jetstream.url, since_us=None, until=time.monotonic() + 1))
    assert jetstream.queries == []
