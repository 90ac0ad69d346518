"""What is different between two plans, part by part, in a form that a person can read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

# By what an entry of a list is known again when the list changes around it.
KNOWN_BY: Final = ("duty", "department", "kind", "name", "title", "is")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each change as {"path", "change": added|removed|changed, "before", "after"}, in the order of the plan's parts.

    Entries of lists are known again by their name, so that one that only moves is no change but of the list's order:
    {"change": "moved"} says the names in their old and new order.
    """
    return list(_between("", before, after))


def _between(path: str, before: Any, after: Any) -> Iterator[dict[str, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _each(before, after, f"{path}.{{}}" if path else "{}")
    elif isinstance(before, list) and isinstance(after, list) and (names := _names(before, after)) is not None:
        old, new = names
        yield from _each(old, new, f"{path}[{{}}]")
        stayed, now = [name for name in old if name in new], [name for name in new if name in old]
        if stayed != now:
            yield _change(path, "moved", stayed, now)
    elif before != after:
        yield _change(path, "changed", before, after)


def _each(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield _change(path.format(name), "removed", before[name], None)
        elif name not in before:
            yield _change(path.format(name), "added", None, after[name])
        else:
            yield from _between(path.format(name), before[name], after[name])


def _names(before: list[Any], after: list[Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The entries of both lists by name; None where they have none, or not each its own."""
    entries = [*before, *after]
    if all(isinstance(entry, str) for entry in entries):
        found = ({entry: entry for entry in before}, {entry: entry for entry in after})
    else:
        by = next((key for key in KNOWN_BY if all(isinstance(e, Mapping) and key in e for e in entries)), None)
        if by is None:
            return None
        found = ({str(entry[by]): entry for entry in before}, {str(entry[by]): entry for entry in after})
    return found if len(found[0]) == len(before) and len(found[1]) == len(after) else None


def _change(path: str, change: str, before: Any, after: Any) -> dict[str, Any]:
    return {"path": path, "change": change, "before": before, "after": after}
