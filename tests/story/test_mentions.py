"""The made-up public is repeatable, varied and has the rhythm of a real one."""

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from crisisapi.story.mentions import Mention, merged, normal_counts, normal_days, storm, storm_counts, write_ndjson
from crisisapi.story.phrases import GRAMMARS
from listening.detector import Buckets, advance, new_state
from listening.mood import scorer

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
BRAND = "Nimbus Outdoor"


def posted(mention: Mention) -> datetime:
    return datetime.fromisoformat(mention["posted_at"])


def test_the_same_seed_makes_the_same_mentions_and_another_does_not() -> None:
    once = list(normal_days(7, BRAND, MONDAY, 2, 800))
    assert list(normal_days(7, BRAND, MONDAY, 2, 800)) == once
    assert list(normal_days(8, BRAND, MONDAY, 2, 800)) != once
    angry = list(storm(7, BRAND, MONDAY, 60, 10, "the advert", per_day=800))
    assert list(storm(7, BRAND, MONDAY, 60, 10, "the advert", per_day=800)) == angry


def test_items_have_the_ingest_format_in_time_order() -> None:
    end = MONDAY + timedelta(days=2)
    mentions = list(normal_days(7, BRAND, MONDAY, 2, 1500))
    stormy = list(storm(7, BRAND, MONDAY, 90, 10, "the advert", per_day=1500))
    for stream, until in ((mentions, end), (stormy, MONDAY + timedelta(minutes=90))):
        instants = [posted(mention) for mention in stream]
        assert instants == sorted(instants)
        assert instants[0] >= MONDAY
        assert instants[-1] < until
    for mention in mentions + stormy:
        assert set(mention) - {"in_reply_to"} == {
            "external_id", "posted_at", "author", "text", "language", "url", "kind"
        }  # fmt: skip
        assert mention["posted_at"].endswith("Z")
        assert set(mention["author"]) == {"handle", "name", "followers"}
        assert mention["author"]["followers"] >= 0
        assert mention["kind"] in {"post", "comment", "reply", "review"}
        assert mention["language"] in GRAMMARS
        assert mention["text"].strip()
        assert "{" not in mention["text"]
        assert len(mention["text"]) < 500
    identities = [mention["external_id"] for mention in mentions + stormy]
    assert len(set(identities)) == len(identities)


def test_replies_point_at_earlier_mentions() -> None:
    seen: set[str] = set()
    pointing = 0
    for mention in normal_days(3, BRAND, MONDAY, 1, 2000):
        if "in_reply_to" in mention:
            pointing += 1
            assert mention["in_reply_to"] in seen
            assert mention["kind"] in {"comment", "reply"}
        seen.add(mention["external_id"])
    assert pointing > 500


def test_forty_thousand_in_a_week_take_a_few_seconds() -> None:
    begun = time.perf_counter()
    mentions = list(normal_days(1, BRAND, MONDAY, 7, 5700))
    assert time.perf_counter() - begun < 10
    assert 34_000 < len(mentions) < 46_000
    texts = Counter(mention["text"] for mention in mentions)
    assert len(texts) > 15_000
    assert texts.most_common(1)[0][1] < 0.01 * len(mentions)
    assert {mention["language"] for mention in mentions} == {"en", "es", "de", "fr", "ru", "uz"}


def test_days_have_two_peaks_a_trough_and_quieter_weekends_in_local_time() -> None:
    zone = ZoneInfo("America/New_York")
    counts = normal_counts(2, BRAND, MONDAY, 28 * 1440, 20_000, zone="America/New_York")
    by_hour, by_day = np.zeros(24), np.zeros(7)
    for hour, count in enumerate(counts.reshape(-1, 60).sum(axis=1)):
        local = (MONDAY + timedelta(hours=hour)).astimezone(zone)
        by_hour[local.hour] += count
        by_day[local.weekday()] += count
    assert by_hour[[3, 4, 5]].max() < by_hour[[12, 20]].min() / 3
    assert by_hour[12] > by_hour[16] < by_hour[20]
    assert by_day[5:].mean() < 0.95 * by_day[:5].mean()
    assert counts.sum() == pytest.approx(28 * 20_000, rel=0.1)


