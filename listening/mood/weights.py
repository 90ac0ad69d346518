"""The weights of the linear scorer as a file: one table of 16-bit integers, and what is known about its making."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from listening.mood.features import Hashes

SHIPPED: Final = Path(__file__).with_name("data") / "linear.npz"

# Raised when features or arithmetic change, so that the same weights would mean something else.
GENERATION: Final = 1

_LARGEST: Final = np.iinfo(np.int16).max


class UnusableWeights(ValueError):
    """The file holds no weights, or weights for features that this code does not make."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`table` has a row of three log odds for each of 2^bits places, in units of `unit`; `bias` is in log odds.

    A feature's place is given by the highest bits of its hash. `marks` holds the lowest eight bits of the hash of the
    feature that lives there, so that a feature that was never learned hardly ever passes for one that was.
    """

    table: npt.NDArray[np.int16]
    marks: npt.NDArray[np.uint8]
    unit: float
    bias: npt.NDArray[np.float64]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bits(self) -> int:
        return int(self.table.shape[0]).bit_length() - 1

    def of(self, hashes: Hashes) -> npt.NDArray[np.int16]:
        """The rows of these features; zeros for features that are not known."""
        places = (hashes >> np.uint64(64 - self.bits)).astype(np.int64)
        rows = self.table[places]
        rows *= (self.marks[places] == marks_of(hashes))[:, None]
        return rows

    @property
    def version(self) -> str:
        """The generation of the code and the beginning of the digest of the numbers."""
        numbers = (self.table, self.marks, np.float64(self.unit), self.bias)
        digest = hashlib.sha256(b"".join(part.tobytes() for part in numbers))
        return f"{GENERATION}-{digest.hexdigest()[:8]}"


def build(
    hashes: Hashes, rows: npt.NDArray[np.float64], bias: npt.NDArray[np.float64], *, bits: int, about: Mapping[str, Any]
) -> Weights:
    """Weights of features that may occur several times; where two share a place, the weightier one has it."""
    found, inverse = np.unique(hashes, return_inverse=True)
    sums = np.zeros((len(found), 3))
    np.add.at(sums, inverse, rows)
    sums -= sums.mean(axis=1, keepdims=True)
    unit = float(np.abs(sums).max()) / _LARGEST
    order = np.argsort(np.abs(sums).max(axis=1), kind="stable")
    places = (found[order] >> np.uint64(64 - bits)).astype(np.int64)
    table = np.zeros((1 << bits, 3), np.int16)
    marks = np.zeros(1 << bits, np.uint8)
    # Of equal places the last, heaviest one stays.
    last = len(places) - 1 - np.unique(places[::-1], return_index=True)[1]
    table[places[last]] = np.rint(sums[order][last] / unit).astype(np.int16)
    marks[places[last]] = marks_of(found[order][last])
    return Weights(table, marks, unit, bias, about)


def marks_of(hashes: Hashes) -> npt.NDArray[np.uint8]:
    """The part of a hash that tells features of one place apart."""
    return (hashes & np.uint64(0xFF)).astype(np.uint8)


def save_weights(weights: Weights, path: Path) -> None:
    """Write the file. The same weights make the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            generation=np.int64(GENERATION),
            table=weights.table,
            marks=weights.marks,
            unit=np.float64(weights.unit),
            bias=weights.bias,
            about=np.frombuffer(json.dumps(dict(weights.about), sort_keys=True).encode(), np.uint8),
        )


def load_weights(path: Path | None = None) -> Weights:
    """The weights of that file, by default those that ship with the project. Raises `UnusableWeights`."""
    path = path or SHIPPED
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise UnusableWeights(f"{path.name} cannot be read as weights: {error}") from error
    if int(found.get("generation", -1)) != GENERATION:
        raise UnusableWeights(f"{path.name} was made for other features; train the weights anew.")
    return Weights(
        found["table"],
        found["marks"],
        float(found["unit"]),
        found["bias"],
        json.loads(found["about"].tobytes().decode()),
    )
