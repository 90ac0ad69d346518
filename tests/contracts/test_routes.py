"""Every route, read from the resolver: nobody, a stranger, and a colleague without the need are refused everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver

from permissions.needs import Need
from permissions.roles import ROLES
from permissions.viewset import HouseViewSet
from tests.cast import Person, seat_person, send
from tests.conftest import North

pytestmark = pytest.mark.django_db

# Routes outside an agency, each with its reason.
OPEN = {
    "healthz": "load balancers ask",
    "readyz": "load balancers ask",
    "_allauth/": "signing in",
    "v1/openapi.json": "the contract is public",
    "docs/": "the contract is public",
    "docs/redoc/": "the contract is public",
    "v1/invitations/accept": "the token is the proof",
    "v1/decisions/<str:token>": "the token of the letter is the proof",
    "v1/reports/<str:token>": "the signed link is the proof",
}


@dataclass(frozen=True)
class Route:
    path: str
    method: str
    action: str
    view: type[HouseViewSet]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def need(self) -> Need | None:
        return self.view.needs[self.action]

    def url(self, agency: str) -> str:
        path = self.path.replace("<slug:agency>", agency)
        return "/" + re.sub(r"<(?:uuid|str|slug):\w+>", lambda _: str(uuid4()), path)


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for part in resolver.url_patterns:
        path = prefix + str(part.pattern)
        if isinstance(part, URLResolver):
            yield from patterns(part, path)
        else:
            yield path, part


def routes() -> list[Route]:
    found = []
    for path, pattern in patterns(get_resolver()):
        view = getattr(pattern.callback, "cls", None)
        actions = getattr(pattern.callback, "actions", None)
        if view is not None and actions and issubclass(view, HouseViewSet):
            found += [Route(path, method.upper(), action, view) for method, action in actions.items()]
    return found


ROUTES = routes()


def model_of(route: Route) -> str | None:
    """The label of the model whose row the route's `pk` names; None where it names none of a table."""
    shape = getattr(route.view, "serializer_class", None)
    model = getattr(getattr(shape, "Meta", None), "model", None)
    return model._meta.label if model is not None else None


def body_for(route: Route) -> dict[str, object] | None:
    return None if route.method == "GET" else {}


def test_every_route_is_inside_an_agency_or_on_the_list_of_open_ones() -> None:
    inside = {route.path for route in ROUTES}
    outside = {path for path, _ in patterns(get_resolver()) if path not in inside}
    assert {path for path in outside if not path.startswith("_allauth/")} == set(OPEN) - {"_allauth/"}
    assert all(path.startswith("v1/agencies/<slug:agency>/") for path in inside)


def test_there_are_routes_and_every_one_names_its_need() -> None:
    assert len(ROUTES) > 40
    for route in ROUTES:
        assert route.action in route.view.needs, str(route)


def test_a_view_that_forgets_a_need_cannot_be_routed() -> None:
    class Forgetful(HouseViewSet):
        needs = {"list": Need.BRANDS_READ}

    with pytest.raises(ImproperlyConfigured, match="create"):
        Forgetful.as_view({"get": "list", "post": "create"})


def test_nobody_gets_in_without_a_credential(north: North) -> None:
    answers = {str(route): send(route.method, route.url("north"), body_for(route)).status for route in ROUTES}
    assert {route: status for route, status in answers.items() if status != 401} == {}


def test_a_stranger_cannot_tell_the_agency_from_one_that_does_not_exist(north: North, eve: Person) -> None:
    told = []
    for route in ROUTES:
        here = send(route.method, route.url("north"), body_for(route), **eve.headers)
        nowhere = send(route.method, route.url("nowhere"), body_for(route), **eve.headers)
        if here.status != 404 or here.alike != nowhere.alike:
            told.append(f"{route}: {here.alike} here, {nowhere.alike} nowhere")
    assert told == []


@pytest.mark.parametrize("role", [name for name in ROLES if name != "integration"])
def test_every_role_is_refused_exactly_what_it_does_not_hold(north: North, now: object, role: str) -> None:
    """A route whose need the role lacks answers 403; one whose need it holds never does for want of the need."""
    side = ROLES[role].side
    brands = [north.aurora] if side == "client" else None
    person = seat_person(north.agency, f"some-{role}", role, brands=brands, side=side, at=north.agency.created_at)
    for route in ROUTES:
        if route.need is None:
            continue
        answer = send(route.method, route.url("north"), body_for(route), **person.headers)
        holds = route.need in ROLES[role].needs
        if not holds:
            assert (answer.status, answer.code) == (403, "not_allowed"), f"{role}: {route}"
        elif side == "staff":
            assert answer.status != 403, f"{role}: {route} answered {answer.body}"
