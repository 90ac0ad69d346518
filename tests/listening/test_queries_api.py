"""Queries of brands: kept by those who may, tried without keeping, changed as they were seen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from core.wall import inside
from listening.models import Bucket, Query, Source
from listening.query import Post
from listening.query.live import Streams, matcher_for
from tests.cast import Answer, Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db

STORM = {
    "name": "storm",
    "expression": 'aurora  (boycot* or OR "data   leak")',
    "exclude": ["#ad"],
    "languages": ["en"],
}


def add(person: Person, north: North, **said: Any) -> Answer:
    return person.post("queries", {"brand": str(north.aurora.pk), **said})


def test_a_query_is_kept_and_told(bo: Person, north: North) -> None:
    answer = add(bo, north, **STORM)
    assert answer.status == 201
    assert answer.body["canonical"] == 'aurora AND ((boycot* AND or) OR "data leak")'
    assert (answer.body["expression"], answer.body["exclude"]) == (STORM["expression"], ["#ad"])
    with inside(north.agency.pk):
        query: Query = Query.objects.get(pk=answer.body["id"])
    assert events_of(query) == [("query.added", str(bo.actor), {"name": "storm"})]
    assert bo.get(f"queries/{query.pk}").body == answer.body


@pytest.mark.parametrize(
    ("wrong", "field", "position"),
    [
        ({"expression": "aurora AND (boycott"}, "expression", 11),
        ({"expression": "NOT aurora"}, "expression", 0),
        ({"expression": "lang:en"}, "expression", 0),
        ({"exclude": ["fine", "!!"]}, "exclude.1", 0),
        ({"languages": ["e"]}, "languages.0", 0),
        ({"expression": "x " * 2_001}, "expression", 4_000),
    ],
)
def test_a_query_that_cannot_be_read_is_pointed_at(
    bo: Person, north: North, wrong: dict[str, Any], field: str, position: int
) -> None:
    answer = add(bo, north, **{**STORM, **wrong})
    assert (answer.status, answer.code) == (400, "bad_query")
    facts = answer.body["facts"]
    assert (facts["field"], facts["position"]) == (field, position)
    assert "^" in facts["pointer"].splitlines()[1]
    assert facts["expected"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"x": 1}, "x"),
        ({"exclude": [1]}, "exclude.0"),
    ],
)
def test_a_wrong_body_is_refused_with_its_field(bo: Person, north: North, wrong: dict[str, Any], field: str) -> None:
    answer = add(bo, north, **{**STORM, **wrong})
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (400, [field])


def test_a_name_is_one_query_of_a_brand(lea: Person, north: North) -> None:
    assert add(lea, north, **STORM).status == 201
    again = add(lea, north, **STORM)
    assert (again.status, again.code) == (409, "query_known")
    assert lea.post("queries", {"brand": str(north.borealis.pk), **STORM}).status == 201


def test_only_those_who_may_write_sources_write_queries(bo: Person, dee: Person, eve: Person, north: North) -> None:
    made = add(bo, north, **STORM)
    where = f"queries/{made.body['id']}"
    assert add(dee, north, **STORM).status == 403
    assert dee.patch(where, {"name": "x"}, If_Match=made.etag).status == 403
    assert dee.delete(where, If_Match=made.etag).status == 403
    assert eve.get(where).status == 404
    assert eve.patch(where, {"name": "x"}, If_Match=made.etag).status == 404
    assert eve.delete(where, If_Match=made.etag).status == 404
    assert eve.get("queries").body["items"] == []
    assert add(eve, north, **STORM).status == 400
    answer = bo.post("queries", {"brand": str(north.borealis.pk), **STORM})
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "brand")


def test_the_list_asks_as_many_questions_for_many_as_for_one(lea: Person, north: North) -> None:
    counts = []
    for names in (["a"], ["b", "c", "d"]):
        for name in names:
            assert add(lea, north, **{**STORM, "name": name}).status == 201
        with CaptureQueriesContext(connection) as asked:
            assert lea.get(f"queries?brand={north.aurora.pk}").status == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert len(lea.get("queries").body["items"]) == 4


def test_a_change_needs_to_have_seen_what_it_changes(bo: Person, north: North) -> None:
    made = add(bo, north, **STORM)
    where = f"queries/{made.body['id']}"
    assert bo.patch(where, {"name": "x"}).status == 428
    wrong = bo.patch(where, {"expression": "aurora OR"}, If_Match=made.etag)
    assert (wrong.status, wrong.code) == (400, "bad_query")
    changed = bo.patch(where, {"expression": "aurora", "languages": []}, If_Match=made.etag)
    assert (changed.status, changed.body["canonical"], changed.body["languages"]) == (200, "aurora", [])
    assert bo.patch(where, {"name": "y"}, If_Match=made.etag).status == 412
    with inside(north.agency.pk):
        query: Query = Query.objects.get(pk=made.body["id"])
    assert events_of(query)[-1] == ("query.changed", str(bo.actor), {"fields": ["expression", "languages"]})
    assert query.version == 2


def test_a_query_goes_when_no_source_uses_it(bo: Person, north: North) -> None:
    made = add(bo, north, **STORM)
    where = f"queries/{made.body['id']}"
    source = bo.post("sources", {"brand": str(north.aurora.pk), "name": "tool", "query": made.body["id"]})
    refused = bo.delete(where, If_Match=made.etag)
    assert (refused.status, refused.code, refused.body["facts"]["sources"]) == (
        409, "query_in_use", [source.body["id"]],
    )  # fmt: skip
    assert bo.post(f"sources/{source.body['id']}/end", {"reason": "replaced"}).status == 200
    assert bo.delete(where).status == 428
    assert bo.delete(where, If_Match=made.etag).status == 204
    assert bo.get(where).status == 404
    assert bo.get(f"sources/{source.body['id']}").body["query"] is None


def test_a_query_is_tried_without_keeping_it(bo: Person, north: North) -> None:
    answer = bo.post(
        "queries/check",
        {
            "expression": "aurora boycot* and now",
            "exclude": ["giveaway"],
            "samples": [
                {"text": "Boycott Aurora and do it now!"},
                {"text": "Boycotting AURORA now and a giveaway"},
                {"text": "aurora", "language": "en"},
            ],
        },
    )
    assert answer.status == 200
    assert answer.body["canonical"] == "aurora AND boycot* AND and AND now"
    assert [warned["code"] for warned in answer.body["warnings"]] == ["lower_case_operator"]
    first, second, third = answer.body["samples"]
    assert (first["matches"], second["matches"], third["matches"]) == (True, False, False)
    assert second["excluded_by"] == ["giveaway"]
    assert (second["expression_holds"], third["language"]) == (True, "en")
    found = {term["term"]: term["at"] for term in first["terms"]}
    assert (found["boycot*"], found["aurora"]) == ([[0, 7]], [[8, 6]])
    with inside(north.agency.pk):
        assert not Query.objects.exists()


def test_a_query_that_cannot_be_read_is_pointed_at_when_tried(bo: Person) -> None:
    answer = bo.post("queries/check", {"expression": 'aurora "never closed'})
    assert (answer.status, answer.code, answer.body["facts"]["position"]) == (400, "bad_query", 7)
    assert bo.post("queries/check", {"expression": "a", "samples": [{"text": "x"}] * 21}).status == 400


def test_streams_follow_what_sources_ask_for(lea: Person, eve: Person, north: North, now: datetime) -> None:
    made = add(lea, north, **{**STORM, "languages": []})
    with inside(north.agency.pk):
        query: Query = Query.objects.get(pk=made.body["id"])
        source = Source.objects.create(
            brand=north.aurora, kind="bluesky_firehose", name="all", query=query, created_at=now
        )
        Source.objects.create(brand=north.aurora, kind="push", name="push", query=query, created_at=now)
    streams = Streams(kinds=("bluesky_firehose",))
    assert streams.refresh()
    assert not streams.refresh()
    post = Post("the aurora data leak")
    assert streams.match(post) == [(north.agency.pk, source.pk)]
    assert streams.match(Post("the borealis data leak")) == []
    lea.patch(f"queries/{query.pk}", {"expression": "borealis"}, If_Match=made.etag)
    assert streams.refresh()
    assert streams.match(post) == []
    assert streams.match(Post("borealis")) == [(north.agency.pk, source.pk)]
    assert lea.post(f"sources/{source.pk}/pause", {"reason": "a holiday"}).status == 200
    assert streams.refresh()
    assert streams.match(Post("borealis")) == []
    assert len(streams) == 0


def test_a_query_is_compiled_once_a_version(lea: Person, north: North) -> None:
    made = add(lea, north, **STORM)
    with inside(north.agency.pk):
        query: Query = Query.objects.get(pk=made.body["id"])
        again: Query = Query.objects.get(pk=made.body["id"])
    assert matcher_for(query) is matcher_for(again)
    again.version, again.expression = 2, "other"
    assert matcher_for(again).canonical == "other"


def test_a_delivery_stores_what_the_query_asks_for_and_counts_watched_terms(
    lea: Person, north: North, now: datetime
) -> None:
    made = add(lea, north, **{**STORM, "expression": "aurora", "exclude": ["#ad"], "languages": []})
    source = lea.post("sources", {"brand": str(north.aurora.pk), "name": "tool", "query": made.body["id"]}).body["id"]
    texts = ["Aurora is lovely", "Boycott Aurora!", "Borealis", "aurora #AD", "aurora: a data breach"]
    items = [
        {"external_id": str(number), "posted_at": now.isoformat(), "text": text} for number, text in enumerate(texts)
    ]
    first = lea.post(f"ingest/mentions?source={source}", items)
    assert first.status in (200, 201), first.body
    assert (first.body["new"], first.body["unmatched"]) == (3, 2)
    again = lea.post(f"ingest/mentions?source={source}", items)
    assert (again.body["new"], again.body["known"], again.body["unmatched"]) == (0, 3, 2)
    with inside(north.agency.pk):
        assert Bucket.objects.aggregate(n=Sum("volume"), w=Sum("watched")) == {"n": 3, "w": 2}
    # An edit that asks for nothing any more stays; a term that goes is counted no more.
    edit = [{**items[1], "text": "never mind", "edited_at": now.isoformat()}]
    assert lea.post(f"ingest/mentions?source={source}", edit).body["edited"] == 1
    with inside(north.agency.pk):
        assert Bucket.objects.aggregate(n=Sum("volume"), w=Sum("watched")) == {"n": 3, "w": 1}
