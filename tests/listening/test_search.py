# ruff: noqa: RUF001  Texts in Cyrillic letters are meant.
"""Finding mentions by their words, on days that are indexed and on days that are not: both give the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from core.wall import inside
from listening.actions.index import index_words
from listening.models import SearchDay, Source, Term, Word
from listening.search import MOST_PIECES
from tests.cast import Person
from tests.listening.mentions import NOON, deliver, mention

pytestmark = pytest.mark.django_db

TEXTS = [
    "The new soup tastes like soap #BoycottAurora",
    "I love the soup, and the new “label”!",
    "Boycotting is silly; soup is soup",
    "Der neue Geschmack ist schrecklich",
    "Ночной дозор пьёт СУП",
    "state-of-the-art packaging, 100% paper_bag",
    "The soup is new, the label is not",
]


def index(source: Source, at: datetime | None = None) -> int:
    with inside(source.agency_id):
        return index_words(at=at or NOON + timedelta(days=20))


@pytest.fixture(params=["read", "indexed"])
def said(request: pytest.FixtureRequest, lea: Person, source: Source) -> Source:
    """One text a day; looked for by reading them, or in lists of their words."""
    batch = [
        mention(
            n,
            text=text,
            posted_at=(NOON + timedelta(days=n)).isoformat(),
            language="de" if n == 3 else "en",
            network="mastodon" if n % 2 else "news",
            country="DE" if n == 3 else "",
        )
        for n, text in enumerate(TEXTS)
    ]
    assert deliver(lea, source, batch).body["new"] == len(TEXTS)
    if request.param == "indexed":
        assert index(source) == len(TEXTS)
        with inside(source.agency_id):
            assert not SearchDay.objects.filter(dirty=True).exists()
    return source


def found(person: Person, q: str, **filters: Any) -> list[int]:
    asked = "".join(f"&{name}={quote(str(value))}" for name, value in filters.items())
    answer = person.get(f"mentions?q={quote(q)}{asked}")
    assert answer.status == 200, answer.body["errors"]
    return [int(item["external_id"].removeprefix("m-")) for item in answer.body["items"]]


@pytest.mark.parametrize(
    ("q", "numbers"),
    [
        ("soup", [6, 2, 1, 0]),
        ("SOUP new", [6, 1, 0]),
        ('"new soup"', [0]),
        ("soup -new", [2]),
        ('soup -"the new"', [6, 2]),
        ("boycott*", [2, 0]),
        ("#boycottaurora", [0]),
        ("суп", [4]),
        ("label", [6, 1]),
        ("state-of-the-art", [5]),
        ("nothing", []),
        ("soup nothing", []),
        ("soup' OR 1=1 --", []),
        ("100% paper_bag", [5]),
    ],
)
def test_words_phrases_beginnings_and_unwanted_ones(lea: Person, said: Source, q: str, numbers: list[int]) -> None:
    assert found(lea, q) == numbers


@pytest.mark.parametrize(
    ("q", "numbers"),
    [
        ("oycot", [2, 0]),
        ("oup taste", [0]),
        ("100% pa", [5]),
        ("per_ba", [5]),
        ("per%ba", []),
        ("ЗОР", [4]),
        ("zzz", []),
    ],
)
def test_letters_as_they_stand(lea: Person, said: Source, q: str, numbers: list[int]) -> None:
    assert found(lea, q, q_mode="substring") == numbers


@pytest.mark.parametrize(("q", "numbers"), [("schreklich", [3]), ("packagin", [5]), ("xylophone", [])])
def test_words_that_are_nearly_right(lea: Person, said: Source, q: str, numbers: list[int]) -> None:
    assert found(lea, q, q_mode="fuzzy") == numbers


def test_what_is_found_is_narrowed_like_any_list(lea: Person, said: Source) -> None:
    assert found(lea, "soup", network="mastodon") == [1]
    assert found(lea, "geschmack", language="de", country="DE") == [3]
    assert found(lea, "geschmack", language="en") == []
    assert found(lea, "soup", posted_from="2026-03-03T12:00:00Z", posted_to="2026-03-08T12:00:00Z") == [2, 1]
    assert found(lea, "soup", min_followers=102) == [6, 2]
    assert found(lea, "soup", brand=said.brand_id, source=said.pk, kind="post") == [6, 2, 1, 0]
    assert found(lea, "soup", brand=said.pk) == []


def test_pages_go_on_where_the_last_one_ended(lea: Person, said: Source) -> None:
    seen, cursor = [], ""
    for _ in range(4):
        answer = lea.get(f"mentions?q=soup&limit=1{cursor}")
        seen += [item["external_id"] for item in answer.body["items"]]
        cursor = f"&cursor={quote(answer.body['next'] or '')}"
    assert seen == ["m-6", "m-2", "m-1", "m-0"]
    assert answer.body["next"] is None


@pytest.mark.parametrize(
    ("q", "mode", "code"),
    [
        ("-soup", "words", "nothing_asked"),
        ("!!", "words", "nothing_asked"),
        (" ".join(["word"] * (MOST_PIECES + 1)), "words", "too_many_words"),
        ("ab", "substring", "too_short"),
        ("ab cd", "fuzzy", "too_short"),
    ],
)
def test_a_question_that_asks_for_nothing_is_refused(lea: Person, source: Source, q: str, mode: str, code: str) -> None:
    answer = lea.get(f"mentions?q={quote(q)}&q_mode={mode}")
    assert answer.status == 400
    assert [(error["field"], error["code"]) for error in answer.body["errors"]] == [("q", code)]


def test_people_find_what_was_said_about_their_brands(
    bo: Person, cy: Person, eve: Person, lea: Person, said: Source, borealis_source: Source
) -> None:
    deliver(lea, borealis_source, [mention(9, text="Borealis soup", posted_at=(NOON + timedelta(days=9)).isoformat())])
    index(said)
    assert found(lea, "soup") == [9, 6, 2, 1, 0]
    assert found(bo, "soup") == [6, 2, 1, 0]
    assert found(bo, "soup", brand=borealis_source.brand_id) == []
    assert cy.get("mentions?q=soup").status == 403
    assert eve.get("/v1/agencies/north/mentions?q=soup").status == 404
    assert found(eve, "soup") == []


def test_what_comes_late_or_changes_is_found_before_and_after_it_is_indexed(lea: Person, source: Source) -> None:
    deliver(lea, source, [mention(0, text="soup"), mention(1, text="bread")])
    index(source)
    deliver(lea, source, [mention(0, text="bread"), mention(2, text="soup late")])
    for _ in range(2):
        assert sorted(found(lea, "soup")) == [2]
        assert sorted(found(lea, "bread")) == [0, 1]
        assert index(source) in {0, 1}


def test_today_is_not_indexed_before_it_is_over(lea: Person, source: Source, now: datetime) -> None:
    deliver(lea, source, [mention(0, text="soup", posted_at=now.isoformat())])
    assert index(source, now) == 0
    assert found(lea, "soup") == [0]


def test_words_of_the_deleted_leave_the_index_at_once(lea: Person, source: Source) -> None:
    deliver(lea, source, [mention(0, text="secretword here"), mention(1, text="here too")])
    index(source)
    assert deliver(lea, source, [{"external_id": "m-0", "deleted": True}]).body["deleted"] == 1
    with inside(source.agency_id):
        assert not Term.objects.filter(term="secretword").exists()
        assert not Word.objects.filter(term="secretword").exists()
    assert found(lea, "secretword") == []
    assert found(lea, "here") == [1]
    assert index(source) == 1
    assert found(lea, "here") == [1]
