"""What is heard in a drill, and what a plan becomes when its clock runs faster: pure functions."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest

from core.refusals import Invalid
from readiness.drill_plan import faster, played_body, played_ladder, played_targets
from readiness.scenarios import (
    SIZES,
    TYPES,
    calm_minutes,
    check_scenario,
    minutes_of,
    ready_made,
    said_in,
    usual_per_minute,
)

OWN: dict[str, Any] = {
    "phases": [
        {"minutes": 3, "per_minute": 4, "mood": "calm"},
        {"minutes": 5, "per_minute": 40, "mood": "angry", "texts": ["{brand} burns in {place}"]},
    ],
    "seed": 7,
}


def fields(given: dict[str, Any], *, speed: int = 1) -> list[str]:
    with pytest.raises(Invalid) as wrong:
        check_scenario(given, speed=speed)
    return [error["field"] for error in wrong.value.facts["errors"]]


def told(scenario: dict[str, Any], brand: str = "Aurora") -> list[list[str]]:
    return [[one.text for one in said_in(scenario, minute, brand=brand)] for minute in range(minutes_of(scenario))]


def test_the_same_seed_says_the_same_and_another_does_not() -> None:
    scenario = check_scenario({"type": "data_breach", "size": "small", "seed": 3}, speed=1)
    again = check_scenario({"type": "data_breach", "size": "small", "seed": 3}, speed=1)
    assert said_in(scenario, 25, brand="Aurora") == said_in(again, 25, brand="Aurora")
    assert told(scenario) == told(again)
    assert told(scenario) != told(again | {"seed": 4})


@pytest.mark.parametrize("kind", list(TYPES))
def test_a_ready_made_scenario_begins_calmly_and_gets_loud(kind: str) -> None:
    for size, (usual, peak) in SIZES.items():
        scenario = ready_made(kind, size)
        loud = [len(minute) for minute in told(scenario)]
        assert calm_minutes(scenario) == 10
        assert usual_per_minute(scenario) == usual
        assert max(loud[:10]) <= 2 * usual + 1
        assert peak * 0.8 < max(loud) < peak * 1.3
        assert scenario["lasts_minutes"] == minutes_of(scenario) + 60
        assert scenario == check_scenario({"type": kind, "size": size}, speed=1)


def test_the_storm_is_about_the_brand_and_hardly_repeats_itself() -> None:
    said = [text for minute in told(ready_made("service_outage", "large"))[20:50] for text in minute]
    assert all("Aurora" in text for text in said)
    assert not any("{" in text for text in said)
    assert len(set(said)) > len(said) / 3


def test_an_own_scenario_says_its_own_words() -> None:
    scenario = check_scenario(OWN, speed=1)
    assert (scenario["type"], scenario["lasts_minutes"], calm_minutes(scenario)) == ("own", 68, 3)
    storm = said_in(scenario, 4, brand="Aurora")
    assert all("Aurora burns in " in one.text for one in storm)
    assert said_in(scenario, 8, brand="Aurora") == []
    silent = {"phases": [{"minutes": 2, "per_minute": 0, "mood": "calm"}]}
    assert said_in(check_scenario(silent, speed=1), 0, brand="Aurora") == []


def test_what_is_no_scenario_is_refused_with_each_mistake() -> None:
    assert fields({}) == ["scenario"]
    assert fields({"type": "data_breach"} | OWN) == ["scenario"]
    assert fields({"type": "flood", "size": "huge"}) == ["scenario.type", "scenario.size"]
    assert fields(OWN, speed=60) == ["scenario.phases.1.per_minute"]
    assert fields(OWN | {"lasts_minutes": 7}) == ["scenario.lasts_minutes"]
    assert fields({"phases": [{"minutes": 1000, "per_minute": 1, "mood": "calm"}] * 2}) == ["scenario.phases"]


def test_minutes_shrink_to_one_and_never_to_none() -> None:
    assert [faster(minutes, 10) for minutes in (0, 1, 5, 15, 60)] == [0, 1, 1, 2, 6]
    assert faster(5, 1) == 5


def test_targets_keep_those_who_play() -> None:
    ann, bob = uuid4(), uuid4()
    targets = [{"seat": str(ann)}, {"seat": str(bob)}, {"channel": str(uuid4())}, {"role": "owner"}, {"rota": "r"}]
    assert played_targets(targets, [ann]) == [{"seat": str(ann)}, {"role": "owner"}, {"rota": "r"}]


def test_a_ladder_waits_less_and_ends_with_everybody_who_plays() -> None:
    ann, bob = uuid4(), uuid4()
    policy = {
        "steps": [
            {"notify": [{"seat": str(bob)}], "wait_minutes": 5},
            {"notify": [{"seat": str(ann)}], "wait_minutes": 30, "important": True},
        ],
        "repeats": 2, "last_resort": [{"channel": str(uuid4())}], "lapses_minutes": 60,
    }  # fmt: skip
    assert played_ladder(policy, speed=10, players=[ann], last_resort=[ann]) == {
        "steps": [{"notify": [{"seat": str(ann)}], "wait_minutes": 3, "important": True}],
        "repeats": 2, "last_resort": [{"seat": str(ann)}], "lapses_minutes": 6,
    }  # fmt: skip
    nobody = played_ladder(policy | {"steps": policy["steps"][:1]}, speed=10, players=[ann], last_resort=[ann])
    assert nobody["steps"] == [{"notify": [{"seat": str(ann)}], "wait_minutes": 1}]


def body() -> dict[str, Any]:
    step = {"name": "lead", "role": "crisis_lead", "side": "staff", "quorum": 1}
    client = {"name": "client", "role": "client_approver", "side": "client", "quorum": 1}
    return {
        "duties": [{"duty": "commander", "role": "crisis_lead", "seat": None, "deputy": None, "department": ""}],
        "departments": [{"department": "care", "head": None, "deputy": None, "part": "", "client": False}],
        "stages": {"active": {"alert": []}},
        "clocks": [{"kind": "first_words", "minutes": 60}],
        "tasks": [{"title": "Call", "duty": "commander", "due_minutes": 15}],
        "checklists": [{"name": "x", "when": {}, "tasks": [{"title": "y", "duty": "commander", "due_minutes": 0}]}],
        "approval": {"stages": [step, client], "rules": []},
        "alert": {"escalation_policy": None}, "messages": ["a", "b"], "contacts": ["c"], "policies": ["p", "q"],
    }  # fmt: skip


def played(said: dict[str, Any], **more: Any) -> tuple[dict[str, Any], list[str]]:
    wanted: dict[str, Any] = {
        "speed": 10, "players": [], "policy_id": uuid4(), "messages": {"a": "A"}, "policies": {"q"},
        "holders": {"crisis_lead": 1},
    }  # fmt: skip
    return played_body(said, **wanted | more)


def test_a_played_plan_is_the_plan_on_a_faster_clock_without_the_outside() -> None:
    original = body()
    ann, bob = uuid4(), uuid4()
    original["duties"][0] |= {"seat": str(ann), "deputy": str(bob)}
    original["departments"][0] |= {"head": str(bob)}
    original["stages"]["active"]["alert"] = [{"seat": str(bob)}, {"channel": str(uuid4())}, {"duty": "commander"}]
    kept = deepcopy(original)
    got, left_out = played(original, players=[ann])
    assert original == kept, "the plan itself is not touched"
    assert left_out == ["client"]
    assert [step["name"] for step in got["approval"]["stages"]] == ["lead"]
    assert (got["duties"][0]["seat"], got["duties"][0]["deputy"]) == (str(ann), None)
    assert got["departments"][0]["head"] is None
    assert got["stages"]["active"]["alert"] == [{"duty": "commander"}]
    assert (got["clocks"][0]["minutes"], got["tasks"][0]["due_minutes"]) == (6, 2)
    assert got["checklists"][0]["tasks"][0]["due_minutes"] == 0
    assert (got["messages"], got["contacts"], got["policies"]) == (["A"], [], ["q"])


def test_a_process_that_nobody_plays_stays_whole() -> None:
    got, left_out = played(body(), holders={})
    assert [step["name"] for step in got["approval"]["stages"]] == ["lead", "client"]
    assert left_out == []


def test_a_deadline_without_a_deputy_who_plays_wakes_somebody() -> None:
    said, bob = body(), uuid4()
    deadline = {"deadline_minutes": 30, "on_deadline": "deputise", "deputies": [{"seat": str(bob)}]}
    said["approval"]["stages"][0] |= deadline
    got, _ = played(said)
    step = got["approval"]["stages"][0]
    assert (step["deadline_minutes"], step["on_deadline"], "deputies" in step) == (3, "escalate", False)
    kept, _ = played(said, players=[bob])
    assert kept["approval"]["stages"][0]["deputies"] == [{"seat": str(bob)}]
