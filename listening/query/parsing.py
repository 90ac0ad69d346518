"""From the text of a query to its tree, in one pass; see `listening.query` for the grammar.

The parser descends at most MOST_DEPTH levels, whatever it is given, and each character is looked at a fixed number of
times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from core.refusals import Refusal
from listening.query.folding import cut, fold, folded_handle, is_dense
from listening.query.tree import And, Field, FieldName, Near, Node, Or, Phrase, Word, both, inverse

MOST_CHARACTERS: Final = 4_000
MOST_TERMS: Final = 500
MOST_DEPTH: Final = 20
MOST_EXCLUDED: Final = 200
LONGEST_EXCLUDED: Final = 200
LEAST_PREFIX: Final = 3
NEAR_BY: Final = 10
FARTHEST: Final = 100
KINDS: Final = frozenset({"post", "comment", "reply", "repost", "quote", "review", "article"})
LANGUAGE: Final = re.compile(r"[a-z]{2,3}\Z")
NETWORK: Final = re.compile(r"[a-z0-9._-]{1,20}\Z")

_QUOTES: Final = '"\u201c\u201d\u201e\u00ab\u00bb\uff02'
_LEX: Final = re.compile(
    rf"\s+|(?P<open>[(\uff08])|(?P<close>[)\uff09])|(?P<quote>[{_QUOTES}])|(?P<bare>[^\s(){_QUOTES}\uff08\uff09]+)"
)
_CLOSING: Final = re.compile(f"[{_QUOTES}]")
_NEAR: Final = re.compile(r"NEAR(?:/([0-9]{1,6}))?\Z")
_FIELDS: Final[dict[str, FieldName]] = {
    "author": "author", "from": "author", "lang": "lang", "language": "lang", "kind": "kind", "network": "network",
}  # fmt: skip
_FIELD: Final = re.compile("(" + "|".join(_FIELDS) + "):(.*)", re.DOTALL)
_SHOWN: Final = 40  # characters at each side of a mistake


class BadQuery(Refusal):
    """The query cannot be understood, or asks for everything. Facts say where, and what was expected there."""

    code = "bad_query"
    status = 400
    title = "The query cannot be understood."

    def __init__(self, detail: str, *, said: str, position: int, length: int, expected: str, field: str) -> None:
        position = min(position, len(said))
        super().__init__(
            detail,
            field=field,
            position=position,
            length=length,
            expected=expected,
            pointer=_pointer(said, position, length),
        )


@dataclass(frozen=True, slots=True)
class Lex:
    """A piece of the query: `and or not near open close phrase field`, and `end`."""

    kind: str
    position: int
    length: int
    node: Phrase | Field | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query's tree, and where in the text its phrases stand."""

    tree: Node
    spans: dict[Phrase, tuple[int, int]]
    lower_case: tuple[tuple[str, int], ...]


def parse(expression: str) -> Parsed:
    """Read a query. Raises BadQuery with the place of the first mistake."""
    return _Parser(expression, "expression").parse()


def parse_excluded(said: str, *, field: str) -> Phrase:
    """Read an entry of an exclude list: a word, phrase, hashtag or handle, in which nothing is an operator."""
    parser = _Parser(said[: LONGEST_EXCLUDED + 1], field)
    if len(said) > LONGEST_EXCLUDED:
        parser.fail("This is too long to exclude.", LONGEST_EXCLUDED, 1, f"at most {LONGEST_EXCLUDED} characters")
    return parser.phrase(said, 0, len(said))


