"""Finding mentions by their words: newest first, a page at a time, over days that are indexed and days that are not.

Days are looked through from the newest on, in growing helpings, until a page is full. Of an indexed day the lists of
the asked words give the candidates, of another day every mention is one. Each candidate's own text is asked in the
end, so that an index that is behind can hide nothing that was erased and show nothing that was edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from django.db import connection

from core.refusals import Invalid
from listening.partitions import first_id

Mode = Literal["words", "substring", "fuzzy"]
LONGEST_TERM: Final = 60
MOST_PIECES: Final = 20
# A part that very many words hold is found quickly by reading; their lists would take longer.
MOST_TERMS: Final = 500
ALIKE: Final = 0.45  # of two words: shared trigrams of all trigrams
SHORTEST_PART: Final = 3
# Signs that Postgres takes for letters where it knows no locale.
SIGNS: Final = "“”„‟«»‹›‘’‚…–—·•¡¿、。！？，：；（）【】《》"  # noqa: RUF001 - signs that people write
WORDS_OF_TEXT: Final = f"to_tsvector('simple', translate(text, '{SIGNS}', '{' ' * len(SIGNS)}'))"
WORDS_OF: Final = f"translate(%s, '{SIGNS}', '{' ' * len(SIGNS)}')"

_PIECE = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')
_WORDS = re.compile(r"[^\W_]+")

# A lexeme in quotes, of which any word may be the continuation.
PREFIX: Final = "quote_literal(lower(%s)) || ':*'"
ONE_MS: Final = timedelta(milliseconds=1)

LEXEMES = f"SELECT DISTINCT unnest(tsvector_to_array(to_tsvector('simple', {WORDS_OF})))"
BEGINNING = """
SELECT DISTINCT term FROM listening_word WHERE brand_id = ANY(%s::uuid[]) AND term >= %s AND term < %s LIMIT %s
"""
HOLDING = "SELECT DISTINCT term FROM listening_word WHERE brand_id = ANY(%s::uuid[]) AND term LIKE %s LIMIT %s"
SIMILAR = """
SELECT DISTINCT term FROM listening_word WHERE brand_id = ANY(%s::uuid[]) AND similarity(term, %s) >= %s LIMIT %s
"""
DAYS = """
SELECT brand_id, day, dirty, starts, ends FROM listening_searchday
 WHERE brand_id = ANY(%s::uuid[]) AND starts < %s AND ends > %s ORDER BY day DESC
"""
# Of days that are not indexed; `{where}` are conditions on a mention.
READ = """
SELECT m.id FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS days (brand_id, low, high)
 CROSS JOIN LATERAL (
       SELECT id FROM listening_mention
        WHERE brand_id = days.brand_id AND id >= days.low AND id < days.high AND {where}
        ORDER BY id DESC LIMIT %s) AS m
 ORDER BY m.id DESC LIMIT %s
"""
# Of indexed days: mentions that stand in a list of every piece of the question.
LOOK_UP = """
SELECT listed.mention_id
  FROM (SELECT listed.mention_id
          FROM unnest(%s::uuid[], %s::date[], %s::uuid[], %s::uuid[]) AS days (brand_id, day, low, high)
         CROSS JOIN unnest(%s::text[], %s::int[]) AS asked (term, piece)
          JOIN listening_term AS said
            ON said.brand_id = days.brand_id AND said.term = asked.term AND said.day = days.day
         CROSS JOIN LATERAL unnest(said.mention_ids) AS listed (mention_id)
         WHERE listed.mention_id >= days.low AND listed.mention_id < days.high
         GROUP BY listed.mention_id HAVING count(DISTINCT asked.piece) = %s
         ORDER BY listed.mention_id DESC) AS listed
 WHERE EXISTS (SELECT 1 FROM listening_mention WHERE id = listed.mention_id AND {where})
 ORDER BY listed.mention_id DESC LIMIT %s
