"""What a report says of a bypass, of those who spoke for others, and of voices that were taken over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from approvals.actions import create_delegation, request_approval, void_approval
from approvals.models import Approval
from incidents.actions.statements import ABOUT
from incidents.models import Incident, StatementVersion
from tests.approvals.conftest import CLIENT, LEAD, quoted
from tests.cast import Answer, Person, seat_person, send, walled
from tests.conftest import North
from tests.incidents.stage import draft, submit
from tests.insights.conftest import plan, storm  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db


def ask_again(north: North, bo: Person, statement: Answer, at: datetime, **wish: Any) -> Approval:
    """The same words, asked in another way than the plan says."""
    with walled(north.agency):
        version: StatementVersion = StatementVersion.objects.get(statement_id=statement.body["id"])
        old = version.approval
        assert old is not None
        void_approval(approval_id=old.pk, reason="again", by=bo.actor, at=at)
        approval = request_approval(
            brand_id=version.brand_id,
            about_kind=ABOUT,
            about_id=version.pk,
            payload=version.payload,
            author_seat_ids=[bo.seat.pk],
            expires_at=None,
            by=bo.actor,
            at=at,
            **({"stages": [LEAD, CLIENT]} | wish),
        )
        StatementVersion.objects.filter(pk=version.pk).update(approval=approval)
    return approval


def test_a_bypass_is_marked_in_numbers_words_and_on_the_page(
    north: North,
    storm: Incident,  # noqa: F811 - the fixture
    ana: Person,
    bo: Person,
    lea: Person,
    now: datetime,
) -> None:
    approval = ask_again(north, bo, submit(bo, draft(bo, storm, north)), now, severity=1, incident_id=storm.pk)
    for person in (lea, ana):
        path = f"approvals/{approval.pk}/bypass"
        assert person.post(path, {"reason": "It burns."}, If_Match=quoted(approval.digest)).status == 200
    report = lea.get(f"incidents/{storm.pk}/report").body
    (statement,) = report["statements"]
    (bypass,) = statement["bypasses"]
    assert (bypass["people"], bypass["reasons"], bypass["of_these_words"]) == (
        ["Lea", "Ana"],
        ["It burns.", "It burns."],
        True,
    )
    assert "APPROVAL BYPASSED by two people: It burns." in [entry["text"] for entry in report["timeline"]]
    shared = lea.post(f"incidents/{storm.pk}/report-link", {})
    page = send("GET", urlsplit(shared.body["url"]).path)
    assert "APPROVAL BYPASSED</strong> by Lea and Ana" in page.body.decode()


def test_who_spoke_for_whom_is_said_and_what_was_taken_over_stands_once(
    north: North,
    storm: Incident,  # noqa: F811 - the fixture
    bo: Person,
    lea: Person,
    cy: Person,
    now: datetime,
) -> None:
    mo = seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)
    with walled(north.agency):
        create_delegation(
            deputy_id=mo.seat.pk,
            brand_id=None,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="away",
            caller=lea.caller(now),
            at=now,
        )
    statement = submit(bo, draft(bo, storm, north))
    steps = [LEAD | {"looks_at": ["text"]}, CLIENT]
    first = ask_again(north, bo, statement, now, stages=steps)
    assert mo.post(f"approvals/{first.pk}/approve", {}, If_Match=quoted(first.digest)).status == 200
    ask_again(north, bo, statement, now, stages=steps, carries_from=first.pk)
    (told,) = lea.get(f"incidents/{storm.pk}/report").body["statements"]
    assert [(v["person"], v["on_behalf_of"], v["of_these_words"]) for v in told["voices"]] == [("Mo", "Lea", True)]
