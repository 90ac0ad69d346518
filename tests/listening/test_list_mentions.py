"""Reading mentions: newest first, narrowed, by pages, and only those of brands that one may see."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from listening.models import Source
from tests.cast import Person
from tests.listening.mentions import NOON, deliver, mention

pytestmark = pytest.mark.django_db


@pytest.fixture
def twelve(lea: Person, source: Source) -> None:
    said = [
        mention(
            n,
            posted_at=(NOON + timedelta(minutes=n)).isoformat(),
            text="I hate it, horrible!" if n % 3 == 0 else "The shop opens at nine.",
            language="de" if n == 5 else "en",
            kind="review" if n == 7 else "post",
        )
        for n in range(12)
    ]
    assert deliver(lea, source, said).body["new"] == 12


def listed(person: Person, query: str = "") -> list[str]:
    answer = person.get(f"mentions{query}")
    assert answer.status == 200, answer.body
    return [item["external_id"] for item in answer.body["items"]]


def test_a_mention_shows_what_was_said_and_how_it_was_read(lea: Person, source: Source, twelve: None) -> None:
    answer = lea.get("mentions?limit=1")
    [item] = answer.body["items"]
    assert {
        name: item[name] for name in ("brand", "source", "external_id", "kind", "posted_at", "text", "language")
    } == {
        "brand": str(source.brand_id),
        "source": str(source.pk),
        "external_id": "m-11",
        "kind": "post",
        "posted_at": "2026-03-02T12:11:00Z",
        "text": "The shop opens at nine.",
        "language": "en",
    }
    assert item["author"] == {"handle": "person11", "name": "Person 11", "followers": 111}
    assert item["mood"]["label"] == "neutral"
    assert item["mood"]["scorer"].startswith("linear/")
    assert sum(item["mood"][side] for side in ("negative", "neutral", "positive")) == pytest.approx(1, abs=1e-5)
    assert lea.get(f"mentions/{item['id']}").body == item


def test_mentions_come_newest_first_page_by_page(lea: Person, twelve: None) -> None:
    seen, cursor = [], ""
    for _ in range(5):
        answer = lea.get(f"mentions?limit=5{cursor}")
        seen += [item["external_id"] for item in answer.body["items"]]
        if answer.body["next"] is None:
            break
        cursor = f"&cursor={quote(answer.body['next'])}"
    assert seen == [f"m-{n}" for n in range(11, -1, -1)]


def test_mentions_are_narrowed_by_what_people_ask_for(lea: Person, source: Source, twelve: None) -> None:
    assert listed(lea, "?mood=negative") == ["m-9", "m-6", "m-3", "m-0"]
    assert listed(lea, "?language=de") == ["m-5"]
    assert listed(lea, "?kind=review") == ["m-7"]
    assert listed(lea, "?posted_from=2026-03-02T12:10:00Z") == ["m-11", "m-10"]
    assert listed(lea, "?posted_to=2026-03-02T12:01:00Z") == ["m-0"]
    assert len(listed(lea, f"?brand={source.brand_id}&source={source.pk}")) == 12
    assert listed(lea, f"?brand={source.pk}") == []


@pytest.mark.parametrize("query", ["?mood=bad", "?posted_from=today", "?brand=aurora", "?text=soup", "?limit=0"])
def test_a_question_that_makes_no_sense_is_refused(lea: Person, query: str) -> None:
    assert lea.get(f"mentions{query}").status == 400


def test_a_list_is_the_same_few_queries_however_long(lea: Person, bo: Person, source: Source) -> None:
    def queries(person: Person) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert person.get(f"mentions?brand={source.brand_id}").status == 200
        return len(captured)

    empty = queries(lea), queries(bo)
    deliver(lea, source, [mention(n) for n in range(60)])
    assert (queries(lea), queries(bo)) == empty


def test_people_read_the_mentions_of_their_brands(
    bo: Person, cy: Person, lea: Person, borealis_source: Source, twelve: None
) -> None:
    deliver(lea, borealis_source, [mention(99)])
    assert len(listed(bo)) == 12
    assert len(listed(lea)) == 13
    assert cy.get("mentions").status == 403


def test_another_agency_reads_nothing(eve: Person, lea: Person, twelve: None) -> None:
    [first] = lea.get("mentions?limit=1").body["items"]
    assert eve.get("/v1/agencies/north/mentions").status == 404
    assert eve.get(f"mentions/{first['id']}").status == 404
    assert listed(eve) == []
