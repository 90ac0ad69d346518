"""Filling the slots of a message with facts: the texts as they would go out, and what stands in their way.

Pure functions: the facts are given, and so is the instant at which they are to be true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.slots import SLOT, fits, slots_in
from core.refusals import Refusal


class SlotMissing(Refusal):
    """Fact `slots`: [{"slot", "type", "longest"}], the slots for which nobody has set a fact."""

    code = "slot_missing"
    title = "A slot of this message has no fact to fill it."


class SlotUnfit(Refusal):
    """Fact `slots`: [{"slot", "fact", "owner", "type", "longest"}]: what stands there is no value of that type."""

    code = "slot_unfit"
    title = "A fact does not fit the slot of this message that it would fill."


class StaleFact(Refusal):
    """Fact `slots`: [{"slot", "fact", "owner", "said_at", "stale_since", "age_minutes"}]; `owner` is a seat."""

    code = "stale_fact"
    title = "A fact that these words rest on is too old: its owner says first that it is still true."


class FactChanged(Refusal):
    """Fact `slots`: [{"slot", "fact", "owner", "removed"}]: what is true now is not what these words say."""

    code = "fact_changed"
    title = "These words say what is not true any more: fill them again."


@dataclass(frozen=True, slots=True)
class Value:
    """What fills a slot: a fact, or, with neither id nor age, what somebody tries out."""

    text: str
    fact: UUID | None = None
    owner: UUID | None = None
    said_at: datetime | None = None
    stale_since: datetime | None = None  # from when on it is too old; it may lie ahead


@dataclass(frozen=True, slots=True)
class Filled:
    """The texts of a message in the order of its deliveries; a slot that cannot be filled stands as it stood.

    `said` is what the texts rest on: {slot: {"fact": id, "value": text}}. `missing`, `stale` and `unfit` are plain rows
    as the refusals of those names tell them, in the order of the slots' names.
    """

    texts: tuple[str, ...]
    said: Mapping[str, dict[str, str]] = field(default_factory=dict)
    missing: tuple[dict[str, Any], ...] = ()
    stale: tuple[dict[str, Any], ...] = ()
    unfit: tuple[dict[str, Any], ...] = ()

    @property
    def unsayable(self) -> Refusal | None:
        """Why there is no text at all, however old the facts may be; None when there is."""
        if self.missing:
            return SlotMissing(slots=list(self.missing))
        return SlotUnfit(slots=list(self.unfit)) if self.unfit else None

    @property
    def refusal(self) -> Refusal | None:
        """Why these texts cannot go out; None when they can."""
        return self.unsayable or (StaleFact(slots=list(self.stale)) if self.stale else None)


def fill(
    texts: Sequence[str], slots: Mapping[str, Mapping[str, Any]], values: Mapping[str, Value], *, at: datetime
) -> Filled:
    """Fill the slots of templates (`approvals.slots`) with the values of the same names.

    A stale value is filled in and named; one that is missing or of another type is named, and its slot stays.
    """
    missing, stale, unfit = [], [], []
    words: dict[str, str] = {}
    for name in sorted({name for text in texts for name in slots_in(text) if name in slots}):
        slot, value = slots[name], values.get(name)
        if value is None:
            missing.append({"slot": name, "type": slot["type"], "longest": slot["longest"]})
        elif not fits(value.text, slot):
            wanted = {"type": slot["type"], "longest": slot["longest"]}
            unfit.append({"slot": name, "fact": value.fact, "owner": value.owner, **wanted})
        else:
            words[name] = value.text
            stale += too_old(name, value, at=at)
    # One pass over the template: what a value says is never read as a slot.
    filled = tuple(SLOT.sub(lambda found: words.get(found[1], found[0]), text) for text in texts)
    said = {name: {"fact": str(values[name].fact), "value": word} for name, word in words.items() if values[name].fact}
    return Filled(filled, said, tuple(missing), tuple(stale), tuple(unfit))


def too_old(name: str, value: Value, *, at: datetime) -> list[dict[str, Any]]:
    """The row that names a value which is stale at that instant; nothing for one that is not."""
    if value.stale_since is None or value.said_at is None or value.stale_since > at:
        return []
    return [
        {
            "slot": name,
            "fact": value.fact,
            "owner": value.owner,
            "said_at": value.said_at,
            "stale_since": value.stale_since,
            "age_minutes": int((at - value.said_at).total_seconds() // 60),
        }
    ]


def still_said(said: Mapping[str, dict[str, str]], texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """What other texts still rest on: the facts whose value stands in one of them."""
    return {name: one for name, one in said.items() if any(one["value"] in text for text in texts)}
