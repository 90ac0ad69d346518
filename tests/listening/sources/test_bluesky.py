"""Bluesky's search, over HTTP against a server that keeps posts and sessions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from listening.sources import fetching
from listening.sources.bluesky import ask_search, item_of, sessions
from listening.sources.seam import Fetched, Garbage, RefusedByHost
from tests.listening.sources.host import Host, Said, Seen, asked

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


class Bluesky:
    """Posts one a second; pages hold at most `page`, and go on by an offset as the real one's do."""

    def __init__(self, host: Host, *, page: int = 100) -> None:
        self.page = page
        self.posts: list[dict[str, Any]] = []
        self.good = 0  # which session is good
        host.answers["/xrpc/com.atproto.server.createSession"] = self.sign_in
        host.answers["/xrpc/app.bsky.feed.searchPosts"] = self.search

    def post(self, *, late_by: int = 0, **record: Any) -> str:
        number = len(self.posts)
        written = START + timedelta(seconds=number - late_by)
        uri = f"at://did:plc:writer{number}/app.bsky.feed.post/3k{number}"
        self.posts.append({
            "uri": uri,
            "author": {"did": f"did:plc:writer{number}", "handle": f"w{number}.example", "displayName": f"W {number}"},
            "record": {"text": f"The table {number} broke", "createdAt": written.isoformat(), "langs": ["en"]} | record,
            "indexedAt": (START + timedelta(seconds=number)).isoformat(),
        })  # fmt: skip
        return uri

    def sign_in(self, seen: Seen) -> Said:
        if json.loads(seen[3]) != {"identifier": "brand.example", "password": "app-pass"}:
            return Said(b'{"error":"AuthenticationRequired"}', status=401)
        self.good += 1
        return Said(json.dumps({"accessJwt": f"jwt-{self.good}", "refreshJwt": "r"}).encode())

    def search(self, seen: Seen) -> Said:
        _, query, headers, _ = seen
        if headers.get("authorization") != f"Bearer jwt-{self.good}":
            return Said(b'{"error":"ExpiredToken"}', status=400)
        newest = sorted(self.posts, key=lambda post: min(post["record"]["createdAt"], post["indexedAt"]), reverse=True)
        start, limit = int(query.get("cursor", 0)), min(int(query["limit"]), self.page)
        more = {"cursor": str(start + limit)} if start + limit < len(newest) else {}
        return Said(json.dumps({"posts": newest[start : start + limit], **more}).encode())


def ask(host: Host, cursor: Any = None, *, password: str = "app-pass") -> Fetched:  # noqa: S107 - a test's own
    where = {"server": host.url, "q": "aurora"}
    return ask_search(asked(where, cursor, at=NOW, identifier="brand.example", app_password=password))


def read_on(host: Host, cursor: Any = None) -> tuple[set[str], Any, bool]:
    ids: set[str] = set()
    gap = False
    for _ in range(50):
        got = ask(host, cursor)
        ids |= {item.external_id for item in got.items}
        cursor, gap = json.loads(json.dumps(got.cursor)), gap or got.gap
        if not got.more:
            return ids, cursor, gap
    raise AssertionError("It never ends.")


def test_a_post_is_read_with_its_words_and_its_writer(host: Host) -> None:
    server = Bluesky(host)
    server.post(reply={"parent": {"uri": "at://did:plc:x/app.bsky.feed.post/1"}})
    [item] = ask(host).items
    assert (item.external_id, item.text, item.kind) == (
        "at://did:plc:writer0/app.bsky.feed.post/3k0", "The table 0 broke", "reply",
    )  # fmt: skip
    assert (item.posted_at, item.language, item.author.handle, item.author.name) == (START, "en", "w0.example", "W 0")
    assert item.url == "https://bsky.app/profile/did:plc:writer0/post/3k0"
    assert item.in_reply_to == "at://did:plc:x/app.bsky.feed.post/1"


def test_nothing_is_missed_from_page_to_page(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST_PER_MINUTE", 1_000)
    server = Bluesky(host, page=40)
    for _ in range(30):
        server.post()
    ids, cursor, _ = read_on(host)
    assert len(ids) == 30
    for more in (0, 1, 39, 41, 300):
        wanted = {server.post() for _ in range(more)}
        ids, cursor, gap = read_on(host, cursor)
        assert wanted <= ids
        assert not gap


def test_what_is_indexed_late_is_found_all_the_same(host: Host) -> None:
    server = Bluesky(host)
    for _ in range(200):
        server.post()
    _, cursor, _ = read_on(host)
    late = server.post(late_by=100)
    ids, after, _ = read_on(host, cursor)
    assert late in ids
    assert after["since"] >= cursor["since"]


def test_a_quiet_search_does_not_drift_back(host: Host) -> None:
    server = Bluesky(host)
    server.post()
    _, cursor, _ = read_on(host)
    for _ in range(3):
        assert read_on(host, cursor)[1] == cursor
    assert cursor["since"].startswith("2026-03-02T10:00:00")


def test_a_session_is_used_until_it_ends_and_then_replaced(host: Host) -> None:
    server = Bluesky(host)
    server.post()
    for _ in range(3):
        ask(host)
    assert server.good == 1
    server.good += 1  # the first one is over
    assert ask(host).items
    assert server.good == 3


def test_bad_credentials_are_refused_and_never_told(host: Host) -> None:
    Bluesky(host)
    with pytest.raises(RefusedByHost) as raised:
        ask(host, password="wrong-pass")
    assert "wrong-pass" not in raised.value.problem


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"posts": [1]}', b'{"posts": null}', b"<html>"])
def test_what_is_no_result_is_garbage(host: Host, body: bytes) -> None:
    Bluesky(host)
    host.answers["/xrpc/app.bsky.feed.searchPosts"] = Said(body)
    with pytest.raises(Garbage):
        ask(host)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"accessJwt": 5}', b'{"accessJwt": "a\\nb"}', b""])
def test_what_is_no_session_is_garbage(host: Host, body: bytes) -> None:
    host.answers["/xrpc/com.atproto.server.createSession"] = Said(body)
    with pytest.raises(Garbage):
        ask(host)


def test_times_that_cannot_be_true_are_not_believed() -> None:
    seen = NOW - timedelta(minutes=1)

    def read(**record: Any) -> Any:
        return item_of({"text": "x", **record}, uri="at://a/b/c", seen_at=seen, at=NOW)

    assert read(createdAt="2031-01-01T00:00:00Z").posted_at == seen
    assert read(createdAt="1970-01-01T00:00:00Z").posted_at == seen
    assert read(createdAt="2026-01-01T00:00:00Z").posted_at == seen
    assert read(createdAt="nonsense").posted_at == seen
    assert read(createdAt="2026-03-02T11:00:00Z").posted_at == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert item_of({"text": " "}, uri="u", seen_at=seen, at=NOW) is None
    assert item_of({}, uri="u", seen_at=seen, at=NOW) is None
    assert read(langs="en", reply=5, embed={"$type": "app.bsky.embed.record"}).kind == "quote"


def test_sessions_are_forgotten_one_by_one() -> None:
    sessions.put("k", "t")
    assert sessions.get("k") == "t"
    sessions.drop("k")
    assert sessions.get("k") is None
