"""What a source takes in: what its query asks for, while it is neither paused nor ended; and what is watched for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db.models import Sum

from core.wall import inside
from listening.models import Bucket, ListeningSettings, Query, Source
from tests.cast import Person
from tests.listening.mentions import deliver, mention, mentions_of

pytestmark = pytest.mark.django_db


def change(source: Source, **values: Any) -> None:
    with inside(source.agency_id):
        Source.objects.filter(pk=source.pk).update(**values)


def watched(source: Source) -> int:
    with inside(source.agency_id):
        total: int = Bucket.objects.filter(source_id=source.pk).aggregate(total=Sum("watched", default=0))["total"]
        return total


def test_a_source_with_a_query_stores_what_matches(bo: Person, source: Source, now: datetime) -> None:
    with inside(source.agency_id):
        query = Query.objects.create(
            brand_id=source.brand_id, name="soup", expression="soup NOT recipe", created_at=now
        )
    change(source, query=query)
    batch = [
        mention(0, text="The soup is cold"),
        mention(1, text="A recipe for soup"),
        mention(2, text="Bread is better"),
        mention(3, text="SOUP!"),
    ]
    answer = deliver(bo, source, batch)
    assert {name: answer.body[name] for name in ("new", "unmatched", "matched")} == {
        "new": 2, "unmatched": 2, "matched": 2,
    }  # fmt: skip
    again = deliver(bo, source, batch).body
    assert (again["new"], again["known"], again["unmatched"]) == (0, 2, 2)
    assert [row.external_id for row in mentions_of(source)] == ["m-0", "m-3"]
    change(source, query=None)
    assert deliver(bo, source, batch).body["new"] == 2


def test_a_paused_source_takes_nothing_in_and_an_ended_one_never_again(
    bo: Person, source: Source, now: datetime
) -> None:
    for values, code in (({"paused_at": now}, "source_paused"), ({"paused_at": None, "ended_at": now}, "source_ended")):
        change(source, **values)
        answer = deliver(bo, source, [mention(0)])
        assert (answer.status, answer.code) == (409, code)
    assert mentions_of(source) == []


def test_watched_terms_are_counted_and_edits_correct_the_count(bo: Person, source: Source) -> None:
    with inside(source.agency_id):
        ListeningSettings.objects.create(brand_id=source.brand_id, watched_terms=["glass shards"])
    texts = ["Time to boycott them", "There were glass shards in it", "A nice day", "lawsuit and boycott"]
    deliver(bo, source, [mention(n, text=text) for n, text in enumerate(texts)])
    assert watched(source) == 3
    deliver(bo, source, [mention(0, text="Never mind"), mention(2, text="I will boycott this")])
    assert watched(source) == 3
    deliver(bo, source, [mention(2, text="A nice day again")])
    assert watched(source) == 2


def test_the_loudest_author_of_a_minute_is_remembered(bo: Person, source: Source) -> None:
    for batch in ([mention(1), mention(2, author={"handle": "star", "followers": 900_000})], [mention(3)]):
        deliver(bo, source, batch)
    with inside(source.agency_id):
        assert list(Bucket.objects.values_list("loudest", "volume")) == [(900_000, 3)]


@pytest.mark.parametrize("order", ["post first", "deletion first", "together"])
def test_a_deletion_empties_and_leaves_the_count(bo: Person, source: Source, order: str) -> None:
    gone = {"external_id": "m-0", "deleted": True}
    batches = {
        "post first": [[mention(0)], [gone]],
        "deletion first": [[gone], [mention(0)]],
        "together": [[gone, mention(0)]],
    }[order]
    answers = [deliver(bo, source, batch).body for batch in batches]
    assert (sum(one["new"] for one in answers), sum(one["deleted"] for one in answers)) == (1, 1)
    [stored] = mentions_of(source)
    assert (stored.text, stored.author_handle, stored.url, stored.deleted_at is None) == ("", "", "", False)
    with inside(source.agency_id):
        assert list(Bucket.objects.values_list("volume", "reach")) == [(1, 100)]
    again = deliver(bo, source, [gone, mention(0, text="edited")]).body
    assert (again["known"], again["edited"], again["deleted"]) == (2, 0, 0)
    assert mentions_of(source)[0].text == ""


def test_a_deleted_item_may_be_told_whole(bo: Person, source: Source) -> None:
    deliver(bo, source, [mention(0)])
    assert deliver(bo, source, [mention(0, deleted=True), mention(1, deleted=False)]).body["deleted"] == 1
    refused = deliver(bo, source, [{"external_id": "m-9", "deleted": False}, {"deleted": True}])
    assert [(e["field"], e["code"]) for e in refused.body["errors"]] == [
        ("0.posted_at", "required"),
        ("1.external_id", "required"),
    ]


def test_network_and_country_are_kept(bo: Person, source: Source) -> None:
    change(source, network="forum")
    deliver(bo, source, [mention(0), mention(1, network="mastodon", country="DE")])
    assert [(row.network, row.country) for row in mentions_of(source)] == [("forum", ""), ("mastodon", "DE")]
    for wrong in ({"network": "Mastodon!"}, {"country": "de"}, {"country": "DEU"}):
        assert deliver(bo, source, [mention(2, **wrong)]).status == 400
