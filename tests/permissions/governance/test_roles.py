"""Roles that an agency makes for itself."""

from __future__ import annotations

from typing import Any

import pytest

from permissions.actions.grants import Place
from permissions.models import BrandReach, CustomRole
from permissions.needs import Need
from permissions.roles import ROLES
from tests.cast import Answer, Person, events_of, key_of, seat_person, walled
from tests.conftest import North
from tests.permissions.governance.scene import give, grant, grant_of, queries_of

pytestmark = pytest.mark.django_db

SCRIBE = {"slug": "scribe", "label": "Scribe", "side": "staff", "needs": ["incidents.read", "incidents.note"]}


def define(by: Person, **more: Any) -> Answer:
    return by.post("roles", SCRIBE | more)


def row(north: North, slug: str = "scribe") -> CustomRole:
    with walled(north.agency):
        found: CustomRole = CustomRole.objects.get(slug=slug)
        return found


def test_needs_are_listed_with_what_they_mean(ana: Person, cy: Person) -> None:
    told = ana.get("needs").body
    assert len(told) == len(Need)
    assert told[0] == {"need": "access.explain", "label": "See who may do what, and why", "reads": True}
    assert cy.get("needs").status == 403


def test_built_in_roles_stand_before_the_agencys_own(north: North, ana: Person) -> None:
    assert define(ana).status == 201
    roles = ana.get("roles").body["items"]
    assert [role["slug"] for role in roles] == [*ROLES, "scribe"]
    assert [role["builtin"] for role in roles] == [True] * len(ROLES) + [False]
    assert roles[0]["needs"] == sorted(Need.values)
    assert {role["slug"] for role in ana.get("roles?side=client").body["items"]} == {"client_approver", "client_viewer"}
    assert [role["slug"] for role in ana.get("roles?builtin=false").body["items"]] == ["scribe"]


def test_a_role_is_defined_and_opens_what_it_says(north: North, ana: Person, bo: Person) -> None:
    answer = define(ana)
    assert answer.status == 201
    assert answer.body["needs"] == ["incidents.note", "incidents.read"]
    assert events_of(row(north)) == [
        (
            "role.defined",
            f"seat:{ana.seat.pk}",
            {"slug": "scribe", "side": "staff", "needs": ["incidents.note", "incidents.read"]},
        )
    ]
    assert grant(ana, bo, "scribe", north.borealis.pk).status == 201
    assert bo.get(f"incidents?brand={north.borealis.pk}").status == 200
    assert bo.get(f"brands/{north.borealis.pk}").status == 404


def test_a_role_never_holds_what_its_maker_lacks_on_the_whole_agency(north: North, ada: Person, ana: Person) -> None:
    answer = define(ada, needs=["incidents.read", "agency.change", "identity.connect"])
    assert (answer.status, answer.code) == (403, "role_too_wide")
    assert answer.body["facts"]["needs"] == ["agency.change", "identity.connect"]
    key = key_of(ana, Need.ROLES_DEFINE, Need.INCIDENTS_READ)
    assert define(key).body["facts"]["needs"] == ["incidents.note"]


def test_a_brands_administrator_defines_no_role(north: North, now: Any) -> None:
    local = seat_person(north.agency, "loc", "admin", brands=[north.aurora], at=now)
    assert define(local).status == 403


def test_a_slug_names_one_role_for_ever(north: North, ana: Person) -> None:
    assert define(ana, slug="owner").code == "role_known"
    assert define(ana).status == 201
    assert define(ana).code == "role_known"
    assert ana.post(f"roles/{row(north).pk}/retire", {"reason": "done"}).status == 200
    assert define(ana).code == "role_known"


def test_a_role_for_clients_holds_what_clients_may_hold(north: North, ana: Person) -> None:
    answer = define(ana, side="client", needs=["posts.read", "posts.schedule"])
    assert (answer.status, answer.code) == (400, "wrong_side")
    assert answer.body["facts"]["needs"] == ["posts.schedule"]
    assert define(ana, side="client", needs=["posts.read"]).status == 201


