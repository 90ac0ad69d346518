"""What a drill takes over of a brand's plan: the same plan for those who play, on a faster clock. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any
from uuid import UUID


def faster(minutes: int, speed: int) -> int:
    """So many minutes on a clock that runs `speed` times as fast: whole ones, and never none where there were some."""
    return max(1, round(minutes / speed)) if minutes else 0


def played_body(
    body: Mapping[str, Any],
    *,
    speed: int,
    players: Collection[UUID],
    policy_id: UUID,
    messages: Mapping[str, str],
    policies: Collection[str],
    holders: Mapping[str, int],
) -> tuple[dict[str, Any], list[str]]:
    """A plan in full form as it is tried out, and the names of the approval's stages that it leaves out.

    People who do not play are left out by name, and so are channels and the contact book; roles, rotas and duties stay
    and mean those who play. `messages` says which copy stands for which text of the library, `policies` which social
    media policies hold for the twin too, `holders` how many of the players hold a role. A stage of the approval for
    which too few of them play is left out, unless no stage would be left.
    """
    played = deepcopy(dict(body))
    own = {str(seat) for seat in players}
    for duty in played["duties"]:
        _without_others(duty, ("seat", "deputy"), own)
    for department in played["departments"]:
        _without_others(department, ("head", "deputy"), own)
    for said in played["stages"].values():
        said["alert"] = played_targets(said["alert"], players)
    for clock in played["clocks"]:
        clock["minutes"] = faster(clock["minutes"], speed)
    for task in [*played["tasks"], *(task for one in played["checklists"] for task in one["tasks"])]:
        task["due_minutes"] = faster(task["due_minutes"], speed)
    left_out: dict[str, None] = {}
    for process in [played["approval"], *played["approval"]["rules"]]:
        able = [step for step in process["stages"] if holders.get(step["role"], 0) >= step["quorum"]]
        if able:
            left_out |= dict.fromkeys(step["name"] for step in process["stages"] if step not in able)
            process["stages"] = able
        for step in process["stages"]:
            _hurry(step, speed, own)
    played["alert"] = {"escalation_policy": str(policy_id)}
    played["messages"] = [messages[named] for named in played["messages"] if named in messages]
    played["contacts"] = []
    played["policies"] = [named for named in played["policies"] if named in policies]
    return played, list(left_out)


def _without_others(said: dict[str, Any], places: Sequence[str], own: Collection[str]) -> None:
    for place in places:
        if said[place] not in own:
            said[place] = None


def _hurry(step: dict[str, Any], speed: int, own: Collection[str]) -> None:
    """A step of an approval with a nearer deadline; where no deputy plays, the deadline wakes somebody instead."""
    if "deadline_minutes" in step:
        step["deadline_minutes"] = faster(step["deadline_minutes"], speed)
    if "deputies" in step:
        step["deputies"] = [one for one in step["deputies"] if one.get("seat") is None or one["seat"] in own]
        if not step["deputies"]:
            del step["deputies"]
            if step.get("on_deadline") == "deputise":
                step["on_deadline"] = "escalate"


def played_targets(targets: Sequence[Mapping[str, str]], players: Collection[UUID]) -> list[dict[str, str]]:
    """Targets of an alert without the people who do not play, and without channels, which others read."""
    own = {str(seat) for seat in players}
    return [
        dict(target)
        for target in targets
        if "channel" not in target and ("seat" not in target or target["seat"] in own)
    ]


def played_ladder(
    policy: Mapping[str, Any], *, speed: int, players: Sequence[UUID], last_resort: Sequence[UUID]
) -> dict[str, Any]:
    """The steps of an escalation policy for those who play; in the end every one of `last_resort` is told."""
    steps = [
        {**step, "notify": told, "wait_minutes": faster(step["wait_minutes"], speed)}
        for step in policy["steps"]
        if (told := played_targets(step["notify"], players))
    ]
    everybody = [{"seat": str(seat)} for seat in last_resort]
    lapses = policy["lapses_minutes"]
    return {
        "steps": steps or [{"notify": everybody, "wait_minutes": 1}],
        "repeats": policy["repeats"],
        "last_resort": everybody,
        "lapses_minutes": None if lapses is None else faster(lapses, speed),
    }
