"""What becomes of a person's turns, ways, steps and pages when they go."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from alerting.actions import override_rota
from alerting.actions.rota_goodbyes import _passed_on
from alerting.models import ContactMethod, EscalationPolicy, RotaOverride, Rotation
from alerting.queries import on_call
from core.ids import uuid7
from core.wall import inside
from tenants.actions.goodbyes import revoke_seat
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import fresh, notifications_of, page_in, policy_of, reach, rota_of, timer_of
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)


def goodbye(person: Person, by: Person, at: datetime) -> dict[str, int]:
    with inside(person.agency.pk):
        counts: dict[str, int] = revoke_seat(seat_id=person.seat.pk, reason="left", by=by.actor, at=at).ended_counts
    return counts


def test_the_next_in_order_takes_the_turns_and_nobody_elses_move(
    *, north: North, ana: Person, dee: Person, lea: Person, bo: Person, now: datetime
) -> None:
    rota = rota_of(dee, lea, bo, at=now)
    with inside(north.agency.pk):
        override_rota(
            rota_id=rota.pk,
            seat_id=dee.seat.pk,
            starts_at=now + timedelta(days=1),
            ends_at=now + timedelta(days=2),
            by=ana.actor,
            at=now,
        )
    ended = goodbye(dee, ana, now)
    assert ended["rota shifts"] == 2
    with inside(north.agency.pk):
        after = Rotation.objects.get(rota=rota)
        assert after.members == [lea.seat.pk, lea.seat.pk, bo.seat.pk]
        assert RotaOverride.objects.get().cancelled_at == now
        days = [on_call(rota, now + timedelta(days=day)) for day in range(4)]
    assert days == [lea.seat.pk, lea.seat.pk, bo.seat.pk, lea.seat.pk]
    assert ("rota.revised", str(ana.actor), {"version": 2, "members": [str(one) for one in after.members]}) in (
        events_of(rota)
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [("x", ""), ("xx", ""), ("xa", "aa"), ("ax", "aa"), ("xxa", "aaa"), ("xbx", "bbb"), ("axxb", "abbb"), ("ab", "ab")],
)
def test_every_place_of_a_leaver_goes_to_the_next_who_stays(before: str, after: str) -> None:
    seats = {letter: uuid7() for letter in "abx"}
    assert _passed_on([seats[one] for one in before], seats["x"]) == [seats[one] for one in after]


def test_ways_are_forgotten_and_steps_name_the_others_only(
    north: North, ana: Person, dee: Person, lea: Person, now: datetime
) -> None:
    way = reach(dee, "email", "dee@home.example", at=now)
    policy = policy_of(ana, [{"seat": dee.seat.pk}], [{"seat": lea.seat.pk}, {"seat": dee.seat.pk}], at=now)
    ended = goodbye(dee, ana, now)
    assert (ended["contact methods"], ended["escalation steps"]) == (1, 2)
    with inside(north.agency.pk):
        assert ContactMethod.objects.get(pk=way).address is None
        steps = EscalationPolicy.objects.get(pk=policy.pk).steps
    assert [step["notify"] for step in steps] == [[], [{"seat": str(lea.seat.pk)}]]
    assert events_of(policy)[-1] == ("escalation_policy.revised", str(ana.actor), {"version": 2, "steps": 2})


def test_a_page_that_the_leaver_had_taken_climbs_again(
    *, north: North, ana: Person, dee: Person, lea: Person, mailbox: Mailbox, now: datetime
) -> None:
    rota = rota_of(dee, lea, at=now)
    policy_of(ana, [{"rota": rota.pk}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs()
    dee.post(f"pages/{page.pk}/acknowledge")
    assert goodbye(dee, ana, now)["acknowledged pages"] == 1

    again = fresh(page)
    assert (again.stage, again.cycle, again.step, again.acknowledged_by_id) == ("OPEN", 2, 0, None)
    assert timer_of(page) is not None
    run_due_jobs()
    assert mailbox.addresses == [dee.user.email, lea.user.email]
    assert ("page.reopened", str(ana.actor), {"cycle": 2, "reason": "seat_revoked"}) in events_of(page)
    assert [(row.cycle, row.step) for row in notifications_of(page)] == [(1, 1), (2, 1)]


def test_what_was_queued_for_the_leaver_is_not_sent(
    north: North, ana: Person, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    policy_of(ana, [{"seat": dee.seat.pk}, {"role": "owner"}], at=now)
    page = page_in(north.agency.pk)
    run_due_jobs("alerting.climb_page")
    assert goodbye(dee, ana, now)["queued notifications"] == 1
    run_due_jobs()
    assert mailbox.addresses == [ana.user.email]
    stages: dict[Any, str] = {row.seat_id: row.stage for row in notifications_of(page)}
    assert stages == {dee.seat.pk: "DROPPED", ana.seat.pk: "SENT"}
