"""What a query is made of, and how it is written in one canonical way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from listening.query.folding import cut, fold, is_dense


@dataclass(frozen=True, slots=True)
class Word:
    """One word, hashtag, handle or emoji, folded; with `prefix`, whatever begins like it."""

    text: str
    prefix: bool = False

    def __str__(self) -> str:
        return self.text + "*" * self.prefix


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand side by side in this order; a single word is a phrase of one."""

    words: tuple[Word, ...]

    def __str__(self) -> str:
        if len(self.words) == 1:
            return str(self.words[0])
        if all(is_dense(word.text) for word in self.words):
            # As it is written, where that is read as the same characters again.
            joined = "".join(word.text for word in self.words)
            if cut(fold(joined)) == [word.text for word in self.words]:
                return f'"{joined}"'
        return '"' + " ".join(map(str, self.words)) + '"'


@dataclass(frozen=True, slots=True)
class Near:
    """One of the phrases at the left and one of those at the right, at most `within` words apart, in either order."""

    left: tuple[Phrase, ...]
    right: tuple[Phrase, ...]
    within: int

    def __str__(self) -> str:
        return f"{_group(self.left)} NEAR/{self.within} {_group(self.right)}"


FieldName = Literal["author", "lang", "kind", "network"]


@dataclass(frozen=True, slots=True)
class Field:
    """What is asked of the post beside its text."""

    name: FieldName
    value: str

    def __str__(self) -> str:
        return f"{self.name}:@{self.value}" if self.name == "author" else f"{self.name}:{self.value}"


@dataclass(frozen=True, slots=True)
class Not:
    part: Node

    def __str__(self) -> str:
        return f"NOT {_inner(self.part)}"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " AND ".join(map(_inner, self.parts))


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " OR ".join(map(_inner, self.parts))


Leaf = Phrase | Near | Field
Node = Leaf | Not | And | Or


def both(kind: type[And | Or], parts: list[Node]) -> Node:
    """The parts joined; a part of the same kind is taken apart, and one part alone stands for itself."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return kind(tuple(flat))


def inverse(node: Node) -> Node:
    return node.part if isinstance(node, Not) else Not(node)


def leaves(node: Node, *, wanted: bool = True) -> Iterator[tuple[Leaf, bool]]:
    """The terms of a query in order, each with whether it is wanted or, beneath NOT, unwanted."""
    if isinstance(node, Not):
        yield from leaves(node.part, wanted=not wanted)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part, wanted=wanted)
    else:
        yield node, wanted


def _inner(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)


def _group(phrases: tuple[Phrase, ...]) -> str:
    return str(phrases[0]) if len(phrases) == 1 else "(" + " OR ".join(map(str, phrases)) + ")"
