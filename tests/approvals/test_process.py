"""What a frozen step may say, and how its voices are counted."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from approvals.counting import Voice, hats_worn, places_asked, places_complete, step_complete
from approvals.process import check_stages
from core.refusals import Invalid
from tests.approvals.conftest import CLIENT, LEAD
from tests.cast import walled
from tests.conftest import North

DEADLINE = {"deadline_minutes": 30, "on_deadline": "escalate"}
DEPUTISED = {"deadline_minutes": 30, "on_deadline": "deputise", "deputies": [{"role": "owner"}]}


@pytest.mark.django_db
def test_a_step_stays_as_it_was_said_and_nothing_is_filled_in(north: North) -> None:
    full = LEAD | DEPUTISED | {"order": 3, "hats": ["owner"], "looks_at": ["text", "language"]}
    full["deputies"] = [{"role": "owner"}, {"seat": str(uuid4())}]
    with walled(north.agency):
        assert check_stages([LEAD, CLIENT]) == [LEAD, CLIENT]
        assert check_stages([full]) == [full]
        assert check_stages([LEAD | {"quorum": 2, "hats": ["crisis_lead", "client_approver"]}])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"order": -1}, "order"),
        ({"order": True}, "order"),
        ({"order": "1"}, "order"),
        ({"hats": "owner"}, "hats"),
        ({"hats": ["owner", "owner"], "quorum": 2}, "hats"),
        ({"hats": ["owner", "admin"]}, "hats"),
        ({"hats": ["pope"]}, "hats.0"),
        ({"hats": ["responder"]}, "hats.0"),
        ({"deadline_minutes": 30}, "on_deadline"),
        ({"on_deadline": "reject"}, "deadline_minutes"),
        (DEADLINE | {"deadline_minutes": 0}, "deadline_minutes"),
        (DEADLINE | {"deadline_minutes": 43_201}, "deadline_minutes"),
        (DEADLINE | {"on_deadline": "approve"}, "on_deadline"),
        (DEADLINE | {"deputies": [{"role": "owner"}]}, "deputies"),
        (DEADLINE | {"on_deadline": "deputise"}, "deputies"),
        (DEPUTISED | {"deputies": []}, "deputies"),
        (DEPUTISED | {"deputies": ["owner"]}, "deputies.0"),
        (DEPUTISED | {"deputies": [{"role": "owner", "seat": str(uuid4())}]}, "deputies.0"),
        (DEPUTISED | {"deputies": [{"role": "analyst"}]}, "deputies.0.role"),
        (DEPUTISED | {"deputies": [{"seat": "bo"}]}, "deputies.0.seat"),
        ({"looks_at": []}, "looks_at"),
        ({"looks_at": ["text", "text"]}, "looks_at"),
        ({"looks_at": ["tone"]}, "looks_at"),
        ({"looks_at": "text"}, "looks_at"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_with_its_field(north: North, more: dict[str, Any], field: str) -> None:
    with walled(north.agency), pytest.raises(Invalid) as refused:
        check_stages([LEAD | more])
    assert [error["field"] for error in refused.value.facts["errors"]] == [f"stages.0.{field}"]


def voice(person: str, *hats: str, place: int = 0, as_deputy: bool = False) -> Voice:
    return Voice(place, person, frozenset(hats), as_deputy)


def test_each_hat_is_worn_by_another_person() -> None:
    both, legal, lead = voice("a", "legal", "lead"), voice("b", "legal"), voice("c", "lead")
    assert not hats_worn(["legal", "lead"], [both])
    assert hats_worn(["legal", "lead"], [both, legal])
    assert hats_worn(["legal", "lead"], [legal, both])
    assert hats_worn(["lead", "legal"], [both, lead])
    assert not hats_worn(["legal", "lead", "client"], [both, legal, lead])
    assert hats_worn([], [])


def test_a_hat_moves_on_when_another_can_only_be_worn_so() -> None:
    # The first taker of "x" gives it up twice along the chain.
    people = [voice("a", "x", "y"), voice("b", "x", "z"), voice("c", "z")]
    assert hats_worn(["x", "z", "y"], people)
    assert hats_worn(["z", "x", "y"], people)
    assert not hats_worn(["x", "y", "z"], [voice("a", "x", "y"), voice("b", "x", "y"), voice("c", "x", "y")])


def test_a_deputy_wears_any_hat() -> None:
    assert hats_worn(["legal", "client"], [voice("a", "legal"), voice("d", as_deputy=True)])
    assert not hats_worn(["legal", "client"], [voice("d", as_deputy=True)])


def test_a_quorum_counts_people_and_asks_for_the_hats_besides() -> None:
    step = LEAD | {"quorum": 2, "hats": ["legal"]}
    assert not step_complete(step, [voice("a", "legal"), voice("a", "legal")])
    assert not step_complete(step, [voice("a"), voice("b")])
    assert step_complete(step, [voice("a"), voice("b"), voice("c", "legal")])
    assert step_complete(step, [voice("a"), voice("c", "legal")])


@pytest.mark.parametrize(
    ("orders", "complete", "asked"),
    [
        ([None, None, None], [], [0]),
        ([None, None, None], [0], [1]),
        ([1, 1, 2], [], [0, 1]),
        ([1, 1, 2], [1], [0]),
        ([1, 1, 2], [0, 1], [2]),
        ([5, 0, 5], [], [1]),
        ([5, 0, 5], [1], [0, 2]),
        ([None, 0, None], [], [0, 1]),  # a step of its own place, and one of the same order
        ([1, 1], [0, 1], []),
        ([0, 1, 2], [1], [0]),  # what was taken over from before waits for those ahead of it
        ([0, 1, 2], [0, 1], [2]),
    ],
)
def test_steps_of_the_lowest_order_that_is_not_complete_are_asked(
    orders: list[int | None], complete: list[int], asked: list[int]
) -> None:
    steps = [LEAD | ({} if order is None else {"order": order}) for order in orders]
    assert places_asked(steps, complete) == asked


def test_voices_count_in_their_own_step_only() -> None:
    steps = [LEAD, CLIENT | {"quorum": 2}]
    assert places_complete(steps, [voice("a", place=0), voice("b", place=1)]) == {0}
    assert places_complete(steps, [voice("a", place=1), voice("b", place=1)]) == {1}
