"""What a social media policy says: chapters for people, rules for programs, and whose acknowledgement it wants. Pure.

A rule is {"id", "kind", "severity": block|warn|advise} and what its kind asks for; "advice" says what to do instead,
and "when" {"networks", "languages", "kinds", "claims", "from", "until"} says where it holds: everywhere, when absent.
Words may end in a star, as in `guarantee*`, and so stand for all that begins like them.

| kind          | asks for                                                                                   |
|---------------|--------------------------------------------------------------------------------------------|
| banned        | "words": none of them may stand there                                                      |
| required      | "words", "how": any or all: they must stand there                                          |
| confidential  | "names": none of them, however they are spaced or joined                                   |
| credit        | "marks": one must stand there when not every medium is credited                            |
| disclaimer    | "texts": one must stand there when one of "triggers" does, or of "claims" is made          |
| embargo       | "until" an instant nothing is said, or none of "words"                                     |
| links         | only hosts that are "allowed", or none "banned"; "most" links, "secure" ones alone         |
| length        | code points: "longest", "shortest", and "networks" {network: longest} for one of them      |
| tone          | "words" [{"word", "instead"}]                                                              |
| pattern       | "pattern" in RE2's syntax, "must": match or not_match, "exact_case"                        |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import re2  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator

from core.refusals import Invalid
from readiness.matching import Name, Term
from readiness.states import PolicyChapter, RuleKind, RuleSeverity

MOST_RULES: Final = 200
MOST_PATTERNS: Final = 50
LONGEST_PATTERN: Final = 500
PATTERN_MEMORY: Final = 1 << 20  # bytes of one compiled pattern, at most
LONGEST_DETAIL: Final = 200
MOST_ERRORS: Final = 50
DUE_DAYS: Final = 14
_HOST = r"^(?:\*\.)?[^\s/:@?#\\.]+(?:\.[^\s/:@?#\\.]+)*\Z"


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {
        "type": "object", "properties": properties, "required": sorted(required), "additionalProperties": False
    }  # fmt: skip


def _list(items: dict[str, Any], *, least: int = 0, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


_NAME = {"type": "string", "minLength": 1, "maxLength": 80}
_WORD = {"type": "string", "minLength": 1, "maxLength": 120}
_LINE = {"type": "string", "minLength": 1, "maxLength": 300}
_WORDS = _list(_WORD, least=1, most=2_000)
_INSTANT = {"type": "string", "maxLength": 40}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 100_000}
_HOSTS = _list({"type": "string", "maxLength": 253, "pattern": _HOST}, least=1, most=500)
_FEW = _list(_NAME, least=1, most=20)
_WHEN = _object(
    {},
    {"networks": _FEW, "languages": _FEW, "kinds": _FEW, "claims": _FEW, "from": _INSTANT, "until": _INSTANT},
)
# By kind: what it asks for, and what may be said beside.
_KINDS: Final[dict[RuleKind, tuple[dict[str, Any], dict[str, Any]]]] = {
    RuleKind.BANNED: ({"words": _WORDS}, {}),
    RuleKind.REQUIRED: ({"words": _WORDS}, {"how": {"enum": ["any", "all"]}}),
    RuleKind.CONFIDENTIAL: ({"names": _WORDS}, {}),
    RuleKind.CREDIT: ({"marks": _list(_WORD, least=1, most=50)}, {}),
    RuleKind.DISCLAIMER: (
        {"texts": _list(_LINE, least=1, most=50)},
        {"triggers": _list(_WORD, most=500), "claims": _list(_NAME, most=20)},
    ),
    RuleKind.EMBARGO: ({"until": _INSTANT}, {"words": _list(_WORD, most=500)}),
    RuleKind.LINKS: ({}, {"allowed": _HOSTS, "banned": _HOSTS, "most": _NUMBER, "secure": {"type": "boolean"}}),
    RuleKind.LENGTH: (
        {},
        {
            "longest": _NUMBER,
            "shortest": _NUMBER,
            "networks": {"type": "object", "additionalProperties": _NUMBER, "maxProperties": 20},
        },
    ),
    RuleKind.TONE: ({"words": _list(_object({"word": _WORD}, {"instead": _LINE}), least=1, most=500)}, {}),
    RuleKind.PATTERN: (
        {"pattern": {"type": "string", "minLength": 1, "maxLength": LONGEST_PATTERN}},
        {"must": {"enum": ["match", "not_match"]}, "exact_case": {"type": "boolean"}},
    ),
}
_RULE_ID = {"type": "string", "pattern": r"^[a-z0-9][a-z0-9_-]{0,59}\Z"}


def _rule(kind: RuleKind) -> dict[str, Any]:
    required, optional = _KINDS[kind]
    said = {"id": _RULE_ID, "kind": {"const": kind.value}, "severity": {"enum": RuleSeverity.values}}
    return _object(said | required, {"advice": _LINE, "when": _WHEN} | optional)


_RULES = {kind.value: Draft202012Validator(_rule(kind)) for kind in RuleKind}
_DRAFT = Draft202012Validator(
    _object(
        {},
        {
            "chapters": _list(
                _object(
                    {"chapter": {"enum": PolicyChapter.values}, "title": _WORD},
                    {"text": {"type": "string", "maxLength": 50_000}},
                ),
                most=40,
            ),
            "rules": {"type": "array", "maxItems": MOST_RULES},
            "audience": _object(
                {},
                {
                    "who": _list(
                        _object({}, {"role": _NAME, "side": {"enum": ["staff", "client"]}, "department": _NAME})
                        | {"minProperties": 1},
                        most=20,
                    ),
                    "due_days": {"type": "integer", "minimum": 1, "maximum": 366},
                },
            ),
        },
    )
)
_CODES = {
    "additionalProperties": "unknown_field",
    "required": "required",
    "type": "wrong_type",
    "enum": "does_not_exist",
    "const": "does_not_exist",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "minItems": "out_of_range",
    "maxItems": "out_of_range",
}


def check_policy(given: Any, *, field: str = "draft") -> dict[str, Any]:
    """The policy in full form; raises Invalid with each mistake's path, and its `position` in a pattern.

    `given` may hold "chapters" [{"chapter", "title", "text"}], "rules" (above), and "audience" {"who": [{"role",
    "side", "department"}], "due_days"}: of each entry all that it names must be true, and of the entries one.
    """
    errors: list[dict[str, Any]] = list(_errors_of_shape(_DRAFT, given, field))
    if not errors:
        errors = list(_errors_of_rules(given.get("rules", []), f"{field}.rules"))
    if errors:
        raise Invalid("The policy does not make sense.", errors=errors[:MOST_ERRORS])
    audience = given.get("audience", {})
    return {
        "chapters": [{"text": ""} | chapter for chapter in given.get("chapters", [])],
        "rules": [dict(rule) for rule in given.get("rules", [])],
        "audience": {"who": audience.get("who", []), "due_days": audience.get("due_days", DUE_DAYS)},
    }


def _errors_of_shape(validator: Draft202012Validator, given: Any, field: str) -> Iterator[dict[str, Any]]:
    for error in validator.iter_errors(given):
        path = ".".join([field, *(str(part) for part in error.absolute_path)])
        code = _CODES.get(str(error.validator), "invalid")
        yield {"field": path, "code": code, "detail": error.message[:LONGEST_DETAIL]}


def _errors_of_rules(rules: list[Any], field: str) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    patterns = 0
    for place, rule in enumerate(rules):
        path = f"{field}.{place}"
        kind = rule.get("kind") if isinstance(rule, Mapping) else None
        if kind not in _RULES:
            yield {"field": f"{path}.kind", "code": "does_not_exist", "detail": f"One of {', '.join(RuleKind.values)}."}
            continue
        wrong = list(_errors_of_shape(_RULES[kind], rule, path))
        yield from wrong or _errors_of_rule(rule, path)
        patterns += kind == RuleKind.PATTERN
        if not wrong and rule["id"] in seen:
            yield {"field": f"{path}.id", "code": "duplicate", "detail": "Another rule is called so."}
        if not wrong:
            seen.add(rule["id"])
    if patterns > MOST_PATTERNS:
        yield {"field": field, "code": "out_of_range", "detail": f"At most {MOST_PATTERNS} rules with a pattern."}


def _errors_of_rule(rule: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """What the shape cannot tell: rules that would never find anything, instants, patterns."""
    when = rule.get("when", {})
    instants = [("when.from", when.get("from")), ("when.until", when.get("until"))]
    if rule["kind"] == RuleKind.EMBARGO:
        instants.append(("until", rule["until"]))
    for where, said in instants:
        if said is not None and instant_of(said) is None:
            detail = "An instant with its offset, as in 2030-01-31T09:00:00Z."
            yield {"field": f"{path}.{where}", "code": "invalid", "detail": detail}
    if rule["kind"] == RuleKind.LINKS and not {"allowed", "banned", "most", "secure"} & set(rule):
        yield {"field": path, "code": "required", "detail": "One of allowed, banned, most and secure."}
    if rule["kind"] == RuleKind.LENGTH and not {"longest", "shortest", "networks"} & set(rule):
        yield {"field": path, "code": "required", "detail": "One of longest, shortest and networks."}
    for where, word in _words_of(rule):
        empty = not (Name.of(word).text if rule["kind"] == RuleKind.CONFIDENTIAL else Term.of(word).text)
        if empty:
            yield {"field": f"{path}.{where}", "code": "invalid", "detail": "Nothing of this can be looked for."}
    if rule["kind"] == RuleKind.PATTERN:
        yield from _errors_of_pattern(rule, f"{path}.pattern")


def _words_of(rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part in ("words", "names", "marks", "texts", "triggers"):
        for place, said in enumerate(rule.get(part, [])):
            yield (f"{part}.{place}.word", said["word"]) if isinstance(said, Mapping) else (f"{part}.{place}", said)


def instant_of(said: str) -> datetime | None:
    """The instant of a text with an offset; None for anything else."""
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


# -- patterns -------------------------------------------------------------------------------------------------------


def compiled(rule: Mapping[str, Any]) -> Any:
    """The rule's pattern; raises `re2.error`."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.case_sensitive = rule.get("exact_case", False)
    options.max_mem = PATTERN_MEMORY
    return re2.compile(rule["pattern"], options)


