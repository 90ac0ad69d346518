"""An invitation goes out by mail, and its token is then forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from core import failpoints
from core.wall import inside
from jobs.models import Job
from tenants.actions.goodbyes import revoke_seat
from tenants.actions.invitations import send_invitation
from tenants.models import Invitation
from tests.alerting.conftest import Mailbox
from tests.cast import Person, run_due_jobs, send
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


def invite(person: Person, email: str, at: datetime) -> Invitation:
    with inside(person.agency.pk):
        return send_invitation(
            email=email,
            side="staff",
            role="responder",
            brand_ids=[],
            inviter=person.caller(at),
            by=person.actor,
            at=at,
        ).invitation


def test_the_mail_brings_a_token_that_takes_the_seat(
    north: North, ana: Person, mailbox: Mailbox, now: datetime
) -> None:
    answer = ana.post("invitations", {"email": "Ned@North.example", "side": "staff", "role": "responder"})
    assert answer.status == 201, answer.body
    assert "token" not in str(answer.body)
    run_due_jobs()
    ((address, mail),) = mailbox.mails
    assert (address, mail["Subject"]) == ("ned@north.example", "Agency North offers you a seat")
    text = mail.get_content()
    assert "POST http://127.0.0.1:8000/v1/invitations/accept" in text
    token = next(line for line in text.splitlines() if line.startswith("cin_"))
    with inside(north.agency.pk):
        assert Invitation.objects.get(pk=answer.body["id"]).token_to_send is None
    seated = send("POST", "/v1/invitations/accept", {"token": token, "name": "Ned", "password": "three brown horses"})
    assert seated.status == 201, seated.body


def test_a_mail_server_that_is_away_is_tried_again_and_the_token_kept(
    north: North, ana: Person, mailbox: Mailbox, now: datetime
) -> None:
    mailbox.answers = ["451 4.3.0 try later"]
    invitation = invite(ana, "ned@north.example", now)
    run_due_jobs()
    with inside(north.agency.pk):
        assert Invitation.objects.get(pk=invitation.pk).token_to_send is not None
    Job.objects.filter(handler="alerting.deliver_invitation").update(due_at=timezone.now())
    run_due_jobs()
    assert mailbox.addresses == ["ned@north.example"]


def test_a_process_that_dies_after_sending_sends_again_under_the_same_name(
    north: North, ana: Person, mailbox: Mailbox, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(failpoints.ARMED, "alerting.after_letter", "raise")
    invite(ana, "ned@north.example", now)
    run_due_jobs()
    monkeypatch.delitem(failpoints.ARMED, "alerting.after_letter")
    Job.objects.filter(handler="alerting.deliver_invitation").update(due_at=timezone.now())
    run_due_jobs()
    (_, first), (_, second) = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content() == second.get_content()


def test_an_invitation_that_is_void_or_over_is_not_sent(
    north: North, ana: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    with inside(north.agency.pk):
        send_invitation(
            email="late@north.example",
            side="staff",
            role="responder",
            brand_ids=[],
            inviter=ana.caller(now),
            by=ana.actor,
            at=now - timedelta(hours=73),
        )
    invite(lea, "void@north.example", now)
    with inside(north.agency.pk):
        revoke_seat(seat_id=lea.seat.pk, reason="left", by=ana.actor, at=now)
    run_due_jobs()
    assert mailbox.mails == []
    assert not Job.objects.filter(handler="alerting.deliver_invitation", state="READY").exists()
