"""Lists and single requests over HTTP."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.approvals.conftest import TEXT, Asking, quoted, say
from tests.cast import Person, seat_person
from tests.conftest import North

pytestmark = pytest.mark.django_db


def test_the_client_sees_exactly_what_would_be_sent(north: North, cy: Person, ask: Asking) -> None:
    approval = ask()
    answer = cy.get(f"approvals/{approval.pk}")
    assert answer.status == 200
    assert answer.body["payload"] == {
        "format": 1,
        "brand": str(north.aurora.pk),
        "language": "en",
        "deliveries": [{"account": str(north.aurora_account.pk), "text": TEXT}],
    }
    assert (answer.body["digest"], answer.etag) == (approval.digest, quoted(approval.digest))
    assert answer.body["decisions"] == []


def test_a_list_is_newest_first_and_without_texts(lea: Person, ask: Asking) -> None:
    older, newer = ask(), ask()
    items = lea.get("approvals").body["items"]
    assert [item["id"] for item in items] == [str(newer.pk), str(older.pk)]
    assert "payload" not in items[0]


def test_a_list_can_be_narrowed(north: North, lea: Person, ask: Asking) -> None:
    open_one, rejected = ask(), ask()
    say(lea, "reject", rejected)

    def found(query: str) -> list[str]:
        return [item["id"] for item in lea.get(f"approvals?{query}").body["items"]]

    assert found("stage=PENDING") == [str(open_one.pk)]
    assert found(f"about_id={rejected.about_id}&about_kind=tests.text") == [str(rejected.pk)]
    assert found(f"brand={north.aurora.pk}&limit=100") == [str(rejected.pk), str(open_one.pk)]
    assert found(f"brand={north.borealis.pk}") == []
    assert lea.get("approvals?stage=LATER").body["errors"][0]["field"] == "stage"
    assert lea.get("approvals?colour=red").body["errors"][0]["field"] == "colour"


def test_a_list_costs_the_same_for_one_and_for_many(lea: Person, ask: Asking) -> None:
    ask()
    lea.get("approvals")  # what is remembered for the whole process is remembered now
    with CaptureQueriesContext(connection) as for_one:
        assert len(lea.get("approvals").body["items"]) == 1
    for _ in range(12):
        ask()
    with CaptureQueriesContext(connection) as for_many:
        assert len(lea.get("approvals").body["items"]) == 13
    assert len(for_many) == len(for_one)


def test_other_brands_and_other_agencies_find_nothing(north: North, now: datetime, eve: Person, ask: Asking) -> None:
    approval = ask()
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    assert elsewhere.get("approvals").body["items"] == []
    assert elsewhere.get(f"approvals/{approval.pk}").status == 404
    assert eve.get("/v1/agencies/north/approvals").status == 404
    assert eve.get(f"/v1/agencies/north/approvals/{approval.pk}").status == 404
    assert eve.get(f"approvals/{approval.pk}").status == 404
