"""Every route, read from the resolver: nobody, a stranger, and a colleague without the need are refused everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from core.wall import inside
from permissions.needs import Need
from permissions.roles import ROLES
from permissions.viewset import HouseViewSet
from tenants.actions.goodbyes import revoke_seat
from tenants.models import Agency
from tests.cast import Person, seat_person, send
from tests.conftest import North
from tests.contracts.everything import one_of_everything

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
    "v1/decisions/<str:token>/media/<str:sha256>": "the token of the letter is the proof",
    "v1/reports/<str:token>": "the signed link is the proof",
    "v1/acknowledge/<str:token>": "the signed token of the message is the proof",
    "v1/contacts/confirm/<str:token>": "the signed token of the letter is the proof",
    "v1/calendars/<str:token>.ics": "the token in the address is the proof",
    "v1/inbound/twilio/status": "Twilio's signature is the proof",
    "v1/inbound/twilio/sms": "Twilio's signature is the proof",
    "v1/inbound/twilio/voice": "Twilio's signature is the proof",
    "v1/inbound/gateway/status": "the carrier's signature is the proof",
    "v1/inbound/<slug:agency>/<uuid:source_id>": "the signature over the body is the proof",
    **dict.fromkeys(
        (
            f"scim/v2/<slug:agency>/{path}"
            for path in (
                "ServiceProviderConfig",
                "ResourceTypes",
                "ResourceTypes/<str:name>",
                "Schemas",
                "Schemas/<str:name>",
                "Users",
                "Users/.search",
                "Users/<str:row_id>",
                "Groups",
                "Groups/.search",
                "Groups/<str:row_id>",
                ".search",
                "<path:rest>",
            )
        ),
        "the directory's own token is the proof",
    ),
    "ssf/v1/<slug:agency>/events": "the signature is the proof",
}


# What the places of an address name, besides `pk`.
NAMED = {"incident": "incidents.Incident", "post_mortem": "incidents.PostMortem"}


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

    def url(self, agency: str, things: dict[str, UUID] | None = None) -> str:
        """Its address in an agency; ids are those of `things` by their model's label, else of nothing that exists."""
        labels = {**NAMED, "pk": model_of(self) or ""}

        def named(place: re.Match[str]) -> str:
            return str((things or {}).get(labels.get(place[1], ""), uuid4()))

        path = self.path.replace("<slug:agency>", agency)
        return "/" + re.sub(r"<(?:uuid|str|slug):(\w+)>", named, path)


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
def test_every_role_reaches_exactly_what_it_holds(
    north: North, south: Agency, role: str, record_property: Callable[[str, object], None]
) -> None:
    """Each route against a thing of one's own, of another brand, of another agency, and after one's seat has ended."""
    side, at = ROLES[role].side, north.agency.created_at
    on_brand = [north.aurora] if side == "client" else None
    holder = seat_person(north.agency, f"holder-{role}", role, brands=on_brand, side=side, at=at)
    narrow = seat_person(north.agency, f"narrow-{role}", role, brands=[north.aurora], side=side, at=at)
    gone = seat_person(north.agency, f"gone-{role}", role, brands=on_brand, side=side, at=at)
    with inside(north.agency.pk):
        revoke_seat(seat_id=gone.seat.pk, reason="left", by=holder.actor, at=timezone.now())
    own = one_of_everything(north.agency, north.aurora, holder, "aurora")
    other = one_of_everything(north.agency, north.borealis, holder, "borealis")
    told, asked = [], 0
    for route in ROUTES:
        at_home, next_door = route.url("north", own), route.url("north", other)
        mine = send(route.method, at_home, body_for(route), **holder.headers)
        theirs = send(route.method, next_door, body_for(route), **narrow.headers)
        abroad = send(route.method, route.url("south", own), body_for(route), **holder.headers)
        late = send(route.method, at_home, body_for(route), **gone.headers)
        asked += 4
        if abroad.status != 404 or late.status not in (401, 404):
            told.append(f"{route}: {abroad.status} in another agency, {late.status} after leaving")
        holds = route.need is None or route.need in ROLES[role].needs
        if not holds and {(mine.status, mine.code), (theirs.status, theirs.code)} != {(403, "not_allowed")}:
            told.append(f"{route}: lacks {route.need}, and is answered {mine.status} and {theirs.status}")
        if holds and side == "staff" and (mine.status, mine.code) == (403, "not_allowed"):
            told.append(f"{route}: holds {route.need}, and is refused: {mine.body}")
        if holds and at_home != next_door and is_of_a_brand(route) and theirs.status not in (403, 404):
            told.append(f"{route}: {theirs.status} on another brand: {theirs.body}")
        if holds and at_home != next_door and "borealis-" in str(theirs.body) and is_of_a_brand(route):
            told.append(f"{route}: tells of another brand")
    record_property("requests", asked)
    assert not told, "\n".join(told)
    assert asked == 4 * len(ROUTES)


def is_of_a_brand(route: Route) -> bool:
    """Whether what the URL names belongs to a brand; people, rotas and rules belong to the whole agency."""
    outer = next((label for place, label in NAMED.items() if f"<uuid:{place}>" in route.path), None)
    label = outer or model_of(route)
    model = apps.get_model(label) if label else None
    return getattr(model, "brand_path", None) is not None and label not in {
        "permissions.Grant",
        "permissions.AccessReview",
    }
