# ruff: noqa: RUF001 - texts in several scripts
"""Moods: labels that people would give, honesty about other languages, and no text that can do harm."""

import logging
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listening.mood import UNKNOWN_MOOD, Guarded, Mood, UnknownScorer, guess_language, scorer


class Fragile:
    """A scorer that fails on some texts, as a broken model would."""

    name = "fragile"
    version = "1"

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        assert languages is None or len(languages) >= len(texts)
        if any("poison" in text for text in texts):
            raise RuntimeError("cannot read this")
        return [Mood("positive", 0.1, 0.2, 0.7, "en", "words") for _ in texts]


class Forgetful(Fragile):
    """A scorer that loses answers when it is given several texts."""

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        return super().score(texts[:1], languages=languages)


def label_of(text: str, language: str | None = None) -> str:
    return scorer("vader").score([text], languages=[language])[0].label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love these boots, best purchase ever", "positive"),
        ("this is disgusting, shame on you", "negative"),
        ("the parcel arrives on Monday", "neutral"),
        ("not good at all", "negative"),
        ("😡", "negative"),
        ("", "neutral"),
        ("   \n\t ", "neutral"),
    ],
)
def test_labels_are_those_that_people_would_give(text: str, label: str) -> None:
    assert label_of(text) == label


def test_the_scorer_is_made_once_and_names_itself() -> None:
    assert scorer("vader") is scorer("vader")
    assert scorer("vader").name == "vader"
    assert scorer("vader").version.startswith("3.")
    with pytest.raises(UnknownScorer, match="there are: linear, vader"):
        scorer("oracle")


def test_other_languages_are_not_read_as_english() -> None:
    german, spanish = scorer("vader").score(
        ["die die die Lieferung ist heute gekommen", "no no no es para mí"], languages=["de", "es"]
    )
    assert (german.label, german.basis, german.language) == ("neutral", "nothing", "de")
    assert (spanish.label, spanish.basis, spanish.language) == ("neutral", "nothing", "es")
    assert max(german.negative, german.neutral, german.positive) <= 0.4


def test_signs_speak_in_every_language() -> None:
    angry, happy, other_happy = scorer("vader").score(
        ["Das ist unfassbar 😡😡", "Спасибо большое 😍", "Muchas gracias a todos :)"]
    )
    assert (angry.label, angry.basis, angry.language) == ("negative", "signs", "de")
    assert (happy.label, happy.basis, happy.language) == ("positive", "signs", "ru")
    assert (other_happy.label, other_happy.basis) == ("positive", "signs")


def test_what_the_network_says_about_the_language_counts_more_than_a_guess() -> None:
    assert scorer("vader").score(["great"], languages=["en-GB"])[0].language == "en"
    assert scorer("vader").score(["gift"], languages=["de"])[0].basis == "nothing"
    # "und" and its kind say nothing.
    assert scorer("vader").score(["I love it so much"], languages=["und"])[0].label == "positive"


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.text(max_size=400))
def test_any_text_gets_probabilities_that_agree_with_its_label(text: str) -> None:
    [mood] = scorer("vader").score([text])
    shares = {"negative": mood.negative, "neutral": mood.neutral, "positive": mood.positive}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.values()) >= 0
    assert max(shares, key=lambda name: shares[name]) == mood.label
    assert mood.basis != "failure"


@pytest.mark.parametrize(
    "text",
    [
        "\x00 bad \x00",
        "\ud800 broken \udfff",
        "a" + "\u0301" * 9000,
        "\u202e\u200b\ufeff hate \u200d" * 500,
        "bad but " * 1250,
        "never so bad " * 800,
        "😡" * 10_000,
        "👩‍👩‍👧‍👦" * 1000,
        "#" * 10_000,
        "@" * 10_000,
        "https://" * 2000,
        ":" + "-" * 9000 + ")",
        "x" * 10_000_000,
        "🏴" + "\U000e0067" * 5000,
    ],
)
def test_hostile_texts_cost_little_and_break_nothing(text: str) -> None:
    begun = time.perf_counter()
    [mood] = scorer("vader").score([text])
    assert time.perf_counter() - begun < 0.5
    assert mood.basis != "failure"


def test_a_long_text_is_read_at_its_start_and_its_end() -> None:
    filler = "the parcel arrives on Monday. " * 200
    assert label_of(f"I hate this horrible, disgusting shop. {filler}") == "negative"
    assert label_of(f"{filler} I hate this horrible, disgusting shop.") == "negative"


def test_a_failing_scorer_costs_a_mood_and_no_mention(caplog: pytest.LogCaptureFixture) -> None:
    guarded = Guarded(Fragile())
    with caplog.at_level(logging.WARNING):
        moods = guarded.score(["fine", "poison 1", "fine too", "poison 2"])
    assert [mood.label for mood in moods] == ["positive", "unknown", "positive", "unknown"]
    assert moods[1] == UNKNOWN_MOOD
    assert guarded.failures == 2
    assert "2 of 4 texts" in caplog.text
    assert "poison" not in caplog.text


def test_a_scorer_that_loses_answers_is_caught(caplog: pytest.LogCaptureFixture) -> None:
    guarded = Guarded(Forgetful())
    with caplog.at_level(logging.ERROR):
        assert [mood.label for mood in guarded.score(["a", "b", "c"])] == ["positive"] * 3
    assert "gave 1 moods for 3 texts" in caplog.text
    assert guarded.failures == 0


def test_languages_must_match_the_texts() -> None:
    with pytest.raises(ValueError, match="as many languages"):
        scorer("vader").score(["a", "b"], languages=["en"])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I have been waiting for the parcel since Monday", "en"),
        ("¿Alguien sabe cuándo llega el pedido que hice ayer?", "es"),
        ("Je ne comprends pas pourquoi vous avez fait ça", "fr"),
        ("Ich warte schon seit einer Woche auf die Lieferung", "de"),
        ("Non capisco perché il pacco non è ancora arrivato", "it"),
        ("Não entendo por que vocês ainda não responderam", "pt"),
        ("لا أفهم لماذا لم تصل الطلبية", "ar"),
        ("मुझे अभी तक पार्सल नहीं मिला", "hi"),
        ("Я до сих пор жду свой заказ", "ru"),
        ("Bu ürün çok güzel ama kargo geç geldi", "tr"),
        ("Menga bu do'kon juda yoqdi, rahmat", "uz"),
        ("Менга бу дўкон жуда ёқди, раҳмат", "uz"),
        ("", "und"),
        ("12345 😡 https://example.com/the/and/of", "und"),
        ("これはひどい", "und"),
    ],
)
def test_languages_are_guessed(text: str, language: str) -> None:
    assert guess_language(text) == language