"""
# What a list can be narrowed by, as it is asked of one mention.
FILTERS: Final[Mapping[str, str]] = {
    "source_id": "source_id = %s",
    "network": "network = %s",
    "kind": "kind = %s",
    "language": "language = %s",
    "country": "country = %s",
    "mood": "mood = %s",
    "author_followers__gte": "author_followers >= %s",
    "posted_at__gte": "posted_at >= %s",
    "posted_at__lt": "posted_at < %s",
}
FIRST_DAYS: Final = 2
EARLIEST: Final = UUID(int=0)
LATEST: Final = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a mention in SQL, and its parameters."""

    sql: str
    asked: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, a phrase or the beginning of a word that a text must hold, or must not."""

    text: str
    phrase: bool = False
    beginning: bool = False
    unwanted: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a condition on the text, and for each piece the words one of which a candidate's list belongs to.

    Without `lists` every mention is a candidate.
    """

    text: Condition
    lists: tuple[tuple[str, ...], ...] | None


@dataclass(frozen=True, slots=True)
class Day:
    """The part of a brand's day that is asked for, between two ids."""

    brand_id: UUID
    day: date
    dirty: bool
    low: UUID
    high: UUID


def find_mentions(
    q: str, mode: Mode, *, brand_ids: Sequence[UUID], before: UUID | None, filters: Mapping[str, Any], limit: int
) -> list[UUID]:
    """The ids of the newest `limit` mentions that match, newest first, all of them older than `before`.

    `filters` are those of FILTERS. A few statements for a page, at most one pair more each time the number of days
    doubles. Raises Invalid (400) for a question that asks for nothing.
    """
    narrowed = _conditions(filters)
    low = first_id(filters["posted_at__gte"]) if "posted_at__gte" in filters else EARLIEST
    high = before or LATEST
    if "posted_at__lt" in filters:
        high = min(high, first_id(filters["posted_at__lt"] + ONE_MS))
    question = _ask(q, mode, brand_ids)
    where = Condition(f"{question.text.sql} AND {narrowed.sql}", (*question.text.asked, *narrowed.asked))
    found: list[UUID] = []
    for days in _helpings(_days(brand_ids, low, high)):
        wanted = limit - len(found)
        read = [day for day in days if day.dirty or question.lists is None]
        look_up = [day for day in days if not (day.dirty or question.lists is None)]
        ids = _read(read, where, wanted) + _look_up(look_up, question.lists or (), where, wanted)
        found += sorted(ids, reverse=True)[:wanted]
        if len(found) >= limit:
            break
    return found


def pieces_of(q: str) -> list[Piece]:
    """What stands in a question: words, "phrases", beginnings* and -unwanted ones. Raises Invalid (400)."""
    pieces = []
    for match in _PIECE.finditer(q):
        minus, quoted, word = match.groups()
        text = quoted if quoted is not None else word
        if not _WORDS.search(text):
            continue
        beginning = quoted is None and text.endswith("*")
        pieces.append(Piece(text.rstrip("*"), quoted is not None, beginning, bool(minus)))
    if not pieces or all(piece.unwanted for piece in pieces):
        raise _refusal("nothing_asked", "Name at least one word that a mention should hold.")
    if len(pieces) > MOST_PIECES:
        raise _refusal("too_many_words", f"At most {MOST_PIECES} words and phrases.")
    return pieces


def _refusal(code: str, detail: str) -> Invalid:
    return Invalid(errors=[{"field": "q", "code": code, "detail": detail}])


def _ask(q: str, mode: Mode, brand_ids: Sequence[UUID]) -> Question:
    if mode == "words":
        return _ask_for_words(pieces_of(q), brand_ids)
    parts = _WORDS.findall(q)
    longest = max(parts, key=len, default="")
    if len(longest) < SHORTEST_PART:
        raise _refusal("too_short", f"At least one word of {SHORTEST_PART} letters.")
    if mode == "substring":
        text = Condition("text ILIKE %s", (f"%{_literally(q.strip())}%",))
        return Question(text, _lists([_words(HOLDING, brand_ids, f"%{_literally(longest.lower())}%")]))
    words = [part for part in parts if len(part) >= SHORTEST_PART][:MOST_PIECES]
    alike = " AND ".join([f"word_similarity(%s, text) >= {ALIKE}"] * len(words))
    return Question(
        Condition(alike, tuple(words)), _lists([_words(SIMILAR, brand_ids, word.lower(), ALIKE) for word in words])
    )


