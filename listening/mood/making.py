"""Making the weights that ship: read the labelled texts, measure on texts held out, then learn from all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from listening.mood.evaluation import Figures, Labelled, MalformedLine, evaluate, read_labelled
from listening.mood.linear import Linear
from listening.mood.training import Corpus, evenly, learn, read_corpus, weights_of
from listening.mood.vader import Vader
from listening.mood.valence import own_words, valences
from listening.mood.weights import Weights

# Chosen on English texts held out of training, for macro-recall.
PENALTY: Final = 8e-5
STEPS: Final = 80
# Of a language without a file to measure on, this share is held out.
_HELD_OUT: Final = 0.125
_WORD_COUNTS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """How well texts of one language are read that training has not seen."""

    language: str
    trained_on: int
    linear: Figures
    vader: Figures


@dataclass(frozen=True, slots=True)
class Made:
    """Weights, and the scores of the weights that were learned without the texts held out."""

    weights: Weights
    scores: list[Score]


@dataclass(slots=True)
class _Texts:
    """Labelled texts of several languages."""

    texts: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)

    def add(self, language: str, labelled: Labelled) -> None:
        self.texts += labelled.texts
        self.labels += labelled.labels
        self.languages += [language] * len(labelled.texts)


def make_weights(directory: Path, *, seed: int, tell: Callable[[str], Any] = lambda _: None) -> Made:
    """Learn from LANGUAGE.train.tsv and LANGUAGE.val.tsv in the directory: a label, a TAB and a text on each line.

    Scores are measured on the val file, or where there is none on an eighth of the train file that the seed draws,
    with weights that have not seen it; the weights returned are then learned from everything. The same texts and seed
    make the same weights. Raises `MalformedLine`, and OSError.
    """
    files = {path.name.partition(".")[0]: path for path in sorted(directory.glob("*.train.tsv"))}
    if not files:
        raise MalformedLine(f"{directory.name} holds no file that is called LANGUAGE.train.tsv.")
    seen, everything, held = _Texts(), _Texts(), {}
    digest = hashlib.sha256()
    for language, path in files.items():
        train = read_labelled(path)
        digest.update(path.read_bytes())
        beside = path.with_name(f"{language}.val.tsv")
        if beside.exists():
            held[language] = read_labelled(beside)
            digest.update(beside.read_bytes())
        else:
            train, held[language] = _drawn(train, seed=seed)
        seen.add(language, train)
        everything.add(language, train)
        everything.add(language, held[language])
    tell(f"{len(seen.texts)} texts in {len(files)} languages; {len(everything.texts)} with those to measure on.")
    scores = _measure(_learned(seen, about={}), seen, held)
    for score in scores:
        tell(f"  {score.language}: macro-recall {score.linear.macro_recall:.3f}, macro-F1 {score.linear.macro_f1:.3f}")
    about = {
        "texts": {language: everything.languages.count(language) for language in files},
        "sha256": digest.hexdigest(),
        "seed": seed,
        "penalty": PENALTY,
        "steps": STEPS,
    }
    return Made(_learned(everything, about=about), scores)


def _drawn(labelled: Labelled, *, seed: int) -> tuple[Labelled, Labelled]:
    """The texts to learn from, and those to measure on."""
    order = np.random.default_rng(seed).permutation(len(labelled.texts)).tolist()
    cut = max(1, round(len(order) * _HELD_OUT))

    def some(places: Sequence[int]) -> Labelled:
        return Labelled([labelled.texts[place] for place in places], [labelled.labels[place] for place in places])

    return some(sorted(order[cut:])), some(sorted(order[:cut]))


def _learned(known: _Texts, *, about: Mapping[str, Any]) -> Weights:
    """Learn; the project's own words are texts as well, so that their pieces and endings learn with them."""
    lexicon = valences()
    words = list(own_words())
    labels = np.array([*known.labels, *(2 if valence > 0 else 0 for _, _, valence in words)])
    importance = np.concatenate([evenly(np.array(known.labels), known.languages), np.full(len(words), _WORD_COUNTS)])
    corpus: Corpus = read_corpus([*known.texts, *(word for word, _, _ in words)])
    targets = np.eye(3, dtype=np.float32)[labels]
    learned = learn(corpus, targets, importance, lexicon=lexicon, penalty=PENALTY, steps=STEPS)
    return weights_of(learned, lexicon, about=about)


def _measure(weights: Weights, seen: _Texts, held: Mapping[str, Labelled]) -> list[Score]:
    linear, vader = Linear(weights), Vader()
    return [
        Score(language, seen.languages.count(language), evaluate(linear, texts), evaluate(vader, texts, passes=0))
        for language, texts in held.items()
    ]


def table_of(scores: Sequence[Score]) -> str:
    """The scores as a table in Markdown."""
    lines = [
        "| language | texts learned | texts held out | macro-recall | macro-F1 | F1 neg. | F1 pos. | VADER recall |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for score in scores:
        figures = score.linear
        shares = (figures.macro_recall, figures.macro_f1, figures.f1_negative, figures.f1_positive)
        told = " | ".join(f"{100 * share:.1f}" for share in (*shares, score.vader.macro_recall))
        lines.append(f"| {score.language} | {score.trained_on} | {figures.texts} | {told} |")
    return "\n".join(lines)
