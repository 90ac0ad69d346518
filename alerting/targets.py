"""Targets of a step that upper storeys know: they register how the people behind a name are found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from alerting.models import Page

# (page, the name in the step, the instant) -> seats. Runs inside the wall; nobody is an answer.
Finder = Callable[["Page", str, datetime], Sequence[UUID]]

FINDERS: dict[str, Finder] = {}
# The only names that a kind has; kinds that are missing here may have any.
NAMES: dict[str, Collection[str]] = {}


def register_target(kind: str, find: Finder, *, names: Collection[str] | None = None) -> None:
    """Steps may name `{kind: name}` from now on; `names` are the only ones there are, None says any."""
    if kind in FINDERS:
        raise ValueError(f"Targets of the kind {kind!r} are registered twice.")
    FINDERS[kind] = find
    if names is not None:
        NAMES[kind] = names