def test_a_revised_role_is_held_anew_by_everybody_at_once(north: North, ana: Person, bo: Person, dee: Person) -> None:
    define(ana)
    grant(ana, bo, "scribe", north.borealis.pk)
    role = ana.get(f"roles/{row(north).pk}")
    assert bo.get(f"brands/{north.borealis.pk}").status == 404
    changed = ana.patch(f"roles/{row(north).pk}", {"needs": ["brands.read"]}, If_Match=role.etag)
    assert (changed.status, changed.body["version"]) == (200, 2)
    assert bo.get(f"brands/{north.borealis.pk}").status == 200
    with walled(north.agency):
        held = BrandReach.objects.filter(user=bo.user, content_object=north.borealis)
        assert set(held.values_list("permission__codename", flat=True)) == {"brands.read"}
    assert events_of(row(north))[-1] == (
        "role.revised",
        f"seat:{ana.seat.pk}",
        {"slug": "scribe", "needs": ["brands.read"], "grants": 1},
    )
    assert ana.patch(f"roles/{row(north).pk}", {"label": "Clerk"}).status == 428
    assert ana.patch(f"roles/{row(north).pk}", {"label": "Clerk"}, If_Match=role.etag).status == 412
    assert dee.patch(f"roles/{row(north).pk}", {"label": "Clerk"}, If_Match=changed.etag).status == 403


def test_revising_adds_nothing_that_the_reviser_lacks(north: North, ana: Person, ada: Person) -> None:
    define(ana, needs=["agency.change"])
    role = ada.get(f"roles/{row(north).pk}")
    answer = ada.patch(f"roles/{row(north).pk}", {"needs": ["agency.change", "identity.connect"]}, If_Match=role.etag)
    assert (answer.code, answer.body["facts"]["needs"]) == ("role_too_wide", ["identity.connect"])
    assert ada.patch(f"roles/{row(north).pk}", {"label": "Deputy"}, If_Match=role.etag).status == 200


def test_a_role_in_use_is_not_retired(north: North, ana: Person, bo: Person) -> None:
    define(ana)
    role = row(north)
    grant(ana, bo, "scribe", north.borealis.pk)
    refused = ana.post(f"roles/{role.pk}/retire", {"reason": "merged"})
    assert (refused.status, refused.code) == (409, "role_in_use")
    assert refused.body["facts"] == {"grants": 1, "invitations": 0}
    ana.post(f"grants/{grant_of(bo, 'scribe').pk}/withdraw", {"reason": "merged"})
    invited = ana.post("invitations", {"email": "new@example.org", "side": "staff", "role": "scribe"})
    assert invited.status == 201
    assert ana.post(f"roles/{role.pk}/retire", {"reason": "merged"}).body["facts"]["invitations"] == 1
    ana.post(f"invitations/{invited.body['id']}/void", {"reason": "merged"})
    retired = ana.post(f"roles/{role.pk}/retire", {"reason": "merged"})
    assert (retired.status, retired.body["retired_at"] is None) == (200, False)
    assert events_of(role)[-1][0] == "role.retired"
    assert grant(ana, bo, "scribe", north.borealis.pk).code == "invalid"
    assert [r["slug"] for r in ana.get("roles?builtin=false").body["items"]] == []
    assert [r["slug"] for r in ana.get("roles?builtin=false&retired=true").body["items"]] == ["scribe"]
    again = ana.patch(f"roles/{role.pk}", {"label": "Clerk"}, If_Match=retired.etag)
    assert again.code == "role_retired"


def test_strangers_find_no_role_and_colleagues_change_none(north: North, ana: Person, eve: Person, lea: Person) -> None:
    define(ana)
    role = row(north)
    for path in ("roles", f"roles/{role.pk}", "needs"):
        assert eve.get(f"/v1/agencies/north/{path}").status == 404
        assert lea.get(path).status == 200
    assert eve.get(f"roles/{role.pk}").status == 404
    assert define(lea).status == 403
    assert lea.post(f"roles/{role.pk}/retire", {"reason": "x"}).status == 403


def test_a_list_of_roles_costs_the_same_however_many(north: North, ana: Person) -> None:
    ana.get("roles")
    few = queries_of(lambda: ana.get("roles"))
    for number in range(5):
        define(ana, slug=f"scribe-{number}")
    assert queries_of(lambda: ana.get("roles")) == few


def test_a_custom_role_on_an_incident_or_in_the_agency_is_held_anew_too(north: North, ana: Person, dee: Person) -> None:
    define(ana, needs=["incidents.read"])
    give(dee, "scribe", Place(), at=north.agency.created_at)
    role = ana.get(f"roles/{row(north).pk}")
    assert dee.get("grants").status == 403
    ana.patch(f"roles/{row(north).pk}", {"needs": ["roles.grant"]}, If_Match=role.etag)
    assert dee.get("grants").status == 200
