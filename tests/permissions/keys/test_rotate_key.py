"""Rotation: a successor takes over, and the old key works until the overlap is over, never longer than before."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from permissions.actions.keys import rotate_key
from permissions.models import ApiKey, Grant
from permissions.needs import Need
from tests.cast import Answer, Person, events_of, key_of, seat_person, walled
from tests.conftest import North
from tests.permissions.keys.conftest import as_issued, issue

pytestmark = pytest.mark.django_db


def rotate(person: Person, key_id: object, **wish: object) -> Answer:
    return person.post(f"keys/{key_id}/rotate", wish)


def row(north: North, key_id: object) -> ApiKey:
    with walled(north.agency):
        found: ApiKey = ApiKey.objects.get(pk=key_id)
        return found


def test_both_keys_work_during_the_overlap_and_then_one(north: North, ana: Person) -> None:
    old = issue(ana, networks=["127.0.0.0/8"], rate_per_minute=99, brands=[str(north.aurora.pk)])
    before = timezone.now()
    new = as_issued(rotate(ana, old.id))
    same = ("name", "seat", "needs", "brand_ids", "networks", "rate_per_minute", "expires_at")
    assert [new.body[name] for name in same] == [old.body[name] for name in same]
    assert new.body["replaces_id"] == old.id
    assert new.token != old.token
    assert (old.get("brands").status, new.get("brands").status) == (200, 200)
    ends = row(north, old.id).expires_at
    assert ends is not None
    assert timedelta(hours=24) <= ends - before < timedelta(hours=24, seconds=30)
    with walled(north.agency):
        ApiKey.objects.filter(pk=old.id).update(expires_at=timezone.now())
    assert (old.get("brands").status, new.get("brands").status) == (401, 200)
    assert [name for name, *_ in events_of(row(north, old.id))] == ["key.issued", "key.rotated"]
    assert events_of(row(north, old.id))[-1][2]["successor_id"] == new.id


def test_without_an_overlap_the_old_key_ends_at_once(ana: Person) -> None:
    old = issue(ana)
    new = as_issued(rotate(ana, old.id, overlap_seconds=0))
    assert (old.get("brands").status, new.get("brands").status) == (401, 200)


def test_the_old_key_never_gains_by_it(north: North, ana: Person) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    old = issue(ana, expires_at=soon.isoformat())
    new = as_issued(rotate(ana, old.id, overlap_seconds=7 * 86_400))
    assert row(north, old.id).expires_at == soon
    made, ends = row(north, new.id).created_at, row(north, new.id).expires_at
    assert ends is not None
    assert ends - made == soon - row(north, old.id).created_at  # as long a life as its predecessor's


def test_an_overlap_is_a_week_at_most(ana: Person) -> None:
    old = issue(ana)
    assert rotate(ana, old.id, overlap_seconds=7 * 86_400 + 1).status == 400
    assert rotate(ana, old.id, overlap_seconds=-1).status == 400


def test_what_has_ended_or_was_rotated_is_not_rotated(ana: Person) -> None:
    gone = issue(ana)
    ana.post(f"keys/{gone.id}/revoke", {"reason": "done"})
    assert (rotate(ana, gone.id).status, rotate(ana, gone.id).code) == (409, "key_ended")
    old = issue(ana)
    first = as_issued(rotate(ana, old.id))
    again = rotate(ana, old.id)
    assert (again.code, again.body["facts"]) == ("key_rotated", {"key_id": first.id})
    ana.post(f"keys/{first.id}/revoke", {"reason": "lost before it was used"})
    assert rotate(ana, old.id).status == 201


def test_whoever_rotates_holds_what_the_key_holds(north: North, ana: Person, now: datetime) -> None:
    """The rights of this moment count, not those of the day the key was made."""
    second = seat_person(north.agency, "sam", "owner", at=now)
    key = issue(second, "brands.read", "agency.change", brands=[str(north.aurora.pk)])
    ana.post("grants", {"seat": str(second.seat.pk), "role": "admin", "brands": [], "reason": "deputy"})
    with walled(north.agency):
        owner = Grant.objects.all().live().get(seat=second.seat, role="owner")
    assert ana.post(f"grants/{owner.pk}/withdraw", {"reason": "steps back"}).status == 200
    refused = rotate(second, key.id)
    assert (refused.status, refused.code, refused.body["facts"]) == (403, "key_too_wide", {"needs": ["agency.change"]})
    taken_over = as_issued(rotate(ana, key.id))
    assert taken_over.body["seat"] == str(ana.seat.pk)


def test_a_key_that_reaches_what_its_issuer_reaches_stays_with_them(north: North, ana: Person, now: datetime) -> None:
    second = seat_person(north.agency, "sam", "admin", at=now)
    assert rotate(ana, issue(second).id).code == "issuer_rotates"


def test_a_key_rotates_itself_and_no_other(ana: Person) -> None:
    own = issue(ana, "keys.issue", "brands.read")
    other = issue(ana)
    assert own.post(f"keys/{other.id}/rotate", {}).code == "people_issue_keys"
    new = as_issued(own.post(f"keys/{own.id}/rotate", {}))
    assert new.get("brands").status == 200


def test_a_rotation_is_one_moment(north: North, ana: Person, now: datetime) -> None:
    key = key_of(ana, Need.BRANDS_READ)
    with walled(north.agency):
        key_id = ApiKey.objects.get(seat=ana.seat).pk
        issued = rotate_key(key_id=key_id, overlap=timedelta(seconds=60), rotator=ana.caller(now), by=ana.actor, at=now)
    assert row(north, key_id).expires_at == issued.key.created_at + timedelta(seconds=60)
    assert key.get("brands").status == 200
