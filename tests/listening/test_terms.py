"""Top terms: what makes now different, not what is always said."""

import time
from collections import Counter

import pytest

from crisisapi.story.mentions import normal_days, storm
from listening.terms import count_terms, terms_of, top_terms
from tests.listening.test_detector import MONDAY


def test_a_text_becomes_words_pairs_tags_handles_hosts_and_emojis() -> None:
    text = (
        "RT @Nimbus.Shop: The flood-advert is DISGUSTING!! Read https://www.news.example/a?b=1 #BoycottNimbus 😡 24 x"
    )
    assert terms_of(text) == {
        "@nimbus.shop",
        "flood-advert",
        "disgusting",
        "read",
        "news.example",
        "#boycottnimbus",
        "😡",
    }


def test_pairs_need_neighbours_without_stop_words_or_stops_between() -> None:
    assert "flood advert" in terms_of("the flood advert")
    assert "flood advert" not in terms_of("flood, advert")
    assert not any(" " in term for term in terms_of("flood of advert"))


def test_a_term_counts_once_for_each_text() -> None:
    assert count_terms(["boycott boycott boycott", "boycott"])["boycott"] == 2


def test_shortened_and_broken_links_are_no_terms() -> None:
    assert terms_of("https://t.co/abc https://[broken http://nodots/x https://") == {"https"}


def test_what_is_new_comes_first_and_what_is_common_stays_away() -> None:
    normal = count_terms(["lovely boots today", "new jacket today", "boots in store today"] * 200)
    now = ["the flood advert is awful, boots today"] * 40 + ["boycott over flood advert, jacket today"] * 20
    terms = top_terms(now, normal, 5)
    names = [term.term for term in terms]
    assert names[0] == "flood advert"
    assert {"awful", "boycott"} <= set(names)
    assert "today" not in names
    assert "boots" not in names
    # The pair says it all: its words do not repeat it.
    assert not {"flood", "advert"} & set(names)
    first = terms[0]
    assert (first.count, first.expected) == (60, 0.0)
    assert first.log_odds > 0.5
    assert first.z == max(term.z for term in terms)


def test_expected_is_what_normal_would_bring() -> None:
    normal = Counter({"late": 100, "boots": 900})
    [term] = [term for term in top_terms(["late"] * 50 + ["boots"] * 50, normal, 5) if term.term == "late"]
    assert term.expected == pytest.approx(10)
    assert term.count == 50


def test_a_brand_without_a_normal_gets_its_commonest_terms() -> None:
    names = [term.term for term in top_terms(["flood awful"] * 3 + ["flood advert"] * 6, {}, 3)]
    assert "flood" in names or "flood advert" in names


def test_few_texts_and_none_give_no_terms() -> None:
    assert top_terms([], {}, 5) == []
    assert top_terms(["awful"] * 2, {"boots": 5}, 5) == []
    assert top_terms(["awful"] * 9, {"boots": 5}, 0) == []


def test_the_order_of_texts_does_not_matter() -> None:
    normal = count_terms(["boots today"] * 50)
    texts = [f"awful flood advert number{i % 7}" for i in range(70)]
    assert top_terms(texts, normal, 8) == top_terms(texts[::-1], normal, 8)


def test_a_storm_names_its_topic() -> None:
    normal = count_terms(m["text"] for m in normal_days(1, "Nimbus", MONDAY, 1, 3000))
    angry = [m["text"] for m in storm(1, "Nimbus", MONDAY, 60, 12, "the flood advert", per_day=3000)]
    names = [term.term for term in top_terms(angry, normal, 10)]
    assert names[0] == "flood advert"
    assert "#boycottnimbus" in names


@pytest.mark.parametrize(
    "text",
    ["@" * 10_000, "@" + "." * 10_000, "a-" * 5000, "https://" * 1500, "#" * 10_000, "'" * 10_000, "x" * 10_000_000,
     "\ud800\x00" * 5000, "http://[" * 1200],
)  # fmt: skip
def test_hostile_texts_take_little_time(text: str) -> None:
    begun = time.perf_counter()
    terms_of(text)
    assert time.perf_counter() - begun < 0.5
