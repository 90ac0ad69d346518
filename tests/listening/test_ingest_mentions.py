"""Delivering mentions: stored once, scored, counted in their minute; whole or not at all."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.failpoints import FailpointReached
from core.ids import uuid7
from jobs.models import Job
from listening.ingest import MOST_BYTES, MOST_ITEMS
from listening.models import Mention, Source
from permissions.needs import Need
from tests.cast import Person, events_of, key_of, send
from tests.listening.mentions import NOON, buckets_of, deliver, lines, mention, mentions_of

pytestmark = pytest.mark.django_db
NDJSON = {"Content_Type": "application/x-ndjson"}
GOOD, BAD = "I love this, wonderful!", "I hate this, disgusting and horrible!"


def counts(
    new: int, known: int = 0, edited: int = 0, deleted: int = 0, unmatched: int = 0, expired: int = 0
) -> dict[str, int]:
    matched = new + known + edited
    return {
        "new": new, "known": known, "edited": edited, "deleted": deleted, "unmatched": unmatched, "expired": expired,
        "matched": matched,
    }  # fmt: skip


def test_a_batch_is_stored_scored_and_counted(bo: Person, source: Source) -> None:
    later = (NOON + timedelta(seconds=59)).isoformat()
    answer = deliver(
        bo, source, [mention(0, text=BAD), mention(1, text=GOOD, posted_at=later), mention(2, posted_at=later)]
    )
    assert (answer.status, answer.body) == (200, counts(new=3))
    first, second, third = mentions_of(source)
    assert (first.brand_id, first.agency_id) == (source.brand_id, source.agency_id)
    assert [m.mood for m in (first, second, third)] == ["negative", "positive", "neutral"]
    assert first.mood_negative + first.mood_neutral + first.mood_positive == pytest.approx(1, abs=1e-5)
    assert first.scorer.startswith("linear/")
    assert (first.author_handle, first.author_name, first.author_followers) == ("person0", "Person 0", 100)
    assert (first.posted_at, first.kind, first.language, first.clipped) == (NOON, "post", "en", False)
    assert buckets_of(source) == [(NOON, 3, 1, 303, 3)]
    assert events_of(source) == [
        ("source.added", "operator:tests", {"kind": "push", "name": "listening tool"}),
        (
            "mentions.ingested",
            str(bo.actor),
            {
                "source_id": str(source.pk),
                "new": 3,
                "known": 0,
                "edited": 0,
                "deleted": 0,
                "first_at": "2026-03-02T12:00:00.000000Z",
                "last_at": "2026-03-02T12:00:00.000000Z",
            },
        ),
    ]


def test_ndjson_is_the_same_batch(bo: Person, source: Source) -> None:
    answer = deliver(bo, source, lines(mention(n) for n in range(3)), **NDJSON)
    assert (answer.status, answer.body) == (200, counts(new=3))
    assert deliver(bo, source, [mention(n) for n in range(3)]).body == counts(new=0, known=3)
    assert buckets_of(source) == [(NOON, 3, 0, 303, 3)]


def test_one_bad_item_refuses_the_batch_and_stores_nothing(bo: Person, source: Source) -> None:
    batch = [mention(0), mention(1, text=7), mention(2), mention(3, posted_at="never")]
    for body, headers in ((json.dumps(batch), {}), (lines(batch), NDJSON)):
        answer = deliver(bo, source, body, **headers)
        assert (answer.status, answer.code) == (400, "invalid")
        assert [(e["field"], e["code"]) for e in answer.body["errors"]] == [
            ("1.text", "wrong_type"),
            ("3.posted_at", "invalid"),
        ]
    assert mentions_of(source) == []
    assert buckets_of(source) == []
    assert [name for name, _, _ in events_of(source)] == ["source.added"]
    assert not Job.objects.filter(handler__startswith="listening.").exists()


@pytest.mark.parametrize("place", ["listening.after_store", "listening.before_count"])
def test_a_delivery_that_breaks_in_the_middle_leaves_nothing_and_can_be_repeated(
    bo: Person, source: Source, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    batch = [mention(n) for n in range(100)]
    with monkeypatch.context() as armed, pytest.raises(FailpointReached):
        armed.setattr("core.failpoints.ARMED", {place: "raise"})
        deliver(bo, source, batch)
    assert (mentions_of(source), buckets_of(source)) == ([], [])
    assert deliver(bo, source, batch).body == counts(new=100)
    assert buckets_of(source)[0][1] == 100


def test_a_mention_twice_in_a_batch_is_one(bo: Person, source: Source) -> None:
    assert deliver(bo, source, [mention(0), mention(1), mention(0), mention(0)]).body == counts(new=2, known=2)
    assert buckets_of(source) == [(NOON, 2, 0, 201, 2)]


def test_a_batch_again_changes_nothing_and_says_nothing(bo: Person, source: Source) -> None:
    batch = [mention(n) for n in range(200)]
    assert deliver(bo, source, batch).body == counts(new=200)
    before = buckets_of(source), events_of(source)
    assert deliver(bo, source, batch[50:] + batch[:50]).body == counts(new=0, known=200)
    assert (buckets_of(source), events_of(source)) == before


def test_overlapping_batches_count_each_mention_once(bo: Person, source: Source) -> None:
    """Larger and smaller batches take different ways into the table."""
    drawn = random.Random(7)
    batch = [mention(n, posted_at=(NOON + timedelta(seconds=n)).isoformat()) for n in range(400)]
    new = 0
    for size in (1, 300, 5, 64, 65, 200, 400):
        start = drawn.randrange(0, 401 - size)
        part = batch[start : start + size]
        drawn.shuffle(part)
        new += deliver(bo, source, part).body["new"]
    assert new == len(mentions_of(source)) == 400
    assert [row[1:2] + row[4:] for row in buckets_of(source)] == [(60, 60)] * 6 + [(40, 40)]


def test_minutes_in_any_order_come_to_the_same_counts(
    bo: Person, source: Source, borealis_source: Source, lea: Person
) -> None:
    batch = [
        mention(n, posted_at=(NOON + timedelta(seconds=37 * n % 900)).isoformat(), author={"handle": f"p{n % 7}"})
        for n in range(120)
    ]
    shuffled = random.Random(3).sample(batch, len(batch))
    for start in range(0, 120, 40):
        deliver(lea, source, batch[start : start + 40])
    for start in range(0, 120, 15):
        deliver(lea, borealis_source, shuffled[start : start + 15])
    assert buckets_of(source) == buckets_of(borealis_source)
    assert sum(row[1] for row in buckets_of(source)) == 120


def test_authors_are_distinct_within_their_minute_over_all_batches(bo: Person, source: Source) -> None:
    deliver(bo, source, [mention(0, author={"handle": "ann"}), mention(1, author={"handle": "bob"})])
    deliver(bo, source, [mention(2, author={"handle": "ann"}), mention(3, author={"handle": "cat"})])
    deliver(bo, source, [mention(4, author={}), mention(5, author={})])
    assert [(row[1], row[4]) for row in buckets_of(source)] == [(6, 5)], "two without a name are two people"


def test_an_edit_replaces_text_and_mood_and_corrects_the_count(bo: Person, source: Source) -> None:
    deliver(bo, source, [mention(0, text=BAD), mention(1, text=GOOD)])
    assert buckets_of(source) == [(NOON, 2, 1, 201, 2)]
    moved = (NOON + timedelta(hours=1)).isoformat()
    answer = deliver(bo, source, [mention(0, text=GOOD, posted_at=moved), mention(1, text=GOOD), mention(2, text=BAD)])
    assert answer.body == counts(new=1, known=1, edited=1)
    first = mentions_of(source)[0]
    assert (first.text, first.mood, first.posted_at) == (GOOD, "positive", NOON), (
        "it stays in the minute that counted it"
    )
    assert buckets_of(source) == [(NOON, 3, 1, 303, 3)]
    assert events_of(source)[-1][2]["edited"] == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_versions_in_any_order_leave_the_latest_one(bo: Person, source: Source, order: tuple[int, ...]) -> None:
    versions: list[dict[str, Any]] = [
        mention(0, text=GOOD),
        mention(0, text=BAD, edited_at=(NOON + timedelta(minutes=1)).isoformat()),
        mention(0, text=GOOD, edited_at=(NOON + timedelta(minutes=2)).isoformat()),
    ]
    for number in order:
        assert deliver(bo, source, [versions[number]]).status == 200
    [stored] = mentions_of(source)
    assert (stored.text, stored.mood, stored.edited_at) == (GOOD, "positive", NOON + timedelta(minutes=2))
    assert buckets_of(source) == [(NOON, 1, 0, 100, 1)]


def test_the_same_id_of_two_sources_is_two_mentions(lea: Person, source: Source, borealis_source: Source) -> None:
    assert deliver(lea, source, [mention(0)]).body == counts(new=1)
    assert deliver(lea, borealis_source, [mention(0)]).body == counts(new=1)


def test_a_long_text_is_clipped_and_says_so(bo: Person, source: Source) -> None:
    deliver(bo, source, [mention(0, text="ж" * 10_001), mention(1, text="ж" * 10_000)])
    clipped, whole = mentions_of(source)
    assert (len(clipped.text), clipped.clipped) == (10_000, True)
    assert (len(whole.text), whole.clipped) == (10_000, False)
    assert deliver(bo, source, [mention(0, text="ж" * 10_001)]).body == counts(new=0, known=1)


HOSTILE = [
    "nul \x00 inside",
    "\u202egnp.exe",
    "Z" + "\u0301" * 3000 + "algo",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \ufeff\ufffe\uffff",
    "'; DROP TABLE listening_mention; --",
    "\\N\t\\.\n\r\v",
    "%s %(id)s {0} $1",
    "\u0000",
    "<script>alert(1)</script>",
    "",
]


@pytest.mark.parametrize("padding", [0, 100])
def test_hostile_texts_are_stored_as_they_are(bo: Person, source: Source, padding: int) -> None:
    batch = [
        mention(n, external_id=f"{n:04}", text=text, author={"handle": text[:200], "name": text[:200]})
        for n, text in enumerate([*HOSTILE, *["plain"] * padding])
    ]
    for _ in range(2):
        assert deliver(bo, source, json.dumps(batch)).status == 200
    stored = mentions_of(source)
    assert [m.text for m in stored[: len(HOSTILE)]] == [text.replace("\x00", "\ufffd") for text in HOSTILE]
    assert [m.author_name for m in stored[: len(HOSTILE)]] == [text[:200].replace("\x00", "\ufffd") for text in HOSTILE]


def test_half_a_surrogate_pair_is_stored_as_the_replacement_character(bo: Person, source: Source) -> None:
    raw = json.dumps([mention(0, text="?")]).replace('"?"', r'"broken \ud83d emoji"')
    assert deliver(bo, source, raw).body == counts(new=1)
    assert mentions_of(source)[0].text == "broken \ufffd emoji"


def test_five_thousand_items_are_taken_and_one_more_is_not(bo: Person, source: Source) -> None:
    batch = [mention(n) for n in range(MOST_ITEMS + 1)]
    too_many = deliver(bo, source, batch)
    assert (too_many.status, too_many.code) == (400, "too_many_items")
    assert deliver(bo, source, batch[:-1]).body == counts(new=MOST_ITEMS)
    assert buckets_of(source)[0][1] == MOST_ITEMS


def test_five_megabytes_are_taken_and_one_byte_more_is_not(bo: Person, source: Source) -> None:
    body = lines([mention(0)])
    body += b" " * (MOST_BYTES - len(body))
    too_large = deliver(bo, source, body + b" ", **NDJSON)
    assert (too_large.status, too_large.code) == (413, "too_large")
    assert deliver(bo, source, body, **NDJSON).body == counts(new=1)


@pytest.mark.parametrize("media_type", ["text/csv", "application/xml", "multipart/form-data; boundary=x"])
def test_another_media_type_is_refused(bo: Person, source: Source, media_type: str) -> None:
    assert deliver(bo, source, b"a,b", Content_Type=media_type).status == 415


def test_a_body_in_gzip_is_unpacked(bo: Person, source: Source) -> None:
    batch = [mention(n) for n in range(200)]
    packed = gzip.compress(json.dumps(batch).encode())
    assert deliver(bo, source, packed, Content_Encoding="gzip").body == counts(new=200)
    halves = lines(batch[:3]), lines(batch[3:])
    two_files = b"".join(gzip.compress(half) for half in halves)
    assert deliver(bo, source, two_files, Content_Encoding="gzip", **NDJSON).body == counts(new=0, known=200)


def test_a_bomb_is_refused_before_it_is_unpacked(bo: Person, source: Source) -> None:
    body = lines([mention(0)])
    most = body + b" " * (MOST_BYTES - len(body))
    bomb = gzip.compress(b" " * 200_000_000)
    for packed in (bomb, gzip.compress(most + b" "), gzip.compress(b"", 0) * 300_000):
        answer = deliver(bo, source, packed, Content_Encoding="gzip", **NDJSON)
        assert (answer.status, answer.code) == (413, "too_large")
    assert deliver(bo, source, gzip.compress(most), Content_Encoding="gzip", **NDJSON).body == counts(new=1)


PACKED = gzip.compress(b"[]", mtime=0)  # without the time, so that a test's name is the same in each process


@pytest.mark.parametrize(
    "broken", [b"\x1f\x8b", b"[]", PACKED[:-3], PACKED + b"rest"], ids=["beginning", "unpacked", "cut", "more"]
)
def test_broken_gzip_is_refused(bo: Person, source: Source, broken: bytes) -> None:
    answer = deliver(bo, source, broken, Content_Encoding="gzip")
    assert (answer.status, answer.code) == (400, "malformed_json")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate"])
def test_another_encoding_is_refused(bo: Person, source: Source, encoding: str) -> None:
    assert deliver(bo, source, b"[]", Content_Encoding=encoding).status == 415


def test_the_same_key_gives_the_first_answer_again(bo: Person, source: Source) -> None:
    first = deliver(bo, source, [mention(0)], Idempotency_Key="a")
    again = deliver(bo, source, [mention(0)], Idempotency_Key="a")
    assert first.body == again.body == counts(new=1)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert deliver(bo, source, [mention(1)], Idempotency_Key="a").code == "key_reused"


def test_a_source_must_be_named(bo: Person) -> None:
    answer = bo.post("ingest/mentions", [])
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, ["source"])
    assert bo.post("ingest/mentions?source=all", []).status == 400
    assert bo.post(f"ingest/mentions?source={uuid7()}", []).status == 404


def test_without_a_credential_nobody_delivers(source: Source) -> None:
    assert send("POST", f"/v1/agencies/north/ingest/mentions?source={source.pk}", []).status == 401


def test_a_key_without_the_need_is_refused(bo: Person, source: Source) -> None:
    answer = deliver(key_of(bo, Need.MENTIONS_READ), source, [mention(0)])
    assert (answer.status, answer.code) == (403, "not_allowed")
    assert mentions_of(source) == []


def test_a_key_with_the_need_delivers_and_is_named_in_the_ledger(bo: Person, source: Source) -> None:
    assert deliver(key_of(bo, Need.MENTIONS_INGEST), source, [mention(0)]).body == counts(new=1)
    assert events_of(source)[-1][1].startswith("key:")


def test_another_brands_source_does_not_exist_for_a_manager(bo: Person, borealis_source: Source) -> None:
    assert deliver(bo, borealis_source, [mention(0)]).status == 404


def test_another_agency_cannot_deliver(eve: Person, source: Source) -> None:
    assert deliver(eve, source, [mention(0)]).status == 404
    path = f"/v1/agencies/north/ingest/mentions?source={source.pk}"
    assert eve.post(path, [mention(0)]).status == 404
    assert mentions_of(source) == []


def test_a_delivery_takes_the_same_few_queries_however_large_it_is(bo: Person, source: Source) -> None:
    """For a batch that is large enough a look at what is known; and room, a COPY and a statement for each thousand."""

    def queries(batch: list[dict[str, Any]]) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert deliver(bo, source, batch).status == 200
        return len(captured)

    queries([mention(9_999)])
    few = queries([mention(n) for n in range(2)])
    many = queries([mention(n, posted_at=(NOON + timedelta(seconds=n)).isoformat()) for n in range(10, 3_010)])
    assert many <= few + 3 + 2 * 3
    assert many <= 40


def test_jobs_look_at_once_at_what_is_over_and_later_at_what_is_not(bo: Person, source: Source) -> None:
    this_minute = timezone.now().replace(second=0, microsecond=0)

    def looks(minutes_ago: float) -> list[tuple[str, str, datetime]]:
        Job.objects.all().delete()
        posted_at = this_minute - timedelta(minutes=minutes_ago)
        deliver(bo, source, [mention(0, external_id=str(uuid7()), posted_at=posted_at.isoformat())])
        waiting = Job.objects.filter(handler__startswith="listening.").order_by("handler", "due_at")
        return [(job.handler, job.key, job.due_at) for job in waiting]

    brand = str(source.brand_id)
    [(handler, key, due_at)] = looks(0)
    assert (handler, key) == ("listening.detect", f"{brand}@{this_minute.astimezone(UTC).isoformat()}")
    assert due_at == this_minute + timedelta(minutes=1, seconds=5)
    assert [look[:2] for look in looks(10)] == [("listening.detect", brand)]
    assert [look[:2] for look in looks(600)] == [("listening.relearn", brand)]


def test_rows_of_mentions_are_walled(bo: Person, source: Source) -> None:
    deliver(bo, source, [mention(0)])
    assert Mention._base_manager.count() == 0
