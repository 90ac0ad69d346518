"""Asking people to agree to one exact text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError

from approvals.actions import AlreadyRequested
from approvals.models import Approval
from approvals.payload import covers, deliveries_payload, digest_of
from approvals.process import check_stages
from core.refusals import Invalid
from tests.approvals.conftest import CLIENT, LEAD, TEXT, Asking
from tests.cast import Person, events_of, walled
from tests.conftest import North

ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.mark.django_db
def test_a_request_freezes_text_process_and_authors(north: North, bo: Person, ask: Asking) -> None:
    approval = ask()
    with walled(north.agency):
        row = Approval.objects.found(approval.pk)
    assert (row.stage, row.stage_index, row.author_seat_ids) == ("PENDING", 0, [bo.seat.pk])
    assert row.stages == [LEAD, CLIENT]
    assert row.payload["deliveries"] == [{"account": str(north.aurora_account.pk), "text": TEXT}]
    assert row.digest == digest_of(row.payload)
    assert events_of(row) == [
        (
            "approval.requested",
            str(bo.actor),
            {
                "about_kind": "tests.text",
                "about_id": str(row.about_id),
                "digest": row.digest,
                "stages": ["lead", "client"],
            },
        )
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"digest": "0" * 64}, {"payload": {}}, {"stages": []}, {"author_seat_ids": []}])
def test_the_database_itself_refuses_to_change_what_was_asked(
    north: North, ask: Asking, change: dict[str, Any]
) -> None:
    approval = ask()
    with pytest.raises(DatabaseError), walled(north.agency):
        Approval.objects.filter(pk=approval.pk).update(**change)


@pytest.mark.django_db
def test_a_thing_has_one_live_request(ask: Asking) -> None:
    about = uuid4()
    first = ask(about_id=about)
    with pytest.raises(AlreadyRequested) as refused:
        ask(about_id=about)
    assert refused.value.facts == {"approval_id": first.pk}


@pytest.mark.django_db
def test_an_end_in_the_past_is_refused(ask: Asking, now: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        ask(expires_at=now - timedelta(seconds=1))
    assert refused.value.facts["errors"][0]["field"] == "expires_at"


def test_the_order_of_accounts_does_not_matter_and_every_byte_does() -> None:
    def digest(*deliveries: tuple[UUID, str]) -> str:
        return digest_of(deliveries_payload(brand_id=ONE, language="en", deliveries=deliveries))

    assert digest((ONE, "a"), (TWO, "b")) == digest((TWO, "b"), (ONE, "a"))
    # Composed and decomposed letters look alike and are not the same bytes.
    texts = ["a", "a ", "A", "\u00e9", "e\u0301", "a\n", "a\u200b"]
    assert len({digest((ONE, text)) for text in texts}) == len(texts)
    assert digest((ONE, "a")) != digest((TWO, "a"))
    assert digest_of({"a": 1}) != digest_of({"a": "1"})


def test_a_payload_covers_exactly_its_texts() -> None:
    payload = deliveries_payload(brand_id=ONE, language="en", deliveries=[(ONE, "a"), (TWO, "b")])
    assert covers(payload, ONE, "a")
    assert not covers(payload, ONE, "b")
    assert not covers(payload, ONE, "a ")
    assert not covers({}, ONE, "a")


@pytest.mark.parametrize(
    ("deliveries", "field"),
    [([], "deliveries"), ([(ONE, "a"), (ONE, "b")], "deliveries.1.account"), ([(ONE, " \n")], "deliveries.0.text")],
)
def test_what_cannot_be_sent_is_refused(deliveries: list[tuple[UUID, str]], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        deliveries_payload(brand_id=ONE, language="en", deliveries=deliveries)
    assert refused.value.facts["errors"][0]["field"] == field


@pytest.mark.parametrize(
    ("stages", "fields"),
    [
        ([], ["stages"]),
        ("lead", ["stages"]),
        ([LEAD] * 11, ["stages"]),
        ([LEAD, LEAD], ["stages.1.name"]),
        ([{"name": "lead"}], ["stages.0"]),
        (["lead"], ["stages.0"]),
        ([LEAD | {"extra": 1}], ["stages.0"]),
        ([LEAD | {"name": " "}], ["stages.0.name"]),
        ([LEAD | {"name": 5}], ["stages.0.name"]),
        ([LEAD | {"quorum": 0}], ["stages.0.quorum"]),
        ([LEAD | {"quorum": True}], ["stages.0.quorum"]),
        ([LEAD | {"quorum": 1.5}], ["stages.0.quorum"]),
        ([LEAD | {"role": "pope"}], ["stages.0.role"]),
        ([LEAD | {"role": ["owner"]}], ["stages.0.role"]),
        ([LEAD | {"role": "responder"}], ["stages.0.role"]),
        ([LEAD | {"side": "client"}], ["stages.0.side"]),
        ([LEAD | {"quorum": 0}, CLIENT | {"role": "analyst"}], ["stages.0.quorum", "stages.1.role"]),
    ],
)
@pytest.mark.django_db
def test_a_process_that_nobody_could_finish_is_refused(north: North, stages: Any, fields: list[str]) -> None:
    with walled(north.agency), pytest.raises(Invalid) as refused:
        check_stages(stages)
    assert [error["field"] for error in refused.value.facts["errors"]] == fields
