"""Mastodon's stream over a real line: live posts, edits, deletions, cuts, and what was said while nobody listened."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from core.wall import inside
from jobs.models import Job
from listening.actions import add_source
from listening.ingest import Gone, Item
from listening.models import Mention, Source
from listening.sources import mastodon_stream
from listening.sources.mastodon_stream import listen
from listening.sources.seam import Fetched, Garbage, RefusedByHost, SourceFailed, Temporary
from listening.sources.sse import LONGEST_EVENT, EventReader, TooLongAnEvent
from tests.cast import SETTING_THE_STAGE, run_due_jobs
from tests.conftest import North
from tests.listening.sources.host import Host, Said, asked
from tests.listening.sources.mastodon_server import Mastodon

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CUT = object()


class Streaming:
    """Sends whoever is listening what is said to it; `CUT` ends the line. `open` is set while somebody listens."""

    def __init__(self) -> None:
        self.to_say: SimpleQueue[Any] = SimpleQueue()
        self.open = Event()
        self.seen: list[tuple[str, str | None]] = []
        self.status = 200
        streaming = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                streaming.seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(streaming.status)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b":)\n\n")
                self.wfile.flush()
                streaming.open.set()
                with suppress(OSError):  # when nobody listens any more
                    self._go_on()
                streaming.open.clear()

            def _go_on(self) -> None:
                while streaming.status == 200:
                    try:
                        said = streaming.to_say.get(timeout=0.1)
                    except Empty:
                        self.wfile.write(b":thump\n")
                        continue
                    if said is CUT:
                        return
                    self.wfile.write(said)
                    self.wfile.flush()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def event(self, name: str, data: Any) -> None:
        said = data if isinstance(data, str) else json.dumps(data)
        self.to_say.put(f"event: {name}\ndata: {said}\n\n".encode())


@pytest.fixture
def streaming() -> Iterator[Streaming]:
    cache.clear()
    running = Streaming()
    yield running
    running.to_say.put(CUT)
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def server(host: Host, streaming: Streaming) -> Mastodon:
    said = {"configuration": {"urls": {"streaming": streaming.url.replace("http://", "ws://")}}}
    host.answers["/api/v2/instance"] = Said(json.dumps(said).encode())
    return Mastodon(host)


def hear(host: Host, cursor: Any = None, *, seconds: float = 2.0) -> Iterator[Fetched]:
    return listen(asked({"server": host.url, "hashtag": "aurora"}, cursor, at=NOW, seconds=seconds, token="t0ken"))


def ids(batches: list[Fetched]) -> list[str]:
    return [item.external_id for got in batches for item in got.items]


def test_what_is_said_while_we_listen_comes_at_once(host: Host, server: Mastodon, streaming: Streaming) -> None:
    server.post()
    heard = hear(host, seconds=8.0)
    assert ids([next(heard)]) == ["1001"]
    assert streaming.seen == [("/api/v1/streaming/hashtag?tag=aurora", "Bearer t0ken")]
    server.post()
    streaming.event("update", server.posts[-1])
    started = time.monotonic()
    live = next(heard)
    assert (ids([live]), live.cursor) == (["1002"], {"min_id": "1002"})
    assert time.monotonic() - started < 3.0
    heard.close()


def test_edits_and_deletions_follow_their_network(host: Host, server: Mastodon, streaming: Streaming) -> None:
    server.post()
    streaming.event("status.update", {**server.posts[0], "content": "other words", "edited_at": "2026-03-02T11:00:00Z"})
    streaming.event("delete", "1001")
    streaming.event("filters_changed", "")
    streaming.event("update", "not json")
    streaming.event("update", [1])
    streaming.event("update", {"id": 5})
    said = [item for got in hear(host) for item in got.items][1:]
    edited, gone = said
    assert isinstance(edited, Item)
    assert (edited.external_id, edited.text, edited.edited_at) == (
        "1001",
        "other words",
        datetime(2026, 3, 2, 11, tzinfo=UTC),
    )
    assert gone == Gone("1001", deleted=True)


def test_many_at_once_come_in_batches(host: Host, server: Mastodon, streaming: Streaming) -> None:
    for _ in range(450):
        server.post()
        streaming.event("update", server.posts[-1])
    batches = list(hear(host, {"min_id": "1450"}, seconds=3.0))
    live = [len(got.items) for got in batches if got.items]
    assert sum(live) == 450
    assert max(live) < 450


def test_a_cut_loses_nothing_that_was_said_and_the_next_turn_reads_what_was_missed(
    host: Host, server: Mastodon, streaming: Streaming
) -> None:
    server.post()
    heard = hear(host, seconds=10.0)
    got = [next(heard)]
    server.post()
    streaming.event("update", server.posts[-1])
    streaming.to_say.put(CUT)
    with pytest.raises(Temporary):
        got += iter(heard)
    server.post()
    missed = [server.post() for _ in range(60)]
    cursor = {"min_id": "1002"}
    got += list(hear(host, cursor, seconds=1.5))
    assert set(ids(got)) == {post["id"] for post in server.posts}
    assert len(missed) == 60


def test_a_little_before_is_read_again_where_ids_begin_with_the_time() -> None:
    early = mastodon_stream._a_little_before("112233445566778899")
    assert 112233445566778899 - int(early) == (600_000 << 16)
    assert mastodon_stream._a_little_before("01HXYZ") == "01HXYZ"


@pytest.mark.parametrize(("status", "failure"), [(401, RefusedByHost), (404, RefusedByHost), (503, Temporary)])
def test_a_stream_that_does_not_open_says_why(
    host: Host, server: Mastodon, streaming: Streaming, status: int, failure: type[SourceFailed]
) -> None:
    streaming.status = status
    with pytest.raises(failure):
        list(hear(host))


def test_an_endless_event_is_garbage(host: Host, server: Mastodon, streaming: Streaming) -> None:
    streaming.to_say.put(b"data: " + b"x" * (LONGEST_EVENT + 10))
    with pytest.raises(Garbage):
        list(hear(host))


def test_events_are_read_from_any_pieces() -> None:
    said = b":)\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\n:thump\n\ndata:x\n\nevent: empty\n\n"
    whole = EventReader().feed(said)
    assert whole == [("a", "1\n2"), ("", "x")]
    reader, pieces = EventReader(), []
    for place in range(len(said)):
        pieces += reader.feed(said[place : place + 1])
    assert pieces == whole
    with pytest.raises(TooLongAnEvent):
        EventReader().feed(b"x" * (LONGEST_EVENT + 1))


def test_comments_for_days_are_no_endless_event() -> None:
    reader = EventReader()
    for _ in range(3):
        assert reader.feed(b":thump\n" * (LONGEST_EVENT // 7)) == []


def test_a_job_holds_the_stream_for_a_turn_and_takes_the_next(
    host: Host, server: Mastodon, streaming: Streaming, north: North, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listening.sources.jobs.TURN_S", 2.0)
    server.post()
    with inside(north.agency.pk):
        source = add_source(
            brand_id=north.aurora.pk, kind="mastodon_stream", name="live",
            place={"server": host.url, "hashtag": "aurora"}, credentials={"token": "t0ken"},
            by=SETTING_THE_STAGE, at=timezone.now(),
        )  # fmt: skip
    server.posts[0]["content"] = "first"
    streaming.event("update", {**server.posts[0], "id": "1002", "content": "second"})
    streaming.event("update", {**server.posts[0], "id": "1003", "content": "third"})
    streaming.event("delete", "1003")
    [job] = Job.objects.filter(handler="listening.stream")
    with pytest.raises(AssertionError, match="feeds itself"):
        run_due_jobs("listening.stream", limit=1)
    with inside(north.agency.pk):
        stored = dict(Mention.objects.values_list("external_id", "text"))
        source = Source.objects.get(pk=source.pk)
    assert stored == {"1001": "first", "1002": "second", "1003": ""}
    assert (source.health, source.failures, source.cursor) == ("ok", 0, {"min_id": "1003"})
    assert Job.objects.filter(handler="listening.stream", state="READY").exclude(pk=job.pk).count() == 1
