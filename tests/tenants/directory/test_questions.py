"""Lists of the directory: filters, pages, what is shown, search, discovery."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.scim import filters
from tests.tenants.directory.cast import ENTERPRISE, USER, DirectoryClient, person

pytestmark = pytest.mark.django_db
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


@pytest.fixture
def people(directory: DirectoryClient) -> dict[str, dict[str, Any]]:
    wanted = {
        "ida": {"title": "Writer", "externalId": "E1"},
        "joe": {"active": False, "name": {"familyName": "Fern"}},
        "kim": {"externalId": "e1", ENTERPRISE: {"department": "Crisis"}, "nickName": "K"},
    }
    return {name: directory.add_user(name, **more) for name, more in wanted.items()}


def names(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    assert answer.body["itemsPerPage"] == len(answer.body["Resources"])
    return [each["userName"].partition("@")[0] for each in answer.body["Resources"]]


def asked(directory: DirectoryClient, text: str, **more: str) -> Any:
    query = "&".join(f"{name}={value}" for name, value in {"filter": _quoted(text), **more}.items())
    return directory.get(f"Users?{query}")


def _quoted(text: str) -> str:
    return text.replace("%", "%25").replace(" ", "%20").replace('"', "%22").replace("+", "%2B").replace("&", "%26")


FILTERS = [
    ('userName eq "IDA@example.com"', "ida"),
    ('USERNAME Eq "ida@example.com"', "ida"),
    (f'{USER}:userName eq "ida@example.com"', "ida"),
    ('userName ne "ida@example.com"', "joe kim"),
    ('userName co "%"', ""),
    ('userName co "d"', "ida"),
    ('userName sw "J"', "joe"),
    ('userName ew ".COM"', "ida joe kim"),
    ('userName gt "ida@example.com"', "joe kim"),
    ('userName le "joe@example.com"', "ida joe"),
    ("title pr", "ida"),
    ("externalId pr", "ida kim"),
    ("not (externalId pr)", "joe"),
    ('externalId eq "E1"', "ida"),
    ('externalId ne "E1"', "joe kim"),
    ("active eq true", "ida kim"),
    ("active ne true", "joe"),
    ('name.familyName eq "fern"', "joe"),
    ('emails eq "kim@example.com"', "kim"),
    ('emails[type eq "work" and value sw "ida"]', "ida"),
    ('emails.value ew "example.com" and active eq true', "ida kim"),
    (f'{ENTERPRISE}:department eq "crisis"', "kim"),
    ('userName sw "i" or (userName sw "j" and active eq true)', "ida"),
    ('userName sw "i" or userName sw "j" and active eq false', "ida joe"),
    ('not (userName sw "i" or nickName pr)', "joe"),
    ('meta.created gt "2020-01-01T00:00:00Z"', "ida joe kim"),
    ('meta.lastModified lt "2020-01-01T00:00:00Z"', ""),
    ('id eq "nobody"', ""),
    ("title eq null", "joe kim"),
]


@pytest.mark.parametrize(("text", "expected"), FILTERS)
def test_a_filter_finds(
    directory: DirectoryClient, people: dict[str, dict[str, Any]], text: str, expected: str
) -> None:
    answer = asked(directory, text)
    assert names(answer) == expected.split()
    assert answer.body["totalResults"] == len(expected.split())


@pytest.mark.parametrize(
    "text",
    [
        'nosuch eq "x"', "userName eq", 'userName like "x"', "(userName pr", 'userName eq "x', "active gt true",
        'meta.created gt "yesterday"', "userName pr userName pr", "",
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused(directory: DirectoryClient, text: str) -> None:
    answer = asked(directory, text)
    assert (answer.status, answer.body.get("scimType")) == (400, "invalidFilter")


def test_what_would_be_read_row_by_row_has_an_end(
    directory: DirectoryClient, people: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "MOST_READ", 2)
    answer = asked(directory, "title pr")
    assert (answer.status, answer.body["scimType"]) == (400, "tooMany")
    assert names(asked(directory, 'title pr and userName sw "i"')) == ["ida"]


def test_an_id_is_found(directory: DirectoryClient, people: dict[str, dict[str, Any]]) -> None:
    assert names(asked(directory, f'id eq "{people["kim"]["id"]}"')) == ["kim"]


def test_pages_are_counted_from_one(directory: DirectoryClient, people: dict[str, dict[str, Any]]) -> None:
    def page(query: str) -> tuple[list[str], int, int]:
        answer = directory.get(f"Users?{query}")
        return names(answer), answer.body["startIndex"], answer.body["totalResults"]

    assert page("count=2") == (["ida", "joe"], 1, 3)
    assert page("startIndex=3&count=2") == (["kim"], 3, 3)
    assert page("startIndex=4") == ([], 4, 3)
    assert page("startIndex=0&count=1") == (["ida"], 1, 3)
    assert page("startIndex=-5&count=-1") == ([], 1, 3)
    assert page("count=0") == ([], 1, 3)
    assert page("count=100000") == (["ida", "joe", "kim"], 1, 3)
    assert directory.get("Users?count=x").status == 400
    assert page(f"filter={_quoted('title pr or nickName pr')}&startIndex=2") == (["kim"], 2, 2)


def test_what_is_shown_can_be_chosen(directory: DirectoryClient, people: dict[str, dict[str, Any]]) -> None:
    ida = people["ida"]["id"]
    assert set(directory.get(f"Users/{ida}?attributes=title").body) == {"schemas", "id", "title"}
    assert "title" not in directory.get(f"Users/{ida}?excludedAttributes=title,emails").body
    assert all("emails" not in each for each in directory.get("Users?excludedAttributes=emails").body["Resources"])
    assert directory.get(f"Users/{ida}?attributes=title&excludedAttributes=emails").status == 400


def test_searching_by_post_is_the_same_over_one_kind_or_both(
    directory: DirectoryClient, people: dict[str, dict[str, Any]]
) -> None:
    directory.add_group("Crisis", people["ida"])
    both = directory.post(".search", {"schemas": [SEARCH], "count": 2, "startIndex": 3})
    kinds = [each["meta"]["resourceType"] for each in both.body["Resources"]]
    assert (both.body["totalResults"], kinds) == (4, ["User", "Group"])
    either = directory.post(".search", {"schemas": [SEARCH], "filter": 'displayName eq "crisis"'})
    assert either.body["totalResults"] == 1
    one = directory.post("Users/.search", {"schemas": [SEARCH], "filter": 'userName sw "k"'})
    assert names(one) == ["kim"]
    assert directory.post("Groups/.search", {"schemas": [SEARCH], "filter": "userName pr"}).status == 400
    assert directory.post(".search", []).status == 400


def test_groups_are_found_by_name_and_member(directory: DirectoryClient, people: dict[str, dict[str, Any]]) -> None:
    crisis, press = directory.add_group("Crisis", people["ida"]), directory.add_group("Press", people["joe"])

    def found(text: str) -> list[str]:
        answer = directory.get(f"Groups?filter={_quoted(text)}&excludedAttributes=members")
        assert answer.status == 200, answer.body
        assert all("members" not in each for each in answer.body["Resources"])
        return [each["displayName"] for each in answer.body["Resources"]]

    assert found('displayName eq "crisis"') == ["Crisis"]
    assert found(f'members.value eq "{people["joe"]["id"]}"') == ["Press"]
    assert found(f'members[value eq "{people["joe"]["id"]}"]') == ["Press"]
    assert found(f'id eq "{crisis["id"]}" and members eq "{people["ida"]["id"]}"') == ["Crisis"]
    assert found(f'id eq "{press["id"]}" and members eq "{people["ida"]["id"]}"') == []
    assert found(f'members ne "{people["joe"]["id"]}"') == ["Crisis"]


@pytest.mark.parametrize("path", ["Users", "Groups"])
def test_a_list_asks_as_much_for_many_as_for_few(directory: DirectoryClient, path: str) -> None:
    def asks() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert directory.get(path).status == 200
        return len(queries)

    directory.add_group("G0", directory.add_user())
    asks()  # the first one notes that the token was used
    few = asks()
    for number in range(5):
        directory.add_group(f"G{number}", directory.add_user(), directory.add_user())
    assert asks() == few <= 12


def test_discovery_says_what_there_is(directory: DirectoryClient) -> None:
    config = directory.get("ServiceProviderConfig").body
    assert {name: config[name]["supported"] for name in ("patch", "bulk", "filter", "sort", "etag")} == {
        "patch": True, "bulk": False, "filter": True, "sort": False, "etag": True,
    }  # fmt: skip
    assert [each["id"] for each in directory.get("ResourceTypes").body["Resources"]] == ["User", "Group"]
    assert directory.get("Schemas").body["totalResults"] == 3
    assert directory.get(f"Schemas/{USER}").body["name"] == "User"
    for path in ("ResourceTypes/None", "Schemas/urn:none", "Bulk", "Me", "Users/x/y"):
        assert directory.get(path).status == 404, path
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert directory.call(method, "Schemas", {}).status == 405
    assert (
        directory.post("Users", person("ida"), Accept="application/json")
        .headers["Content-Type"]
        .startswith("application/json")
    )
