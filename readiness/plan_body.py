"""What a crisis plan says: its shape, and the rules that hold between its parts. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

from approvals.process import check_stages
from core.refusals import Invalid
from permissions.queries.holders import roles_known
from readiness.severity import DEFAULT_MATRIX, LEGAL, MEASURED, NAMED
from readiness.states import ClockKind

DAY = 24 * 60
UUID_TEXT = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
CRISIS_KIND = r"^[a-z][a-z0-9_]{0,39}\Z"
REVIEW_DAYS = 7  # until the review of a crisis is to be released
LONGEST_DETAIL = 200
MOST_ERRORS = 50
# The stages of an incident at whose beginning people are alerted.
ALERTED_STAGES = ("assessing", "active", "contained", "resolved", "under_review", "closed")


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {
        "type": "object", "properties": properties, "required": sorted(required), "additionalProperties": False
    }  # fmt: skip


def _list(items: dict[str, Any], *, least: int = 0, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


_FLAG = {"type": "boolean"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
_OR_NONE = _NAME | {"minLength": 0}
_ID = {"type": "string", "pattern": UUID_TEXT}
_SEAT = {"anyOf": [_ID, {"type": "null"}]}
_TITLE = {"type": "string", "minLength": 1, "maxLength": 120}
_TEXT = {"type": "string", "maxLength": 2_000}
_MINUTES = {"type": "integer", "minimum": 0, "maximum": 30 * DAY}
_ALLOWANCE = {"type": "integer", "minimum": 1, "maximum": 7 * DAY}
_SEVERITY = {"type": "integer", "minimum": 1, "maximum": 4}
_SEVERITIES = _list(_SEVERITY, least=1, most=4)
_KIND = {"type": "string", "pattern": CRISIS_KIND}
_TASKS = _list(_object({"title": _TITLE, "duty": _NAME, "due_minutes": _MINUTES}), most=200)
_MEASURED = _list(_object({"at_least": {"type": "number", "minimum": 0}, "severity": _SEVERITY}), most=10)
_NAMED = _list(_object({"is": _NAME, "severity": _SEVERITY}), most=50)
# Whom a stage alerts; as in a step of an escalation policy.
_TARGET = {
    "anyOf": [
        _object({"rota": _ID}), _object({"seat": _ID}), _object({"channel": _ID}), _object({"role": _NAME}),
        _object({"duty": _NAME}),
    ]
}  # fmt: skip

SHAPE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        {
            "crisis_kinds": _list(_KIND, least=1, most=20),
            "duties": _list(
                _object({"duty": _NAME, "role": _NAME}, {"seat": _SEAT, "deputy": _SEAT, "department": _OR_NONE}),
                most=50,
            ),
            # The stages' own rules are those of approvals, and are checked there.
            "approval": _object(
                {"stages": {"type": "array"}},
                {
                    "rules": _list(
                        _object(
                            {
                                "when": _object(
                                    {},
                                    {
                                        "severities": _SEVERITIES,
                                        "networks": _list(_NAME, least=1, most=20),
                                        "claims": _list(_NAME, least=1, most=20),
                                    },
                                ),
                                "stages": {"type": "array"},
                            }
                        ),
                        most=50,
                    )
                },
            ),
        },
        {
            "about": _TEXT,
            "types": _list(_object({"kind": _KIND}, {"signs": _TEXT, "first_steps": _TEXT}), most=20),
            "severity": _object(
                {},
                {"agree": {"type": "integer", "minimum": 1, "maximum": len(MEASURED) + len(NAMED)}}
                | dict.fromkeys(MEASURED, _MEASURED)
                | dict.fromkeys(NAMED, _NAMED),
            ),
            "stages": _object({}, dict.fromkeys(ALERTED_STAGES, _object({"alert": _list(_TARGET, most=20)}))),
            "departments": _list(
                _object({"department": _NAME}, {"head": _SEAT, "deputy": _SEAT, "part": _TEXT, "client": _FLAG}),
                most=20,
            ),
            "tasks": _TASKS,
            "checklists": _list(
                _object(
                    {"name": _TITLE, "tasks": _TASKS},
                    {"when": _object({}, {"severities": _SEVERITIES, "kinds": _list(_KIND, least=1, most=20)})},
                ),
                most=20,
            ),
            "clocks": _list(
                _object({"kind": {"enum": ClockKind.values}, "minutes": _ALLOWANCE}, {"severities": _SEVERITIES}),
                most=4 * len(ClockKind),
            ),
            "pause": _object({}, {"on_activation": _FLAG, "allow_statements": _FLAG}),
            "alert": _object({}, {"escalation_policy": _SEAT}),
            "review": _object({}, {"due_days": {"type": "integer", "minimum": 1, "maximum": 90}}),
            "messages": _list(_ID, most=200),
            "contacts": _list(_ID, most=200),
            "policies": _list(_ID, most=20),
        },
    ),
}  # fmt: skip
# What a template says: any part, none of them required.
_PARTS: dict[str, Any] = SHAPE | {"required": []}
_VALIDATOR = Draft202012Validator(SHAPE)
_PARTS_VALIDATOR = Draft202012Validator(_PARTS)


def check_body(given: Any, *, field: str = "body") -> dict[str, Any]:
    """The plan in full form, with every part that was left out said aloud; raises Invalid with each mistake's path.

    Required are "crisis_kinds" [word], "duties" [{"duty", "role", "seat": id|null, "deputy": id|null,
    "department"}] and "approval" {"stages": [step], "rules": [{"when": {"severities", "networks", "claims"}, "stages":
    [step]}]}; a step is described at `approvals.process.Step`. May be left out: "about" text, "types" [{"kind",
    "signs", "first_steps"}], "severity" (a matrix, see `readiness.severity`), "stages" {stage: {"alert": [target]}},
    "departments" [{"department", "head", "deputy", "part", "client"}], "tasks" [{"title", "duty", "due_minutes"}],
    "checklists" [{"name", "when": {"severities", "kinds"}, "tasks"}], "clocks" [{"kind", "minutes", "severities"}],
    "pause" {"on_activation", "allow_statements"}, "alert" {"escalation_policy": id|null}, "review" {"due_days"} (of the
    review after a crisis), and the ids of "messages", "contacts" and "policies". Ids are only checked for their form
    here. At most 50 mistakes are listed.
    """
    errors = list(_errors_of_shape(_VALIDATOR, given, field))
    if not errors:
        errors = list(_errors_between_parts(given, field))
    if errors:
        raise Invalid("The plan makes no sense.", errors=errors[:MOST_ERRORS])
    return {
        "about": given.get("about", ""),
        "crisis_kinds": list(given["crisis_kinds"]),
        "types": [{"signs": "", "first_steps": ""} | said for said in given.get("types", [])],
        "severity": given.get("severity") or DEFAULT_MATRIX,
        "stages": {stage: {"alert": []} | given.get("stages", {}).get(stage, {}) for stage in ALERTED_STAGES},
        "departments": [
            {"head": None, "deputy": None, "part": "", "client": False} | said for said in given.get("departments", [])
        ],
        "duties": [{"seat": None, "deputy": None, "department": ""} | duty for duty in given["duties"]],
        "tasks": [dict(task) for task in given.get("tasks", [])],
        "checklists": [{"when": {}} | said for said in given.get("checklists", [])],
        "clocks": [dict(clock) for clock in given.get("clocks", [])],
        "approval": {
            "stages": check_stages(given["approval"]["stages"], field=f"{field}.approval.stages"),
            "rules": [
                {
                    "when": rule["when"],
                    "stages": check_stages(rule["stages"], field=f"{field}.approval.rules.{place}.stages"),
                }
                for place, rule in enumerate(given["approval"].get("rules", []))
            ],
        },
        "pause": {"on_activation": True, "allow_statements": True} | given.get("pause", {}),
        "alert": {"escalation_policy": None} | given.get("alert", {}),
        "review": {"due_days": REVIEW_DAYS} | given.get("review", {}),
        "messages": list(given.get("messages", [])),
        "contacts": list(given.get("contacts", [])),
        "policies": list(given.get("policies", [])),
    }


def check_parts(given: Any, *, field: str = "body") -> dict[str, Any]:
    """Some parts of a plan, as they were said; raises Invalid for what has not the form of a part.

    What must hold between parts is asked of the whole plan.
    """
    errors = list(_errors_of_shape(_PARTS_VALIDATOR, given, field))
    if errors:
        raise Invalid("These parts of a plan make no sense.", errors=errors[:MOST_ERRORS])
    parts: dict[str, Any] = given
    return parts


def merged(template: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A template with what a brand says itself: a part that the brand says takes the place of the template's."""
    return {**template, **own}