def test_counts_scatter_more_than_chance_alone() -> None:
    noon = normal_counts(2, BRAND, MONDAY, 28 * 1440, 20_000).reshape(28, 1440)[:, 720:735].sum(axis=1)
    assert noon.var() > 2 * noon.mean()


def test_followers_have_a_heavy_tail() -> None:
    followers = sorted(mention["author"]["followers"] for mention in normal_days(1, BRAND, MONDAY, 3, 3000))
    assert followers[-1] > 500 * max(1, followers[len(followers) // 2])


def test_a_storm_grows_peaks_and_decays() -> None:
    counts = storm_counts(1, BRAND, MONDAY + timedelta(hours=13), 240, 20, per_day=20_000)
    tenths = counts.reshape(24, 10).sum(axis=1)
    assert 4 <= int(tenths.argmax()) <= 8
    assert tenths[0] < 0.1 * tenths.max()
    assert tenths[-1] < 0.2 * tenths.max()
    usual = normal_counts(1, BRAND, MONDAY, 7 * 1440, 20_000).reshape(7, 1440)[:5, 840:850].sum(axis=1).mean()
    assert 12 < tenths.max() / usual < 28
    with pytest.raises(ValueError, match="peaks above normal"):
        storm_counts(1, BRAND, MONDAY, 240, 1, per_day=100)


def test_a_storm_is_angry_varied_and_copied() -> None:
    stormy = list(storm(1, BRAND, MONDAY, 120, 20, "the flood advert", per_day=5700, origin="post-1"))
    english = [mention["text"] for mention in stormy if mention["language"] == "en"]
    moods = Counter(mood.label for mood in scorer("vader").score(english))
    assert moods["negative"] > 0.6 * len(english)
    calm = [m["text"] for m in normal_days(1, BRAND, MONDAY, 1, 1500) if m["language"] == "en"]
    assert Counter(mood.label for mood in scorer("vader").score(calm))["negative"] < 0.3 * len(calm)
    copies = [mention for mention in stormy if mention["text"].startswith("RT @")]
    assert 0.2 * len(stormy) < len(copies) < 0.4 * len(stormy)
    assert len({mention["text"] for mention in stormy}) > 0.35 * len(stormy)
    answers = [mention["in_reply_to"] for mention in stormy if "in_reply_to" in mention]
    assert set(answers) == {"post-1"}


def test_streams_merge_in_time_order_and_are_written_one_object_a_line(tmp_path: Path) -> None:
    noon = MONDAY + timedelta(hours=12)
    both = list(merged(normal_days(1, BRAND, MONDAY, 1, 1000), storm(1, BRAND, noon, 60, 10, "the advert")))
    assert [mention["posted_at"] for mention in both] == sorted(mention["posted_at"] for mention in both)
    path = tmp_path / "mentions.ndjson"
    assert write_ndjson(both, path) == len(both)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == both


def test_the_whole_chain_hears_the_storm_in_its_words() -> None:
    """Seven normal days and a storm, scored, counted and detected as the product does it."""
    begin = MONDAY + timedelta(days=7, hours=14)
    minutes = 8 * 1440
    volume, negative, reach = (np.zeros(minutes, dtype=np.int64) for _ in range(3))
    people: list[set[str]] = [set() for _ in range(minutes)]
    mentions = list(
        merged(
            normal_days(5, BRAND, MONDAY, 8, 1500),
            storm(5, BRAND, begin, 180, 20, "the flood advert", per_day=1500),
        )
    )
    moods = scorer("vader").score(
        [mention["text"] for mention in mentions], languages=[mention["language"] for mention in mentions]
    )
    for mention, mood in zip(mentions, moods, strict=True):
        minute = int((posted(mention) - MONDAY) / timedelta(minutes=1))
        volume[minute] += 1
        negative[minute] += mood.label == "negative"
        reach[minute] += mention["author"]["followers"]
        people[minute].add(mention["author"]["handle"])
    authors = np.array([len(names) for names in people], dtype=np.int64)
    _, readings = advance(new_state(zone="UTC"), Buckets(MONDAY, volume, negative, reach, authors))
    raised = [reading for reading in readings if reading.alarm]
    assert raised[0].at > begin
    assert raised[0].at - begin < timedelta(minutes=45)
    assert any(reading.mood is not None and reading.mood.alarm for reading in raised)
