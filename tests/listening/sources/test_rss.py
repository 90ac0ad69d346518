"""Feeds of all sorts, and what is no feed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from listening.sources import KINDS
from listening.sources.seam import Fetched, Garbage, RefusedByHost
from tests.listening.sources.host import Host, Said, asked

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>News</title>
<item><guid>g-1</guid><title>Aurora &amp;amp; the tables</title><link>https://news.example/1</link>
<description>&lt;p&gt;Tables &lt;b&gt;break&lt;/b&gt;&lt;/p&gt;</description><author>pat@news.example (Pat)</author>
<pubDate>Mon, 02 Mar 2026 10:00:00 GMT</pubDate></item>
<item><title>Without id or date</title><link>https://news.example/2</link></item>
<item><title>With nothing else</title></item>
<item><guid>g-4</guid><pubDate>Mon, 02 Mar 2099 10:00:00 GMT</pubDate><title>From the future</title>
<link>javascript:alert(1)</link></item>
<item><guid>g-5</guid></item>
</channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>N</title>
<entry><id>tag:n,1</id><title>One</title><updated>2026-03-02T09:00:00+02:00</updated>
<published>2026-03-01T09:00:00Z</published><link href="https://n.example/1"/><author><name>Kim</name></author>
<content type="html">&lt;p&gt;Long words&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;</content></entry></feed>"""


def feed(*names: str) -> bytes:
    entries = "".join(f"<item><guid>{name}</guid><title>Entry {name}</title></item>" for name in names)
    return f'<rss version="2.0"><channel><title>x</title>{entries}</channel></rss>'.encode()


def ask(host: Host, cursor: Any = None) -> Fetched:
    kind = KINDS["rss"]
    assert kind.ask is not None
    return kind.ask(asked({"url": f"{host.url}/feed"}, cursor, at=NOW))


def test_an_rss_feed_is_read_with_whatever_its_entries_lack(host: Host) -> None:
    host.answers["/feed"] = Said(RSS.encode(), headers={"Content-Type": "application/rss+xml"})
    first, second, third, fourth = ask(host).items
    assert (first.external_id, first.text, first.url) == (
        "g-1", "Aurora & the tables\nTables break", "https://news.example/1",
    )  # fmt: skip
    assert first.posted_at == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert first.kind == "article"
    assert (second.external_id, second.posted_at) == ("https://news.example/2", NOW)
    assert len(third.external_id) == 64
    assert (fourth.posted_at, fourth.url) == (NOW, "")


def test_an_atom_feed_tells_of_its_edits(host: Host) -> None:
    host.answers["/feed"] = Said(ATOM.encode())
    [item] = ask(host).items
    assert (item.external_id, item.text, item.author.name) == ("tag:n,1", "One\nLong words", "Kim")
    assert item.posted_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert item.edited_at == datetime(2026, 3, 2, 7, tzinfo=UTC)


def test_what_was_seen_is_not_delivered_again_unless_it_says_something_else(host: Host) -> None:
    host.answers["/feed"] = [
        Said(feed("a", "b")),
        Said(feed("a", "b", "c")),
        Said(feed("b", "c").replace(b"y c", b"y C")),
    ]
    first = ask(host)
    second = ask(host, first.cursor)
    third = ask(host, second.cursor)
    assert [[item.external_id for item in got.items] for got in (first, second, third)] == [["a", "b"], ["c"], ["c"]]
    assert [got.gap for got in (first, second, third)] == [False, False, False]


def test_a_feed_that_moved_on_entirely_has_a_gap(host: Host) -> None:
    host.answers["/feed"] = [Said(feed("a", "b")), Said(feed("m", "n")), Said(feed()), Said(feed("n"))]
    first = ask(host)
    second = ask(host, first.cursor)
    assert second.gap
    empty = ask(host, second.cursor)
    assert not empty.gap
    assert not ask(host, empty.cursor).gap


def test_a_feed_is_asked_only_whether_it_changed(host: Host) -> None:
    said = {"ETag": '"v1"', "Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT", "Cache-Control": "max-age=900"}
    host.answers["/feed"] = [Said(feed("a"), headers=said), Said(status=304)]
    first = ask(host)
    assert first.wait_s == 900
    second = ask(host, first.cursor)
    assert (list(second.items), second.cursor) == ([], first.cursor)
    headers = host.seen[1][2]
    assert (headers["if-none-match"], headers["if-modified-since"]) == ('"v1"', "Mon, 02 Mar 2026 10:00:00 GMT")


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<rss version='2.0'><channel><item><title>&b;</title></item></channel></rss>"
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><channel><item><title>&a;</title></item></channel></rss>'


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><body>Not found</body></html>", b"\x00\xff\xfe" * 300, b'{"a": 1}', LAUGHS, OUTSIDE, b"<" * 50_000],
)
def test_what_is_no_feed_is_garbage(host: Host, body: bytes) -> None:
    host.answers["/feed"] = Said(body)
    with pytest.raises(Garbage):
        ask(host)


def test_a_broken_feed_is_read_as_far_as_it_goes(host: Host) -> None:
    host.answers["/feed"] = Said(feed("a", "b")[:-40])
    assert [item.external_id for item in ask(host).items][:1] == ["a"]


def test_a_feed_of_thousands_and_an_entry_of_megabytes_are_cut(host: Host) -> None:
    host.answers["/feed"] = Said(feed(*map(str, range(900))))
    assert len(ask(host).items) == 400
    long = (
        b"<rss version='2.0'><channel><item><guid>a</guid><title>"
        + b"x" * 1_500_000
        + b"</title></item></channel></rss>"
    )
    host.answers["/feed"] = Said(long)
    [item] = ask(host).items
    assert len(item.text) == 10_001


def test_a_feed_that_is_gone_needs_people(host: Host) -> None:
    host.answers["/feed"] = Said(status=410)
    with pytest.raises(RefusedByHost):
        ask(host)
