"""How well a scorer reads texts that people have labelled, and how fast."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from listening.mood.seam import Label, Mood, Scorer

# The labels of the files, in the order of their numbers.
LABELS: Final[tuple[Label, Label, Label]] = ("negative", "neutral", "positive")
PASSES: Final = 5


class MalformedLine(ValueError):
    """A line of a file of labelled texts that is not a label, a TAB and a text; it says which."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts and what people said of each: 0 negative, 1 neutral, 2 positive."""

    texts: list[str]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares from 0 to 1. Averages are over the classes that occur: recall over the labels, F1 over labels and answers.

    `texts_per_second` is the best of five passes after one that warms the scorer up, on one thread, through `score`
    in one call, language detection included.
    """

    macro_recall: float
    f1_negative: float
    f1_neutral: float
    f1_positive: float
    f1_negative_positive: float
    macro_f1: float
    accuracy: float
    texts: int
    texts_per_second: float
    scorer: str

    def as_json(self) -> dict[str, Any]:
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}


def read_labelled(path: Path) -> Labelled:
    """The texts of a file with a label, a TAB and a text on each line; blank lines are passed over.

    Raises `MalformedLine` with the number of the first line that is something else, and OSError.
    """
    found = Labelled([], [])
    # Line ends are those of the file only: a text may hold other characters that Python would take for one.
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            label, tab, text = line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\r").partition("\t")
        except UnicodeDecodeError as error:
            raise MalformedLine(f"{path.name}, line {number}: not UTF-8.") from error
        if not tab:
            raise MalformedLine(f"{path.name}, line {number}: there is no TAB between label and text.")
        if label.strip() not in {"0", "1", "2"}:
            raise MalformedLine(f"{path.name}, line {number}: the label is {label[:20]!r}; it must be 0, 1 or 2.")
        found.texts.append(text)
        found.labels.append(int(label))
    if not found.texts:
        raise MalformedLine(f"{path.name} holds no labelled text.")
    return found


def evaluate(scorer: Scorer, labelled: Labelled, *, passes: int = PASSES) -> Figures:
    """Score all texts, and compare with what people said."""
    moods, best = scorer.score(labelled.texts), 0.0
    for _ in range(passes):
        begun = time.perf_counter()
        moods = scorer.score(labelled.texts)
        best = max(best, len(moods) / max(time.perf_counter() - begun, 1e-9))
    return compare(labelled.labels, moods, texts_per_second=best, scorer=f"{scorer.name}/{scorer.version}")


def compare(labels: Sequence[int], moods: Sequence[Mood], *, texts_per_second: float, scorer: str) -> Figures:
    """The usual figures. A mood that is unknown is wrong whatever the label."""
    said = np.array([LABELS.index(mood.label) if mood.label in LABELS else -1 for mood in moods])
    true = np.asarray(labels)
    hits = [int(((said == label) & (true == label)).sum()) for label in range(3)]
    answered = [int((said == label).sum()) for label in range(3)]
    held = [int((true == label).sum()) for label in range(3)]
    recalls = [hit / of for hit, of in zip(hits, held, strict=True) if of]
    f1 = [2 * hit / max(given + of, 1) for hit, given, of in zip(hits, answered, held, strict=True)]
    # A class that neither occurs nor is answered says nothing; one that does not occur but is answered counts 0.
    occurring = [score for score, given, of in zip(f1, answered, held, strict=True) if given or of]
    return Figures(
        macro_recall=sum(recalls) / len(recalls),
        f1_negative=f1[0],
        f1_neutral=f1[1],
        f1_positive=f1[2],
        f1_negative_positive=(f1[0] + f1[2]) / 2,
        macro_f1=sum(occurring) / len(occurring),
        accuracy=sum(hits) / len(true),
        texts=len(true),
        texts_per_second=round(texts_per_second, 1),
        scorer=scorer,
    )
