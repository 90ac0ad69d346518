"""From the first step to the last resort: waits, repeats, overdue steps, and what comes when nobody answers."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from alerting.actions import create_escalation_policy
from alerting.models import Page
from core.wall import inside
from tests.alerting.conftest import Hook, Mailbox
from tests.alerting.ladders import climb, ladder, lives_in, steps_of, tells
from tests.alerting.scene import notifications_of, page_in, reach, timer_of
from tests.alerting.test_channels import channel_of
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def long_ago(now: datetime) -> datetime:
    """What is written for then is due now."""
    return now - timedelta(hours=6)


def rounds_of(page: Page) -> list[tuple[int, int]]:
    """(climb, step) of each message to a person, in order."""
    return [(row.repeated, row.step) for row in notifications_of(page)]


# -- repeats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeats", [0, 1, 3])
def test_the_climb_begins_anew_as_often_as_the_policy_says_and_not_once_more(
    north: North, dee: Person, lea: Person, long_ago: datetime, repeats: int
) -> None:
    ladder(dee, tells(dee), tells(lea), at=long_ago, repeats=repeats)
    page = page_in(north.agency.pk, at=long_ago)
    at = long_ago
    for number in range(2 * (1 + repeats)):
        now_at = climb(page, at)
        assert (now_at.stage, now_at.repeated, now_at.step) == ("OPEN", number // 2, 1 + number % 2)
        at += 5 * MINUTE
    done = climb(page, at)
    assert (done.stage, done.repeated, timer_of(page)) == ("EXHAUSTED", repeats, None)
    assert rounds_of(page) == [(again, step) for again in range(1 + repeats) for step in (1, 2)]
    assert done.cycle == 1


def test_each_round_tells_the_same_person_again_by_the_same_way(
    north: North, dee: Person, mailbox: Mailbox, long_ago: datetime
) -> None:
    ladder(dee, tells(dee), at=long_ago, repeats=1)
    page = page_in(north.agency.pk, at=long_ago)
    climb(page, long_ago)
    climb(page, long_ago + 5 * MINUTE)
    run_due_jobs("alerting.notify")
    assert mailbox.addresses == [dee.user.email] * 2
    references = [row.reference for row in notifications_of(page)]
    assert len(set(references)) == 2, "they are two messages, and say so"
    assert [ref for ref, text in zip(references, mailbox.texts, strict=True) if ref in text] == references


def test_a_ladder_that_reaches_nobody_is_not_climbed_again(
    north: North, ana: Person, dee: Person, long_ago: datetime
) -> None:
    ladder(ana, tells(dee, when={"severity_at_least": 1}), at=long_ago, repeats=5)
    page = page_in(north.agency.pk, severity=3, at=long_ago)
    done = climb(page, long_ago)
    assert (done.stage, done.repeated) == ("EXHAUSTED", 0)
    assert [row.seat_id for row in notifications_of(page)] == [ana.seat.pk]


@pytest.mark.parametrize("repeats", [-1, 6, "2"])
def test_repeats_are_bounded(north: North, lea: Person, repeats: object) -> None:
    body = {"name": "Ladder", "steps": [{"notify": [{"role": "owner"}], "wait_minutes": 5}], "repeats": repeats}
    answer = lea.post("escalation-policies", body)
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "repeats")


# -- the end of the ladder --------------------------------------------------------------------------------------------


def test_when_nobody_has_answered_every_owner_and_the_last_resort_are_told(
    *, north: North, ana: Person, dee: Person, lea: Person, hook: Hook, mailbox: Mailbox, long_ago: datetime
) -> None:
    room = channel_of(lea, "webhook", hook.url, long_ago)
    last = [{"seat": lea.seat.pk}, {"channel": room.pk}, {"role": "owner"}]
    ladder(ana, tells(dee), at=long_ago, last_resort=last)
    page = page_in(north.agency.pk, at=long_ago)
    climb(page, long_ago)
    done = climb(page, long_ago + 5 * MINUTE)
    assert done.stage == "EXHAUSTED"
    rows = notifications_of(page)
    assert {(row.seat_id, row.channel_id) for row in rows} == {
        (dee.seat.pk, None),
        (ana.seat.pk, None),
        (lea.seat.pk, None),
        (None, room.pk),
    }
    assert len(rows) == 4, "an owner whom two targets mean is told once"
    assert events_of(page)[-1] == ("page.exhausted", "rule:listening", {"steps": 1})
    run_due_jobs("alerting.notify")
    assert "nobody has answered" in dict(zip(mailbox.addresses, mailbox.texts, strict=True))[lea.user.email]
    assert len(hook.bodies) == 1


def test_the_last_resort_is_told_by_important_rules(north: North, ana: Person, dee: Person, long_ago: datetime) -> None:
    usual, important = (reach(ana, "email", f"ana@{place}.example", at=long_ago) for place in ("work", "home"))
    lives_in(
        ana,
        "UTC",
        at=long_ago,
        usual=[{"contacts": [usual], "wait_minutes": 0}],
        important=[{"contacts": [important], "wait_minutes": 0}],
    )
    ladder(ana, tells(ana), tells(ana, important=True), at=long_ago)
    page = page_in(north.agency.pk, at=long_ago)
    for number in range(3):
        climb(page, long_ago + 5 * number * MINUTE)
    assert [row.contact_id for row in notifications_of(page)] == [usual, important, important]


def test_a_last_resort_that_is_nobody_is_refused(north: North, lea: Person) -> None:
    body = {
        "name": "Ladder",
        "steps": [{"notify": [{"role": "owner"}], "wait_minutes": 5}],
        "last_resort": [{"role": "owner"}, {"role": "janitor"}],
    }
    [error] = lea.post("escalation-policies", body).body["errors"]
    assert (error["field"], error["code"]) == ("last_resort.1.role", "does_not_exist")


# -- when nobody ran the steps for a while ----------------------------------------------------------------------------


def test_overdue_steps_fire_as_one_and_nobody_is_told_twice(
    *, north: North, ana: Person, dee: Person, lea: Person, long_ago: datetime
) -> None:
    ladder(ana, tells(dee), tells(dee, lea, important=True), tells(lea, ana, wait_minutes=7), tells(ana), at=long_ago)
    page = page_in(north.agency.pk, at=long_ago)
    late = long_ago + 12 * MINUTE
    after = climb(page, late)
    assert steps_of(page) == [
        ("page.step_coalesced", 1, [str(dee.seat.pk)]),
        ("page.step_coalesced", 2, [str(dee.seat.pk), str(lea.seat.pk)]),
        ("page.escalated", 3, [str(lea.seat.pk), str(ana.seat.pk)]),
    ]
    rows = notifications_of(page)
    assert len(rows) == 3
    assert {(row.step, row.seat_id) for row in rows} == {(3, one.seat.pk) for one in (dee, lea, ana)}
    assert (after.step, after.next_step_at) == (3, late + 7 * MINUTE), "the last one's wait begins now"


def test_a_step_that_is_a_little_late_fires_alone(north: North, dee: Person, lea: Person, long_ago: datetime) -> None:
    ladder(dee, tells(dee), tells(lea), at=long_ago)
    page = page_in(north.agency.pk, at=long_ago)
    late = long_ago + 4 * MINUTE
    assert climb(page, late).next_step_at == late + 5 * MINUTE
    assert steps_of(page) == [("page.escalated", 1, [str(dee.seat.pk)])]


def test_the_last_step_is_waited_for_even_when_the_whole_ladder_is_overdue(
    *, north: North, ana: Person, dee: Person, lea: Person, long_ago: datetime
) -> None:
    ladder(ana, tells(dee), tells(lea), at=long_ago)
    page = page_in(north.agency.pk, at=long_ago)
    late = long_ago + 300 * MINUTE
    after = climb(page, late)
    assert (after.stage, after.step, after.next_step_at) == ("OPEN", 2, late + 5 * MINUTE)
    assert [name for name, *_ in steps_of(page)] == ["page.step_coalesced", "page.escalated"]
    assert climb(page, late + 5 * MINUTE).stage == "EXHAUSTED"


def test_the_wait_is_that_of_the_last_step_that_reached_somebody(
    north: North, ana: Person, dee: Person, long_ago: datetime
) -> None:
    ladder(ana, tells(dee), tells(ana, wait_minutes=600, when={"severity_at_least": 1}), at=long_ago)
    page = page_in(north.agency.pk, severity=3, at=long_ago)
    late = long_ago + 30 * MINUTE
    after = climb(page, late)
    assert steps_of(page) == [("page.escalated", 1, [str(dee.seat.pk)]), ("page.escalated", 2, [])]
    assert (after.step, after.next_step_at) == (2, late + 5 * MINUTE)


def test_one_important_step_makes_all_that_fire_with_it_important(
    *, north: North, ana: Person, dee: Person, lea: Person, long_ago: datetime
) -> None:
    usual, important = (reach(dee, "email", f"dee@{place}.example", at=long_ago) for place in ("work", "home"))
    lives_in(
        dee,
        "UTC",
        at=long_ago,
        usual=[{"contacts": [usual], "wait_minutes": 0}],
        important=[{"contacts": [important], "wait_minutes": 0}],
    )
    ladder(ana, tells(dee), tells(lea, important=True), at=long_ago)
    page = page_in(north.agency.pk, at=long_ago)
    climb(page, long_ago + 5 * MINUTE)
    assert [row.contact_id for row in notifications_of(page) if row.seat_id == dee.seat.pk] == [important]


def test_a_page_keeps_the_policy_it_began_with_through_every_round(
    north: North, ana: Person, dee: Person, lea: Person, long_ago: datetime
) -> None:
    policy = ladder(ana, tells(dee), at=long_ago, repeats=1)
    page = page_in(north.agency.pk, at=long_ago)
    climb(page, long_ago)
    seen = ana.get(f"escalation-policies/{policy.pk}")
    change = {"steps": [{"notify": [{"seat": str(lea.seat.pk)}], "wait_minutes": 1}], "repeats": 0}
    assert ana.patch(f"escalation-policies/{policy.pk}", change, If_Match=seen.etag).status == 200
    again = climb(page, long_ago + 5 * MINUTE)
    assert (again.repeated, [row.seat_id for row in notifications_of(page)]) == (1, [dee.seat.pk] * 2)


def test_a_policy_of_a_brand_has_its_own_end(
    north: North, ana: Person, dee: Person, lea: Person, now: datetime
) -> None:
    with inside(north.agency.pk):
        create_escalation_policy(
            name="Aurora",
            brand_id=north.aurora.pk,
            steps=[tells(dee, wait_minutes=1)],
            last_resort=[{"seat": lea.seat.pk}],
            by=ana.actor,
            at=now,
        )
    page = page_in(north.agency.pk, brand_id=north.aurora.pk, at=now)
    climb(page, now)
    climb(page, now + MINUTE)
    assert {row.seat_id for row in notifications_of(page)} == {dee.seat.pk, ana.seat.pk, lea.seat.pk}
