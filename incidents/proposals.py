"""What a review may propose to change, kind by kind: the shape of a proposal, and what it makes of what is there.

Pure functions. A kind whose subject lives above this storey has its check registered from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final
from uuid import UUID

from jsonschema import Draft202012Validator

from core.refusals import Invalid
from incidents.states import ImprovementKind
from readiness.states import MessageKind

LONGEST_DETAIL: Final = 200
LONGEST_REASON: Final = 500
UUID_TEXT: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"

_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
_ID = {"type": "string", "pattern": UUID_TEXT}
_SEAT = {"anyOf": [_ID, {"type": "null"}]}
_PATCH = {"type": "object", "minProperties": 1}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    properties = required | (optional or {})
    return {
        "type": "object", "properties": properties, "required": sorted(required), "additionalProperties": False, **more
    }  # fmt: skip


SHAPES: Final[dict[str, dict[str, Any]]] = {
    # A JSON merge patch (RFC 7396) of the plan's body.
    ImprovementKind.PLAN: _object({"change": _PATCH}),
    # Fields of the brand's listening settings.
    ImprovementKind.THRESHOLD: _object({"settings": _PATCH}),
    # A merge patch of the policy, rules that it gets besides, or both.
    ImprovementKind.POLICY: _object(
        {}, {"change": _PATCH, "rules": {"type": "array", "items": {"type": "object"}, "minItems": 1}}, minProperties=1
    ),
    # A duty of the plan, changed or new; or a role that a person shall hold.
    ImprovementKind.ROLE: {
        "anyOf": [
            _object({"duty": _NAME, "role": _NAME}, {"seat": _SEAT, "deputy": _SEAT, "department": _NAME}),
            _object({"role": _NAME, "holder": _ID}),
        ]
    },
    ImprovementKind.MESSAGE: _object(
        {
            "title": {"type": "string", "minLength": 1, "maxLength": 120},
            "kind": {"enum": MessageKind.values},
            "crisis_kind": {"type": "string", "minLength": 1, "maxLength": 40},
            "language": {"type": "string", "minLength": 2, "maxLength": 12},
            "deliveries": {
                "type": "array",
                "items": _object({"account": _ID, "text": {"type": "string", "minLength": 1, "maxLength": 10_000}}),
                "minItems": 1,
                "maxItems": 50,
            },
        }
    ),
    ImprovementKind.HABIT: _object({}),
}
_VALIDATORS = {kind: Draft202012Validator(shape) for kind, shape in SHAPES.items()}

# (brand, proposal): raises Invalid for what could not be carried out. By kind.
Check = Callable[[UUID, Mapping[str, Any]], None]
CHECKS: dict[str, Check] = {}


def register_check(kind: str, check: Check) -> None:
    """An upper storey says what of a kind makes no sense; it hears `improvement.accepted` and carries it out."""
    if kind in CHECKS:
        raise ValueError(f"Proposals of the kind {kind!r} are checked twice.")
    CHECKS[kind] = check


def check_shape(kind: str, proposal: Any) -> None:
    """Raise Invalid (400) with each mistake's path for a proposal that has not the form of its kind."""
    errors = list(_errors(_VALIDATORS[kind], proposal))
    if errors:
        raise Invalid("This proposal has not the form of its kind.", errors=errors)


def _errors(validator: Draft202012Validator, proposal: Any) -> Iterator[dict[str, str]]:
    for error in validator.iter_errors(proposal):
        path = ".".join(["proposal", *(str(part) for part in error.absolute_path)])
        yield {"field": path, "code": "invalid", "detail": error.message[:LONGEST_DETAIL]}


def patched(target: Any, patch: Any) -> Any:
    """A value after a JSON merge patch: what the patch names takes its place, null takes away (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    found = dict(target) if isinstance(target, Mapping) else {}
    for name, said in patch.items():
        if said is None:
            found.pop(name, None)
        else:
            found[name] = patched(found.get(name), said)
    return found


def plan_after(own: Mapping[str, Any], body: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """What the brand says itself after a change of its plan.

    `own` is what it says now, `body` the whole plan with what it inherits: a part that the change touches is said by
    the brand itself from then on; null gives a part back to the template.
    """
    after = dict(own)
    for part, said in change.items():
        if said is None:
            after.pop(part, None)
        else:
            after[part] = patched(own.get(part, body.get(part)), said)
    return after


def duties_after(duties: Sequence[Mapping[str, Any]], said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The duties of a plan with one of them changed, or with one more."""
    known = [dict(duty) for duty in duties]
    if all(duty["duty"] != said["duty"] for duty in known):
        return [*known, dict(said)]
    return [{**duty, **said} if duty["duty"] == said["duty"] else duty for duty in known]


def policy_after(policy: Mapping[str, Any], proposal: Mapping[str, Any]) -> dict[str, Any]:
    """The next version of a policy: what it says now, patched, with the new rules at its end."""
    after: dict[str, Any] = patched(policy, proposal.get("change", {}))
    if rules := proposal.get("rules"):
        after["rules"] = [*after.get("rules", []), *rules]
    return after


def because_of(reference: str, title: str) -> str:
    """How a draft says where it comes from."""
    return f"Because of {reference}: {title}"[:LONGEST_REASON]