def _errors_of_pattern(rule: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
    pattern = rule["pattern"]
    try:
        found = compiled(rule)
    except (re2.error, UnicodeEncodeError) as problem:
        words = problem.args[0]
        said = words.decode(errors="replace") if isinstance(words, bytes) else "not a text"
        position = position_of(pattern, said)
        yield {"field": path, "code": "invalid_pattern", "detail": said[:LONGEST_DETAIL], "position": position}
        return
    if found.search("") is not None:
        detail = "It finds nothing everywhere: it must not match an empty text."
        yield {"field": path, "code": "invalid_pattern", "detail": detail, "position": 0}


def position_of(pattern: str, said: str) -> int:
    """Where in a pattern the mistake is that RE2 tells of: it names the piece, or the whole for parentheses."""
    what, _, piece = said.partition(": ")
    if what in {"missing )", "unexpected )"}:
        return _loose_parenthesis(pattern)
    if "trailing \\" in what:
        return len(pattern) - 1
    return max(pattern.rfind(piece) if what == "missing ]" else pattern.find(piece), 0) if piece else 0


def _loose_parenthesis(pattern: str) -> int:
    """The parenthesis that closes nothing, or else the last that nothing closes."""
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", lambda found: "_" * len(found[0]), pattern, flags=re.DOTALL)
    opened = []
    for place, char in enumerate(plain):
        if char == "(":
            opened.append(place)
        elif char == ")" and not opened:
            return place
        elif char == ")":
            opened.pop()
    return opened[-1] if opened else 0
