"""The commands around moods: how well a scorer does, and making the weights. Neither needs a database."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from listening.mood import Mood
from listening.mood.evaluation import compare
from listening.mood.linear import Linear
from listening.mood.weights import UnusableWeights, load_weights

LABELLED = "0\tthis is awful\n2\tI love this so much\n1\tthe parcel arrives on Monday\n0\tI hate it\n"


def run(command: str, *said: Any) -> str:
    out = StringIO()
    call_command(command, *map(str, said), stdout=out)
    return out.getvalue()


def mood(label: Any) -> Mood:
    return Mood(label, 0.3, 0.4, 0.3, "en", "words")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "some.tsv"
    path.write_text(LABELLED)
    return path


@pytest.mark.parametrize("name", ["linear", "vader"])
def test_the_figures_are_one_object(labelled: Path, name: str) -> None:
    figures = json.loads(run("evaluate_sentiment", labelled, "--json", "--scorer", name))
    assert set(figures) == {
        "macro_recall", "f1_negative", "f1_neutral", "f1_positive", "f1_negative_positive", "macro_f1", "accuracy",
        "texts", "texts_per_second", "scorer",
    }  # fmt: skip
    assert (figures["texts"], figures["accuracy"], figures["macro_recall"]) == (4, 1.0, 1.0)
    assert figures["scorer"].startswith(f"{name}/")
    assert figures["texts_per_second"] > 0


def test_without_json_it_is_a_table_for_people(labelled: Path) -> None:
    assert "macro-recall               100.0 %" in run("evaluate_sentiment", labelled)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0\tfine\nno label here\n", "line 2: there is no TAB"),
        ("0\tfine\n\n3\tsome text\n", "line 3: the label is '3'; it must be 0, 1 or 2"),
        ("negative\tsome text\n", "line 1: the label is 'negative'"),
        ("\n \n", "holds no labelled text"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(CommandError, match=complaint):
        run("evaluate_sentiment", path)


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nothing\.tsv"):
        run("evaluate_sentiment", tmp_path / "nothing.tsv")
    path = tmp_path / "bytes.tsv"
    path.write_bytes(b"0\tgood\n1\t\xff\xfe\n")
    with pytest.raises(CommandError, match="line 2: not UTF-8"):
        run("evaluate_sentiment", path)


def test_windows_lines_a_byte_order_mark_and_odd_separators_are_read(tmp_path: Path) -> None:
    path = tmp_path / "odd.tsv"
    path.write_bytes("\ufeff2\tI love it\r\n0\tI hate\u2028 it\tso much\r\n".encode())
    assert json.loads(run("evaluate_sentiment", path, "--json"))["accuracy"] == 1.0


def test_the_figures_of_an_example_counted_by_hand() -> None:
    labels = [0, 0, 0, 1, 1, 2]
    said = ["negative", "negative", "neutral", "neutral", "positive", "positive"]
    figures = compare(labels, [mood(one) for one in said], texts_per_second=1, scorer="x/1")
    assert figures.macro_recall == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert figures.f1_negative == pytest.approx(0.8)
    assert figures.f1_neutral == pytest.approx(0.5)
    assert figures.f1_positive == pytest.approx(2 / 3)
    assert figures.f1_negative_positive == pytest.approx((0.8 + 2 / 3) / 2)
    assert figures.accuracy == pytest.approx(4 / 6)


def test_a_class_that_is_missing_counts_in_no_average() -> None:
    figures = compare([0, 2, 2, 2], [mood(m) for m in ("negative", "positive", "positive", "positive")],
                      texts_per_second=1, scorer="x/1")  # fmt: skip
    assert (figures.macro_recall, figures.macro_f1, figures.f1_neutral) == (1.0, 1.0, 0.0)
    wrong = compare([0, 2], [mood("negative"), mood("neutral")], texts_per_second=1, scorer="x/1")
    assert wrong.macro_recall == 0.5
    assert wrong.macro_f1 == pytest.approx(1 / 3), "answering a class that does not occur costs"


def test_an_unknown_mood_is_wrong() -> None:
    figures = compare([0, 1], [mood("unknown"), mood("unknown")], texts_per_second=1, scorer="x/1")
    assert (figures.accuracy, figures.macro_recall, figures.macro_f1) == (0.0, 0.0, 0.0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    said = {0: "zorky broken", 1: "arrives on day", 2: "flimmy wonder"}
    for name, count in (("en.train", 40), ("en.val", 10), ("ru.train", 40)):
        lines = [f"{n % 3}\t{said[n % 3]} number{n % 7} thing{n}" for n in range(count)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_the_same_texts_and_seed_make_the_same_weights(data: Path, tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("first.npz", "second.npz", "other.npz"))
    told = run("train_mood", data, "--out", first, "--seed", 3)
    run("train_mood", data, "--out", second, "--seed", 3)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 10_000_000
    weights = load_weights(first)
    assert f"linear/{weights.version}" in told
    assert weights.about["texts"] == {"en": 50, "ru": 40}
    moods = Linear(weights).score(["zorky broken", "flimmy wonder", "arrives on day"])
    assert [one.label for one in moods] == ["negative", "positive", "neutral"]
    (data / "en.train.tsv").write_text((data / "en.train.tsv").read_text() + "0\tgrobble grobble\n1\tgrobble\n")
    run("train_mood", data, "--out", other, "--seed", 3)
    assert load_weights(other).version != weights.version


def test_the_model_card_gets_the_scores(data: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# Card\n<!-- scores: written by manage.py train_mood -->\nold\n<!-- end of scores -->\nend\n")
    out = tmp_path / "made.npz"
    for _ in range(2):
        run("train_mood", data, "--out", out, "--card", card)
    told = card.read_text()
    assert told.startswith("# Card\n")
    assert told.endswith("<!-- end of scores -->\nend\n")
    assert "old" not in told
    assert told.count(f"linear/{load_weights(out).version}") == 1
    assert "| en | 40 | 10 |" in told
    assert "| ru | 35 | 5 |" in told


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"LANGUAGE\.train\.tsv"):
        run("train_mood", tmp_path, "--out", tmp_path / "x.npz")


def test_a_card_without_its_place_is_refused(data: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    card.write_text("# Card\n")
    with pytest.raises(CommandError, match="does not hold the lines"):
        run("train_mood", data, "--out", tmp_path / "x.npz", "--card", card)


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(UnusableWeights, match=r"broken\.npz"):
        load_weights(path)
