"""Makes up what a brand's public says: ordinary days, and a storm. The same seed always makes the same mentions.

Items have the ingest format, one JSON object a line in a file. The brand is fictional and given by the caller.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import random
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NotRequired, TypedDict
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from crisisapi.story.phrases import FIRST_NAMES, GRAMMARS, SURNAMES


class Author(TypedDict):
    """Who wrote a mention. `followers` is a count."""

    handle: str
    name: str
    followers: int


class Mention(TypedDict):
    """One item of the ingest format. `posted_at` is RFC 3339 in UTC; `in_reply_to` is another external id."""

    external_id: str
    posted_at: str
    author: Author
    text: str
    language: str
    url: str
    kind: str
    in_reply_to: NotRequired[str]


_NORMAL_LANGUAGES: Final = {"en": 0.55, "es": 0.15, "de": 0.1, "fr": 0.08, "ru": 0.07, "uz": 0.05}
_STORM_LANGUAGES: Final = {"en": 0.7, "es": 0.1, "de": 0.06, "fr": 0.06, "ru": 0.05, "uz": 0.03}
_NORMAL_SUBJECTS: Final = {"talk": 0.42, "question": 0.22, "praise": 0.22, "complaint": 0.14}
_STORM_SUBJECTS: Final = {"anger": 0.86, "wonder": 0.1, "defence": 0.04}
_NORMAL_KINDS: Final = {"post": 0.5, "comment": 0.25, "reply": 0.15, "review": 0.1}
_STORM_KINDS: Final = {"post": 0.45, "comment": 0.35, "reply": 0.2}
_COPIED_SHARE: Final = 0.3
_PEAK_AT: Final = 0.25
_STARTS_AT: Final = 0.02


def normal_days(
    seed: int, brand: str, start: datetime, days: int, per_day: int, *, zone: str = "UTC"
) -> Iterator[Mention]:
    """The mentions of `days` ordinary days from `start`, in time order, about `per_day` each.

    Two peaks a day and a trough at night in `zone`, quieter weekends, and counts that scatter more than chance.
    """
    counts = normal_counts(seed, brand, start, days * 1440, per_day, zone=zone)
    voice = _Voice(seed, brand, "normal", start, topic="", people=max(200, 3 * per_day), languages=_NORMAL_LANGUAGES)
    recent: deque[Mention] = deque(maxlen=200)
    for moment in _moments(voice.chance, start, counts):
        kind = voice.pick(_NORMAL_KINDS)
        mention = voice.mention(moment, kind, voice.pick(_NORMAL_SUBJECTS), familiar=True)
        if kind in {"comment", "reply"} and recent:
            mention["in_reply_to"] = recent[int(voice.chance() * len(recent))]["external_id"]
        recent.append(mention)
        yield mention


def storm(  # noqa: PLR0917 - the same order as ordinary days
    seed: int,
    brand: str,
    start: datetime,
    minutes: int,
    peak_factor: float,
    topic: str,
    *,
    per_day: int = 6000,
    zone: str = "UTC",
    origin: str | None = None,
) -> Iterator[Mention]:
    """The angry mentions that a badly received post adds to ordinary ones, in time order.

    They grow slowly, then fast, peak after a quarter of `minutes` so that the brand has `peak_factor` times its normal
    volume, and decay. Nearly a third are copies of others. `topic` is what the post was about, as a noun phrase;
    `origin` is the external id of the post, to which comments and replies then answer.
    """
    counts = storm_counts(seed, brand, start, minutes, peak_factor, per_day=per_day, zone=zone)
    people = max(200, int(counts.sum()) * 2)
    voice = _Voice(seed, brand, "storm", start, topic=topic, people=people, languages=_STORM_LANGUAGES)
    copied: list[Mention] = []
    for moment in _moments(voice.chance, start, counts):
        if copied and voice.chance() < _COPIED_SHARE:
            # The first to speak are copied most.
            yield voice.copy(moment, copied[int(len(copied) * voice.chance() ** 3)])
            continue
        kind = voice.pick(_STORM_KINDS)
        mention = voice.mention(moment, kind, voice.pick(_STORM_SUBJECTS), familiar=False)
        if kind in {"comment", "reply"} and (origin or copied):
            mention["in_reply_to"] = origin or copied[0]["external_id"]
        if kind == "post" and len(copied) < 500:
            copied.append(mention)
        yield mention


def merged(*streams: Iterable[Mention]) -> Iterator[Mention]:
    """Several streams in time order as one stream in time order."""
    return heapq.merge(*streams, key=lambda mention: mention["posted_at"])


def write_ndjson(mentions: Iterable[Mention], path: Path) -> int:
    """Write one JSON object a line (UTF-8) to `path`, replacing it; returns how many."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for mention in mentions:
            file.write(json.dumps(mention, ensure_ascii=False, separators=(",", ":")))
            file.write("\n")
            written += 1
    return written


