"""Whether a post is what a query asks for, in time linear in the post; and why.

A query becomes a tree of closures once. A post is folded and cut once, however many queries look at it; where its
words stand is looked up only when a phrase or NEAR asks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from listening.mood.language import UNKNOWN, guess_language, primary
from listening.mood.seam import CLIP_AT
from listening.query.folding import cut, fold, folded_handle, has_dense, name_of, places, words_of
from listening.query.tree import And, Field, Leaf, Near, Node, Not, Or, Phrase, Word

MOST_SPANS: Final = 20  # that an explanation shows of one term


class Post(NamedTuple):
    """What queries look at. An empty author, language or network is not known."""

    text: str
    author: str = ""
    language: str = ""
    kind: str = "post"
    network: str = ""


class Span(NamedTuple):
    """The first and the last place, in words, of something found."""

    first: int
    last: int


class Reading:
    """A post, folded and cut, with what queries have asked of it so far."""

    def __init__(self, post: Post) -> None:
        self.post = post
        folded = fold(post.text[:CLIP_AT])
        self.pieces = cut(folded)
        self.dense = has_dense(folded)
        self.plain = not self.dense and "@" not in folded and "#" not in folded

    @cached_property
    def places(self) -> list[tuple[str, ...]]:
        return [(piece,) for piece in self.pieces] if self.plain else places(self.pieces)

    @cached_property
    def words(self) -> frozenset[str]:
        """Everything that stands anywhere."""
        if self.plain:
            return frozenset(self.pieces)
        return frozenset(words_of(self.pieces, named=True))

    @cached_property
    def sorted_words(self) -> list[str]:
        return sorted(self.words)

    @cached_property
    def where(self) -> dict[str, list[int]]:
        """The places of each word, ascending."""
        found: dict[str, list[int]] = {}
        for number, words in enumerate(self.places):
            for word in words:
                found.setdefault(word, []).append(number)
        return found

    @cached_property
    def authors(self) -> frozenset[str]:
        """The author's handle, whole and without its server."""
        handle = folded_handle(self.post.author)
        return frozenset({handle, name_of(handle)} - {""})

    @cached_property
    def language(self) -> str:
        return primary(self.post.language) or guess_language(self.post.text)

    def beginning_with(self, prefix: str) -> Iterator[str]:
        words = self.sorted_words
        for number in range(bisect_left(words, prefix), len(words)):
            if not words[number].startswith(prefix):
                return
            yield words[number]

    def holds(self, word: Word) -> bool:
        if not word.prefix:
            return word.text in self.words
        return next(self.beginning_with(word.text), None) is not None

    def stands_at(self, word: Word, place: int) -> bool:
        there = self.places[place]
        return any(one.startswith(word.text) for one in there) if word.prefix else word.text in there

    def at(self, word: Word) -> list[int]:
        """The places of a word, ascending."""
        if not word.prefix:
            return self.where.get(word.text, [])
        return sorted({place for one in self.beginning_with(word.text) for place in self.where[one]})

    def spans(self, phrase: Phrase) -> Iterator[Span]:
        """Where a phrase stands, ascending. Looks at the places of its rarest word only."""
        words = phrase.words
        if not all(self.holds(word) for word in words):
            return
        found = [self.at(word) for word in words]
        rarest = min(range(len(words)), key=lambda number: len(found[number]))
        end = len(self.places) - len(words)
        for place in found[rarest]:
            first = place - rarest
            if 0 <= first <= end and all(self.stands_at(word, first + n) for n, word in enumerate(words)):
                yield Span(first, first + len(words) - 1)

    def near(self, near: Near) -> tuple[Span, Span] | None:
        """The first pair of places that are near enough, the left side's and the right side's."""
        left = sorted(span for phrase in near.left for span in self.spans(phrase))
        right = sorted(span for phrase in near.right for span in self.spans(phrase)) if left else []
        if not right:
            return None
        if (pair := _follows(left, right, near.within)) is not None:
            return pair
        pair = _follows(right, left, near.within)
        return (pair[1], pair[0]) if pair is not None else None


def _follows(before: Sequence[Span], after: Sequence[Span], within: int) -> tuple[Span, Span] | None:
    starts = [span.first for span in after]
    for span in before:
        number = bisect_right(starts, span.last)
        if number < len(starts) and starts[number] - span.last <= within:
            return span, after[number]
    return None


