"""Which texts tell the same story: pure, without tables."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listening.stories import Clusters, cluster, features_of, resemblance, sketch_of

GLASS = "I found broken glass in my salad from Aurora today and nobody at the counter cared about it"
FIRE = "Smoke rises over the Aurora bakery at the harbour while firefighters close the whole road tonight"
SAID = [
    "Lovely weather for a walk along the river",
    "Does anybody know a good dentist near here",
    "My train is late for the third time this week",
    "New recipe for lentil soup on the blog now",
]


def near(text: str, number: int) -> str:
    """A text that somebody passes on in hardly other words."""
    return f"RT @person{number}: {text} https://example.org/{number}"


def told(texts: list[str], found: Clusters) -> set[frozenset[str]]:
    return {frozenset(texts[place] for place in story.members) for story in found.stories}


def test_near_duplicates_tell_one_story_and_others_none() -> None:
    texts = [near(GLASS, number) for number in range(5)] + SAID + [near(FIRE, number) for number in range(3)]
    found = cluster(texts)
    assert [story.members for story in found.stories] == [(0, 1, 2, 3, 4), (9, 10, 11)]
    assert found.copied == 8


def test_a_few_other_words_are_the_same_story() -> None:
    texts = [GLASS, f"{GLASS} at all", f"Yesterday {GLASS}", f"{GLASS}!!! Never again"]
    assert [story.members for story in cluster(texts).stories] == [(0, 1, 2, 3)]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_texts_changes_no_story(seed: int) -> None:
    texts = [near(GLASS, n) for n in range(6)] + [f"{FIRE} {n}" for n in range(4)] + SAID
    mixed = random.Random(seed).sample(texts, len(texts))
    one, other = cluster(texts), cluster(mixed)
    assert told(texts, one) == told(mixed, other)
    assert one.copied == other.copied
    assert [story.sketch for story in one.stories] == [story.sketch for story in other.stories]


def test_the_same_texts_lead_to_the_same_stories() -> None:
    texts = [near(GLASS, number) for number in range(6)] + SAID
    assert cluster(texts) == cluster(texts)


def test_texts_of_many_words_come_together_by_what_sets_the_hour_apart() -> None:
    texts = [
        "We will boycott this salad forever",
        "The salad made my son ill, time to boycott",
        "Boycott! Who else ate that salad",
        "A nice salad for lunch",
    ]
    assert cluster(texts).stories == ()
    [story] = cluster(texts, ["boycott", "salad"]).stories
    assert story.members == (0, 1, 2)
    assert cluster(texts, ["boycott", "boycott salad"]).stories == (), "these are one thing said"


def test_scripts_without_spaces_are_read_too() -> None:
    text = "今日オーロラのサラダにガラスが入っていましたとても危険です"
    texts = [text, f"{text}。", f"本当に{text}", "明日は天気が良いので公園に行きます", "안녕하세요 오늘 날씨가 좋네요"]
    assert [story.members for story in cluster(texts).stories] == [(0, 1, 2)]


def test_case_links_handles_and_forms_of_letters_do_not_count() -> None:
    assert features_of("RT @aurora GLASS in my salad https://a.example/b?c") == features_of("glass in my salad")
    assert features_of("\uff47\uff4c\uff41\uff53\uff53 in my salad") == features_of("glass in my salad")


@pytest.mark.parametrize("texts", [[], [""], ["", "", ""], ["@someone", "https://example.org", "…", "🔥🔥🔥"]])
def test_what_says_nothing_tells_no_story(texts: list[str]) -> None:
    assert cluster(texts, ["glass", "salad"]) == Clusters((), 0)


def test_the_centre_of_a_story_is_in_it() -> None:
    texts = [near(GLASS, number) for number in range(8)] + [f"{GLASS} and more and more was said about it later"]
    [story] = cluster(texts).stories
    assert len(story.centre) == 5
    assert set(story.centre) <= set(story.members)


def test_a_sketch_tells_how_much_two_texts_resemble_each_other() -> None:
    one, alike, other = (sketch_of(features_of(text)) for text in (GLASS, f"{GLASS} again", FIRE))
    assert resemblance(one, one) == 1.0
    assert resemblance(one, alike) > 0.7
    assert resemblance(one, other) < 0.1
    assert resemblance(one, ()) == resemblance((), ()) == 0.0
    assert sketch_of(frozenset()) == ()


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.one_of(st.text(max_size=60), st.sampled_from([GLASS, FIRE, *SAID])), max_size=30),
    telling=st.lists(st.sampled_from(["glass", "salad", "fire", "aurora", "glass salad"]), max_size=6, unique=True),
)
def test_whatever_is_said_a_text_is_in_one_story_at_most(texts: list[str], telling: list[str]) -> None:
    found = cluster(texts, telling)
    places = [place for story in found.stories for place in story.members]
    assert len(places) == len(set(places))
    assert set(places) <= set(range(len(texts)))
    assert all(len(story.members) > 1 for story in found.stories)
    sizes = [len(story.members) for story in found.stories]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 <= found.copied <= len(texts)
