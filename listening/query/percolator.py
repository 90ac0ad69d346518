"""One stream of posts over many queries at once.

Each query is kept under anchors: words of which every match holds at least one (`CompiledQuery.anchors`), chosen as
the rarest the query offers. A post is cut into words once; the words that are anchors name the candidates, and only
those are asked in full.

A dict from words to queries does this. Over the posts and 10 000 queries of `bench/percolate.py` the look-up costs
1.1 us a post after cutting it (4.1 us); an Aho-Corasick automaton of the same anchors takes 1.1 us (ahocorasick-rs) or
1.5 us (pyahocorasick), finds `acme` in `placement`, and must be made anew whenever a query changes. It could spare the
cutting of posts that name nobody, a quarter of the whole at most, for one more dependency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import Generic, TypeVar

from listening.query.compiled import CompiledQuery, usual_cost
from listening.query.folding import is_dense
from listening.query.matching import Post, Reading
from listening.query.parsing import LEAST_PREFIX

Key = TypeVar("Key", bound=Hashable)


class Percolator(Generic[Key]):
    """Queries under keys that mean nothing to it; `match` names the keys whose queries a post matches.

    Adding and removing take time in proportion to the one query. Not safe to change while another thread matches.
    """

    def __init__(self, queries: Iterable[tuple[Key, CompiledQuery]] = ()) -> None:
        self._queries: dict[Key, tuple[CompiledQuery, frozenset[str]]] = {}
        self._under: dict[str, dict[Key, CompiledQuery]] = {}
        self._anchors: set[str] = set()
        self._authors = 0  # how many anchors are authors
        self._prefixes: dict[str, set[int]] = {}  # the first characters of prefixes -> how long the prefixes are
        self._uses: Counter[str] = Counter()
        known = list(queries)
        # A word that many queries have stands for many candidates, and is likely in many posts: all of them are
        # counted before the first query chooses.
        for _, query in known:
            self._uses.update(query.choices)
        for key, query in known:
            self._put(key, query)

    def __len__(self) -> int:
        return len(self._queries)

    def __contains__(self, key: object) -> bool:
        return key in self._queries

    def add(self, key: Key, query: CompiledQuery) -> None:
        """Match this query from now on; one that stood under the key is replaced."""
        self._uses.update(query.choices)
        self._put(key, query)

    def _put(self, key: Key, query: CompiledQuery) -> None:
        self.remove(key)
        anchors = query.anchors(self._cost)
        self._queries[key] = query, anchors
        for anchor in anchors:
            if anchor not in self._under:
                self._under[anchor] = {}
                self._note(anchor)
            self._under[anchor][key] = query

    def remove(self, key: Key) -> None:
        """Match the query of this key no more; a key that is not here changes nothing."""
        if key not in self._queries:
            return
        query, anchors = self._queries.pop(key)
        for word in query.choices:
            self._uses[word] -= 1
            if not self._uses[word]:
                del self._uses[word]
        for anchor in anchors:
            del self._under[anchor][key]
            if not self._under[anchor]:
                del self._under[anchor]
                self._forget(anchor)

    def match(self, post: Post) -> list[Key]:
        """The keys of the queries that the post matches, each once."""
        reading = Reading(post)
        hits = self._anchors.intersection(reading.pieces if reading.plain else reading.words)
        if self._prefixes:
            hits |= self._hit_prefixes(reading)
        if reading.dense:
            words = [words[-1] for words in reading.places]
            hits |= self._anchors.intersection(a + b for a, b in pairwise(words) if is_dense(a) and is_dense(b))
        if self._authors and post.author:
            hits |= self._anchors.intersection(f"author:{name}" for name in reading.authors)
        if not hits:
            return []
        if len(hits) == 1:
            (anchor,) = hits
            return [key for key, query in self._under[anchor].items() if query.takes(reading)]
        candidates: dict[Key, CompiledQuery] = {}
        for anchor in hits:
            candidates |= self._under[anchor]
        return [key for key, query in candidates.items() if query.takes(reading)]

    def _hit_prefixes(self, reading: Reading) -> set[str]:
        hits: set[str] = set()
        words = reading.pieces if reading.plain else reading.words
        for word in words:
            lengths = self._prefixes.get(word[:LEAST_PREFIX])
            if lengths is not None:
                hits |= self._anchors.intersection(f"{word[:length]}*" for length in lengths if length <= len(word))
        return hits

    def _cost(self, anchor: str) -> float:
        return usual_cost(anchor) + self._uses[anchor]

    def _note(self, anchor: str) -> None:
        self._anchors.add(anchor)
        if anchor.startswith("author:"):
            self._authors += 1
        elif anchor.endswith("*"):
            self._prefixes.setdefault(anchor[:LEAST_PREFIX], set()).add(len(anchor) - 1)

    def _forget(self, anchor: str) -> None:
        """The lengths of prefixes stay: they cost a look-up, and nothing else."""
        self._anchors.remove(anchor)
        if anchor.startswith("author:"):
            self._authors -= 1
