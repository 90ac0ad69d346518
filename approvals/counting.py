"""Counting voices: which steps are complete, and which are asked now. Pure functions, for the house and for proofs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

BYPASS_WITHIN = timedelta(minutes=15)  # the second person of a bypass follows the first
BYPASS_GRAVEST = 2  # at this severity or a graver one


@dataclass(frozen=True, slots=True)
class Voice:
    """One person's yes in one step, with the roles of that step that they, or whom they spoke for, held."""

    place: int
    person: str
    hats: frozenset[str] = frozenset()
    as_deputy: bool = False


def order_of(steps: Sequence[Mapping[str, Any]], place: int) -> int:
    """When a step is asked, among the others: its own place unless it says an order."""
    return int(steps[place].get("order", place))


def step_complete(step: Mapping[str, Any], voices: Sequence[Voice]) -> bool:
    """Whether these voices, all of one step, are a quorum of different people with a person for each hat."""
    if len({voice.person for voice in voices}) < step["quorum"]:
        return False
    return hats_worn(step.get("hats", []), voices)


def hats_worn(hats: Sequence[str], voices: Sequence[Voice]) -> bool:
    """Whether each hat can be given to another person; a deputy after a deadline may wear any."""
    wearers: dict[str, str] = {}  # person -> hat

    def find(hat: str, asked: set[str]) -> bool:
        for voice in voices:
            if voice.person in asked or not (voice.as_deputy or hat in voice.hats):
                continue
            asked.add(voice.person)
            if voice.person not in wearers or find(wearers[voice.person], asked):
                wearers[voice.person] = hat
                return True
        return False

    return all(find(hat, set()) for hat in hats)


def places_complete(steps: Sequence[Mapping[str, Any]], voices: Collection[Voice]) -> set[int]:
    """The places of the steps that have all their voices."""
    return {place for place, step in enumerate(steps) if step_complete(step, [v for v in voices if v.place == place])}


def places_asked(steps: Sequence[Mapping[str, Any]], complete: Collection[int]) -> list[int]:
    """The places of the steps whose voices are wanted now: those of the lowest order that is not complete yet."""
    left = [place for place in range(len(steps)) if place not in complete]
    if not left:
        return []
    first = min(order_of(steps, place) for place in left)
    return [place for place in left if order_of(steps, place) == first]