def normal_counts(
    seed: int, brand: str, start: datetime, minutes: int, per_day: int, *, zone: str = "UTC"
) -> NDArray[np.int64]:
    """How many mentions each minute of ordinary time brings: what `normal_days` fills with words."""
    draw = _numbers(seed, brand, "normal", start)
    rate = _rhythm(start, minutes, zone) * per_day / 1440.0
    # Days differ, quarters of an hour drift, and now and then something small happens.
    days, quarters = minutes // 1440 + 1, minutes // 15 + 1
    rate *= np.repeat(np.exp(draw.normal(-0.005, 0.1, days)), 1440)[:minutes]
    drift = np.zeros(quarters)
    for quarter, push in enumerate(draw.normal(0.0, 0.12 * math.sqrt(1 - 0.9**2), quarters).tolist()):
        drift[quarter] = 0.9 * drift[quarter - 1] + push if quarter else push
    rate *= np.repeat(np.exp(drift), 15)[:minutes]
    for _ in range(int(draw.poisson(0.5 * minutes / 1440.0))):
        begin, length = int(draw.integers(0, minutes)), int(draw.integers(20, 60))
        rate[begin : begin + length] *= draw.uniform(1.1, 1.4)
    scatter = 0.1
    return draw.poisson(rate * draw.gamma(1.0 / scatter, scatter, minutes)).astype(np.int64)


def storm_counts(
    seed: int, brand: str, start: datetime, minutes: int, peak_factor: float, *, per_day: int, zone: str = "UTC"
) -> NDArray[np.int64]:
    """How many mentions the storm adds in each of its minutes: what `storm` fills with words."""
    if minutes < 4 or peak_factor <= 1:
        raise ValueError("A storm takes at least four minutes and peaks above normal.")
    draw = _numbers(seed, brand, "storm", start)
    shape = storm_shape(minutes)
    rate = (peak_factor - 1.0) * shape * _rhythm(start, minutes, zone) * per_day / 1440.0
    return draw.poisson(rate * draw.gamma(20.0, 1.0 / 20.0, minutes)).astype(np.int64)


def storm_shape(minutes: int) -> NDArray[np.float64]:
    """The storm's growth, peak and decay by minute, 1 at the peak."""
    at = np.arange(minutes, dtype=np.float64)
    peak = max(1.0, _PEAK_AT * minutes)
    growth = np.exp(math.log(_STARTS_AT) * (1.0 - at / peak))
    decay = np.exp(-3.0 * (at - peak) / (minutes - peak))
    return np.where(at < peak, growth, decay)


