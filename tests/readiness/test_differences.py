"""What is different between two plans."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from readiness.difference import differences

OLD: dict[str, Any] = {
    "about": "A",
    "clocks": [{"kind": "acknowledge", "minutes": 5}, {"kind": "update", "minutes": 60}],
    "crisis_kinds": ["other", "misinformation"],
    "pause": {"on_activation": True},
    "numbers": [1, 2],
}
words = st.text("abc", min_size=1, max_size=2)
entries = st.lists(st.fixed_dictionaries({"name": words, "n": st.integers(0, 3)}), max_size=4)
plans = st.dictionaries(words, st.one_of(st.integers(0, 3), entries, st.lists(words, max_size=3)), max_size=4)


def test_entries_are_known_again_by_their_name() -> None:
    new = {
        "about": "B",
        "clocks": [{"kind": "update", "minutes": 90}, {"kind": "acknowledge", "minutes": 5}],
        "crisis_kinds": ["other"],
        "pause": {"on_activation": True, "allow_statements": False},
        "numbers": [1, 3],
    }
    assert differences(OLD, new) == [
        {"path": "about", "change": "changed", "before": "A", "after": "B"},
        {"path": "clocks[update].minutes", "change": "changed", "before": 60, "after": 90},
        {"path": "clocks", "change": "moved", "before": ["acknowledge", "update"], "after": ["update", "acknowledge"]},
        {"path": "crisis_kinds[misinformation]", "change": "removed", "before": "misinformation", "after": None},
        {"path": "pause.allow_statements", "change": "added", "before": None, "after": False},
        {"path": "numbers", "change": "changed", "before": [1, 2], "after": [1, 3]},
    ]


@given(plans, plans)
def test_there_are_none_exactly_between_equals(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (differences(one, other) == []) == (one == other)


@given(plans, plans)
def test_backwards_they_are_the_same_the_other_way_round(one: dict[str, Any], other: dict[str, Any]) -> None:
    swapped = {"added": "removed", "removed": "added", "changed": "changed", "moved": "moved"}
    there = {(d["path"], d["change"]) for d in differences(one, other)}
    back = {(d["path"], swapped[d["change"]]) for d in differences(other, one)}
    assert there == back