def _ask_for_words(pieces: Sequence[Piece], brand_ids: Sequence[UUID]) -> Question:
    conditions, asked, lists = [], [], []
    queries = []
    for piece in pieces:
        begun = f"to_tsquery('simple', {PREFIX})" if piece.beginning else f"phraseto_tsquery('simple', {WORDS_OF})"
        queries.append(f"!!{begun}" if piece.unwanted else begun)
        asked.append(piece.text)
        if piece.unwanted:
            continue
        if piece.beginning:
            start = _WORDS.findall(piece.text)[-1].lower()
            lists.append(_words(BEGINNING, brand_ids, start, start[:-1] + chr(min(ord(start[-1]) + 1, 0x10FFFF))))
        else:
            lists += [[lexeme] for lexeme in _lexemes(piece.text)]
    text = f"{WORDS_OF_TEXT} @@ ({' && '.join(queries)})"
    # Reading a text as words costs more than looking whether the letters are there at all.
    for piece in pieces:
        word = piece.text if piece.text.isascii() and piece.text.isalnum() else ""
        if word and not piece.unwanted:
            conditions.append("text ILIKE %s")
            asked.insert(len(conditions) - 1, f"%{word}%")
    return Question(Condition(" AND ".join([*conditions, text]), tuple(asked)), _lists(lists))


def _lists(lists: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...] | None:
    """What to look up; None where that would be no quicker than reading, or could miss what is there."""
    if not lists or any(len(words) > MOST_TERMS or any(len(word) > LONGEST_TERM for word in words) for words in lists):
        return None
    return tuple(tuple(words) for words in lists)


def _lexemes(text: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(LEXEMES, [text])
        return [lexeme for (lexeme,) in cursor.fetchall()]


def _words(statement: str, brand_ids: Sequence[UUID], *asked: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(brand_ids), *asked, MOST_TERMS + 1])
        return [word for (word,) in cursor.fetchall()]


def _literally(text: str) -> str:
    """A text as LIKE reads it, none of its signs standing for others."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _conditions(filters: Mapping[str, Any]) -> Condition:
    named = {name: value for name, value in filters.items() if name in FILTERS}
    return Condition(" AND ".join(["true", *[FILTERS[name] for name in named]]), tuple(named.values()))


def _days(brand_ids: Sequence[UUID], low: UUID, high: UUID) -> list[Day]:
    with connection.cursor() as cursor:
        cursor.execute(DAYS, [list(brand_ids), high, low])
        return [
            Day(brand_id, day, dirty, max(low, starts), min(high, ends))
            for brand_id, day, dirty, starts, ends in cursor.fetchall()
        ]


def _helpings(days: Sequence[Day]) -> Iterator[list[Day]]:
    """The days in growing helpings, newest first; a day of several brands is never divided."""
    dates = sorted({day.day for day in days}, reverse=True)
    size, start = FIRST_DAYS, 0
    while start < len(dates):
        chosen = set(dates[start : start + size])
        yield [day for day in days if day.day in chosen]
        start, size = start + size, size * 2


def _read(days: Sequence[Day], where: Condition, limit: int) -> list[UUID]:
    if not days:
        return []
    places = [[day.brand_id for day in days], [day.low for day in days], [day.high for day in days]]
    with connection.cursor() as cursor:
        cursor.execute(READ.format(where=where.sql), [*places, *where.asked, limit, limit])
        return [row[0] for row in cursor.fetchall()]


def _look_up(days: Sequence[Day], lists: Sequence[Sequence[str]], where: Condition, limit: int) -> list[UUID]:
    if not days or not all(lists):
        return []
    places: list[Any] = [
        [day.brand_id for day in days],
        [day.day for day in days],
        [day.low for day in days],
        [day.high for day in days],
    ]
    terms = [(term, piece) for piece, words in enumerate(lists) for term in words]
    asked: list[Any] = [[term for term, _ in terms], [piece for _, piece in terms], len(lists)]
    with connection.cursor() as cursor:
        cursor.execute(LOOK_UP.format(where=where.sql), [*places, *asked, *where.asked, limit])
        return [row[0] for row in cursor.fetchall()]
