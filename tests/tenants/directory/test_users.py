"""People of the directory, in the requests that Okta and Microsoft Entra send."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from core.wall import inside
from tenants.actions.directory_tokens import revoke_directory_token
from tenants.models import DirectoryToken, DirectoryUser, Seat, User
from tests.cast import Person, events_of, key_of, open_session, send
from tests.conftest import North
from tests.tenants.directory.cast import ENTERPRISE, USER, DirectoryClient, directory_of, person

pytestmark = pytest.mark.django_db


def seats_of(north: North, address: str) -> list[Seat]:
    with inside(north.agency.pk):
        return list(Seat.objects.filter(user__email__iexact=address).order_by("created_at"))


def row_of(north: North, user_id: str) -> DirectoryUser:
    with inside(north.agency.pk):
        return DirectoryUser.objects.get(pk=user_id)


def test_a_new_user_is_seated_without_a_role(north: North, directory: DirectoryClient) -> None:
    answer = directory.post("Users", person("ida", externalId="00u1"))
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["ETag"] == 'W/"1"' == answer.body["meta"]["version"]
    assert answer.headers["Location"] == answer.body["meta"]["location"]
    assert answer.body["userName"] == "ida@example.com"
    assert (answer.body["externalId"], answer.body["active"]) == ("00u1", True)
    assert answer.body["name"] == {"givenName": "Ida", "familyName": "Moss"}
    (seat,) = seats_of(north, "ida@example.com")
    assert (seat.stage, seat.side) == ("ACTIVE", "staff")
    user = User.objects.get(email="ida@example.com")
    assert not user.has_usable_password()
    assert user.emailaddress_set.get().verified is False
    session = {"X-Session-Token": open_session(user)}
    assert send("GET", "/v1/agencies/north/seats", **session).status == 403
    row = row_of(north, answer.body["id"])
    assert events_of(row) == [
        ("directory_user.created", "rule:directory", {"seat_id": str(seat.pk), "active": True}),
    ]
    assert events_of(seat) == [("seat.created", "rule:directory", {"side": "staff", "role": ""})]


def test_somebody_who_sits_here_already_keeps_their_seat(north: North, bo: Person, directory: DirectoryClient) -> None:
    directory.add_user(userName="bo", emails=[{"value": bo.user.email, "primary": True}])
    assert [seat.pk for seat in seats_of(north, bo.user.email)] == [bo.seat.pk]


def test_two_users_cannot_be_one_person(bo: Person, directory: DirectoryClient) -> None:
    address = [{"value": bo.user.email, "primary": True}]
    directory.add_user(userName="bo", emails=address)
    answer = directory.post("Users", person(userName="bo2", emails=address))
    assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")


def test_a_user_without_an_address_is_kept_and_seated_when_one_comes(north: North, directory: DirectoryClient) -> None:
    made = directory.add_user(userName="ida", emails=[])
    assert row_of(north, made["id"]).seat_id is None
    address = {"op": "Add", "path": 'emails[type eq "work"].value', "value": "ida@example.com"}
    assert directory.patch(f"Users/{made['id']}", address).status == 200
    (seat,) = seats_of(north, "ida@example.com")
    assert row_of(north, made["id"]).seat_id == seat.pk


OKTA_OFF = {"op": "replace", "value": {"active": False}}
ENTRA_OFF = {"op": "Replace", "path": "active", "value": "False"}
URN_OFF = {"op": "replace", "path": f"{USER}:active", "value": "false"}


@pytest.mark.parametrize("off", [OKTA_OFF, ENTRA_OFF, URN_OFF])
def test_deactivating_ends_the_seat_at_once_and_may_be_repeated(
    north: North, directory: DirectoryClient, off: dict[str, Any]
) -> None:
    made = directory.add_user("ida")
    session = {"X-Session-Token": open_session(User.objects.get(email="ida@example.com"))}
    assert send("GET", "/v1/agencies/north/seats/me", **session).status == 200
    for _ in range(2):
        answer = directory.patch(f"Users/{made['id']}", off)
        assert (answer.status, answer.body["active"]) == (200, False)
    assert send("GET", "/v1/agencies/north/seats/me", **session).status in {401, 404}
    (seat,) = seats_of(north, "ida@example.com")
    assert (seat.stage, seat.end_reason) == ("ENDED", "left")
    names = [name for name, _, _ in events_of(row_of(north, made["id"]))]
    assert names == ["directory_user.created", "directory_user.deactivated"]


@pytest.mark.parametrize("value", ["no", "0", 0, 1, "", ["False"], {"value": False}])
def test_active_is_read_strictly(north: North, directory: DirectoryClient, value: object) -> None:
    made = directory.add_user("ida")
    for answer in (
        directory.patch(f"Users/{made['id']}", {"op": "replace", "path": "active", "value": value}),
        directory.patch(f"Users/{made['id']}", {"op": "replace", "value": {"active": value}}),
        directory.put(f"Users/{made['id']}", person("ida", active=value)),
        directory.post("Users", person("other", active=value)),
    ):
        assert (answer.status, answer.body["scimType"]) == (400, "invalidValue")
    assert row_of(north, made["id"]).active


def test_being_hired_again_is_a_new_seat_and_revives_nothing(north: North, directory: DirectoryClient) -> None:
    made = directory.add_user("ida")
    user = User.objects.get(email="ida@example.com")
    before = {"X-Session-Token": open_session(user)}
    assert directory.patch(f"Users/{made['id']}", OKTA_OFF).status == 200
    assert directory.patch(f"Users/{made['id']}", {"op": "Replace", "path": "active", "value": "True"}).status == 200
    old, new = seats_of(north, "ida@example.com")
    assert (old.stage, new.stage) == ("ENDED", "ACTIVE")
    assert new.signed_in_after is not None
    assert row_of(north, made["id"]).seat_id == new.pk
    assert send("GET", "/v1/agencies/north/seats/me", **before).status in {401, 404}


def test_who_was_put_out_here_is_not_let_in_by_the_next_push(
    north: North, ana: Person, directory: DirectoryClient
) -> None:
    made = directory.add_user("ida")
    (seat,) = seats_of(north, "ida@example.com")
    assert ana.post(f"seats/{seat.pk}/revoke", {"reason": "compromised"}).status in {200, 202}
    assert directory.put(f"Users/{made['id']}", person("ida", title="Writer")).status == 200
    assert [seat.stage for seat in seats_of(north, "ida@example.com")] == ["ENDED"]


def test_the_last_owner_is_never_put_out(north: North, ana: Person, directory: DirectoryClient) -> None:
    made = directory.add_user(userName="ana", emails=[{"value": ana.user.email, "primary": True}])
    for answer in (directory.patch(f"Users/{made['id']}", OKTA_OFF), directory.delete(f"Users/{made['id']}")):
        assert answer.status == 409
        assert "last owner" in answer.body["detail"]
    assert directory.get(f"Users/{made['id']}").body["active"] is True
    assert ana.get("seats/me").status == 200


def test_deleting_ends_the_seat_and_frees_the_name(north: North, directory: DirectoryClient) -> None:
    made = directory.add_user("ida", title="Writer")
    assert directory.delete(f"Users/{made['id']}").status == 204
    (seat,) = seats_of(north, "ida@example.com")
    assert seat.stage == "ENDED"
    row = row_of(north, made["id"])
    assert (row.attributes, row.active, row.deleted_at is not None) == ({}, False, True)
    for answer in (
        directory.get(f"Users/{made['id']}"),
        directory.delete(f"Users/{made['id']}"),
        directory.put(f"Users/{made['id']}", person("ida")),
        directory.patch(f"Users/{made['id']}", OKTA_OFF),
        directory.get(f"Users/{uuid4()}"),
        directory.get("Users/none"),
    ):
        assert (answer.status, answer.body["status"]) == (404, "404")
    assert directory.get("Users").body["totalResults"] == 0
    directory.add_user("ida")
    assert [seat.stage for seat in seats_of(north, "ida@example.com")] == ["ENDED", "ACTIVE"]


def test_a_put_replaces_what_is_kept_and_nobody_goes_because_active_was_left_out(directory: DirectoryClient) -> None:
    made = directory.add_user("ida", title="Writer", nickName="I")
    said = person("ida", title="Editor")
    del said["active"]
    answer = directory.put(f"Users/{made['id']}", said)
    assert (answer.status, answer.body["title"], answer.body["active"]) == (200, "Editor", True)
    assert "nickName" not in answer.body
    assert directory.put(f"Users/{made['id']}", {**said, "id": str(uuid4())}).body["id"] == made["id"]


def test_entra_patches_in_all_its_forms(directory: DirectoryClient) -> None:
    made = directory.add_user("ida")
    answer = directory.patch(
        f"Users/{made['id']}",
        {"op": "Add", "path": "name.givenName", "value": "Ada"},
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+44 1"},
        {"op": "Add", "path": 'addresses[type eq "work"].formatted', "value": "not kept"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Crisis"},
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "00m"},
        {"op": "Replace", "value": {"name.familyName": "Fern", f"{ENTERPRISE}:employeeNumber": "7"}},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ada@example.com"},
    )
    assert answer.status == 200, answer.body
    body = answer.body
    assert body["name"] == {"givenName": "Ada", "familyName": "Fern"}
    assert body["phoneNumbers"] == [{"type": "mobile", "value": "+44 1"}]
    assert body[ENTERPRISE] == {"department": "Crisis", "manager": {"value": "00m"}, "employeeNumber": "7"}
    assert body["emails"] == [{"value": "ada@example.com", "type": "work", "primary": True}]
    assert "addresses" not in body
    assert set(body["schemas"]) == {USER, ENTERPRISE}


def test_okta_repeats_the_id_in_its_patch(directory: DirectoryClient) -> None:
    made = directory.add_user("ida")
    same = {"op": "replace", "value": {"id": made["id"], "displayName": "Ada"}}
    assert directory.patch(f"Users/{made['id']}", same).body["displayName"] == "Ada"


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "meta.created", "value": "2020-01-01T00:00:00Z"}, "mutability"),
        ({"op": "replace", "path": 'emails[type sounds "x"].value', "value": "x"}, "invalidPath"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "replace", "path": 'emails[value co "nobody"].display', "value": "x"}, "noTarget"),
        ({"op": "move", "path": "title", "value": "x"}, "invalidValue"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "emails", "value": "text"}, "invalidValue"),
    ],
)
def test_a_patch_that_makes_no_sense_changes_nothing(
    directory: DirectoryClient, operation: dict[str, Any], scim_type: str
) -> None:
    made = directory.add_user("ida")
    answer = directory.patch(f"Users/{made['id']}", {"op": "add", "path": "title", "value": "Writer"}, operation)
    assert answer.status == 400
    assert answer.body["scimType"] == scim_type, answer.body
    assert "title" not in directory.get(f"Users/{made['id']}").body


def test_a_name_is_taken_whatever_its_case(directory: DirectoryClient) -> None:
    directory.add_user("ida")
    other = directory.add_user("joe")
    for answer in (
        directory.post("Users", person(userName="IDA@example.com", emails=[])),
        directory.patch(f"Users/{other['id']}", {"op": "replace", "path": "userName", "value": "Ida@Example.com"}),
    ):
        assert (answer.status, answer.body["scimType"]) == (409, "uniqueness")
    assert directory.patch(f"Users/{other['id']}", {"op": "replace", "path": "userName", "value": "JOE@example.com"})


def test_if_match_is_heeded_when_it_is_sent(directory: DirectoryClient) -> None:
    made = directory.add_user("ida")
    change = {"op": "replace", "path": "title", "value": "Writer"}
    assert directory.patch(f"Users/{made['id']}", change, If_Match='W/"9"').status == 412
    assert directory.patch(f"Users/{made['id']}", change, If_Match='W/"1"').headers["ETag"] == 'W/"2"'
    assert directory.delete(f"Users/{made['id']}", If_Match='W/"1"').status == 412
    assert directory.delete(f"Users/{made['id']}", If_Match="*").status == 204


def test_bodies_are_held_to_the_rules_of_the_house(directory: DirectoryClient) -> None:
    twice = '{"schemas": [], "userName": "a", "userName": "b"}'
    assert directory.post("Users", twice).body["scimType"] == "invalidSyntax"
    assert directory.post("Users", "[" * 50 + "]" * 50).status == 400
    assert directory.post("Users", "{").body["scimType"] == "invalidSyntax"
    assert directory.post("Users", "[]").status == 400
    assert directory.post("Users", '"x"').status == 400
    assert directory.post("Users", b" " * (1024 * 1024 + 1)).status == 413
    assert directory.call("POST", "Users", "<x/>", **{"Content-Type": "text/xml"}).status == 415
    plain = directory.call("POST", "Users", person("ida"), **{"Content-Type": "application/json"})
    assert plain.status == 201
    for said in ({"schemas": [USER]}, person(userName=" "), person(userName="x" * 255), person(emails="x")):
        answer = directory.post("Users", said)
        assert (answer.status, answer.body["scimType"]) == (400, "invalidValue"), said


def test_a_password_is_neither_kept_nor_shown(north: North, directory: DirectoryClient) -> None:
    made = directory.add_user("ida", password="correct horse battery")
    assert "password" not in made
    assert "correct horse" not in str(row_of(north, made["id"]).attributes)
    assert not User.objects.get(email="ida@example.com").has_usable_password()


def test_a_key_is_no_token_and_a_token_is_no_key(
    north: North, ana: Person, eve: Person, directory: DirectoryClient
) -> None:
    key = key_of(ana)
    secret = directory.token
    assert send("GET", "/v1/agencies/north/seats", Authorization=f"Bearer {secret}").status == 401
    for wrong in (
        key.headers["Authorization"], f"Bearer {directory_of(eve).token}", "Bearer scm_x_y_z", f"Basic {secret}",
        f"Bearer {secret}x", f"Bearer {secret[:-1]}", "Bearer " + secret.replace("scm_", "csk_"),
    ):  # fmt: skip
        answer = send("GET", "/scim/v2/north/Users", Authorization=wrong)
        assert (answer.status, answer.body["status"]) == (401, "401"), wrong
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert send("GET", "/scim/v2/north/Users", **ana.headers).status == 401
    assert send("GET", "/scim/v2/north/Users").status == 401
    assert send("GET", "/scim/v2/nowhere/Users", Authorization=f"Bearer {secret}").status == 401
    assert directory.get("Users").status == 200
    with inside(north.agency.pk):
        row = DirectoryToken.objects.get()
        assert row.last_used_at is not None
        revoke_directory_token(token_id=row.pk, reason="leaked", by=ana.actor, at=timezone.now())
    assert directory.get("Users").status == 401


def test_another_agency_sees_nothing(north: North, eve: Person, directory: DirectoryClient) -> None:
    made = directory.add_user("ida")
    group = directory.add_group("Crisis", made)
    foreign = directory_of(eve)
    assert foreign.get("Users").body["totalResults"] == 0
    assert foreign.get("Groups").body["totalResults"] == 0
    for path in (f"Users/{made['id']}", f"Groups/{group['id']}"):
        assert foreign.get(path).status == 404
        assert foreign.delete(path).status == 404
        assert foreign.patch(path, {"op": "replace", "path": "displayName", "value": "x"}).status == 404
    stolen = foreign.post("Groups", {**group, "displayName": "theirs"})
    assert (stolen.status, stolen.body["scimType"]) == (400, "invalidValue")
    # The same person, in another agency: another seat, and this one's directory ends only its own.
    theirs = foreign.add_user("ida")
    assert foreign.delete(f"Users/{theirs['id']}").status == 204
    assert [seat.stage for seat in seats_of(north, "ida@example.com")] == ["ACTIVE"]
