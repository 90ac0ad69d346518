"""In grave matters a decision asks for a fresh proof of who decides; a link alone is not enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from approvals.actions import decide_approval, request_approval
from approvals.models import Approval
from approvals.payload import deliveries_payload
from core.ids import uuid7
from permissions.step_up import StepUpRequired
from tests.approvals.conftest import CLIENT, TEXT
from tests.approvals.links.conftest import Mailing, look, path_of, say_by
from tests.cast import Person, send, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db


@pytest.fixture
def grave(north: North, bo: Person, now: datetime) -> Approval:
    with walled(north.agency):
        return request_approval(
            brand_id=north.aurora.pk,
            about_kind="tests.text",
            about_id=uuid7(),
            payload=deliveries_payload(
                brand_id=north.aurora.pk, language="en", deliveries=[(north.aurora_account.pk, TEXT)]
            ),
            stages=[CLIENT],
            author_seat_ids=[bo.seat.pk],
            expires_at=None,
            needs_step_up=True,
            by=bo.actor,
            at=now,
        )


@pytest.mark.parametrize(("age", "enough"), [(0, True), (899, True), (900, True), (901, False), (None, False)])
def test_a_proof_is_good_for_fifteen_minutes(
    north: North, cy: Person, grave: Approval, now: datetime, age: int | None, enough: bool
) -> None:
    proved = None if age is None else now - timedelta(seconds=age)
    with walled(north.agency):
        wish = {
            "approval_id": grave.pk,
            "verdict": "approve",
            "digest": grave.digest,
            "comment": "",
            "caller": replace(cy.caller(now), proved_at=proved),
            "at": now,
        }
        if enough:
            assert decide_approval(**wish).stage == "GRANTED"
        else:
            with pytest.raises(StepUpRequired):
                decide_approval(**wish)


def test_a_link_alone_decides_nothing_grave_and_is_not_used_up(cy: Person, grave: Approval, mail_link: Mailing) -> None:
    token = mail_link(grave, cy)
    assert look(token).body["needs_step_up"] is True
    for _ in range(2):
        answer = say_by(token, grave)
        assert (answer.status, answer.code) == (403, "step_up_required")
    page = send(
        "POST",
        path_of(token),
        f"verdict=approve&digest={grave.digest}",
        Content_Type="application/x-www-form-urlencoded",
        Accept="text/html",
    )
    assert page.status == 403
    assert "Sign in first" in page.body.decode()
    assert look(token).status == 200


def test_the_persons_own_fresh_session_beside_the_link_is_enough(
    cy: Person, grave: Approval, mail_link: Mailing
) -> None:
    answer = say_by(mail_link(grave, cy), grave, headers=cy.headers)
    assert (answer.status, answer.body.get("stage")) == (200, "GRANTED")


def test_anybody_elses_session_is_not(
    ana: Person, eve: Person, cy: Person, grave: Approval, mail_link: Mailing
) -> None:
    token = mail_link(grave, cy)
    for other in (ana, eve):
        assert say_by(token, grave, headers=other.headers).code == "step_up_required"


def test_a_cookie_counts_only_when_the_page_itself_sends_it(cy: Person, grave: Approval, mail_link: Mailing) -> None:
    token = mail_link(grave, cy)
    cookie = {"Cookie": f"sessionid={cy.headers['X-Session-Token']}"}
    for site in ({}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
        assert say_by(token, grave, headers=cookie | site).code == "step_up_required"
    assert say_by(token, grave, headers=cookie | {"Sec_Fetch_Site": "same-origin"}).status == 200


def test_what_was_asked_never_becomes_less_grave(north: North, grave: Approval) -> None:
    with walled(north.agency), pytest.raises(Exception, match="Cannot update"):
        Approval.objects.filter(pk=grave.pk).update(needs_step_up=False)
