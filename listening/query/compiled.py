"""A query that is ready to be asked of posts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from listening.mood.stopwords import STOP_WORDS
from listening.query.folding import fold, is_dense
from listening.query.matching import (
    Found,
    Post,
    Reading,
    Takes,
    character_offsets,
    find,
    silencing,
    speaking,
    taking,
)
from listening.query.parsing import LANGUAGE, MOST_EXCLUDED, BadQuery, Parsed, parse, parse_excluded
from listening.query.tree import And, Field, Near, Node, Not, Or, Phrase, leaves

COMMON_WORDS: Final = frozenset(fold(word) for words in STOP_WORDS.values() for word in words)
MOST_LANGUAGES: Final = 50
# Telling one anchor's cost from another's: how often it may be met, very roughly.
_COMMON, _SHORT, _USUAL = 1_000.0, 30.0, 1.0
_SHORT_WORD: Final = 2

Cost = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something in a query that is allowed and may not be what was meant."""

    code: str
    position: int
    length: int
    detail: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a post matches or does not: each term, the entries of the exclude list that silence it, its language."""

    matches: bool
    expression_holds: bool
    terms: tuple[Found, ...]
    excluded_by: tuple[str, ...]
    language: str
    language_wanted: bool


class CompiledQuery:
    """An expression with its exclude list and languages; immutable, and safe to share between threads."""

    def __init__(self, parsed: Parsed, exclude: Sequence[Phrase], languages: Sequence[str]) -> None:
        self.tree = parsed.tree
        self.exclude = tuple(exclude)
        self.languages = tuple(languages)
        self._parsed = parsed
        self._holds = taking(self.tree)
        self._silenced = tuple(map(silencing, self.exclude))
        self._speaks: Takes | None = speaking(self.languages) if self.languages else None

    @property
    def canonical(self) -> str:
        """The expression as it was understood; it is read as the same query again."""
        return str(self.tree)

    @cached_property
    def warnings(self) -> tuple[Warned, ...]:
        return tuple(_warnings(self._parsed))

    def matches(self, post: Post) -> bool:
        """Whether the post is what is asked for. Linear in the length of its text, of which 10 000 characters count."""
        return self.takes(Reading(post))

    def takes(self, reading: Reading) -> bool:
        """The same for a post that was read already; several queries can share a reading."""
        if not self._holds(reading) or (self._speaks is not None and not self._speaks(reading)):
            return False
        return not any(silenced(reading) for silenced in self._silenced)

    def explain(self, post: Post) -> Explained:
        """What of the query is where in the post."""
        reading = Reading(post)
        offsets = character_offsets(reading)
        return Explained(
            matches=self.takes(reading),
            expression_holds=self._holds(reading),
            terms=tuple(find(leaf, reading, offsets, wanted=wanted) for leaf, wanted in leaves(self.tree)),
            excluded_by=tuple(
                str(phrase) for phrase, silenced in zip(self.exclude, self._silenced, strict=True) if silenced(reading)
            ),
            language=reading.language,
            language_wanted=self._speaks is None or self._speaks(reading),
        )

    @cached_property
    def choices(self) -> frozenset[str]:
        """Everything that may become an anchor."""
        found: set[str] = set()
        for leaf, wanted in leaves(self.tree):
            if wanted and isinstance(leaf, Phrase):
                found.update(_anchors_of_phrase(leaf))
            elif wanted and isinstance(leaf, Near):
                found.update(*map(_anchors_of_phrase, leaf.left + leaf.right))
        return frozenset(found)

    def anchors(self, cost: Cost) -> frozenset[str]:
        """Words of which every matching post holds at least one, chosen to be as cheap as `cost` tells; never empty."""
        found = anchors_of(self.tree, cost)
        assert found is not None, "compile_query refuses others"  # noqa: S101
        return found


def compile_query(expression: str, *, exclude: Iterable[str] = (), languages: Iterable[str] = ()) -> CompiledQuery:
    """Read and check a query, its exclude list and its languages.

    Raises BadQuery (400), whose facts name the field and the place in it.
    """
    parsed = parse(expression)
    if anchors_of(parsed.tree, usual_cost) is None:
        raise BadQuery(
            "This would match almost everything.",
            said=expression,
            position=0,
            length=len(expression),
            expected="a word, phrase, hashtag, handle or author that must be there in every alternative",
            field="expression",
        )
    silent = []
    for number, said in enumerate(exclude):
        if number >= MOST_EXCLUDED:
            raise BadQuery(
                "The list is too long.", said=said, position=0, length=len(said),
                expected=f"at most {MOST_EXCLUDED} entries", field=f"exclude.{number}",
            )  # fmt: skip
        silent.append(parse_excluded(said, field=f"exclude.{number}"))
    spoken = []
    for number, said in enumerate(languages):
        code = said.lower()
        if number >= MOST_LANGUAGES or not LANGUAGE.match(code):
            raise BadQuery(
                "This is no language.", said=said, position=0, length=len(said),
                expected=f"a code such as en, and at most {MOST_LANGUAGES} of them", field=f"languages.{number}",
            )  # fmt: skip
        spoken.append(code)
    return CompiledQuery(parsed, silent, spoken)


def anchors_of(node: Node, cost: Cost) -> frozenset[str] | None:
    """Words of which at least one is in every post that matches; None when a post can match without any.

    A word stands for itself, `boycot*` for what begins so, two characters of a script without spaces for themselves
    side by side, `author:acme` for the author. Of several choices the one with the least cost is taken.
    """
    match node:
        case Phrase():
            return frozenset([min(_anchors_of_phrase(node), key=cost)])
        case Field(name="author", value=value):
            return frozenset([f"author:{value}"])
        case Field() | Not():
            return None
        case Near(left=left, right=right):
            sides = (_either(left, cost), _either(right, cost))
            return min((side for side in sides if side is not None), key=lambda side: sum(map(cost, side)))
        case And(parts=parts):
            known = [found for part in parts if (found := anchors_of(part, cost)) is not None]
            return min(known, key=lambda side: sum(map(cost, side))) if known else None
        case Or(parts=parts):
            return _either(parts, cost)


def _either(parts: Iterable[Node], cost: Cost) -> frozenset[str] | None:
    found = [anchors_of(part, cost) for part in parts]
    return None if None in found else frozenset().union(*(one for one in found if one is not None))


def _anchors_of_phrase(phrase: Phrase) -> Iterator[str]:
    words = phrase.words
    pairs = [a.text + b.text for a, b in pairwise(words) if is_dense(a.text) and is_dense(b.text)]
    yield from pairs or map(str, words)


def usual_cost(anchor: str) -> float:
    """How often an anchor may be met, where nothing else is known of it."""
    if anchor in COMMON_WORDS:
        return _COMMON
    if len(anchor) <= _SHORT_WORD and anchor.isascii():
        return _SHORT
    return _USUAL + 1.0 / len(anchor)


def _lone(node: Node) -> Iterator[Phrase]:
    """Phrases that suffice by themselves for a match."""
    if isinstance(node, Phrase):
        yield node
    elif isinstance(node, Or):
        for part in node.parts:
            yield from _lone(part)
    elif isinstance(node, And):
        wanted = [part for part in node.parts if not isinstance(part, Not)]
        if len(wanted) == 1:
            yield from _lone(wanted[0])


def _warnings(parsed: Parsed) -> Iterator[Warned]:
    for said, position in parsed.lower_case:
        detail = f"“{said}” is read as a word here; operators are written in capital letters."
        yield Warned("lower_case_operator", position, len(said), detail)
    for phrase in dict.fromkeys(_lone(parsed.tree)):
        if len(phrase.words) > 1:
            continue
        word = phrase.words[0]
        position, length = parsed.spans[phrase]
        if word.text in COMMON_WORDS:
            yield Warned("common_word", position, length, "This word alone is in very many posts.")
        elif is_dense(word.text) or (len(word.text) <= _SHORT_WORD and word.text.isalnum()):
            yield Warned("short_word", position, length, "A word this short alone is in very many posts.")