Takes = Callable[[Reading], bool]


def taking(node: Node) -> Takes:  # noqa: PLR0911 - one line for each kind
    """The function that says whether a node of a query holds for a post."""
    match node:
        case Phrase(words=(word,)):
            return (
                (lambda reading: reading.holds(word)) if word.prefix else (lambda reading: word.text in reading.words)
            )
        case Phrase():
            return lambda reading: next(reading.spans(node), None) is not None
        case Near():
            return lambda reading: reading.near(node) is not None
        case Field(name=name, value=value):
            return _field(name, value)
        case Not(part=part):
            inner = taking(part)
            return lambda reading: not inner(reading)
        case And(parts=parts):
            return _all(tuple(map(taking, parts)))
        case Or(parts=parts):
            return _any(tuple(map(taking, parts)))


def _all(takes: tuple[Takes, ...]) -> Takes:
    def take(reading: Reading) -> bool:
        for one in takes:  # noqa: SIM110 - a generator would cost more than most of the tests
            if not one(reading):
                return False
        return True

    return take


def _any(takes: tuple[Takes, ...]) -> Takes:
    def take(reading: Reading) -> bool:
        for one in takes:  # noqa: SIM110 - as above
            if one(reading):
                return True
        return False

    return take


def _field(name: str, value: str) -> Takes:
    match name:
        case "author":
            return lambda reading: value in reading.authors
        case "lang":
            return lambda reading: reading.language == value
        case "kind":
            return lambda reading: reading.post.kind == value
        case _:
            return lambda reading: reading.post.network == value


def silencing(phrase: Phrase) -> Takes:
    """Whether an entry of an exclude list silences a post: it is said there; a handle's own posts are silent too."""
    said = taking(phrase)
    if len(phrase.words) == 1 and (word := phrase.words[0]).text.startswith("@") and not word.prefix:
        name = word.text[1:]
        return lambda reading: name in reading.authors or said(reading)
    return said


def speaking(languages: Iterable[str]) -> Takes:
    """Whether a post is in one of the languages; one whose language nobody can tell is let through."""
    wanted = frozenset(languages) | {UNKNOWN}
    return lambda reading: reading.language in wanted


@dataclass(frozen=True, slots=True)
class Found:
    """One term of a query in one text: whether it is there, and where, as (start, length) in characters."""

    term: str
    wanted: bool
    found: bool
    at: tuple[tuple[int, int], ...]


def find(leaf: Leaf, reading: Reading, offsets: Sequence[tuple[int, int]], *, wanted: bool) -> Found:
    """Look a term up for an explanation. `offsets` are those of `character_offsets`, or empty."""
    spans: list[Span] = []
    if isinstance(leaf, Phrase):
        spans = list(reading.spans(leaf))
    elif isinstance(leaf, Near) and (pair := reading.near(leaf)) is not None:
        spans = sorted(pair)
    at = tuple(
        (offsets[span.first][0], offsets[span.last][1] - offsets[span.first][0])
        for span in spans[:MOST_SPANS]
        if offsets
    )
    return Found(str(leaf), wanted, taking(leaf)(reading), at)


def character_offsets(reading: Reading) -> list[tuple[int, int]]:
    """The (start, end) of each place of the text as it was written; empty when folding has moved words across letters.

    Letters are folded one by one (with their accents), so that it is known which became which.
    """
    text = reading.post.text[:CLIP_AT]
    starts: list[int] = []
    ends: list[int] = []
    folded: list[str] = []
    for start, cluster in _clusters(text):
        piece = fold(cluster)
        folded.append(piece)
        starts.extend([start] * len(piece))
        ends.extend([start + len(cluster)] * len(piece))
    whole = "".join(folded)
    if whole != fold(text):
        return []
    offsets = []
    place = 0
    for words in reading.places:
        # The last of them is the bare word; the others are the hashtag or the handle that begins with it.
        place = whole.find(words[-1], place)
        if place < 0:
            return []
        after = place + len(words[-1])
        offsets.append((starts[place], ends[after - 1]))
        place = after
    return offsets


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for number in range(1, len(text) + 1):
        if number == len(text) or not ("\u0300" <= text[number] <= "\u036f" or text[number] in "\u3099\u309a"):
            yield start, text[start:number]
            start = number
