"""Using an agreement once, and asking again before anything goes out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from approvals.actions import ApprovalExpired, ApprovalNotGranted, ApprovalSpent, spend_approval
from approvals.models import Approval
from approvals.queries import why_not
from tests.approvals.conftest import LEAD, TEXT, Asking, say
from tests.cast import Person, events_of, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Reading = Callable[[Approval], Approval]


@pytest.fixture
def granted(lea: Person, ask: Asking, reread: Reading, now: datetime) -> Approval:
    approval = ask(stages=[LEAD], expires_at=now + timedelta(days=1))
    assert say(lea, "approve", approval).status == 200
    return reread(approval)


def test_an_agreement_is_used_once(north: North, bo: Person, granted: Approval, reread: Reading, now: datetime) -> None:
    use = uuid4()
    with walled(north.agency):
        spend_approval(approval_id=granted.pk, on=use, by=bo.actor, at=now)
    row = reread(granted)
    assert (row.stage, row.spent_on, row.spent_at) == ("SPENT", use, now)
    assert events_of(granted)[-1] == (
        "approval.spent",
        str(bo.actor),
        {
            "about_kind": "tests.text",
            "about_id": str(granted.about_id),
            "digest": granted.digest,
            "spent_on": str(use),
        },
    )
    with pytest.raises(ApprovalSpent) as refused, walled(north.agency):
        spend_approval(approval_id=granted.pk, on=uuid4(), by=bo.actor, at=now)
    assert refused.value.facts["spent_on"] == use


def test_what_nobody_agreed_to_cannot_be_used(north: North, bo: Person, ask: Asking, now: datetime) -> None:
    approval = ask()
    with pytest.raises(ApprovalNotGranted) as refused, walled(north.agency):
        spend_approval(approval_id=approval.pk, on=uuid4(), by=bo.actor, at=now)
    assert refused.value.facts == {"stage": "PENDING", "reason": "not_approved"}


def test_an_agreement_ends_at_its_instant(north: North, bo: Person, granted: Approval) -> None:
    assert granted.expires_at is not None
    with pytest.raises(ApprovalExpired), walled(north.agency):
        spend_approval(approval_id=granted.pk, on=uuid4(), by=bo.actor, at=granted.expires_at)


def test_an_agreement_without_its_approver_cannot_be_used(
    north: North, bo: Person, lea: Person, granted: Approval, now: datetime
) -> None:
    with walled(north.agency):
        type(lea.seat).objects.filter(pk=lea.seat.pk).update(stage="ENDED", ended_at=now, end_reason="left")
    with pytest.raises(ApprovalNotGranted) as refused, walled(north.agency):
        spend_approval(approval_id=granted.pk, on=uuid4(), by=bo.actor, at=now)
    assert refused.value.facts["reason"] == "approver_gone"


def _asked(north: North, approval: Approval, at: datetime, **other: object) -> str | None:
    question: dict[str, object] = {
        "account_id": north.aurora_account.pk, "text": TEXT, "digest": approval.digest, "at": at,
    }  # fmt: skip
    with walled(north.agency):
        return why_not(approval, **(question | other))  # type: ignore[arg-type]


def test_nothing_speaks_against_exactly_what_was_agreed_to(
    north: North, bo: Person, granted: Approval, reread: Reading, now: datetime
) -> None:
    assert _asked(north, granted, now) is None
    with walled(north.agency):
        spend_approval(approval_id=granted.pk, on=uuid4(), by=bo.actor, at=now)
    assert _asked(north, reread(granted), now) is None


def test_another_text_account_or_digest_is_not_covered(north: North, granted: Approval, now: datetime) -> None:
    assert _asked(north, granted, now, text=TEXT + " ") == "text_changed"
    assert _asked(north, granted, now, account_id=north.borealis_account.pk) == "text_changed"
    assert _asked(north, granted, now, digest="0" * 64) == "text_changed"


def test_a_payload_that_was_tampered_with_is_noticed(north: North, granted: Approval, now: datetime) -> None:
    granted.payload["deliveries"][0]["text"] = "Buy now!"
    assert _asked(north, granted, now, text="Buy now!") == "text_changed"


def test_a_stage_that_was_written_without_voices_is_noticed(
    north: North, ask: Asking, reread: Reading, now: datetime
) -> None:
    approval = ask()
    with walled(north.agency):
        Approval.objects.filter(pk=approval.pk).update(stage="GRANTED", granted_at=now)
    assert _asked(north, reread(approval), now) == "not_approved"


def test_each_other_stage_and_the_end_have_their_word(
    north: North, ask: Asking, granted: Approval, now: datetime
) -> None:
    assert _asked(north, ask(), now) == "not_approved"
    assert _asked(north, granted, now + timedelta(days=1)) == "expired"


def test_an_approver_who_has_gone_takes_the_agreement_along(
    north: North, lea: Person, granted: Approval, now: datetime
) -> None:
    with walled(north.agency):
        type(lea.seat).objects.filter(pk=lea.seat.pk).update(stage="ENDED", ended_at=now, end_reason="left")
    assert _asked(north, granted, now) == "approver_gone"


def test_the_gate_asks_one_question_of_the_database(
    north: North, granted: Approval, now: datetime, django_assert_num_queries: Callable[..., object]
) -> None:
    with walled(north.agency), django_assert_num_queries(1, connection=connection):  # type: ignore[attr-defined]
        why_not(granted, account_id=north.aurora_account.pk, text=TEXT, digest=granted.digest, at=now)
