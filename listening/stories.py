"""Which texts tell the same story: near-duplicates by MinHash, and texts that share what sets them apart.

Two texts belong together when about half of their word pairs are the same (locality-sensitive hashing over MinHash
signatures), or when both hold the same two of the terms that make this hour different from the brand's normal. Links,
handles, case and "RT" do not count. Scripts without spaces are read by pairs of characters. It is deterministic, and
linear in the texts; two processes that see the same texts find the same stories.

MinHash: Broder, "On the resemblance and containment of documents" (1997).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from listening.terms import terms_of

ROWS: Final = 4
BANDS: Final = 16
PERMUTATIONS: Final = ROWS * BANDS
READ_AT_MOST: Final = 1_000  # characters of a text
FEATURES_AT_MOST: Final = 200  # of a text
AT_A_TIME: Final = 500  # texts, so that memory stays small
# A feature belongs to a story when this share of its texts has it.
SHARED_BY: Final = 0.2
SAME_STORY: Final = 0.4
COPIES_FROM: Final = 3
_TERMS: Final = 12
_PAIR_IN: Final = 3  # texts

_PRIME: Final = np.uint64(4_294_967_311)  # the first above 2**32
_DRAWN = np.random.default_rng(20_140_427)
_FACTOR: Final = _DRAWN.integers(1, 2**31, PERMUTATIONS, dtype=np.uint64)
_OFFSET: Final = _DRAWN.integers(0, 2**31, PERMUTATIONS, dtype=np.uint64)
_NOT_SAID = re.compile(r"(?:https?://|www\.)\S+|@[\w.]+|^\s*rt\b")
_WORDS = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]{2,}")

Signatures = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Texts that tell one story, by their places in the sequence that was given, and what they have in common."""

    members: tuple[int, ...]
    sketch: tuple[int, ...]
    centre: tuple[int, ...]  # the members most like the story, the nearest first


@dataclass(frozen=True, slots=True)
class Clusters:
    """All stories of at least two texts, the largest first; how many texts are copies; and no text twice."""

    stories: tuple[Cluster, ...]
    copied: int


def features_of(text: str) -> frozenset[int]:
    """What a text is compared by: its pairs of neighbouring words as numbers of 32 bits, single words of short ones."""
    said = _NOT_SAID.sub(" ", unicodedata.normalize("NFKC", text[:READ_AT_MOST]).casefold())
    words: list[str] = []
    for word in _WORDS.findall(said):
        if _UNSPACED.fullmatch(word):
            words += [first + second for first, second in pairwise(word)]
        else:
            words.append(word)
    pairs = [f"{first} {second}" for first, second in pairwise(words)] if len(words) > 2 else words  # noqa: PLR2004
    return frozenset(zlib.crc32(pair.encode(errors="replace")) for pair in pairs[:FEATURES_AT_MOST])


def sketch_of(features: frozenset[int]) -> tuple[int, ...]:
    """The MinHash of a set of features; two sketches agree in as many places as the sets resemble each other."""
    return tuple(int(least) for least in _signatures([features])[0]) if features else ()


def resemblance(one: Sequence[int], other: Sequence[int]) -> float:
    """How much two sketches resemble each other, 0 to 1: an estimate of the Jaccard index."""
    if not one or len(one) != len(other):
        return 0.0
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def cluster(texts: Sequence[str], telling: Sequence[str] = ()) -> Clusters:
    """The stories that these texts tell; `telling` are the terms that set them apart from the normal, the surest first.

    Takes time in proportion to the texts.
    """
    features = [features_of(text) for text in texts]
    heard = [place for place, found in enumerate(features) if found]
    signatures = _signatures([features[place] for place in heard])
    near = _Union(len(texts))
    for group in _alike(signatures):
        near.join([heard[place] for place in group])
    copied = sum(len(group) for group in near.groups() if len(group) >= COPIES_FROM)
    for group in _of_one_mind(texts, telling):
        near.join(group)
    by_place = dict(zip(heard, signatures, strict=True))
    stories = [_told(group, features, by_place) for group in near.groups() if len(group) > 1]
    stories.sort(key=lambda found: (-len(found.members), found.members))
    return Clusters(tuple(stories), copied)


def _signatures(features: Sequence[frozenset[int]]) -> Signatures:
    """One row of least hashes for each set; none of them may be empty."""
    rows = [np.empty((0, PERMUTATIONS), dtype=np.uint64)]
    for start in range(0, len(features), AT_A_TIME):
        some = features[start : start + AT_A_TIME]
        flat = np.fromiter((number for found in some for number in found), dtype=np.uint64)
        edges = np.cumsum([0, *(len(found) for found in some[:-1])])
        hashed = (flat[:, np.newaxis] * _FACTOR + _OFFSET) % _PRIME
        rows.append(np.minimum.reduceat(hashed, edges, axis=0))
    return np.concatenate(rows)


def _alike(signatures: Signatures) -> list[list[int]]:
    """Groups of rows that agree in a whole band."""
    groups: dict[tuple[int, bytes], list[int]] = {}
    for place, row in enumerate(signatures):
        for band in range(BANDS):
            groups.setdefault((band, row[band * ROWS : (band + 1) * ROWS].tobytes()), []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _of_one_mind(texts: Sequence[str], telling: Sequence[str]) -> list[list[int]]:
    """Groups of texts that hold the same two telling terms."""
    wanted = frozenset(telling[:_TERMS])
    groups: dict[tuple[str, str], list[int]] = {}
    if len(wanted) > 1:
        for place, text in enumerate(texts):
            for pair in combinations(sorted(terms_of(text) & wanted), 2):
                # "boycott" and "boycott acme" are one thing said.
                if not set(pair[0].split()) & set(pair[1].split()):
                    groups.setdefault(pair, []).append(place)
    return [group for group in groups.values() if len(group) >= _PAIR_IN]


def _told(members: Sequence[int], features: Sequence[frozenset[int]], signatures: dict[int, Signatures]) -> Cluster:
    counted = Counter(number for place in members for number in features[place])
    least = max(2.0, SHARED_BY * len(members))
    shared = frozenset(number for number, count in counted.items() if count >= least)
    sketch = sketch_of(shared or frozenset(counted))
    whole = np.array(sketch, dtype=np.uint64)
    nearest = sorted(
        (place for place in members if place in signatures),
        key=lambda place: (-int((signatures[place] == whole).sum()), place),
    )
    return Cluster(tuple(members), sketch, tuple(nearest[:5]))


class _Union:
    """Places that belong together, joined step by step."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def join(self, places: Sequence[int]) -> None:
        first = self._top(places[0])
        for place in places[1:]:
            other = self._top(place)
            # The smallest place stands for the group, so that the order of joining changes nothing.
            first, low = min(first, other), max(first, other)
            self._above[low] = first

    def groups(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for place in range(len(self._above)):
            found.setdefault(self._top(place), []).append(place)
        return list(found.values())

    def _top(self, place: int) -> int:
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place
