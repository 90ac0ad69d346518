"""Filling the slots of a message with facts: the texts as they would go out, and what stands in their way.

Pure functions: the facts are given, and so is the instant at which they are to be true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.slots import SLOT, fits, slots_in
from core.refusals import Refusal


class SlotMissing(Refusal):
    """Fact `slots`: [{"name", "type", "longest"}], the slots for which nobody has set a fact."""

    code = "slot_missing"
    title = "A slot of this message has no fact to fill it."


class SlotStale(Refusal):
    """Fact `slots`: [{"name", "fact", "owner", "said_at", "stale_since"}], the slots whose facts are too old."""

    code = "slot_stale"
    title = "A fact of this message is too old: its owner says first that it is still true."


class SlotUnfit(Refusal):
    """Fact `slots`: [{"name", "fact", "owner", "type", "longest"}]: what stands there is no value of the slot's type."""

    code = "slot_unfit"
    title = "A fact does not fit the slot of this message that it would fill."


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

    `missing`, `stale` and `unfit` are plain rows as the refusals of those names tell them, in the order of the names.
    """

    texts: tuple[str, ...]
    missing: tuple[dict[str, Any], ...] = ()
    stale: tuple[dict[str, Any], ...] = ()
    unfit: tuple[dict[str, Any], ...] = ()

    @property
    def refusal(self) -> Refusal | None:
        """Why these texts cannot go out; None when they can."""
        if self.missing:
            return SlotMissing(slots=list(self.missing))
        if self.unfit:
            return SlotUnfit(slots=list(self.unfit))
        return SlotStale(slots=list(self.stale)) if self.stale else None


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
            missing.append({"name": name, "type": slot["type"], "longest": slot["longest"]})
        elif not fits(value.text, slot):
            unfit.append({"name": name, **_whose(value), "type": slot["type"], "longest": slot["longest"]})
        else:
            words[name] = value.text
            if value.stale_since is not None and value.stale_since <= at:
                aged = {"said_at": value.said_at, "stale_since": value.stale_since}
                stale.append({"name": name, **_whose(value), **aged})
    # One pass over the template: what a value says is never read as a slot.
    filled = tuple(SLOT.sub(lambda found: words.get(found[1], found[0]), text) for text in texts)
    return Filled(filled, tuple(missing), tuple(stale), tuple(unfit))


def _whose(value: Value) -> dict[str, Any]:
    return {"fact": value.fact, "owner": value.owner}