def _rhythm(start: datetime, minutes: int, zone: str) -> NDArray[np.float64]:
    """The rate of each minute relative to the mean of a week, by local time of day and day of the week."""
    local = ZoneInfo(zone)
    # Clocks change on the hour or half-hour of UTC, so one look a quarter of an hour is enough.
    quarters = [(start + timedelta(minutes=15 * i)).astimezone(local) for i in range(minutes // 15 + 1)]
    hours = np.repeat([at.hour + at.minute / 60.0 for at in quarters], 15)[:minutes]
    weekend = np.repeat([at.weekday() >= 5 for at in quarters], 15)[:minutes]
    return _day(hours) * np.where(weekend, 0.82, 1.0) / _WEEK_MEAN


def _day(hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two peaks, at noon and in the evening, and a trough at night."""

    def bump(middle: float, width: float) -> NDArray[np.float64]:
        away = np.abs(hours - middle)
        away = np.minimum(away, 24.0 - away)
        return np.exp(-0.5 * (away / width) ** 2)

    return 0.2 + 0.9 * bump(12.5, 2.8) + 1.2 * bump(20.0, 2.3)


_WEEK_MEAN: Final = float(_day(np.arange(0.0, 24.0, 0.25)).mean()) * (5 + 2 * 0.82) / 7


def _key(seed: int, brand: str, part: str, start: datetime) -> bytes:
    return hashlib.blake2b(
        f"{seed}|{brand}|{part}|{start.astimezone(UTC).isoformat()}".encode(), digest_size=16
    ).digest()


def _numbers(seed: int, brand: str, part: str, start: datetime) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(_key(seed, brand, part, start)))


def _moments(chance: Callable[[], float], start: datetime, counts: NDArray[np.int64]) -> Iterator[str]:
    """RFC 3339 instants in order, as many in each minute as `counts` says."""
    for minute, count in enumerate(counts.tolist()):
        if count:
            prefix = (start + timedelta(minutes=minute)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:")
            for milliseconds in sorted([int(chance() * 60_000) for _ in range(count)]):
                yield f"{prefix}{milliseconds // 1000:02d}.{milliseconds % 1000:03d}Z"


_SLOT = re.compile(r"\{(\w+)\}")
# A compiled phrase: text and slots in turn, beginning and ending with text.
_Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Weighted:
    names: tuple[str, ...]
    up_to: tuple[float, ...]


def _weighted(weights: Mapping[str, float]) -> _Weighted:
    total, up_to = 0.0, []
    for weight in weights.values():
        total += weight
        up_to.append(total)
    return _Weighted(tuple(weights), tuple(up_to))


class _Voice:
    """The people of one stream and their words."""

    def __init__(
        self,
        seed: int,
        brand: str,
        part: str,
        start: datetime,
        *,
        topic: str,
        people: int,
        languages: Mapping[str, float],
    ) -> None:
        key = _key(seed, brand, f"{part} words", start)
        self.chance = random.Random(key).random  # noqa: S311 - a story, not a secret
        self._prefix = f"{part[0]}{key.hex()[:10]}"
        self._next = 0
        tag = re.sub(r"\W", "", brand) or "brand"
        self._given = {"brand": brand, "topic": topic, "tag": tag, "boycott": f"Boycott{tag}"}
        self._languages = _weighted(languages)
        self._picks: dict[int, _Weighted] = {}
        self._grammars = {
            language: {slot: [_compiled(phrase) for phrase in phrases] for slot, phrases in GRAMMARS[language].items()}
            for language in languages
        }
        draw = _numbers(seed, brand, f"{part} people", start)
        # Most people have a few hundred followers, a few have millions.
        self._followers = np.exp(draw.normal(5.2, 1.4, people)) * (1.0 + draw.pareto(1.1, people))
        self._names = draw.integers(0, len(FIRST_NAMES) * len(SURNAMES), people)
        self._people = people
        self._label = key.hex()[:4]

    def pick(self, weights: Mapping[str, float]) -> str:
        """One of the names at random, by weight."""
        known = self._picks.get(id(weights))
        if known is None:
            known = self._picks[id(weights)] = _weighted(weights)
        return self._one(known)

    def _one(self, known: _Weighted) -> str:
        drawn = self.chance() * known.up_to[-1]
        for name, up_to in zip(known.names, known.up_to, strict=True):
            if drawn < up_to:
                return name
        return known.names[-1]

    def mention(self, posted_at: str, kind: str, subject: str, *, familiar: bool) -> Mention:
        """Somebody says something. Familiar people speak often; strangers come once."""
        language = self._one(self._languages)
        text = self._say(self._grammars[language], subject)
        return self._item(posted_at, self._author(familiar=familiar), text, language, kind)

    def copy(self, posted_at: str, of: Mention) -> Mention:
        """Somebody repeats what another said, as a retweet-like copy."""
        text = f"RT @{of['author']['handle']}: {of['text']}"
        return self._item(posted_at, self._author(familiar=False), text, of["language"], "post")

    def _item(self, posted_at: str, author: Author, text: str, language: str, kind: str) -> Mention:
        external_id = f"{self._prefix}-{self._next}"
        self._next += 1
        return {
            "external_id": external_id,
            "posted_at": posted_at,
            "author": author,
            "text": text,
            "language": language,
            "url": f"https://social.example/{author['handle']}/{external_id}",
            "kind": kind,
        }

    def _author(self, *, familiar: bool) -> Author:
        number = int(self._people * self.chance() ** (3.0 if familiar else 1.0))
        name = int(self._names[number])
        first, last = FIRST_NAMES[name % len(FIRST_NAMES)], SURNAMES[name // len(FIRST_NAMES)]
        return {
            "handle": f"{first}{last}{self._label}{number}".lower(),
            "name": f"{first} {last}",
            "followers": min(int(self._followers[number]), 80_000_000),
        }

    def _say(self, grammar: Mapping[str, Sequence[_Phrase]], slot: str) -> str:
        phrases = grammar[slot]
        phrase = phrases[int(self.chance() * len(phrases))]
        if len(phrase) == 1:
            return phrase[0]
        said = []
        for i, part in enumerate(phrase):
            if i % 2 == 0:
                said.append(part)
            elif part in self._given:
                said.append(self._given[part])
            elif part == "n":
                said.append(str(2 + int(self.chance() * 18)))
            else:
                said.append(self._say(grammar, part))
        return "".join(said)


def _compiled(phrase: str) -> _Phrase:
    return tuple(_SLOT.split(phrase))
