"""A link goes to one person of the client's side, by mail, and is shown to nobody else."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from approvals.actions import send_decision_link
from approvals.models import Approval, DecisionLink
from core.logs import masked
from jobs.models import Job
from tests.alerting.conftest import Mailbox, mailbox  # noqa: F401 - a fixture
from tests.approvals.conftest import CLIENT, LEAD, Asking
from tests.approvals.links.conftest import Mailing, look
from tests.cast import Person, events_of, run_due_jobs, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db


def links(person: Person, approval: Approval, seat: Person, **wish: object) -> tuple[int, str | None]:
    answer = person.post(f"approvals/{approval.pk}/links", {"seat": str(seat.seat.pk)} | wish)
    return answer.status, answer.code


def test_the_answer_and_the_ledger_name_the_link_and_never_its_token(
    north: North, bo: Person, cy: Person, for_the_client: Approval
) -> None:
    answer = bo.post(f"approvals/{for_the_client.pk}/links", {"seat": str(cy.seat.pk)})
    assert answer.status == 201
    assert set(answer.body) == {
        "id", "approval", "seat", "digest", "created_at", "expires_at", "used_at", "voided_at",
    }  # fmt: skip
    assert answer.body["digest"] == for_the_client.digest
    name, actor, facts = events_of(for_the_client)[-1]
    assert (name, actor) == ("approval.link_sent", str(bo.actor))
    assert (facts["link_id"], facts["seat_id"]) == (answer.body["id"], str(cy.seat.pk))
    assert "csl_" not in str(answer.body) + str(facts)
    with walled(north.agency):
        row = DecisionLink.objects.filter(pk=answer.body["id"]).values()[0]
        token = DecisionLink.objects.get(pk=answer.body["id"]).token_to_send
    assert token is not None
    assert token.split("_", 3)[3] not in str(row)


def test_it_lasts_half_an_hour_and_a_day_at_most(bo: Person, cy: Person, for_the_client: Approval) -> None:
    answer = bo.post(f"approvals/{for_the_client.pk}/links", {"seat": str(cy.seat.pk)})
    made, ends = (parse_datetime(answer.body[name]) for name in ("created_at", "expires_at"))
    assert ends - made == timedelta(minutes=30)
    assert links(bo, for_the_client, cy, minutes=24 * 60) == (201, None)
    assert links(bo, for_the_client, cy, minutes=24 * 60 + 1) == (400, "invalid")
    assert links(bo, for_the_client, cy, minutes=0) == (400, "invalid")


def test_it_ends_with_the_request_that_it_is_about(north: North, bo: Person, cy: Person, ask: Asking) -> None:
    approval = ask(stages=[CLIENT], expires_at=timezone.now() + timedelta(minutes=5))
    answer = bo.post(f"approvals/{approval.pk}/links", {"seat": str(cy.seat.pk)})
    assert parse_datetime(answer.body["expires_at"]) == approval.expires_at


def test_only_whose_voice_is_wanted_now_gets_one(
    north: North, bo: Person, lea: Person, cy: Person, ask: Asking, now: datetime
) -> None:
    viewer = seat_person(north.agency, "vi", "client_viewer", brands=[north.aurora], side="client", at=now)
    elsewhere = seat_person(north.agency, "el", "client_approver", brands=[north.borealis], side="client", at=now)
    both = ask()
    assert links(bo, both, cy) == (409, "seat_cannot_decide")  # the lead comes first
    assert links(bo, both, lea) == (409, "seat_cannot_decide")  # staff sign in
    client = ask(stages=[CLIENT])
    assert links(bo, client, viewer) == (409, "seat_cannot_decide")
    assert links(bo, client, elsewhere) == (409, "seat_cannot_decide")
    assert links(bo, client, cy) == (201, None)


def test_an_author_of_the_clients_side_gets_none(bo: Person, cy: Person, ask: Asking) -> None:
    assert links(bo, ask(stages=[CLIENT], authors=[cy.seat.pk]), cy) == (409, "seat_cannot_decide")


def test_a_request_that_waits_for_nobody_gets_none(bo: Person, lea: Person, cy: Person, ask: Asking) -> None:
    done = ask(stages=[LEAD])
    lea.post(f"approvals/{done.pk}/approve", If_Match=f'"{done.digest}"')
    assert links(bo, done, cy) == (409, "cannot_move")


def test_a_new_link_ends_the_one_before(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    first = mail_link(for_the_client, cy)
    second = mail_link(for_the_client, cy)
    assert look(first).status == 404
    assert look(second).status == 200


def test_whoever_may_not_draft_sends_none(
    north: North, ana: Person, cy: Person, eve: Person, for_the_client: Approval, now: datetime
) -> None:
    reader = seat_person(north.agency, "ann", "analyst", at=now)
    assert links(reader, for_the_client, cy) == (403, "not_allowed")
    assert links(cy, for_the_client, cy) == (403, "not_allowed")
    path = f"/v1/agencies/north/approvals/{for_the_client.pk}/links"
    assert eve.post(path, {"seat": str(cy.seat.pk)}).status == 404


def test_a_seat_of_another_agency_is_no_seat(bo: Person, eve: Person, for_the_client: Approval) -> None:
    answer = bo.post(f"approvals/{for_the_client.pk}/links", {"seat": str(eve.seat.pk)})
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "seat")


@pytest.mark.django_db(transaction=True)
def test_the_letter_brings_the_link_and_the_token_is_then_forgotten(
    north: North,
    bo: Person,
    cy: Person,
    for_the_client: Approval,
    mailbox: Mailbox,  # noqa: F811 - the fixture
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    link = bo.post(f"approvals/{for_the_client.pk}/links", {"seat": str(cy.seat.pk)}).body["id"]
    run_due_jobs()
    ((address, mail),) = mailbox.mails
    assert (address, mail["Subject"]) == (cy.user.email, "Agency North asks for your decision")
    address_line = next(line for line in mail.get_content().splitlines() if "/v1/decisions/" in line)
    token = address_line.rpartition("/")[2]
    with walled(north.agency):
        assert DecisionLink.objects.get(pk=link).token_to_send is None
    assert look(token).status == 200
    assert token.split("_", 3)[3] not in "\n".join(masked(record.getMessage()) for record in caplog.records)


@pytest.mark.django_db(transaction=True)
def test_a_mail_server_that_is_away_is_tried_again_and_a_dead_link_is_not_mailed(
    north: North,
    bo: Person,
    cy: Person,
    for_the_client: Approval,
    mailbox: Mailbox,  # noqa: F811 - the fixture
    now: datetime,
) -> None:
    mailbox.answers = ["451 4.3.0 try later"]
    with walled(north.agency):
        old = send_decision_link(
            approval_id=for_the_client.pk, seat_id=cy.seat.pk, lasts=timedelta(minutes=30), by=bo.actor, at=now
        )
    run_due_jobs()
    with walled(north.agency):
        assert DecisionLink.objects.get(pk=old.pk).token_to_send is not None
        DecisionLink.objects.filter(pk=old.pk).update(voided_at=timezone.now())
    assert Job.objects.filter(handler="alerting.deliver_letter", state="READY").update(due_at=timezone.now()) == 1
    run_due_jobs()
    assert mailbox.mails == []
