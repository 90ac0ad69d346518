"""Thousands of requests with another agency's ids: not one foreign byte, and answered as what does not exist.

`CROSS_AGENCY_REQUESTS=10000 bin/test tests/contracts/test_cross_agency.py` sends as many as that.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from drf_spectacular.generators import SchemaGenerator

from permissions.needs import Need
from tenants.models import Agency
from tests.cast import Answer, Person, add_brand, key_of, send
from tests.conftest import North
from tests.contracts.everything import one_of_everything
from tests.contracts.test_routes import ROUTES, Route, model_of

pytestmark = pytest.mark.django_db
REQUESTS = int(os.environ.get("CROSS_AGENCY_REQUESTS", "2500"))
WORD = "southern-secret"
IDS = re.compile(r"<uuid:(\w+)>")
Wish = tuple[Route, Callable[[UUID], str], Callable[[UUID], Any]]


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], Any]:
    """What each operation takes, by method and path, from the contract itself."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[tuple[str, str], Any] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            found[method.upper(), re.sub(r"\{(\w+)\}", r"<\1>", path)] = (operation, schema["components"]["schemas"])
    return found


def test_foreign_ids_bring_nothing_foreign(
    north: North,
    south: Agency,
    ana: Person,
    bo: Person,
    cy: Person,
    eve: Person,
    operations: dict[tuple[str, str], Any],
    record_property: Callable[[str, object], None],
) -> None:
    foreign = one_of_everything(south, add_brand(south, "southern", south.created_at), eve, WORD)
    own = one_of_everything(north.agency, north.aurora, ana, "northern")
    assert_the_owner_of_it_sees_it(eve, foreign)
    askers = [ana, bo, cy, key_of(ana, *Need)]
    wishes = [wish for route in ROUTES for wish in wishes_of(route, own, operations)]
    assert len(wishes) > 150
    dice = random.Random(7)
    sent, told = 0, []
    ids = {str(value) for value in foreign.values()}
    while sent < REQUESTS:
        dice.shuffle(wishes)
        for route, url, body in wishes:
            asker = dice.choice(askers)
            target = foreign.get(model_of(route) or "", dice.choice(list(foreign.values())))
            absent = uuid4()
            there = send(route.method, url(target), body(target), **asker.headers, If_Match='"1"')
            nowhere = send(route.method, url(absent), body(absent), **asker.headers, If_Match='"1"')
            sent += 2
            raw = raw_of(there)
            if WORD in raw or (ids - {str(target)}) & set(re.findall(r"[0-9a-f-]{36}", raw)):
                told.append(f"{route} shows something foreign: {raw[:300]}")
            if (there.status, mute(there, target)) != (nowhere.status, mute(nowhere, absent)):
                told.append(f"{route}: {there.status} {raw[:200]} against {nowhere.status} {raw_of(nowhere)[:200]}")
            if len(told) > 20 or sent >= REQUESTS:
                break
        if len(told) > 20:
            break
    record_property("requests", sent)
    assert told == []
    assert sent >= REQUESTS


def assert_the_owner_of_it_sees_it(eve: Person, foreign: dict[str, UUID]) -> None:
    """What follows proves something only if these rows are there, and tell the word to those who may see them."""
    seen = {}
    for route in ROUTES:
        if route.method == "GET" and IDS.findall(route.path) == ["pk"] and model_of(route) in foreign:
            answer = eve.get(
                "/"
                + route.path.replace("<slug:agency>", "south").replace("<uuid:pk>", str(foreign[model_of(route) or ""]))
            )
            seen[str(route)] = (answer.status, WORD in raw_of(answer))
    assert len([1 for status, told in seen.values() if status == 200 and told]) > 20, seen


def wishes_of(route: Route, own: dict[str, UUID], operations: dict[tuple[str, str], Any]) -> Iterator[Wish]:
    """Every place of a request that an id can stand in: the path, the query, the body."""
    names = IDS.findall(route.path)
    base = "/" + route.path.replace("<slug:agency>", "north")
    operation, shapes = operations.get((route.method, re.sub(r"<\w+:(\w+)>", r"<\1>", "/" + route.path)), ({}, {}))
    shape = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    said = example(shape, shapes, None) if shape else None
    for name in names:
        rest = [other for other in names if other != name]

        def in_path(target: UUID, name: str = name, rest: list[str] = rest) -> str:
            url = base.replace(f"<uuid:{name}>", str(target))
            for other in rest:
                url = url.replace(f"<uuid:{other}>", str(own["incidents.Incident"]))
            return url

        yield route, in_path, lambda _: said
    here = base
    for name in names:
        label = "incidents.Incident" if name == "incident" else model_of(route)
        here = here.replace(f"<uuid:{name}>", str(own.get(label or "", uuid4())))
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query" and parameter["schema"].get("format") == "uuid":
            name = parameter["name"]
            yield route, lambda target, name=name: f"{here}?{name}={target}", lambda _: said  # type: ignore[misc]
    if shape and "uuid" in json.dumps(resolved(shape, shapes)):
        yield route, lambda _: here, lambda target: example(shape, shapes, target)


def resolved(shape: Any, shapes: dict[str, Any]) -> Any:
    """The shape with what it refers to in its place."""
    if "$ref" in shape:
        return resolved(shapes[shape["$ref"].rsplit("/", 1)[1]], shapes)
    whole = dict(shape)
    if "properties" in shape:
        whole["properties"] = {name: resolved(part, shapes) for name, part in shape["properties"].items()}
    if "items" in shape:
        whole["items"] = resolved(shape["items"], shapes)
    return whole


def example(shape: Any, shapes: dict[str, Any], target: UUID | None) -> Any:  # noqa: PLR0911 - one line for each kind
    """A body of this shape; ids in it are `target`."""
    shape = resolved(shape, shapes)
    if "enum" in shape:
        return shape["enum"][0]
    for several in ("oneOf", "anyOf", "allOf"):
        if several in shape:
            return example(shape[several][0], shapes, target)
    kind = shape.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return {name: example(part, shapes, target) for name, part in shape.get("properties", {}).items()}
        case "array":
            return [example(shape["items"], shapes, target)]
        case "integer":
            return shape.get("minimum", 1)
        case "number":
            return 0.5
        case "boolean":
            return False
        case _:
            return _text(shape, target)


def _text(shape: Any, target: UUID | None) -> Any:
    match shape.get("format"):
        case "uuid":
            return str(target or UUID(int=0))
        case "date-time":
            return "2030-01-01T00:00:00Z"
        case "email":
            return "somebody@example.org"
        case "uri":
            return "https://example.org"
        case _:
            return "text"


def raw_of(answer: Answer) -> str:
    return answer.body.decode(errors="replace") if isinstance(answer.body, bytes) else json.dumps(answer.body)


def mute(answer: Answer, target: UUID) -> str:
    """The body without the id that was asked for and the request's own id."""
    body = answer.alike[1] if isinstance(answer.body, dict) else raw_of(answer)
    text = json.dumps(body) if isinstance(body, dict) else body
    return text.replace(str(target), "ID").replace(target.hex, "ID")
