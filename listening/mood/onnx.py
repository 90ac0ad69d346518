"""A second reader of moods: a transformer in ONNX format, given by a folder. Much slower, and often right where the
linear scorer wavers.

The folder holds `model.onnx` and `tokenizer.json`, as exporters write them, and may hold their `config.json`, whose
`id2label` says in which order the three classes come; without it they are negative, neutral, positive. The packages
onnxruntime and tokenizers are needed for it and for nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from listening.mood.language import guess_language, primary
from listening.mood.seam import Label, Mood


def _package(name: str) -> ModuleType | None:
    """The package, where it is installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


onnxruntime, tokenizers = _package("onnxruntime"), _package("tokenizers")

_LABELS: Final[tuple[Label, Label, Label]] = ("negative", "neutral", "positive")
_AT_ONCE: Final = 32
_LONGEST: Final = 128  # tokens; what is behind them is not read


class SecondTierUnusable(RuntimeError):
    """The second tier cannot be used as it is set up; the sentence says why."""


class Transformer:
    """Reads moods with the model in a folder. Raises `SecondTierUnusable` when the folder or a package is missing."""

    name = "onnx"

    def __init__(self, folder: Path) -> None:
        if onnxruntime is None or tokenizers is None:
            raise SecondTierUnusable("A second tier needs the packages onnxruntime and tokenizers.")
        model, words = folder / "model.onnx", folder / "tokenizer.json"
        for path in (model, words):
            if not path.is_file():
                raise SecondTierUnusable(f"There is no {path.name} in the folder of the second tier, {folder}.")
        self.version = hashlib.sha256(model.read_bytes() + words.read_bytes()).hexdigest()[:12]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            self._tokenizer = tokenizers.Tokenizer.from_file(str(words))
        except Exception as error:
            raise SecondTierUnusable(f"The second tier cannot be loaded: {error}") from error
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.enable_padding()
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._order = _order(folder / "config.json")

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        """One mood for each text, in order."""
        said = languages if languages is not None else [None] * len(texts)
        moods: list[Mood] = []
        for first in range(0, len(texts), _AT_ONCE):
            some = list(texts[first : first + _AT_ONCE])
            shares = self._shares(some)
            moods += [
                _mood(row, primary(tag) or guess_language(text))
                for row, tag, text in zip(shares.tolist(), said[first : first + _AT_ONCE], some, strict=True)
            ]
        return moods

    def _shares(self, texts: list[str]) -> npt.NDArray[np.float64]:
        encoded = self._tokenizer.encode_batch(texts)
        known = {
            "input_ids": [one.ids for one in encoded],
            "attention_mask": [one.attention_mask for one in encoded],
            "token_type_ids": [one.type_ids for one in encoded],
        }
        fed: dict[str, Any] = {name: np.array(known[name], np.int64) for name in self._inputs}
        logits = np.asarray(self._session.run(None, fed)[0], np.float64)
        if logits.shape != (len(texts), len(_LABELS)):
            raise SecondTierUnusable(f"The model answers with {logits.shape[1:]} numbers for a text instead of three.")
        logits = logits[:, self._order]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: npt.NDArray[np.float64] = np.round(powers / powers.sum(axis=1, keepdims=True), 6)
        shares[:, 1] = np.round(1.0 - shares[:, 0] - shares[:, 2], 6)
        return shares


@cache
def second_tier(folder: str) -> Transformer:
    """The transformer in that folder, loaded once for each process."""
    return Transformer(Path(folder))


def _order(config: Path) -> list[int]:
    """In which columns the model answers with negative, neutral and positive."""
    if not config.is_file():
        return [0, 1, 2]
    named = json.loads(config.read_text()).get("id2label", {})
    columns = {str(name).lower(): int(column) for column, name in named.items()}
    if not set(_LABELS) <= columns.keys():
        return [0, 1, 2]
    return [columns[label] for label in _LABELS]


def _mood(shares: Sequence[float], language: str) -> Mood:
    negative, neutral, positive = shares
    return Mood(_LABELS[shares.index(max(shares))], negative, neutral, positive, language, "words")
