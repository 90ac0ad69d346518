"""Where mentions come from and how alike they are: spread over places, and coordinated copies.

The caller counts a window of mentions by network, language and country, and how many are near-duplicates of another;
the detector keeps what is usual and says what departs from it. What is usual forgets with a half-life of ten days.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from listening.detector import settings as fixed
from listening.detector.mood_shift import share_band
from listening.detector.reading import Finding, FindingKind, finding_why
from listening.detector.settings import Settings

FACTS_VERSION: Final = 1
# More places than this are told apart only as "the rest", so that the state stays small.
_MOST_PLACES: Final = 48
_PRIOR_MENTIONS: Final = 50.0
_COPIED_PRIOR: Final = 0.1
_LEAST_MENTIONS: Final = 30
# Departures are judged as if mentions depended on each other this much.
_DISPERSION: Final = 0.02
_SPREAD_RISE: Final = 0.25
_COPIES_RISE: Final = 0.2
_DEFAULT: Final = Settings()


@dataclass(frozen=True, slots=True)
class Facts:
    """One window of a brand's mentions, counted by the caller. A mention of unknown place is left out of that count.

    `copied` is how many mentions are near-duplicates of another one in the window, `authors` how many people wrote.
    """

    window_minutes: int
    mentions: int
    authors: int
    networks: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    countries: Mapping[str, int] = field(default_factory=dict)
    copied: int = 0

    def __post_init__(self) -> None:
        counts = [self.mentions, self.authors, self.copied]
        for places in (self.networks, self.languages, self.countries):
            counts += places.values()
            if sum(places.values()) > self.mentions:
                raise ValueError("Places hold more mentions than there are.")
        if self.window_minutes < 1 or min(counts) < 0 or self.copied > self.mentions:
            raise ValueError("A window has a length, and its counts are neither negative nor more than its mentions.")


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual of a brand's mentions: by kind of place the mentions of each, forgetting; the copied ones; all."""

    places: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    copied: float = 0.0
    mentions: float = 0.0

    @property
    def copied_share(self) -> float:
        """The usual share of copies."""
        return (self.copied + _COPIED_PRIOR * _PRIOR_MENTIONS) / (self.mentions + _PRIOR_MENTIONS)


def learn_facts(usual: Usual, facts: Facts, *, days: float) -> Usual:
    """Return what is usual after a window that ended `days` after the last one learned.

    A storm counts no more than a fifth of what is known, so that its places do not become usual at once.
    """
    if days < 0:
        raise ValueError("Windows are learned in time order.")
    keep = 0.5 ** (days / fixed.LEVEL_HALF_LIFE_DAYS)
    weight = min(1.0, max(0.2 * usual.mentions * keep, _PRIOR_MENTIONS) / max(facts.mentions, 1))
    places = {}
    for kind, counted in _counted(facts).items():
        known = {place: number * keep for place, number in usual.places.get(kind, {}).items()}
        for place, number in counted.items():
            known[place] = known.get(place, 0.0) + weight * number
        largest = sorted(known.items(), key=lambda item: (-item[1], item[0]))[:_MOST_PLACES]
        places[kind] = {place: number for place, number in largest if number >= 1e-3}  # noqa: PLR2004 - long gone
    return Usual(
        places=places,
        copied=usual.copied * keep + weight * facts.copied,
        mentions=usual.mentions * keep + weight * facts.mentions,
    )


def judge_facts(usual: Usual, facts: Facts, settings: Settings = _DEFAULT) -> list[Finding]:
    """What departs from the usual: mentions from places where few are usual, and mentions that are copies.

    Copies from hardly any author are one loud account, which is no campaign and is not found. The caller decides how
    often a finding that stands is worth telling: `alarm` is true whenever it is rare enough.
    """
    if facts.mentions < max(_LEAST_MENTIONS, settings.mood_least_mentions):
        return []
    found = [_spread(usual, facts), _copies(usual, facts)]
    enter = settings.alarm_score - math.log(fixed.OTHER_KINDS_BUDGET)
    return [
        Finding(
            kind=kind,
            score=score,
            alarm=score >= enter,
            window_minutes=facts.window_minutes,
            observed=round(share, 4),
            expected=round(normal, 4),
            low=round(low, 4),
            high=round(high, 4),
            why=finding_why(kind, facts.window_minutes, share, normal),
        )
        for kind, score, share, normal, low, high in found
        if score > 0
    ]


def _counted(facts: Facts) -> dict[str, Mapping[str, int]]:
    return {"network": facts.networks, "language": facts.languages, "country": facts.countries}


_Departure = tuple[FindingKind, float, float, float, float, float]


def _spread(usual: Usual, facts: Facts) -> _Departure:
    """The kind of place in which mentions lie most unlike usual: the share that lies where less than it is usual."""
    best: _Departure = ("spread", 0.0, 0.0, 0.0, 0.0, 1.0)
    for kind, counted in _counted(facts).items():
        known = usual.places.get(kind, {})
        total, mentions = sum(known.values()), sum(counted.values())
        if total < _PRIOR_MENTIONS or mentions < _LEAST_MENTIONS:
            continue
        # Places that hold more than twice their usual share are where it has spread to.
        grown = [
            place
            for place, number in counted.items()
            if number / mentions > 2.0 * (known.get(place, 0.0) + 0.5) / (total + 1.0)
        ]
        share = sum(counted[place] for place in grown) / mentions
        normal = (sum(known.get(place, 0.0) for place in grown) + 0.5 * max(len(grown), 1)) / (total + 1.0)
        if share - normal >= _SPREAD_RISE:
            best = max(best, ("spread", _score(share, normal, mentions), share, normal, *_band(normal, mentions)))
    return best


def _copies(usual: Usual, facts: Facts) -> _Departure:
    share, normal = facts.copied / facts.mentions, usual.copied_share
    if share - normal < _COPIES_RISE or facts.authors * fixed.MOST_PER_AUTHOR < facts.copied / 2:
        return "copies", 0.0, share, normal, 0.0, 1.0
    return "copies", _score(share, normal, facts.mentions), share, normal, *_band(normal, facts.mentions)


def _band(normal: float, mentions: int) -> tuple[float, float]:
    return share_band(min(normal, 1.0), mentions, _DISPERSION)


def _score(share: float, normal: float, mentions: int) -> float:
    """The log return period in log days that the brand's windows are believed to follow before more is known."""
    independent = mentions / (1.0 + (mentions - 1.0) * _DISPERSION)
    divergence = share * math.log(share / normal)
    if share < 1.0:
        divergence += (1.0 - share) * math.log((1.0 - share) / max(1.0 - normal, 1e-9))
    excess = math.sqrt(2.0 * independent * max(divergence, 0.0)) - fixed.EPISODE_OPENS_AT
    rarity = math.log(fixed.PRIOR_EPISODE_DAYS / fixed.PRIOR_EPISODES)
    return max(excess / fixed.PRIOR_EXCESS + rarity, 0.0) if excess > 0 else 0.0


def usual_to_dict(usual: Usual) -> dict[str, Any]:
    """What is usual as plain JSON values, with its version."""
    return {
        "version": FACTS_VERSION,
        "places": {kind: dict(known) for kind, known in usual.places.items()},
        "copied": usual.copied,
        "mentions": usual.mentions,
    }


def usual_from_dict(stored: Mapping[str, Any]) -> Usual:
    """What `usual_to_dict` wrote; of any other version nothing is usual yet."""
    if stored.get("version") != FACTS_VERSION:
        return Usual()
    return Usual(places=stored["places"], copied=stored["copied"], mentions=stored["mentions"])
