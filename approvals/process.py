"""The process of an approval: its steps, in order or at once, each asking for a quorum of people who hold one role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, TypedDict
from uuid import UUID

from approvals.payload import PARTS
from core.refusals import Invalid
from permissions.needs import Need
from permissions.queries.holders import roles_known
from permissions.roles import Role

MOST_STAGES = 10
LARGEST_QUORUM = 20
LONGEST_NAME = 80
LARGEST_ORDER = 99
LONGEST_DEADLINE = 30 * 24 * 60  # minutes
MOST_DEPUTIES = 20
ON_DEADLINE = ("deputise", "escalate", "reject")

SAID_ALWAYS = frozenset({"name", "role", "side", "quorum"})
SAID_SOMETIMES = frozenset({"order", "hats", "deadline_minutes", "on_deadline", "deputies", "looks_at"})


class Step(TypedDict):
    """One step: its name, the role and side its approvers hold on the brand, and how many of them must agree.

    `order`: steps of the same order are asked at once; a step's own place when it is not said. `hats`: for each of
    these roles one of the voices is a holder's, another person for each hat; their holders vote in this step too.
    `deadline_minutes` run from when the step is asked; then comes `on_deadline`. `deputies` ({"role"} or {"seat"}) may
    vote after a deputising deadline. `looks_at` names the parts of the text that the step judges; all when not said.
    """

    name: str
    role: str
    side: str
    quorum: int
    order: NotRequired[int]
    hats: NotRequired[list[str]]
    deadline_minutes: NotRequired[int]
    on_deadline: NotRequired[str]
    deputies: NotRequired[list[dict[str, str]]]
    looks_at: NotRequired[list[str]]


def roles_of(step: Mapping[str, Any]) -> list[str]:
    """Whose holders vote in a step: its role and its hats, each once."""
    return list(dict.fromkeys([step["role"], *step.get("hats", [])]))


def looked_at(step: Mapping[str, Any]) -> frozenset[str]:
    """The parts of a payload that a step judges."""
    return frozenset(step.get("looks_at") or PARTS)


def check_stages(given: Any, *, field: str = "stages") -> list[Step]:
    """The steps in plain form, fit to be frozen; raises Invalid with the path of each mistake below `field`.

    A step that nobody could ever decide is a mistake: its roles must exist, be of its side, and hold the need to
    decide. What a step does not say is not filled in: steps that were frozen before stay as they are. Whether a named
    deputy is in office is asked when their voice is wanted.
    """
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_STAGES:
        raise _wrong([_error(field, "out_of_range", f"An approval has 1 to {MOST_STAGES} stages.")])
    errors: list[dict[str, str]] = []
    names: set[str] = set()
    known = roles_known()
    for place, step in enumerate(given):
        path = f"{field}.{place}"
        if not isinstance(step, dict) or not set(step) >= SAID_ALWAYS or set(step) - SAID_ALWAYS - SAID_SOMETIMES:
            detail = "A stage has name, role, side and quorum"
            errors.append(_error(path, "wrong_shape", f"{detail}, and may have {', '.join(sorted(SAID_SOMETIMES))}."))
            continue
        errors.extend(_errors_of(step, path, known))
        if isinstance(step["name"], str):
            if step["name"] in names:
                errors.append(_error(f"{path}.name", "duplicate", "Another stage has this name."))
            names.add(step["name"])
    if errors:
        raise _wrong(errors)
    return [_plain(step) for step in given]


def _plain(step: Mapping[str, Any]) -> Step:
    plain = Step(name=step["name"], role=step["role"], side=step["side"], quorum=step["quorum"])
    if "order" in step:
        plain["order"] = step["order"]
    if "hats" in step:
        plain["hats"] = list(step["hats"])
    if "deadline_minutes" in step:
        plain["deadline_minutes"], plain["on_deadline"] = step["deadline_minutes"], step["on_deadline"]
    if "deputies" in step:
        plain["deputies"] = [dict(deputy) for deputy in step["deputies"]]
    if "looks_at" in step:
        plain["looks_at"] = list(step["looks_at"])
    return plain


def _errors_of(step: dict[str, Any], path: str, known: dict[str, Role]) -> Iterator[dict[str, str]]:
    name, quorum = step["name"], step["quorum"]
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= LONGEST_NAME:
        yield _error(f"{path}.name", "invalid", f"A name has 1 to {LONGEST_NAME} characters.")
    if not _whole(quorum, 1, LARGEST_QUORUM):
        yield _error(f"{path}.quorum", "out_of_range", f"From 1 to {LARGEST_QUORUM} people.")
    wrong = _wrong_role(step["role"], f"{path}.role", known)
    if wrong is not None:
        yield wrong
    elif known[step["role"]].side != step["side"]:
        yield _error(f"{path}.side", "wrong_side", f"This role is held on the {known[step['role']].side} side.")
    if "order" in step and not _whole(step["order"], 0, LARGEST_ORDER):
        yield _error(f"{path}.order", "out_of_range", f"From 0 to {LARGEST_ORDER}.")
    yield from _errors_of_hats(step, path, known)
    yield from _errors_of_deadline(step, path, known)
    parts = step.get("looks_at", ["text"])
    if not _words(parts) or not parts or len(set(parts)) != len(parts) or set(parts) - set(PARTS):
        yield _error(f"{path}.looks_at", "invalid", f"Some of {', '.join(PARTS)}, each once.")


def _errors_of_hats(step: dict[str, Any], path: str, known: dict[str, Role]) -> Iterator[dict[str, str]]:
    hats, quorum = step.get("hats", []), step["quorum"]
    if not _words(hats) or len(set(hats)) != len(hats):
        yield _error(f"{path}.hats", "invalid", "A list of roles, each once.")
        return
    if _whole(quorum, 1, LARGEST_QUORUM) and len(hats) > quorum:
        yield _error(f"{path}.hats", "out_of_range", "Each hat is another person's: at most as many as the quorum.")
    for place, hat in enumerate(hats):
        if (wrong := _wrong_role(hat, f"{path}.hats.{place}", known)) is not None:
            yield wrong


def _errors_of_deadline(step: dict[str, Any], path: str, known: dict[str, Role]) -> Iterator[dict[str, str]]:
    if ("deadline_minutes" in step) != ("on_deadline" in step):
        missing = "on_deadline" if "deadline_minutes" in step else "deadline_minutes"
        yield _error(f"{path}.{missing}", "required", "A deadline has its minutes and what happens then.")
    if "deadline_minutes" in step and not _whole(step["deadline_minutes"], 1, LONGEST_DEADLINE):
        yield _error(f"{path}.deadline_minutes", "out_of_range", f"From 1 to {LONGEST_DEADLINE} minutes.")
    if "on_deadline" in step and step["on_deadline"] not in ON_DEADLINE:
        yield _error(f"{path}.on_deadline", "does_not_exist", f"One of {', '.join(ON_DEADLINE)}.")
    deputises = step.get("on_deadline") == "deputise"
    if deputises != ("deputies" in step):
        code, detail = ("required", "Say who may vote then.") if deputises else ("invalid", "Nobody would be asked.")
        yield _error(f"{path}.deputies", code, detail)
    elif deputises:
        yield from _errors_of_deputies(step["deputies"], f"{path}.deputies", known)


def _errors_of_deputies(given: Any, path: str, known: dict[str, Role]) -> Iterator[dict[str, str]]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_DEPUTIES:
        yield _error(path, "out_of_range", f"From 1 to {MOST_DEPUTIES} deputies.")
        return
    for place, deputy in enumerate(given):
        here = f"{path}.{place}"
        if not isinstance(deputy, dict) or set(deputy) not in ({"role"}, {"seat"}):
            yield _error(here, "wrong_shape", "A deputy is a role or a seat.")
        elif "role" in deputy:
            if (wrong := _wrong_role(deputy["role"], f"{here}.role", known)) is not None:
                yield wrong
        elif not _is_id(deputy["seat"]):
            yield _error(f"{here}.seat", "invalid", "The id of a seat.")


def _wrong_role(name: Any, path: str, known: dict[str, Role]) -> dict[str, str] | None:
    role = known.get(name) if isinstance(name, str) else None
    if role is None:
        return _error(path, "does_not_exist", "There is no such role.")
    if Need.APPROVALS_DECIDE not in role.needs:
        return _error(path, "cannot_decide", f"A {role.label.lower()} cannot decide on approvals.")
    return None


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _error(field: str, code: str, detail: str) -> dict[str, str]:
    return {"field": field, "code": code, "detail": detail}


def _wrong(errors: list[dict[str, str]]) -> Invalid:
    return Invalid("The stages of the approval make no sense.", errors=errors)
