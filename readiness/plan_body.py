"""What a crisis plan says: its shape, and the rules that hold between its parts. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from approvals.process import check_stages
from core.refusals import Invalid
from permissions.queries.holders import roles_known
from readiness.states import ClockKind

DAY = 24 * 60
UUID_TEXT = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
CRISIS_KIND = r"^[a-z][a-z0-9_]{0,39}\Z"
LONGEST_DETAIL = 200
MOST_ERRORS = 50


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {
        "type": "object", "properties": properties, "required": sorted(required), "additionalProperties": False
    }  # fmt: skip


def _list(items: dict[str, Any], *, least: int = 0, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
_SEAT = {"anyOf": [{"type": "string", "pattern": UUID_TEXT}, {"type": "null"}]}
_TITLE = {"type": "string", "minLength": 1, "maxLength": 120}
_MINUTES = {"type": "integer", "minimum": 0, "maximum": 30 * DAY}
_ALLOWANCE = {"type": "integer", "minimum": 1, "maximum": 7 * DAY}

SHAPE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        {
            "crisis_kinds": _list({"type": "string", "pattern": CRISIS_KIND}, least=1, most=20),
            "duties": _list(
                _object({"duty": _NAME, "role": _NAME}, {"seat": _SEAT, "deputy": _SEAT}), most=50
            ),
            # The stages' own rules are those of approvals, and are checked there.
            "approval": _object({"stages": {"type": "array"}}),
        },
        {
            "tasks": _list(_object({"title": _TITLE, "duty": _NAME, "due_minutes": _MINUTES}), most=200),
            "clocks": _list(_object({"kind": {"enum": ClockKind.values}, "minutes": _ALLOWANCE}), most=len(ClockKind)),
            "pause": _object({}, {"on_activation": {"type": "boolean"}, "allow_statements": {"type": "boolean"}}),
            "alert": _object({}, {"escalation_policy": _SEAT}),
        },
    ),
}  # fmt: skip
_VALIDATOR = Draft202012Validator(SHAPE)


def check_body(given: Any, *, field: str = "body") -> dict[str, Any]:
    """The plan in full form, with every part that was left out said aloud; raises Invalid with each mistake's path.

    Shape: {"crisis_kinds": [word], "duties": [{"duty", "role", "seat": id|null, "deputy": id|null}], "tasks":
    [{"title", "duty", "due_minutes"}], "clocks": [{"kind": acknowledge|first_words|update, "minutes"}], "approval":
    {"stages": [{"name", "role", "side", "quorum"}]}, "pause": {"on_activation", "allow_statements"}, "alert":
    {"escalation_policy": id|null}}. Ids are only checked for their form here. At most 50 mistakes are listed.
    """
    errors = list(_errors_of_shape(given, field))
    if not errors:
        errors = list(_errors_between_parts(given, field))
    if errors:
        raise Invalid("The plan makes no sense.", errors=errors[:MOST_ERRORS])
    return {
        "crisis_kinds": list(given["crisis_kinds"]),
        "duties": [{"seat": None, "deputy": None} | duty for duty in given["duties"]],
        "tasks": [dict(task) for task in given.get("tasks", [])],
        "clocks": [dict(clock) for clock in given.get("clocks", [])],
        "approval": {"stages": check_stages(given["approval"]["stages"], field=f"{field}.approval.stages")},
        "pause": {"on_activation": True, "allow_statements": True} | given.get("pause", {}),
        "alert": {"escalation_policy": None} | given.get("alert", {}),
    }


def _errors_of_shape(given: Any, field: str) -> Iterator[dict[str, str]]:
    for error in _VALIDATOR.iter_errors(given):
        path = ".".join([field, *(str(part) for part in error.absolute_path)])
        yield {
            "field": path,
            "code": _CODES.get(str(error.validator), "invalid"),
            "detail": error.message[:LONGEST_DETAIL],
        }


_CODES = {
    "additionalProperties": "unknown_field",
    "required": "required",
    "type": "wrong_type",
    "enum": "does_not_exist",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "minItems": "out_of_range",
    "maxItems": "out_of_range",
}


def _errors_between_parts(given: dict[str, Any], field: str) -> Iterator[dict[str, str]]:
    yield from _twice(given["crisis_kinds"], f"{field}.crisis_kinds", "")
    duties = [duty["duty"] for duty in given["duties"]]
    yield from _twice(duties, f"{field}.duties", ".duty")
    yield from _twice([clock["kind"] for clock in given.get("clocks", [])], f"{field}.clocks", ".kind")
    for place, task in enumerate(given.get("tasks", [])):
        if task["duty"] not in duties:
            detail = "The plan has no such duty."
            yield {"field": f"{field}.tasks.{place}.duty", "code": "does_not_exist", "detail": detail}
    known = roles_known()
    for place, duty in enumerate(given["duties"]):
        if duty["role"] not in known:
            detail = "There is no such role."
            yield {"field": f"{field}.duties.{place}.role", "code": "does_not_exist", "detail": detail}
        if duty.get("deputy") and duty["deputy"] == duty.get("seat"):
            detail = "Nobody deputises for themselves."
            yield {"field": f"{field}.duties.{place}.deputy", "code": "same_person", "detail": detail}


def _twice(words: list[str], path: str, leaf: str) -> Iterator[dict[str, str]]:
    for place, word in enumerate(words):
        if word in words[:place]:
            yield {"field": f"{path}.{place}{leaf}", "code": "duplicate", "detail": "This is here already."}


def people_named(body: dict[str, Any]) -> dict[str, str]:
    """The seats that a plan in full form names: path below the body -> seat id."""
    return {
        f"duties.{place}.{part}": duty[part]
        for place, duty in enumerate(body["duties"])
        for part in ("seat", "deputy")
        if duty[part] is not None
    }
