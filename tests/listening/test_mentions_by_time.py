"""Ids that sort by time: what the migration made of stored mentions is what the program makes of new ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from core.ids import uuid7
from listening.models import Bucket, Mention, MentionKey
from listening.partitions import first_id, key_of, make_partitions, mention_id
from tests.cast import walled
from tests.conftest import North

MIGRATION = import_module("listening.migrations.0002_mentions_by_time")
SOURCE = UUID("0189aaaa-bbbb-7ccc-8ddd-eeeeffff0000")
BEFORE = """
CREATE TEMPORARY TABLE listening_mention_unsorted (
    id uuid, agency_id uuid, brand_id uuid, source_id uuid, external_id text, kind text, posted_at timestamptz,
    received_at timestamptz, edited_at timestamptz, author_handle text, author_name text, author_followers bigint,
    text text, clipped boolean, language text, url text, in_reply_to text, mood text, mood_negative real,
    mood_neutral real, mood_positive real, scorer text) ON COMMIT DROP
"""
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given above


@given(instants, instants, st.text(), st.text())
def test_ids_sort_by_when_something_was_said(one: datetime, other: datetime, first: str, second: str) -> None:
    if other - one < timedelta(milliseconds=1):
        one, other = other, one + timedelta(milliseconds=1)
    earlier, later = mention_id(one, key_of(SOURCE, first)), mention_id(other, key_of(SOURCE, second))
    assert earlier < later
    assert first_id(one) <= earlier < first_id(one + timedelta(milliseconds=1))
    assert (earlier.version, earlier.variant) == (7, "specified in RFC 4122")


@given(instants, st.text())
def test_the_same_mention_has_the_same_id_and_another_source_gives_another(at: datetime, external_id: str) -> None:
    assert mention_id(at, key_of(SOURCE, external_id)) == mention_id(at, key_of(SOURCE, external_id))
    assert key_of(SOURCE, external_id) != key_of(uuid7(), external_id)


@pytest.mark.django_db
def test_what_was_stored_before_is_sorted_by_time_and_counted_by_source(north: North) -> None:
    said = [
        ("old", datetime(2025, 5, 1, 3, 4, 5, 678_999, tzinfo=UTC)),
        ("Ünïcode", datetime(2026, 3, 1, tzinfo=UTC)),
        ("same minute", datetime(2026, 3, 1, 0, 0, 59, 999_000, tzinfo=UTC)),
    ]
    agency, brand, source = north.agency.pk, north.aurora.pk, uuid7()
    with walled(north.agency), connection.cursor() as cursor:
        make_partitions(at for _, at in said)
        cursor.execute(BEFORE)
        for external_id, at in said:
            cursor.execute(
                "INSERT INTO listening_mention_unsorted VALUES (%s, %s, %s, %s, %s, 'post', %s, %s, NULL, 'ann', '', "
                "7, 'Bad', false, 'en', '', '', 'negative', 1, 0, 0, 'vader/1')",
                [uuid7(), agency, brand, source, external_id, at, at],
            )
        cursor.execute(MIGRATION.SORT)
        cursor.execute(MIGRATION.COUNT)
        stored = {mention.external_id: mention for mention in Mention.objects.filter(source_id=source)}
        keys = dict(MentionKey.objects.values_list("pk", "mention_id"))
        assert {name: mention.pk for name, mention in stored.items()} == {
            name: mention_id(at, key_of(source, name)) for name, at in said
        }
        assert keys == {key_of(source, name): stored[name].pk for name, _ in said}
        assert list(
            Bucket.objects.order_by("minute").values_list("volume", "negative", "reach", "authors", "loudest")
        ) == [
            (1, 1, 7, 1, 7),
            (2, 2, 14, 1, 7),
        ]
