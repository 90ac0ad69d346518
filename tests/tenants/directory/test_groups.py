"""What groups of the directory give, take and leave alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from core.wall import inside
from permissions.actions.grants import Place, grant_role, withdraw_role
from permissions.actions.rules import separate_duties
from permissions.models import Grant
from permissions.needs import Need
from tenants.models import DirectoryGroup, DirectoryUser, Seat
from tests.cast import SETTING_THE_STAGE, Person, add_brand, events_of
from tests.conftest import North
from tests.tenants.directory.cast import DirectoryClient

pytestmark = pytest.mark.django_db


def held(north: North, user: dict[str, Any]) -> list[tuple[str, object]]:
    """The roles that a person holds now, each with its brand."""
    with inside(north.agency.pk):
        seat = DirectoryUser.objects.get(pk=user["id"]).seat
        grants = Grant.objects.all().counting(timezone.now()).filter(seat=seat, seat__stage="ACTIVE")
        return sorted(((grant.role, grant.brand_id) for grant in grants), key=str)


def mapped(ana: Person, group: dict[str, Any], role: str, *brands: object) -> Any:
    seen = ana.get(f"directory-groups/{group['id']}")
    answer = ana.post(f"directory-groups/{group['id']}/map", {"role": role, "brands": list(brands)}, If_Match=seen.etag)
    assert answer.status == 200, answer.body
    return answer.body


def put_in(directory: DirectoryClient, group: dict[str, Any], *members: dict[str, Any]) -> None:
    value = [{"value": member["id"]} for member in members]
    answer = directory.patch(f"Groups/{group['id']}", {"op": "Add", "path": "members", "value": value})
    assert answer.status == 200, answer.body


def take_out(directory: DirectoryClient, group: dict[str, Any], member: dict[str, Any]) -> None:
    operation = {"op": "remove", "path": f'members[value eq "{member["id"]}"]'}
    assert directory.patch(f"Groups/{group['id']}", operation).status == 200


def test_a_group_gives_nothing_until_it_is_mapped(north: North, ana: Person, directory: DirectoryClient) -> None:
    ida = directory.add_user("ida")
    crisis = directory.add_group("Crisis", ida)
    assert held(north, ida) == []
    shown = mapped(ana, crisis, "responder", north.aurora.pk)
    assert (shown["members"], shown["problems"], shown["role"]) == (1, 0, "responder")
    assert held(north, ida) == [("responder", north.aurora.pk)]
    with inside(north.agency.pk):
        grant = Grant.objects.get(seat=Seat.objects.get(user__email="ida@example.com"))
        row = DirectoryGroup.objects.get(pk=crisis["id"])
    assert (grant.reason, grant.sponsor_id) == ("member of the directory's group Crisis", ana.seat.pk)
    assert [(name, actor) for name, actor, _ in events_of(row)] == [
        ("directory_group.created", "rule:directory"),
        ("directory_group.mapped", str(ana.actor)),
    ]
    assert events_of(row)[1][2] == {"role": "responder", "brand_ids": [str(north.aurora.pk)]}


def test_members_come_and_go_with_the_role(north: North, ana: Person, directory: DirectoryClient) -> None:
    ida, joe = directory.add_user("ida"), directory.add_user("joe")
    crisis = directory.add_group("Crisis")
    mapped(ana, crisis, "responder", north.aurora.pk, north.borealis.pk)
    put_in(directory, crisis, ida, joe)
    both = sorted([("responder", north.aurora.pk), ("responder", north.borealis.pk)], key=str)
    assert (held(north, ida), held(north, joe)) == (both, both)
    take_out(directory, crisis, ida)
    assert (held(north, ida), held(north, joe)) == ([], both)
    old_way = {"op": "Remove", "path": "members", "value": [{"value": joe["id"]}]}
    assert directory.patch(f"Groups/{crisis['id']}", old_way).status == 200
    assert held(north, joe) == []
    put_in(directory, crisis, joe)
    assert directory.patch(f"Groups/{crisis['id']}", {"op": "remove", "path": "members"}).status == 200
    assert held(north, joe) == []
    whole = {"op": "replace", "value": {"displayName": "Crisis 2", "members": [{"value": ida["id"]}]}}
    assert directory.patch(f"Groups/{crisis['id']}", whole).body["displayName"] == "Crisis 2"
    assert held(north, ida) == both
    assert directory.get(f"Users/{ida['id']}").body["groups"][0]["display"] == "Crisis 2"
    assert directory.delete(f"Groups/{crisis['id']}").status == 204
    assert held(north, ida) == []
    assert directory.get(f"Groups/{crisis['id']}").status == 404


def test_only_what_the_group_gave_is_taken(north: North, ana: Person, bo: Person, directory: DirectoryClient) -> None:
    bos = directory.add_user(userName="bo", emails=[{"value": bo.user.email, "primary": True}])
    managers = directory.add_group("Managers", bos)
    mapped(ana, managers, "account_manager", north.aurora.pk, north.borealis.pk)
    before = ("account_manager", north.aurora.pk)
    assert len(held(north, bos)) == 2
    take_out(directory, managers, bos)
    assert held(north, bos) == [before]


def test_two_groups_that_give_the_same_do_not_take_it_from_each_other(
    north: North, ana: Person, directory: DirectoryClient
) -> None:
    ida = directory.add_user("ida")
    one, two = directory.add_group("One", ida), directory.add_group("Two", ida)
    for each in (one, two):
        mapped(ana, each, "responder", north.aurora.pk)
    take_out(directory, one, ida)
    assert held(north, ida) == [("responder", north.aurora.pk)]
    take_out(directory, two, ida)
    assert held(north, ida) == []


def test_mapping_anew_and_unmapping(north: North, ana: Person, directory: DirectoryClient) -> None:
    ida = directory.add_user("ida")
    crisis = directory.add_group("Crisis", ida)
    mapped(ana, crisis, "responder", north.aurora.pk)
    mapped(ana, crisis, "analyst", north.borealis.pk)
    assert held(north, ida) == [("analyst", north.borealis.pk)]
    path = f"directory-groups/{crisis['id']}"
    assert ana.post(f"{path}/unmap", {"reason": "over"}).status == 428
    answer = ana.post(f"{path}/unmap", {"reason": "over"}, If_Match=ana.get(path).etag)
    assert (answer.status, answer.body["role"], answer.body["members"]) == (200, "", 1)
    assert held(north, ida) == []


def test_nobody_maps_beyond_what_they_hold(north: North, ana: Person, directory: DirectoryClient) -> None:
    crisis = directory.add_group("Crisis")
    path = f"directory-groups/{crisis['id']}"
    seen = ana.get(path).etag
    client = ana.post(f"{path}/map", {"role": "client_viewer", "brands": [str(north.aurora.pk)]}, If_Match=seen)
    assert (client.status, client.code) == (400, "wrong_side")
    assert ana.post(f"{path}/map", {"role": "king"}, If_Match=seen).status == 400
    assert ana.post(f"{path}/map", {"role": "responder", "brands": [crisis["id"]]}, If_Match=seen).status == 400
    stale = ana.post(f"{path}/map", {"role": "responder"}, If_Match='"x"')
    assert (stale.status, stale.code) == (412, "stale")
    with inside(north.agency.pk):
        made = ana.post(
            "roles", {"slug": "connector", "label": "Connector", "needs": [Need.IDENTITY_CONNECT], "side": "staff"}
        )
    assert made.status == 201, made.body
    joe = directory.add_user("joe")
    with inside(north.agency.pk):
        seat = DirectoryUser.objects.get(pk=joe["id"]).seat
        grant_role(
            seat_id=seat.pk, role="connector", places=[Place()], reason="x", starts_at=None, ends_at=None,
            sponsor=None, by=SETTING_THE_STAGE, at=timezone.now(),
        )  # fmt: skip
        joes = Person(north.agency, seat.user, seat)
    key = ana.post("keys", {"name": "k", "needs": [Need.IDENTITY_CONNECT]}).body["token"]
    keyed = {"Authorization": f"Bearer {key}"}
    narrow = Person(north.agency, joes.user, joes.seat, keyed)
    too_high = narrow.post(f"{path}/map", {"role": "responder"}, If_Match=seen)
    assert (too_high.status, too_high.code) == (403, "role_too_high")


def test_a_conflict_does_not_lose_the_membership(north: North, ana: Person, directory: DirectoryClient) -> None:
    with inside(north.agency.pk):
        separate_duties(
            name="apart",
            roles=["responder", "analyst"],
            reason="audit",
            accept_existing=False,
            by=ana.actor,
            at=timezone.now(),
        )
    ida = directory.add_user("ida")
    first, second = directory.add_group("First", ida), directory.add_group("Second")
    mapped(ana, first, "analyst", north.aurora.pk)
    mapped(ana, second, "responder", north.aurora.pk)
    put_in(directory, second, ida)
    assert held(north, ida) == [("analyst", north.aurora.pk)]
    members = directory.get(f"Groups/{second['id']}").body["members"]
    assert [member["value"] for member in members] == [ida["id"]]
    shown = ana.get(f"directory-groups/{second['id']}").body
    assert shown["members_without_role"] == [
        {"member": ida["id"], "user_name": "ida@example.com", "problem": "duties_conflict"}
    ]
    assert ana.get("directory-groups").body["items"][0]["problems"] == 1
    take_out(directory, first, ida)
    assert directory.patch(f"Groups/{second['id']}", {"op": "replace", "path": "displayName", "value": "2nd"})
    assert held(north, ida) == [("responder", north.aurora.pk)]
    assert ana.get(f"directory-groups/{second['id']}").body["problems"] == 0


def test_what_somebody_took_back_stays_taken_back(north: North, ana: Person, directory: DirectoryClient) -> None:
    ida, joe = directory.add_user("ida"), directory.add_user("joe")
    crisis = directory.add_group("Crisis", ida)
    mapped(ana, crisis, "responder", north.aurora.pk)
    with inside(north.agency.pk):
        grant = Grant.objects.all().live().get(role="responder")
        withdraw_role(grant_id=grant.pk, reason="review", by=ana.actor, at=timezone.now())
    put_in(directory, crisis, joe)
    assert held(north, ida) == []
    take_out(directory, crisis, ida)
    put_in(directory, crisis, ida)
    assert held(north, ida) == [("responder", north.aurora.pk)]


def test_whoever_is_hired_again_gets_what_their_groups_stand_for_now(
    north: North, ana: Person, directory: DirectoryClient
) -> None:
    ida = directory.add_user("ida")
    stays, goes = directory.add_group("Stays", ida), directory.add_group("Goes", ida)
    mapped(ana, stays, "responder", north.aurora.pk)
    mapped(ana, goes, "analyst", north.borealis.pk)
    with inside(north.agency.pk):
        seat = DirectoryUser.objects.get(pk=ida["id"]).seat
        grant_role(
            seat_id=seat.pk, role="crisis_lead", places=[Place()], reason="by hand", starts_at=None, ends_at=None,
            sponsor=None, by=SETTING_THE_STAGE, at=timezone.now(),
        )  # fmt: skip
    assert len(held(north, ida)) == 3
    directory.patch(f"Users/{ida['id']}", {"op": "replace", "value": {"active": False}})
    assert held(north, ida) == []
    take_out(directory, goes, ida)
    directory.patch(f"Users/{ida['id']}", {"op": "replace", "value": {"active": True}})
    assert held(north, ida) == [("responder", north.aurora.pk)]
    with inside(north.agency.pk):
        assert Seat.objects.filter(user__email="ida@example.com", stage="ENDED").count() == 1


def test_the_last_owner_cannot_be_taken_out_of_the_owners(
    north: North, ana: Person, directory: DirectoryClient
) -> None:
    ida = directory.add_user("ida")
    owners = directory.add_group("Owners", ida)
    mapped(ana, owners, "owner")
    assert ana.post(f"seats/{ana.seat.pk}/revoke", {"reason": "left"}).status in {200, 202}
    refused = directory.patch(f"Groups/{owners['id']}", {"op": "remove", "path": f'members[value eq "{ida["id"]}"]'})
    assert refused.status == 409
    assert len(directory.get(f"Groups/{owners['id']}").body["members"]) == 1
    assert directory.patch(f"Users/{ida['id']}", {"op": "replace", "value": {"active": False}}).status == 409


def test_groups_in_groups_and_strangers_are_refused(north: North, directory: DirectoryClient) -> None:
    crisis = directory.add_group("Crisis")
    gone = directory.add_user("ida")
    directory.delete(f"Users/{gone['id']}")
    for member in (crisis["id"], gone["id"], "not-an-id", None):
        answer = directory.patch(
            f"Groups/{crisis['id']}", {"op": "add", "path": "members", "value": [{"value": member}]}
        )
        assert (answer.status, answer.body["scimType"]) == (400, "invalidValue"), member


def test_the_list_of_groups_asks_a_constant_number_of_questions(
    north: North, ana: Person, directory: DirectoryClient, django_assert_max_num_queries: Any
) -> None:
    add_brand(north.agency, "third", timezone.now())
    for number in range(4):
        directory.add_group(f"G{number}", directory.add_user(), directory.add_user())
    ana.get("directory-groups")
    with django_assert_max_num_queries(16):
        assert len(ana.get("directory-groups").body["items"]) == 4
