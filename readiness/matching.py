"""Finding many words in a text at once, in one pass, however they are written. Pure.

People write a word with capitals, wide letters, soft hyphens, curly quotes, decomposed accents. `fold` takes all that
away and remembers where each character came from, so that what is found can be shown in the text as it stands. Steps
grow with the length of the text alone: no run of marks or spaces, and no clever choice of words, makes it slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final
from unicodedata import category, normalize

# A letter with more marks than this is taken apart; sorting the marks of one letter costs their square.
MOST_MARKS: Final = 30
_ALIKE: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201b": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
)
# Scripts that put no spaces between words, or hang endings on them: a word may begin and end anywhere.
_SPACELESS: Final = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x323AF),
)  # fmt: skip
_VOWELS_OF_HANGUL: Final = ("\u1160", "\u11ff")
_HALF_WIDE_MARKS: Final = frozenset("\uff9e\uff9f")
_VARIATIONS: Final = ("\ufe00", "\ufe0f")


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without what does not matter. Character i came from code points `starts[i]` to `ends[i]` of the text."""

    text: str
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where characters start to end stand in the text."""
        return self.starts[start], self.ends[end - 1]


def fold(text: str) -> Folded:
    """The text in one case and one form (NFKC, case-folded), spaces as one, what is not seen left out."""
    found: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    here, length = 0, len(text)
    while here < length:
        end = here + 1
        while end < length and end - here <= MOST_MARKS and _hangs_on(text[end]):
            end += 1
        for char in _folded(text[here:end]):
            if char != " " or (found and found[-1] != " "):
                found.append(char)
                starts.append(here)
                ends.append(end)
            elif found:
                ends[-1] = end  # a run of spaces is one space
        here = end
    return Folded("".join(found), starts, ends)


def _hangs_on(char: str) -> bool:
    """Whether a character belongs to the one before it."""
    if char < "\u0300":
        return False
    low, high = _VOWELS_OF_HANGUL
    return char in _HALF_WIDE_MARKS or low <= char <= high or category(char)[0] == "M"


@lru_cache(maxsize=4096)
def _folded(cluster: str) -> str:
    known = normalize("NFKC", normalize("NFKC", cluster).casefold()).translate(_ALIKE)
    return "".join(
        " " if kind[0] == "Z" or char in "\t\n\v\f\r\x85" else char
        for char in known
        if (kind := category(char)) != "Cf" and not _VARIATIONS[0] <= char <= _VARIATIONS[1]
    )


def is_of_word(char: str) -> bool:
    return char.isalnum() or (char >= "\u0300" and category(char)[0] == "M")


def is_spaceless(char: str) -> bool:
    point = ord(char)
    return point >= _SPACELESS[0][0] and any(low <= point <= high for low, high in _SPACELESS)


def breaks(text: str, place: int) -> bool:
    """Whether a word may begin or end before this character of a folded text."""
    if not 0 < place < len(text):
        return True
    before, after = text[place - 1], text[place]
    if not (is_of_word(before) and is_of_word(after)):
        return True
    return is_spaceless(before) or is_spaceless(after)


@dataclass(frozen=True, slots=True)
class Term:
    """A word or several, folded. Open on a side, it may be part of a longer word there."""

    text: str
    open_left: bool = False
    open_right: bool = False

    @classmethod
    def of(cls, written: str) -> Term:
        """As people write it: a star at an end leaves that end open, as in `guarantee*`."""
        bare = written.strip()
        return cls(fold(bare.strip("*")).text.strip(), bare.startswith("*"), bare.endswith("*"))

    def stands_at(self, text: str, start: int, end: int) -> bool:
        """Whether what was found there is a word by itself, as far as the term is closed."""
        return (self.open_left or breaks(text, start)) and (self.open_right or breaks(text, end))


# -- names, however they are spaced ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bones:
    """The letters and digits of a folded text alone, each with its place in it, and before which of them a gap is."""

    text: str
    places: list[int]
    gaps: list[bool]


def bones_of(folded: str) -> Bones:
    places = [place for place, char in enumerate(folded) if is_of_word(char)]
    gaps = [True, *(later - earlier > 1 for earlier, later in pairwise(places))] if places else []
    return Bones("".join(folded[place] for place in places), places, gaps)


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is known again joined, hyphenated or spaced out: `Project Falcon`, `#ProjectFalcon`, `f a l c o n`.

    `joints` are the places between its words. Gaps at other places are another text (`I dared` is not `Ida Red`),
    unless there is one after every letter.
    """

    text: str
    joints: frozenset[int]

    @classmethod
    def of(cls, written: str) -> Name:
        bones = bones_of(fold(written).text)
        return cls(bones.text, frozenset(place for place, gap in enumerate(bones.gaps) if gap and place))

    def stands_at(self, bones: Bones, start: int, end: int, original: str, folded: Folded) -> bool:
        if not (_name_breaks(bones, start, original, folded) and _name_breaks(bones, end, original, folded)):
            return False
        gaps = {place - start for place in range(start + 1, end) if bones.gaps[place]}
        return gaps <= self.joints or len(gaps) == end - start - 1


def _name_breaks(bones: Bones, place: int, original: str, folded: Folded) -> bool:
    if not 0 < place < len(bones.text) or bones.gaps[place]:
        return True
    before = original[folded.starts[bones.places[place - 1]]]
    after = original[folded.starts[bones.places[place]]]
    if before.islower() and after.isupper():  # as in a hashtag
        return True
    return is_spaceless(bones.text[place - 1]) or is_spaceless(bones.text[place])


# -- the automaton --------------------------------------------------------------------------------------------------


class Automaton:
    """All places of all words in one pass over a text (Aho and Corasick, 1975)."""

    def __init__(self, words: Iterable[str]) -> None:
        """`words` are told apart by their place in this order; empty ones are never found."""
        self._next: list[dict[str, int]] = [{}]
        self._ends: list[list[int]] = [[]]
        self.lengths: list[int] = []
        for number, word in enumerate(words):
            self.lengths.append(len(word))
            if word:
                self._ends[self._path(word)].append(number)
        self._back = [0] * len(self._next)
        self._shorter = [0] * len(self._next)  # the next node on the way back at which a word ends
        self._link()

    def _path(self, word: str) -> int:
        node = 0
        for char in word:
            following = self._next[node].get(char)
            if following is None:
                following = self._next[node][char] = len(self._next)
                self._next.append({})
                self._ends.append([])
            node = following
        return node

    def _link(self) -> None:
        waiting = deque(self._next[0].values())
        while waiting:
            node = waiting.popleft()
            for char, child in self._next[node].items():
                back = self._back[node]
                while back and char not in self._next[back]:
                    back = self._back[back]
                self._back[child] = back = self._next[back].get(char, 0)
                self._shorter[child] = back if self._ends[back] else self._shorter[back]
                waiting.append(child)

    def scan(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(start, end, number of the word) for every occurrence, overlapping ones too, by their ends."""
        if len(self._next) == 1:
            return
        following, back, ends, shorter = self._next, self._back, self._ends, self._shorter
        node = 0
        for place, char in enumerate(text, start=1):
            while node and char not in following[node]:
                node = back[node]
            node = following[node].get(char, 0)
            found = node if ends[node] else shorter[node]
            while found:
                for number in ends[found]:
                    yield place - self.lengths[number], place, number
                found = shorter[found]
