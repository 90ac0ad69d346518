"""Mastodon, over HTTP against a server that keeps posts: nothing is missed and nothing comes twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from listening.sources import KINDS, fetching
from listening.sources.seam import Fetched, Garbage, RefusedByHost
from listening.sources.walk import MOST_PAGES
from tests.listening.sources.host import Host, Said, asked
from tests.listening.sources.mastodon_server import START, Mastodon

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def ask(kind: str, host: Host, cursor: Any = None, *, token: str = "t0ken") -> Fetched:  # noqa: S107 - a test's own
    known = KINDS[kind]
    assert known.ask is not None
    what = {"q": "aurora"} if kind == "mastodon_search" else {"hashtag": "aurora"}
    return known.ask(asked({"server": host.url, **what}, cursor, at=NOW, token=token))


def read_on(kind: str, host: Host, cursor: Any = None) -> tuple[list[str], Any, bool]:
    """Ask until there is no more: ids as they came, the cursor, and whether a gap was told."""
    ids, gap = [], False
    for _ in range(100):
        got = ask(kind, host, cursor)
        ids += [item.external_id for item in got.items]
        cursor, gap = json.loads(json.dumps(got.cursor)), gap or got.gap
        if not got.more:
            return ids, cursor, gap
    raise AssertionError("It never ends.")


def test_a_post_is_read_with_its_words_and_its_author(host: Host) -> None:
    server = Mastodon(host)
    server.post(
        "<p>A &amp; B</p><p>again</p>", spoiler_text="Tables", in_reply_to_id="7", edited_at="2026-03-02T11:00:00.000Z"
    )
    [item] = ask("mastodon_hashtag", host).items
    assert (item.external_id, item.text, item.kind) == ("1001", "Tables\nA & B\nagain", "reply")
    assert (item.posted_at, item.edited_at) == (START, datetime(2026, 3, 2, 11, tzinfo=UTC))
    assert (item.author.handle, item.author.name, item.author.followers) == ("p0@social.example", "P 0", 0)
    assert (item.language, item.url) == ("en", "https://social.example/@p/1001")


@pytest.mark.parametrize("kind", ["mastodon_hashtag", "mastodon_search"])
def test_the_first_page_is_the_newest_and_then_nothing_is_missed(host: Host, kind: str) -> None:
    server = Mastodon(host)
    for _ in range(100):
        server.post()
    ids, cursor, _ = read_on(kind, host)
    assert sorted(ids) == [str(n) for n in range(1_061, 1_101)]
    for more in (0, 1, 39, 40, 41, 250, 0):
        before = len(server.posts)
        wanted = [server.post() for _ in range(more)]
        ids, cursor, gap = read_on(kind, host, cursor)
        assert sorted(ids) == sorted(wanted), (more, before)
        assert len(ids) == len(set(ids))
        assert not gap


def test_a_search_that_outran_us_by_far_has_a_gap_and_goes_on(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Mastodon(host, page=20)
    server.post()
    _, cursor, _ = read_on("mastodon_search", host)
    for _ in range(20 * MOST_PAGES + 50):
        server.post()
    # So many pages are more than a host is asked for in a minute.
    monkeypatch.setattr(fetching, "MOST_PER_MINUTE", 1_000)
    ids, cursor, gap = read_on("mastodon_search", host, cursor)
    assert gap
    assert len(ids) == 20 * MOST_PAGES
    new = server.post()
    assert read_on("mastodon_search", host, cursor) == ([new], {"since": new}, False)


def test_an_empty_hashtag_is_asked_again_from_its_beginning(host: Host) -> None:
    server = Mastodon(host)
    ids, cursor, _ = read_on("mastodon_hashtag", host)
    assert (ids, cursor) == ([], None)
    server.post()
    assert read_on("mastodon_hashtag", host, cursor)[0] == ["1001"]


def test_a_search_without_a_good_token_is_refused(host: Host) -> None:
    Mastodon(host)
    with pytest.raises(RefusedByHost):
        ask("mastodon_search", host, token="wrong")


@pytest.mark.parametrize(
    "body", [b"{}", b"null", b'[{"id": 5}]', b'["x"]', b'[{"no": "id"}]', b'[{"id": ""}]', b"<html>", b"[" * 9_999]
)
def test_what_is_no_list_of_posts_is_garbage(host: Host, body: bytes) -> None:
    host.answers["/api/v1/timelines/tag/aurora"] = Said(body)
    with pytest.raises(Garbage):
        ask("mastodon_hashtag", host)


def test_a_post_full_of_wrong_types_is_read_as_far_as_it_makes_sense(host: Host) -> None:
    server = Mastodon(host)
    server.post(
        "words", account=[], created_at=5, language=["en"], url={"a": 1}, spoiler_text=None, edited_at="yesterday"
    )
    server.post(" ", content=None)
    [item] = ask("mastodon_hashtag", host).items
    assert (item.text, item.posted_at, item.language, item.url, item.author.handle) == ("words", NOW, None, "", "")
