"""The process of an approval: its stages in order, each asking for a quorum of people who hold one role."""

from __future__ import annotations

from typing import Any, TypedDict

from core.refusals import Invalid
from permissions.needs import Need
from permissions.queries.holders import roles_known
from permissions.roles import Role

MOST_STAGES = 10
LARGEST_QUORUM = 20
LONGEST_NAME = 80


class Step(TypedDict):
    """One stage: its name, the role and side its approvers hold on the brand, and how many of them must agree."""

    name: str
    role: str
    side: str
    quorum: int


def check_stages(given: Any, *, field: str = "stages") -> list[Step]:
    """The stages in plain form, fit to be frozen; raises Invalid with the path of each mistake below `field`.

    A stage that nobody could ever decide is a mistake: its role must exist, be of its side, and hold the need to
    decide.
    """
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_STAGES:
        raise _wrong([_error(field, "out_of_range", f"An approval has 1 to {MOST_STAGES} stages.")])
    errors: list[dict[str, str]] = []
    names: set[str] = set()
    known = roles_known()
    for place, step in enumerate(given):
        path = f"{field}.{place}"
        if not isinstance(step, dict) or set(step) != set(Step.__annotations__):
            errors.append(_error(path, "wrong_shape", "A stage has exactly name, role, side and quorum."))
            continue
        errors.extend(_errors_of(step, path, known))
        if isinstance(step["name"], str):
            if step["name"] in names:
                errors.append(_error(f"{path}.name", "duplicate", "Another stage has this name."))
            names.add(step["name"])
    if errors:
        raise _wrong(errors)
    return [Step(name=s["name"], role=s["role"], side=s["side"], quorum=s["quorum"]) for s in given]


def _errors_of(step: dict[str, Any], path: str, known: dict[str, Role]) -> list[dict[str, str]]:
    errors = []
    name, quorum = step["name"], step["quorum"]
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= LONGEST_NAME:
        errors.append(_error(f"{path}.name", "invalid", f"A name has 1 to {LONGEST_NAME} characters."))
    if isinstance(quorum, bool) or not isinstance(quorum, int) or not 1 <= quorum <= LARGEST_QUORUM:
        errors.append(_error(f"{path}.quorum", "out_of_range", f"From 1 to {LARGEST_QUORUM} people."))
    role = known.get(step["role"]) if isinstance(step["role"], str) else None
    if role is None:
        errors.append(_error(f"{path}.role", "does_not_exist", "There is no such role."))
    elif Need.APPROVALS_DECIDE not in role.needs:
        errors.append(_error(f"{path}.role", "cannot_decide", f"A {role.label.lower()} cannot decide on approvals."))
    elif role.side != step["side"]:
        errors.append(_error(f"{path}.side", "wrong_side", f"This role is held on the {role.side} side."))
    return errors


def _error(field: str, code: str, detail: str) -> dict[str, str]:
    return {"field": field, "code": code, "detail": detail}


def _wrong(errors: list[dict[str, str]]) -> Invalid:
    return Invalid("The stages of the approval make no sense.", errors=errors)
