"""A link shows what is to be decided, takes one decision in its person's name, and opens nothing afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from approvals.actions import void_approval, void_links_of
from approvals.models import Approval, Decision, DecisionLink
from permissions.models import Grant
from tenants.actions.goodbyes import revoke_seat
from tenants.models import Seat
from tests.approvals.conftest import CLIENT, TEXT, Asking, quoted
from tests.approvals.links.conftest import Mailing, look, path_of, say_by
from tests.cast import Person, events_of, seat_person, send, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
DEAD = (404, "link_dead")


def test_it_shows_exactly_what_will_be_sent(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    answer = look(mail_link(for_the_client, cy))
    assert answer.status == 200
    assert answer.body.pop("expires_at")
    assert answer.body == {
        "agency": "Agency North",
        "brand": "Aurora",
        "stage": "client",
        "deliveries": [{"network": "sandbox", "handle": "@aurora", "language": "en", "text": TEXT, "media": []}],
        "further": "",
        "digest": for_the_client.digest,
        "needs_step_up": False,
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_opening_it_consumes_nothing(north: North, cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    token = mail_link(for_the_client, cy)
    before = events_of(for_the_client)
    assert [look(token).status for _ in range(5)] == [200] * 5
    assert send("HEAD", path_of(token)).status == 200
    assert events_of(for_the_client) == before
    assert say_by(token, for_the_client).status == 200


def test_a_decision_counts_once_and_the_ledger_says_that_it_came_by_a_link(
    north: North, cy: Person, for_the_client: Approval, mail_link: Mailing
) -> None:
    token = mail_link(for_the_client, cy)
    answer = say_by(token, for_the_client, comment="Good.")
    assert (answer.status, answer.body) == (
        200,
        {"approval": str(for_the_client.pk), "verdict": "approve", "stage": "GRANTED"},
    )
    with walled(north.agency):
        voice = Decision.objects.get(approval_id=for_the_client.pk)
        link = DecisionLink.objects.get(approval_id=for_the_client.pk)
    assert (voice.seat_id, voice.person_id, voice.comment) == (cy.seat.pk, cy.user.pk, "Good.")
    assert link.used_at is not None
    decided = next(event for event in events_of(for_the_client) if event[0] == "approval.decided")
    assert decided[1] == str(cy.actor)
    assert decided[2]["link_id"] == str(link.pk)
    assert (say_by(token, for_the_client).status, look(token).status) == (404, 404)


def test_a_rejection_by_link_ends_the_request(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    assert say_by(mail_link(for_the_client, cy), for_the_client, "reject").body["stage"] == "REJECTED"


def test_another_text_than_the_one_seen_is_refused_and_the_link_lives(
    cy: Person, for_the_client: Approval, mail_link: Mailing
) -> None:
    token = mail_link(for_the_client, cy)
    answer = say_by(token, for_the_client, digest="0" * 64)
    assert (answer.status, answer.code) == (412, "digest_differs")
    assert say_by(token, for_the_client).status == 200


def test_a_body_of_another_shape_is_refused(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    token = mail_link(for_the_client, cy)
    for wrong in ({"verdict": "maybe"}, {"digest": "x"}, {"seat": str(cy.seat.pk)}, {"comment": "a" * 2001}):
        assert say_by(token, for_the_client, **wrong).status == 400
    assert send("POST", path_of(token), b"x" * 10, Content_Type="text/plain").status == 415
    form = b"verdict=approve&comment=" + b"a" * 40_000
    assert send("POST", path_of(token), form, Content_Type="application/x-www-form-urlencoded").status == 413
    assert look(token).status == 200


def spoil(token: str) -> list[str]:
    _, agency, link, secret = token.split("_", 3)
    return [
        token[:-1],
        token + "a",
        token[:-1] + ("a" if token[-1] != "a" else "b"),
        f"csl_{agency}_{uuid4().hex}_{secret}",
        f"csl_{uuid4().hex}_{link}_{secret}",
        f"csl_{agency}_{link}_",
        f"csk_{agency}_{link}_{secret}",
        f"cin_{agency}_{link}_{secret}",
        "csl_x_y_z",
        "csl",
    ]


def test_every_wrong_token_gets_one_and_the_same_answer(
    cy: Person, for_the_client: Approval, mail_link: Mailing
) -> None:
    token = mail_link(for_the_client, cy)
    told = {str(look(wrong).alike) for wrong in spoil(token)}
    told |= {str(say_by(wrong, for_the_client).alike) for wrong in spoil(token)}
    assert len(told) == 1
    assert look(token).status == 200


def over(link: Any) -> None:
    link.update(expires_at=timezone.now())


def voided(link: Any) -> None:
    link.update(voided_at=timezone.now())


def used(link: Any) -> None:
    link.update(used_at=timezone.now())


@pytest.mark.parametrize("change", [over, voided, used])
def test_a_link_that_is_over_is_like_one_that_never_was(
    north: North, cy: Person, for_the_client: Approval, mail_link: Mailing, change: Any
) -> None:
    token = mail_link(for_the_client, cy)
    with walled(north.agency):
        change(DecisionLink.objects.filter(approval_id=for_the_client.pk))
    never = look(spoil(token)[2])
    assert look(token).alike == never.alike
    assert say_by(token, for_the_client).alike == never.alike


def test_it_dies_with_its_persons_seat_role_or_place(
    north: North, ana: Person, cy: Person, ask: Asking, mail_link: Mailing, now: datetime
) -> None:
    approval = ask(stages=[CLIENT])
    token = mail_link(approval, cy)
    with walled(north.agency):
        Seat.objects.filter(pk=cy.seat.pk).update(stage="SUSPENDED")
    assert (look(token).status, say_by(token, approval).code) == (404, "link_dead")
    with walled(north.agency):
        Seat.objects.filter(pk=cy.seat.pk).update(stage="ACTIVE")
    assert look(token).status == 200
    with walled(north.agency):
        held = Grant.objects.all().live().get(seat=cy.seat)
    assert ana.post(f"grants/{held.pk}/withdraw", {"reason": "moved"}).status == 200
    assert (look(token).status, say_by(token, approval).code) == (404, "link_dead")


def test_a_goodbye_ends_the_link(
    north: North, ana: Person, cy: Person, for_the_client: Approval, mail_link: Mailing, now: datetime
) -> None:
    token = mail_link(for_the_client, cy)
    with walled(north.agency):
        assert void_links_of(cy.seat.pk, timezone.now()) == 1
        assert void_links_of(cy.seat.pk, timezone.now()) == 0
    assert look(token).status == 404
    again = mail_link(for_the_client, cy)
    with walled(north.agency):
        revoke_seat(seat_id=cy.seat.pk, reason="left", by=ana.actor, at=timezone.now())
    assert (look(again).status, say_by(again, for_the_client).code) == (404, "link_dead")


def test_it_dies_with_the_request(
    north: North, bo: Person, cy: Person, ask: Asking, mail_link: Mailing, now: datetime
) -> None:
    withdrawn = ask(stages=[CLIENT])
    token = mail_link(withdrawn, cy)
    with walled(north.agency):
        void_approval(approval_id=withdrawn.pk, reason="The text was changed.", by=bo.actor, at=now)
        assert DecisionLink.objects.get(approval_id=withdrawn.pk).voided_at is not None
    assert (look(token).status, say_by(token, withdrawn).code) == (404, "link_dead")


def test_somebody_elses_last_word_closes_every_other_link(
    north: North, cy: Person, ask: Asking, mail_link: Mailing, now: datetime
) -> None:
    other = seat_person(north.agency, "cat", "client_approver", brands=[north.aurora], side="client", at=now)
    approval = ask(stages=[CLIENT])
    token, others = mail_link(approval, cy), mail_link(approval, other)
    assert say_by(others, approval).status == 200
    assert (look(token).status, say_by(token, approval).code) == (404, "link_dead")


def test_signing_in_and_deciding_closes_ones_own_link_and_no_others(
    north: North, cy: Person, ask: Asking, mail_link: Mailing, now: datetime
) -> None:
    other = seat_person(north.agency, "cat", "client_approver", brands=[north.aurora], side="client", at=now)
    approval = ask(stages=[{**CLIENT, "quorum": 2}])
    token, others = mail_link(approval, cy), mail_link(approval, other)
    assert cy.post(f"approvals/{approval.pk}/approve", If_Match=quoted(approval.digest)).status == 200
    assert (look(token).status, look(others).status) == (404, 200)
    assert say_by(others, approval).body["stage"] == "GRANTED"


def test_a_link_is_no_key_and_a_key_is_no_link(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    token = mail_link(for_the_client, cy)
    for header in ({"Authorization": f"Bearer {token}"}, {"X_Session_Token": token}):
        assert send("GET", "/v1/agencies/north/brands", **header).status == 401


def test_the_address_is_counted(cy: Person, for_the_client: Approval, mail_link: Mailing, settings: Settings) -> None:
    token = mail_link(for_the_client, cy)
    settings.RATE_LIMITS = True
    address = {"X_Forwarded_For": "2001:db8::77"}
    settings.TRUSTED_PROXIES = 1
    answers = [look(spoil(token)[0], **address) for _ in range(61)]
    assert {answer.status for answer in answers[:60]} == {404}
    assert (answers[60].status, answers[60].code) == (429, "rate_limited")
    assert answers[0].headers["RateLimit-Policy"] == '"address";q=60;w=60'


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_decides(
    north: North, cy: Person, for_the_client: Approval, mail_link: Mailing
) -> None:
    token = mail_link(for_the_client, cy)
    together, answers = Barrier(4), []

    def decide(verdict: str) -> None:
        together.wait(5)
        answers.append(say_by(token, for_the_client, verdict).status)
        connection.close()

    threads = [Thread(target=decide, args=(verdict,)) for verdict in ("approve", "reject", "approve", "reject")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [200, 404, 404, 404]
    with walled(north.agency):
        assert Decision.objects.filter(approval_id=for_the_client.pk).count() == 1
    assert [name for name, *_ in events_of(for_the_client)].count("approval.decided") == 1


def test_a_long_wait_is_no_longer_than_said(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    before = timezone.now()
    mail_link(for_the_client, cy, minutes=1)
    with walled(cy.agency):
        link = DecisionLink.objects.get(approval_id=for_the_client.pk)
    assert not link.over(before + timedelta(seconds=59))
    assert link.over(link.expires_at)