def approval_stages_for(
    body: Mapping[str, Any], *, severity: int, networks: Collection[str], claims: Collection[str]
) -> list[dict[str, Any]]:
    """Who must agree to words of this severity, on these networks, with these claims: the first rule that fits, else
    the stages of the plan. A rule fits when all that it names does; of networks and claims one is enough.
    """
    for rule in body["approval"].get("rules", []):
        when = rule["when"]
        if (
            severity in when.get("severities", [severity])
            and (not when.get("networks") or set(when["networks"]) & set(networks))
            and (not when.get("claims") or set(when["claims"]) & set(claims))
        ):
            return list(rule["stages"])
    return list(body["approval"]["stages"])


def tasks_for(body: Mapping[str, Any], *, severity: int, kind: str) -> list[dict[str, Any]]:
    """The tasks of an incident: those that every crisis has, and those of the checklists whose conditions hold."""
    found = list(body.get("tasks", []))
    for checklist in body.get("checklists", []):
        when = checklist["when"]
        if severity in when.get("severities", [severity]) and kind in when.get("kinds", [kind]):
            found += checklist["tasks"]
    return found


def clocks_for(body: Mapping[str, Any], *, severity: int) -> dict[str, int]:
    """Minutes that each clock allows at a severity; what names the severity goes before what names none."""
    found: dict[str, int] = {}
    for clock in sorted(body.get("clocks", []), key=lambda one: "severities" in one):
        if severity in clock.get("severities", [severity]):
            found[clock["kind"]] = clock["minutes"]
    return found


