"""A key holds at every moment what its issuer holds then, and never more than it was made for."""

from __future__ import annotations

from datetime import datetime

import pytest

from permissions.actions.restrictions import restrict_incident
from permissions.actions.rules import deny_brands
from permissions.models import Grant
from tests.cast import Person, seat_person, walled
from tests.conftest import North
from tests.permissions.keys.conftest import Issued, issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam(north: North, now: datetime) -> Person:
    """An administrator, who issues keys."""
    return seat_person(north.agency, "sam", "admin", at=now)


def withdraw_all(ana: Person, person: Person) -> None:
    with walled(ana.agency):
        held = list(Grant.objects.all().live().filter(seat=person.seat))
    for grant in held:
        assert ana.post(f"grants/{grant.pk}/withdraw", {"reason": "moved"}).status == 200


def grant(ana: Person, person: Person, role: str, *brands: object) -> None:
    wish = {"seat": str(person.seat.pk), "role": role, "brands": brands, "reason": "another duty"}
    assert ana.post("grants", wish).status == 201


def brands_of(key: Issued) -> list[str]:
    return sorted(brand["slug"] for brand in key.get("brands").body["items"])


def test_it_loses_a_need_the_moment_its_issuer_does(ana: Person, sam: Person) -> None:
    key = issue(sam, "brands.read", "seats.read", "keys.issue")
    assert (key.get("seats").status, key.get("keys").status) == (200, 200)
    grant(ana, sam, "analyst")
    assert key.get("keys").status == 200  # still an administrator
    with walled(ana.agency):
        admin = Grant.objects.all().live().get(seat=sam.seat, role="admin")
    ana.post(f"grants/{admin.pk}/withdraw", {"reason": "moved"})
    assert (key.get("seats").status, key.get("keys").status) == (200, 403)
    withdraw_all(ana, sam)
    assert (key.get("seats").status, key.get("brands").status) == (403, 403)


def test_it_gains_nothing_when_its_issuer_does(ana: Person, sam: Person) -> None:
    key = issue(sam, "brands.read")
    grant(ana, sam, "owner")
    assert (key.get("brands").status, key.get("seats").status, key.get("keys").status) == (200, 403, 403)


def test_on_brands_too(north: North, ana: Person, sam: Person) -> None:
    every, one = issue(sam, "brands.read"), issue(sam, "brands.read", brands=[str(north.borealis.pk)])
    assert (brands_of(every), brands_of(one)) == (["aurora", "borealis"], ["borealis"])
    withdraw_all(ana, sam)
    grant(ana, sam, "account_manager", str(north.aurora.pk))
    assert brands_of(every) == ["aurora"]
    assert one.get("brands").status == 403
    assert every.get(f"brands/{north.borealis.pk}").status == 404
    grant(ana, sam, "account_manager", str(north.borealis.pk))
    assert (brands_of(every), brands_of(one)) == (["aurora", "borealis"], ["borealis"])


def test_a_deny_rule_that_hits_the_issuer_hits_the_key(north: North, ana: Person, sam: Person, now: datetime) -> None:
    key = issue(sam, "brands.read")
    with walled(north.agency):
        deny_brands(
            seat_id=sam.seat.pk,
            brand_ids=[north.aurora.pk],
            reason="a cousin works there",
            ends_at=None,
            by=ana.actor,
            at=now,
        )
    assert brands_of(key) == ["borealis"]
    assert key.get(f"brands/{north.aurora.pk}").status == 404
    assert brands_of(issue(ana, "brands.read")) == ["aurora", "borealis"]


def test_a_restricted_incident_is_closed_to_the_key_of_whoever_it_is_closed_to(
    north: North, ana: Person, sam: Person, now: datetime
) -> None:
    wish = {"brand": str(north.aurora.pk), "title": "A leak", "kind": "data_leak", "severity": 1}
    opened = sam.post("incidents", wish)
    assert opened.status == 201, opened.body
    sams, anas = issue(sam, "incidents.read"), issue(ana, "incidents.read")
    path = f"incidents/{opened.body['id']}"
    assert (sams.get(path).status, anas.get(path).status) == (200, 200)
    with walled(north.agency):
        restrict_incident(incident_id=opened.body["id"], reason="between few", by=ana.actor, at=now)
    assert (sams.get(path).status, anas.get(path).status) == (404, 200)
    assert sams.get("incidents").body["items"] == []


def test_what_somebody_lacks_is_refused_when_the_key_is_made(north: North, ana: Person, sam: Person) -> None:
    answer = sam.post("keys", {"name": "feed", "needs": ["brands.read", "agency.change"]})
    assert (answer.status, answer.code, answer.body["facts"]) == (403, "key_too_wide", {"needs": ["agency.change"]})
