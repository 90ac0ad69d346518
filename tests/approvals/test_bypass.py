"""Two people answer for words that the process has not agreed to, and everything says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from approvals.actions import bypass_approval, spend_approval
from approvals.models import Approval, Bypass
from approvals.queries import flaw, stands_on, why_not
from permissions.needs import Need
from permissions.step_up import StepUpRequired
from tests.approvals.conftest import TEXT, Asking, asked_now, quoted, say
from tests.cast import Answer, Person, events_of, key_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Reading = Callable[[Approval], Approval]
WHY = "The line is burning and the client is on a plane."


def bypass(person: Person, approval: Approval, reason: str = WHY) -> Answer:
    return person.post(f"approvals/{approval.pk}/bypass", {"reason": reason}, If_Match=quoted(approval.digest))


@pytest.fixture
def grave(ask: Asking) -> Approval:
    return ask(severity=1)


def test_two_people_let_it_out_and_the_ledger_says_who_and_why(
    north: North, ana: Person, lea: Person, grave: Approval, reread: Reading
) -> None:
    first = bypass(lea, grave)
    assert (first.status, first.body["stage"], first.body["bypassed_at"]) == (200, "PENDING", None)
    second = bypass(ana, grave, "I agree.")
    assert (second.status, second.body["stage"], asked_now(grave)) == (200, "GRANTED", [])
    assert second.body["bypassed_at"] is not None
    (shown,) = second.body["bypasses"]
    assert (shown["first_seat"], shown["first_reason"]) == (str(lea.seat.pk), WHY)
    assert (shown["second_seat"], shown["second_reason"]) == (str(ana.seat.pk), "I agree.")
    about = {"about_kind": "tests.text", "about_id": str(grave.about_id), "digest": grave.digest}
    begun, done, granted = events_of(grave)[1:]
    assert begun[:2] == ("approval.bypass_begun", str(lea.actor))
    assert {key: begun[2][key] for key in (*about, "reason")} == about | {"reason": WHY}
    both = {"first_seat_id": str(lea.seat.pk), "second_seat_id": str(ana.seat.pk)}
    assert done == ("approval.bypassed", str(ana.actor), about | both | {"reason": "I agree."})
    assert granted == ("approval.granted", str(ana.actor), about)
    row, now = reread(grave), timezone.now()
    with walled(north.agency):
        assert flaw(row, digest=row.digest, at=now) is None
        assert stands_on(row.pk) == {ana.seat.pk, lea.seat.pk}
        account = north.aurora_account.pk
        assert why_not(row, account_id=account, text=TEXT, digest=row.digest, at=now) is None
        assert why_not(row, account_id=account, text="Other.", digest=row.digest, at=now) == "text_changed"
        spend_approval(approval_id=row.pk, on=uuid4(), by=ana.actor, at=now)


def test_one_person_alone_bypasses_nothing(lea: Person, grave: Approval, reread: Reading) -> None:
    bypass(lea, grave)
    again = bypass(lea, grave)
    assert (again.status, again.code) == (409, "second_person_needed")
    assert reread(grave).stage == "PENDING"


def test_the_process_goes_on_beside_it(lea: Person, ana: Person, cy: Person, grave: Approval) -> None:
    bypass(ana, grave)
    say(lea, "approve", grave)
    assert say(cy, "approve", grave).body["bypassed_at"] is None
    assert bypass(lea, grave).code == "cannot_move"


def test_whoever_has_agreed_in_the_process_may_be_one_of_the_two(
    north: North, lea: Person, ana: Person, grave: Approval, reread: Reading
) -> None:
    say(lea, "approve", grave)
    bypass(lea, grave)
    assert bypass(ana, grave).body["stage"] == "GRANTED"
    with walled(north.agency):
        assert flaw(reread(grave), digest=grave.digest, at=timezone.now()) is None


@pytest.mark.parametrize(("after", "granted"), [(0, True), (15 * 60, True), (15 * 60 + 1, False)])
def test_the_second_follows_within_fifteen_minutes(
    north: North, lea: Person, ana: Person, grave: Approval, reread: Reading, now: datetime, after: int, granted: bool
) -> None:
    def said(person: Person, at: datetime) -> None:
        caller = person.caller(at)
        with walled(north.agency):
            bypass_approval(
                approval_id=grave.pk,
                reason=WHY,
                digest=grave.digest,
                caller=type(caller)(**{**_fields(caller), "proved_at": at}),
                at=at,
            )

    said(lea, now)
    said(ana, now + timedelta(seconds=after))
    assert (reread(grave).stage == "GRANTED") is granted
    with walled(north.agency):
        begun = list(Bypass.objects.order_by("first_at").values_list("first_seat_id", flat=True))
    # Who comes too late has begun another one.
    assert begun == [lea.seat.pk] if granted else [lea.seat.pk, ana.seat.pk]


def _fields(caller: object) -> dict[str, object]:
    return {name: getattr(caller, name) for name in ("actor", "agency_id", "seat_id", "user_id", "side", "at")}


@pytest.mark.parametrize("severity", [3, 4, None])
def test_only_grave_matters_are_bypassed(lea: Person, ask: Asking, severity: int | None) -> None:
    answer = bypass(lea, ask(severity=severity))
    assert (answer.status, answer.code) == (409, "not_grave_enough")
    assert answer.body["facts"] == {"severity": severity, "gravest": 2}


def test_severity_two_is_grave(lea: Person, ask: Asking) -> None:
    assert bypass(lea, ask(severity=2)).status == 200


def test_an_author_is_neither_of_the_two(north: North, ana: Person, lea: Person, ask: Asking, now: datetime) -> None:
    approval = ask(severity=1, authors=[lea.seat.pk])
    assert bypass(lea, approval).code == "author_cannot_approve"
    bypass(ana, approval)
    assert bypass(lea, approval).code == "author_cannot_approve"


def test_both_have_proved_who_they_are(
    north: North, lea: Person, grave: Approval, now: datetime, reread: Reading
) -> None:
    with pytest.raises(StepUpRequired), walled(north.agency):
        bypass_approval(approval_id=grave.pk, reason=WHY, digest=grave.digest, caller=lea.caller(now), at=now)


def test_nobody_else_may(
    north: North, bo: Person, cy: Person, dee: Person, eve: Person, lea: Person, grave: Approval, now: datetime
) -> None:
    for person in (bo, cy, dee):
        assert (bypass(person, grave).status, bypass(person, grave).code) == (403, "not_allowed")
    elsewhere = seat_person(north.agency, "el", "crisis_lead", brands=[north.borealis], at=now)
    assert bypass(elsewhere, grave).status == 404
    path = f"/v1/agencies/north/approvals/{grave.pk}/bypass"
    assert eve.post(path, {"reason": WHY}, If_Match=quoted(grave.digest)).status == 404
    key = key_of(lea, Need.APPROVALS_READ, Need.APPROVALS_BYPASS)
    assert bypass(key, grave).code == "humans_decide"


def test_it_is_for_exactly_one_text_and_says_why(lea: Person, grave: Approval) -> None:
    path = f"approvals/{grave.pk}/bypass"
    assert lea.post(path, {"reason": WHY}).status == 428
    assert lea.post(path, {"reason": WHY}, If_Match=quoted("0" * 64)).status == 412
    assert lea.post(path, {}, If_Match=quoted(grave.digest)).status == 400


def test_when_one_of_the_two_leaves_it_is_void_and_the_gate_says_who_is_gone(
    north: North, ana: Person, lea: Person, ask: Asking, reread: Reading, now: datetime
) -> None:
    granted, used = ask(severity=1), ask(severity=1)
    for approval in (granted, used):
        bypass(lea, approval)
        bypass(ana, approval)
    with walled(north.agency):
        spend_approval(approval_id=used.pk, on=uuid4(), by=ana.actor, at=timezone.now())
    counts = ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"}).body["ended_counts"]
    assert counts["unpublished approvals"] == 1
    assert reread(granted).stage == "VOIDED"
    with walled(north.agency):
        assert flaw(reread(used), digest=used.digest, at=timezone.now()) == "approver_gone"


def test_what_a_leaver_began_nobody_completes(
    north: North, ana: Person, lea: Person, grave: Approval, reread: Reading, now: datetime
) -> None:
    lou = seat_person(north.agency, "lou", "crisis_lead", at=now)
    bypass(lou, grave)
    ana.post(f"seats/{lou.seat.pk}/revoke", {"reason": "left"})
    assert bypass(lea, grave).body["stage"] == "PENDING"
    assert bypass(ana, grave).body["stage"] == "GRANTED"


def test_the_gate_takes_nothing_from_the_rows_word(
    north: North, lea: Person, ana: Person, grave: Approval, ask: Asking, reread: Reading, now: datetime
) -> None:
    with walled(north.agency):
        Approval.objects.filter(pk=grave.pk).update(stage="GRANTED", granted_at=now, bypassed_at=now)
        assert flaw(reread(grave), digest=grave.digest, at=now) == "not_approved"
    for wrong in ({"authors": [lea.seat.pk]}, {"severity": 3}):
        approval = ask(**{"severity": 1, **wrong})
        with walled(north.agency):
            Bypass(
                approval_id=approval.pk,
                digest=approval.digest,
                first_seat_id=lea.seat.pk,
                first_person_id=lea.user.pk,
                first_reason=WHY,
                first_at=now,
                second_seat_id=ana.seat.pk,
                second_person_id=ana.user.pk,
                second_at=now,
            ).save(force_insert=True)
            Approval.objects.filter(pk=approval.pk).update(stage="GRANTED", granted_at=now, bypassed_at=now)
            assert flaw(reread(approval), digest=approval.digest, at=now) == "not_approved"


@pytest.mark.parametrize("wrong", ["same person", "too late", "half"])
def test_the_database_itself_wants_two_people_in_time(
    north: North, lea: Person, ana: Person, grave: Approval, now: datetime, wrong: str
) -> None:
    with pytest.raises(DatabaseError), walled(north.agency):
        Bypass(
            approval_id=grave.pk,
            digest=grave.digest,
            first_seat_id=lea.seat.pk,
            first_person_id=lea.user.pk,
            first_reason=WHY,
            first_at=now,
            second_seat_id=None if wrong == "half" else ana.seat.pk,
            second_person_id=lea.user.pk if wrong == "same person" else ana.user.pk,
            second_at=now + timedelta(minutes=16 if wrong == "too late" else 1),
        ).save(force_insert=True)


def test_the_gate_asks_two_questions_for_a_bypass_at_most(
    north: North,
    lea: Person,
    ana: Person,
    grave: Approval,
    reread: Reading,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    bypass(lea, grave)
    bypass(ana, grave)
    row = reread(grave)
    with walled(north.agency), django_assert_max_num_queries(2, connection=connection):  # type: ignore[attr-defined]
        assert flaw(row, digest=row.digest, at=timezone.now()) is None