def _errors_of_shape(validator: Draft202012Validator, given: Any, field: str) -> Iterator[dict[str, str]]:
    for error in validator.iter_errors(given):
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
    kinds = given["crisis_kinds"]
    yield from _twice(kinds, f"{field}.crisis_kinds", "")
    duties = [duty["duty"] for duty in given["duties"]]
    yield from _twice(duties, f"{field}.duties", ".duty")
    clocks = [f"{clock['kind']} {sorted(clock.get('severities', []))}" for clock in given.get("clocks", [])]
    yield from _twice(clocks, f"{field}.clocks", ".kind")
    departments = [department["department"] for department in given.get("departments", [])]
    yield from _twice(departments, f"{field}.departments", ".department")
    tasks = [(f"{field}.tasks.{place}", task) for place, task in enumerate(given.get("tasks", []))]
    for number, checklist in enumerate(given.get("checklists", [])):
        path = f"{field}.checklists.{number}"
        tasks += [(f"{path}.tasks.{place}", task) for place, task in enumerate(checklist["tasks"])]
        yield from _unknown(checklist.get("when", {}).get("kinds", []), kinds, f"{path}.when.kinds", "crisis type")
    for path, task in tasks:
        if task["duty"] not in duties:
            yield {"field": f"{path}.duty", "code": "does_not_exist", "detail": "The plan has no such duty."}
    yield from _unknown([said["kind"] for said in given.get("types", [])], kinds, f"{field}.types", "crisis type")
    for stage, said in given.get("stages", {}).items():
        named = [target.get("duty", duties[0] if duties else "") for target in said["alert"]]
        yield from _unknown(named, [*duties, ""], f"{field}.stages.{stage}.alert", "duty")
    legal = [step["is"] for step in given.get("severity", {}).get("legal", [])]
    yield from _unknown(legal, LEGAL, f"{field}.severity.legal", "degree of legal exposure")
    known = roles_known()
    for place, duty in enumerate(given["duties"]):
        if duty["role"] not in known:
            detail = "There is no such role."
            yield {"field": f"{field}.duties.{place}.role", "code": "does_not_exist", "detail": detail}
        if duty.get("deputy") and duty["deputy"] == duty.get("seat"):
            detail = "Nobody deputises for themselves."
            yield {"field": f"{field}.duties.{place}.deputy", "code": "same_person", "detail": detail}
        if duty.get("department") and duty["department"] not in departments:
            detail = "The plan has no such department."
            yield {"field": f"{field}.duties.{place}.department", "code": "does_not_exist", "detail": detail}


def _unknown(words: Sequence[str], known: Collection[str], path: str, what: str) -> Iterator[dict[str, str]]:
    for place, word in enumerate(words):
        if word not in known:
            yield {"field": f"{path}.{place}", "code": "does_not_exist", "detail": f"There is no such {what}."}


def _twice(words: list[str], path: str, leaf: str) -> Iterator[dict[str, str]]:
    for place, word in enumerate(words):
        if word in words[:place]:
            yield {"field": f"{path}.{place}{leaf}", "code": "duplicate", "detail": "This is here already."}


def people_named(body: dict[str, Any]) -> dict[str, str]:
    """The seats that a plan in full form names: path below the body -> seat id."""
    found = {
        f"duties.{place}.{part}": duty[part]
        for place, duty in enumerate(body["duties"])
        for part in ("seat", "deputy")
        if duty[part] is not None
    }
    for place, department in enumerate(body.get("departments", [])):
        found |= {f"departments.{place}.{part}": department[part] for part in ("head", "deputy") if department[part]}
    for stage, said in body.get("stages", {}).items():
        alerted = enumerate(said["alert"])
        found |= {f"stages.{stage}.alert.{place}.seat": one["seat"] for place, one in alerted if "seat" in one}
    return found


def things_named(body: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What else a plan in full form names, by what it is: path below the body -> id."""
    found = {
        what: {f"{what}.{place}": named for place, named in enumerate(body.get(what, []))}
        for what in ("messages", "contacts", "policies")
    }
    for what in ("rota", "channel"):
        found[what] = {
            f"stages.{stage}.alert.{place}.{what}": one[what]
            for stage, said in body.get("stages", {}).items()
            for place, one in enumerate(said["alert"])
            if what in one
        }
    return found
