# ruff: noqa: RUF001 - texts in several scripts
"""The linear scorer: labels that people would give, the same mood whatever else is scored, and bounded memory."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listening.mood import Mood, guess_language, scorer
from listening.mood.linear import Linear
from listening.mood.tokens import masked_piece, tokens_of

TEXTS = [
    "I love these boots, best purchase ever",
    "this is disgusting, shame on you",
    "the parcel arrives on Monday",
    "not good at all",
    "😡",
    "",
    "Muchas gracias, me encanta",
    "这太可怕了",
]


def label_of(text: str, language: str | None = None) -> str:
    return scorer("linear").score([text], languages=[language])[0].label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love these boots, best purchase ever", "positive"),
        ("this is disgusting, shame on you", "negative"),
        ("the parcel arrives on Monday", "neutral"),
        ("not good at all", "negative"),
        ("I am not happy with this", "negative"),
        ("sooooo happyyyyy", "positive"),
        ("😡", "negative"),
        ("😍😍", "positive"),
        ("🤬 again", "negative"),
        ("thank you :)", "positive"),
        ("my order is still missing :(", "negative"),
        ("#WorstServiceEver", "negative"),
        ("#bestdayever", "positive"),
        ("", "neutral"),
        ("   \n\t ", "neutral"),
        ("Muchas gracias, me encanta", "positive"),
        ("qué asco de servicio, una vergüenza", "negative"),
        ("C'est magnifique, bravo à tous", "positive"),
        ("quelle honte, service nul et en plus des menteurs", "negative"),
        ("Das ist eine Frechheit, nie wieder", "negative"),
        ("Wunderbar, vielen Dank", "positive"),
        ("che schifo, vergognatevi", "negative"),
        ("bellissimo, complimenti", "positive"),
        ("que nojo, péssimo atendimento", "negative"),
        ("amei, maravilhoso", "positive"),
        ("ужасный сервис, ненавижу", "negative"),
        ("спасибо большое, всё отлично", "positive"),
        ("شكرا جزيلا رائع", "positive"),
        ("bahut bekar aur ghatiya service", "negative"),
        ("çok güzel, teşekkürler", "positive"),
        ("rezalet, berbat bir hizmet", "negative"),
        ("juda zo'r dastur, rahmat", "positive"),
        ("juda yomon, ishlamayapti", "negative"),
    ],
)
def test_labels_are_those_that_people_would_give(text: str, label: str) -> None:
    assert label_of(text) == label


def test_it_names_itself_and_its_weights() -> None:
    assert scorer("linear").name == "linear"
    assert scorer("linear").version.startswith("1-")
    assert len(f"linear/{scorer('linear').version}+lexicon-12345") <= 40


def test_the_basis_says_what_a_label_rests_on() -> None:
    moods = scorer("linear").score(["lovely", "😡", "", "これはひどい", "@shop https://example.com 123"])
    assert [mood.basis for mood in moods] == ["words", "signs", "nothing", "nothing", "nothing"]
    assert [mood.label for mood in moods[2:]] == ["neutral"] * 3
    assert max(moods[3].negative, moods[3].neutral, moods[3].positive) <= 0.4


def test_what_the_network_says_about_the_language_counts_more_than_a_guess() -> None:
    said = scorer("linear").score(["great"] * 4, languages=["en-GB", "und", "de_AT", None])
    assert [mood.language for mood in said] == ["en", "und", "de", "und"]


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
        ("mera parcel abhi tak nahi aaya yaar", "hi"),
        ("Я до сих пор жду свой заказ", "ru"),
        ("Bu ürün çok güzel ama kargo geç geldi", "tr"),
        ("Menga bu do'kon juda yoqdi, rahmat", "uz"),
        ("Менга бу дўкон жуда ёқди, раҳмат", "uz"),
    ],
)
def test_it_guesses_languages_as_the_guess_alone_does(text: str, language: str) -> None:
    assert scorer("linear").score([text])[0].language == language == guess_language(text)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.text(max_size=400))
def test_any_text_gets_probabilities_that_agree_with_its_label(text: str) -> None:
    [mood] = scorer("linear").score([text])
    shares = {"negative": mood.negative, "neutral": mood.neutral, "positive": mood.positive}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert min(shares.values()) >= 0
    assert shares[mood.label] == max(shares.values())
    assert mood.basis != "failure"


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.lists(st.text(max_size=80), max_size=12), st.randoms(use_true_random=False))
def test_a_mood_depends_on_nothing_but_its_text(texts: list[str], chance: random.Random) -> None:
    """Neither on the texts beside it, nor on their order, nor on what was scored before."""
    warm = scorer("linear").inner
    alone = {text: warm.score([text])[0] for text in texts}
    shuffled = [*texts, *TEXTS]
    chance.shuffle(shuffled)
    together = warm.score(shuffled)
    assert [mood for text, mood in zip(shuffled, together, strict=True) if text in alone] == [
        alone[text] for text in shuffled if text in alone
    ]


def test_a_scorer_that_has_seen_nothing_reads_alike() -> None:
    assert Linear().score(TEXTS) == scorer("linear").score(TEXTS) == Linear().score(TEXTS)


def test_threads_read_alike() -> None:
    linear = Linear()
    batches = [[f"{word}{n} is {word}" for n in range(300)] for word in ("good", "bad", "so so", "ugly")] * 4
    with ThreadPoolExecutor(8) as threads:
        moods = list(threads.map(linear.score, batches))
    assert moods == [linear.score(batch) for batch in batches]


def test_memory_is_bounded_however_many_words_there_are() -> None:
    linear = Linear()
    before: Mood = linear.score(["lovely boots"])[0]
    chance = random.Random(3)
    for _ in range(8):
        linear.score([" ".join(f"{chance.getrandbits(40):x}" for _ in range(100)) for _ in range(256)])
    kept = linear._kept
    assert len(kept.pieces) < 130_000
    assert len(kept.rows) < 300_000
    assert linear.score(["lovely boots"])[0] == before


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
        "#" + "aB" * 5_000,
        "@" * 10_000,
        "https://" * 2000,
        ":" + "-" * 9000 + ")",
        "=" * 10_000,
        "don't'" * 2_000,
        "&lt;" * 2_500,
        "1." * 5_000,
        "x" * 10_000_000,
        "".join(chr(0x1F300 + n % 700) for n in range(10_000)),
        " ".join(f"w{n}" for n in range(2_000)),
        "🏴" + "\U000e0067" * 5000,
    ],
)
def test_hostile_texts_cost_little_and_break_nothing(text: str) -> None:
    begun = time.perf_counter()
    [mood] = scorer("linear").score([text])
    assert time.perf_counter() - begun < 0.5
    assert mood.basis != "failure"


def test_a_long_text_is_read_at_its_start_and_its_end() -> None:
    filler = "the parcel arrives on Monday. " * 200
    plain = scorer("linear").score([filler])[0]
    for text in (f"{'I hate this horrible, disgusting shop. ' * 8}{filler}", f"{filler}{'I hate this. ' * 30}"):
        assert scorer("linear").score([text])[0].negative > plain.negative + 0.2


def test_languages_must_match_the_texts() -> None:
    with pytest.raises(ValueError, match="as many languages"):
        Linear().score(["a", "b"], languages=["en"])


def test_nothing_to_read_is_no_mood() -> None:
    assert Linear().score([]) == []


@pytest.mark.parametrize(
    ("piece", "tokens"),
    [
        ("don’t", ("don't",)),
        ("#NotMyPresident2020", ("#notmypresident2020", "not", "my", "president", "<number>")),
        ("soooo", ("soo", "<long>")),
        ("GREAT!!!!", ("<shout>", "great", "!!")),
        (":-)))", (":)",)),
        (":'(", (":'(",)),
        ("&lt;3", ("<3",)),
        ("wow😡😡", ("wow", "😡", "😡")),
        ("@Bob_1", ("<handle>",)),
        ("https://t.co/a?b=c", ("<link>",)),
        ("10.30", ("<number>",)),
        ("gr8", ("gr8",)),
        ("नहीं", ("नहीं",)),
        ("أُحِبُّ", ("احب",)),
        ("İSTANBUL", ("<shout>", "istanbul")),
    ],
)
def test_tokens(piece: str, tokens: tuple[str, ...]) -> None:
    assert tokens_of(piece) == tokens


def test_the_weights_are_small() -> None:
    weights = Linear().weights
    assert weights.table.dtype == np.int16
    assert weights.about["texts"]["en"] > 40_000


@pytest.mark.parametrize("piece", ["https://t.co/x", "http://", "@bob_1", "@日本", "@bob!", "@", "@_", "https", "x@y"])
def test_links_and_handles_are_kept_once_and_read_alike(piece: str) -> None:
    assert tokens_of(masked_piece(piece)) == tokens_of(piece)


def test_neither_links_nor_handles_fill_the_memory() -> None:
    linear = Linear()
    linear.score([f"@person{n} see https://example.com/{n}" for n in range(2_000)])
    assert len(linear._kept.pieces) == 3