@dataclass(slots=True)
class _Parser:
    said: str
    named: str
    terms: int = 0
    depth: int = 0
    place: int = 0
    lexes: list[Lex] = field(default_factory=list)
    spans: dict[Phrase, tuple[int, int]] = field(default_factory=dict)
    lower_case: list[tuple[str, int]] = field(default_factory=list)

    def fail(self, detail: str, position: int, length: int, expected: str) -> NoReturn:
        raise BadQuery(detail, said=self.said, position=position, length=length, expected=expected, field=self.named)

    # -- words ------------------------------------------------------------------------------------------------------

    def phrase(self, said: str, position: int, length: int) -> Phrase:
        """The words of a piece of text that side by side are one term."""
        words: list[Word] = []
        parts = said.split("*")
        for number, part in enumerate(parts):
            folded = fold(part)
            found = cut(folded)
            words.extend(map(Word, found))
            # A star counts where it ends a word.
            if number == len(parts) - 1 or not found or not folded.endswith(found[-1]) or is_dense(found[-1]):
                continue
            if len(found[-1].lstrip("#@")) < LEAST_PREFIX:
                expected = f"at least {LEAST_PREFIX} characters before *"
                self.fail("The beginning of a word is too short to be looked for.", position, length, expected)
            words[-1] = Word(found[-1], prefix=True)
        if not words:
            self.fail("There is no word in this.", position, length, "a word, phrase, hashtag, handle or emoji")
        self.terms += len(words)
        if self.terms > MOST_TERMS:
            self.fail("The query has too many words.", position, length, f"at most {MOST_TERMS} words")
        made = Phrase(tuple(words))
        self.spans.setdefault(made, (position, length))
        return made

    def lex(self) -> Iterator[Lex]:
        at = 0
        while (match := _LEX.match(self.said, at)) is not None:  # there is none at the end alone
            kind, at = match.lastgroup, match.end()
            if kind in ("open", "close"):
                yield Lex(kind, match.start(), 1)
            elif kind == "quote":
                end = _CLOSING.search(self.said, at)
                if end is None:
                    self.fail("The quotation is not closed.", match.start(), 1, 'a closing "')
                length = end.end() - match.start()
                yield Lex(
                    "phrase", match.start(), length, self.phrase(self.said[at : end.start()], match.start(), length)
                )
                at = end.end()
            elif kind == "bare":
                yield from self.bare(match.group(), match.start())
        yield Lex("end", len(self.said), 0)

    def bare(self, said: str, position: int) -> Iterator[Lex]:
        length = len(said)
        if said in ("AND", "OR", "NOT"):
            yield Lex(said.lower(), position, length)
        elif (near := _NEAR.match(said)) is not None:
            number = int(near[1] or NEAR_BY)
            if not 1 <= number <= FARTHEST:
                self.fail("This distance cannot be asked for.", position, length, f"NEAR/1 to NEAR/{FARTHEST}")
            yield Lex("near", position, length, number=number)
        elif said[0] == "-" and length > 1:
            yield Lex("not", position, 1)
            yield from self.bare(said[1:].lstrip("-") or "-", position + length - len(said[1:].lstrip("-") or "-"))
        elif said == "-" and self.said[position + 1 : position + 2] and self.said[position + 1] in _QUOTES + "(":
            yield Lex("not", position, 1)
        elif (named := _FIELD.match(said)) is not None:
            yield Lex("field", position, length, self.field(_FIELDS[named[1]], named[2], position, length))
        else:
            if said in ("and", "or", "not") or said.startswith("near/"):
                self.lower_case.append((said, position))
            yield Lex("phrase", position, length, self.phrase(said, position, length))

    def field(self, name: FieldName, said: str, position: int, length: int) -> Field:
        value = folded_handle(said) if name == "author" else said.lower()
        good: dict[FieldName, tuple[Callable[[str], object], str]] = {
            "author": (lambda handle: handle and not re.search(r"[\s*]", handle), "a handle, such as author:@acme"),
            "lang": (LANGUAGE.match, "a code of a language, such as lang:en"),
            "kind": (KINDS.__contains__, f"one of {', '.join(sorted(KINDS))}"),
            "network": (NETWORK.match, "the name of a network, such as network:mastodon"),
        }
        check, expected = good[name]
        if not check(value):
            self.fail(f"This is no value of {name}.", position, length, expected)
        self.terms += 1
        return Field(name, value)

    # -- grammar ----------------------------------------------------------------------------------------------------

    def parse(self) -> Parsed:
        if len(self.said) > MOST_CHARACTERS:
            self.fail("The query is too long.", MOST_CHARACTERS, 1, f"at most {MOST_CHARACTERS} characters")
        self.lexes = list(self.lex())
        tree = self.either()
        rest = self.lexes[self.place]
        if rest.kind != "end":
            self.fail("This bracket closes nothing.", rest.position, rest.length, "an operator, a term or the end")
        return Parsed(tree, self.spans, tuple(self.lower_case))

    def takes(self, kind: str) -> Lex | None:
        lex = self.lexes[self.place]
        if lex.kind != kind:
            return None
        self.place += 1
        return lex

    def either(self) -> Node:
        parts = [self.all_of()]
        while self.takes("or"):
            parts.append(self.all_of())
        return both(Or, parts)

    def all_of(self) -> Node:
        parts = [self.perhaps_not()]
        while self.takes("and") or self.lexes[self.place].kind not in ("or", "close", "end", "near"):
            parts.append(self.perhaps_not())
        if (near := self.takes("near")) is not None:
            self.fail("NEAR cannot stand here.", near.position, near.length, "one term at each side of NEAR")
        return both(And, parts)

    def perhaps_not(self) -> Node:
        unwanted = False
        while self.takes("not"):
            unwanted = not unwanted
        node = self.near()
        return inverse(node) if unwanted else node

    def near(self) -> Node:
        begun = self.place
        node = self.term()
        near = self.takes("near")
        if near is None:
            return node
        left = self.side(node, begun)
        begun = self.place
        right = self.side(self.term(), begun)
        return Near(left, right, near.number)

    def side(self, node: Node, begun: int) -> tuple[Phrase, ...]:
        """The phrases that one side of NEAR chooses from."""
        parts: Sequence[Node] = node.parts if isinstance(node, Or) else (node,)
        phrases = tuple(part for part in parts if isinstance(part, Phrase))
        if len(phrases) != len(parts):
            first, last = self.lexes[begun], self.lexes[self.place - 1]
            length = last.position + last.length - first.position
            self.fail("This cannot stand beside NEAR.", first.position, length, "a word, a phrase, or (one OR another)")
        return phrases

    def term(self) -> Node:
        lex = self.lexes[self.place]
        if lex.node is not None:
            self.place += 1
            return lex.node
        if lex.kind != "open":
            what = {"end": "The query ends too early.", "close": "There is nothing in front of this bracket."}
            detail = what.get(lex.kind, "There is no term in front of this operator.")
            self.fail(detail, lex.position, lex.length, "a word, phrase, hashtag, handle or bracket")
        self.place += 1
        self.depth += 1
        if self.depth > MOST_DEPTH:
            self.fail("Brackets are nested too deeply.", lex.position, 1, f"at most {MOST_DEPTH} levels")
        node = self.either()
        if not self.takes("close"):
            self.fail("This bracket is not closed.", lex.position, 1, "a closing bracket")
        self.depth -= 1
        return node


def _pointer(said: str, position: int, length: int) -> str:
    """The part of the query round a mistake, and beneath it carets at the mistake."""
    begin = max(said.rfind("\n", 0, position) + 1, position - _SHOWN)
    end = said.find("\n", position)
    end = min(len(said) if end < 0 else end, position + _SHOWN)
    line = said[begin:end].expandtabs(1)
    return f"{line}\n{' ' * (position - begin)}{'^' * max(1, min(length, end - position))}"
