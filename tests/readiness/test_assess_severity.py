"""How grave a crisis is: by a matrix, with reasons that a person can read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readiness.severity import DEFAULT_MATRIX, LEGAL, MEASURED, MILDEST, assess
from tests.cast import Person
from tests.conftest import North
from tests.readiness.conftest import published

MATRIX: dict[str, Any] = {
    "agree": 1,
    "volume": [{"at_least": 10, "severity": 1}, {"at_least": 4, "severity": 2}],
    "spread": [{"at_least": 3, "severity": 2}],
    "legal": [{"is": "likely", "severity": 2}],
}


def test_the_gravest_dimension_counts_and_says_which_step_spoke() -> None:
    found = assess(MATRIX, {"volume": 5, "spread": 1})
    assert found.severity == 2
    assert [(one.dimension, one.severity, one.step) for one in found.reasons] == [
        ("volume", 2, {"at_least": 4, "severity": 2}),
        ("spread", 4, None),
    ]
    assert found.unknown == ("legal",)


def test_where_several_must_agree_one_alone_is_not_enough() -> None:
    cautious = MATRIX | {"agree": 2}
    assert assess(cautious, {"volume": 50, "spread": 3}).severity == 2
    assert assess(cautious, {"volume": 50, "spread": 1}).severity == 4
    assert assess(cautious, {"volume": 50}).severity == 1, "what is not known does not vote"


def test_of_nothing_known_nothing_grave_is_said() -> None:
    assert assess(MATRIX, {}).severity == MILDEST
    assert assess({}, {"volume": 100}).severity == MILDEST


@given(
    facts=st.fixed_dictionaries({}, optional={name: st.floats(0, 1e7) for name in MEASURED} | {
        "legal": st.sampled_from(LEGAL),
    }),
    name=st.sampled_from(sorted(MEASURED)),
    more=st.floats(0, 1e6),
)  # fmt: skip
def test_more_of_anything_never_makes_it_milder(facts: dict[str, Any], name: str, more: float) -> None:
    before = assess(DEFAULT_MATRIX, facts)
    after = assess(DEFAULT_MATRIX, facts | {name: facts.get(name, 0.0) + more})
    assert after.severity <= before.severity


@pytest.mark.django_db
def test_the_matrix_is_that_of_the_plan_in_force(
    north: North, ana: Person, lea: Person, cy: Person, eve: Person, new_plan: dict[str, Any]
) -> None:
    asked = {"brand": str(north.aurora.pk), "facts": {"volume": 5, "legal": "likely"}}
    house = lea.post("plans/assess", asked)
    assert (house.status, house.body["severity"], house.body["plan_version"]) == (200, 2, None)
    version = published(lea, ana, new_plan | {"body": new_plan["body"] | {"severity": {"volume": MATRIX["volume"]}}})
    answer = lea.post("plans/assess", asked)
    assert answer.body == {
        "severity": 2,
        "reasons": [{"dimension": "volume", "fact": 5.0, "severity": 2, "step": MATRIX["volume"][1]}],
        "unknown": [],
        "plan_version": version["id"],
    }
    assert lea.post("plans/assess", asked | {"facts": {"weather": 3}}).status == 400
    assert cy.post("plans/assess", asked).status == 403
    assert eve.post("plans/assess", asked).status == 400
    assert eve.post("/v1/agencies/north/plans/assess", asked).status == 404
