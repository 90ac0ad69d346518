"""Letting go: of mentions that are older than their brand keeps them, of partitions in which nothing can be left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from core.wall import inside
from jobs.models import Job
from listening.actions import retention
from listening.actions.index import index_words
from listening.actions.retention import purge_mentions, tend_partitions
from listening.models import Bucket, ListeningSettings, Mention, MentionKey, SearchDay, Source, Term, Word
from listening.partitions import first_id, make_partitions
from tests.cast import Person, run_due_jobs
from tests.listening.mentions import NOON, buckets_of, deliver, mention, mentions_of

pytestmark = pytest.mark.django_db


def keep(source: Source, days: int) -> None:
    with inside(source.agency_id):
        ListeningSettings.objects.create(brand_id=source.brand_id, retention_days=days)


def purge(source: Source, at: datetime) -> bool:
    with inside(source.agency_id):
        return purge_mentions(at=at)


def say(person: Person, source: Source, days: int = 4) -> None:
    batch = [mention(n, text=f"word{n} here", posted_at=(NOON + timedelta(days=n)).isoformat()) for n in range(days)]
    assert deliver(person, source, batch).body["new"] == days


def test_a_brand_lets_go_of_what_is_older_than_it_keeps(
    ana: Person, lea: Person, source: Source, borealis_source: Source
) -> None:
    keep(source, 30)
    keep(borealis_source, 60)
    first = ListeningSettings
    with inside(source.agency_id):
        first.objects.update(retention_days=400)
    for one in (source, borealis_source):
        say(lea, one)
    with inside(source.agency_id):
        index_words(at=NOON + timedelta(days=30))
        first.objects.filter(brand_id=source.brand_id).update(retention_days=30)
    ana.post("mentions/erase", {"mentions": [str(mentions_of(source)[0].pk)]})
    counted = buckets_of(source)
    assert purge(source, NOON + timedelta(days=32)) is False
    assert [row.external_id for row in mentions_of(source)] == ["m-2", "m-3"]
    assert len(mentions_of(borealis_source)) == 4
    assert buckets_of(source) == counted, "counts are about nobody"
    with inside(source.agency_id):
        assert MentionKey.objects.count() == 6
        assert SearchDay.objects.filter(brand_id=source.brand_id).count() == 2
        assert not Term.objects.filter(brand_id=source.brand_id, term__in=["word0", "word1"]).exists()
        assert not Word.objects.filter(brand_id=source.brand_id, term="word1").exists()
        assert Word.objects.filter(brand_id=source.brand_id, term="word2").exists()


def test_large_amounts_go_in_steps(lea: Person, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_DAYS", 2)
    say(lea, source, 5)
    at = NOON + timedelta(days=500)
    with inside(source.agency_id):
        assert [purge_mentions(at=at, most=2) for _ in range(3)] == [True, True, False]
        assert Mention.objects.count() == MentionKey.objects.count() == SearchDay.objects.count() == 0


def test_what_is_older_than_is_kept_is_not_taken_in(lea: Person, source: Source, now: datetime) -> None:
    keep(source, 30)
    old, young = (now - timedelta(days=days) for days in (30.1, 29.9))
    answer = deliver(lea, source, [mention(0, posted_at=old.isoformat()), mention(1, posted_at=young.isoformat())])
    assert {name: answer.body[name] for name in ("new", "expired", "known", "matched")} == {
        "new": 1, "expired": 1, "known": 0, "matched": 1,
    }  # fmt: skip
    assert [row.external_id for row in mentions_of(source)] == ["m-1"]


def test_counts_are_kept_for_five_years(lea: Person, source: Source) -> None:
    say(lea, source, 2)
    purge(source, NOON + timedelta(days=1829))
    with inside(source.agency_id):
        assert Bucket.objects.count() == 2
    purge(source, NOON + timedelta(days=1830, minutes=1))
    with inside(source.agency_id):
        assert Bucket.objects.count() == 1


PARTITIONS = """
SELECT child.relname, pg_get_expr(child.relpartbound, child.oid)
  FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid WHERE inhparent = 'listening_mention'::regclass
"""


def test_partitions_are_made_and_dropped_by_their_owner_whoever_serves(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, proowner = relowner, proconfig::text LIKE '%%search_path=public, pg_temp%%' "
            "FROM pg_proc JOIN pg_class ON relname = 'listening_mention' WHERE prosecdef AND proname LIKE 'listening%%'"
        )
        assert sorted(cursor.fetchall()) == [
            ("listening_drop_months", True, True), ("listening_make_month", True, True),
        ]  # fmt: skip


def partitions() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS)
        return dict(cursor.fetchall())


def test_the_next_month_is_made_and_months_nobody_may_keep_are_dropped(db: None) -> None:
    make_partitions([datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 2, 20, tzinfo=UTC)])
    assert tend_partitions(at=datetime(2026, 3, 20, tzinfo=UTC)) == []
    assert {"listening_mention_before_2026", "listening_mention_2026_03", "listening_mention_2026_04"} <= set(
        partitions()
    )
    at = datetime(2026, 2, 1, tzinfo=UTC) + retention.LONGEST + retention.AHEAD
    assert tend_partitions(at=at) == ["listening_mention_2026_01", "listening_mention_before_2026"]
    assert "listening_mention_2026_02" in partitions()
    assert first_id(datetime(2026, 2, 1, tzinfo=UTC)) == UUID(partitions()["listening_mention_2026_02"].split("'")[1])


def test_the_round_goes_on_until_nothing_is_left(
    lea: Person, source: Source, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted = [now - timedelta(days=100 + n) for n in range(3)]
    deliver(lea, source, [mention(n, posted_at=at.isoformat()) for n, at in enumerate(posted)])
    keep(source, 30)
    monkeypatch.setattr(purge_mentions.__wrapped__, "__kwdefaults__", {"most": 1})
    Job.objects.create(
        handler="listening.purge_more", key=str(source.agency_id), agency_id=source.agency_id, queue="bulk",
        args={}, due_at=now, max_attempts=8, created_at=now,
    )  # fmt: skip
    assert run_due_jobs("listening.purge_more") == 4
    assert mentions_of(source) == []
