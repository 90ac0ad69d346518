"""That a grave signal is none takes several people, and a deadline wakes somebody but never decides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from alerting.actions import raise_page
from alerting.models import Page
from core.ids import uuid7
from core.wall import inside
from jobs.models import Job
from listening.actions.review import OVERDUE, escalate_signal, schedule_review
from listening.models import Signal, Source, Verdict
from permissions.actions.grants import withdraw_role
from permissions.models import Grant
from tests.cast import SETTING_THE_STAGE, Person, events_of, run_due_jobs, seat_person
from tests.conftest import North
from tests.listening.storms import DETECTOR

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def made(source: Source, at: datetime, *, hint: int = 9, page: bool = True, **said: Any) -> Signal:
    """A signal as the detector raises it, with its page, without the storm."""
    with inside(source.agency_id):
        signal = Signal(
            id=uuid7(), brand_id=source.brand_id, kind="volume", kinds=["volume"], severity_hint=hint,
            starts_at=at - 20 * MINUTE, alarmed_at=at, seen_at=at, raised_at=at, review_due_at=at + 5 * MINUTE,
            explanation={}, **said,
        )  # fmt: skip
        if page:
            signal.page = raise_page(
                brand_id=source.brand_id, cause_kind="listening.signal", cause_id=signal.pk, severity=1,
                headline="Aurora: a storm", by=DETECTOR, at=at,
            )  # fmt: skip
        signal.save(force_insert=True)
        schedule_review(signal)
    return signal


@pytest.fixture
def signal(ana: Person, source: Source, now: datetime) -> Signal:
    return made(source, now)


def say(person: Person, signal: Signal, verb: str = "dismiss", **said: Any) -> Any:
    seen = person.get(f"signals/{signal.pk}")
    return person.post(f"signals/{signal.pk}/{verb}", {"reason": "a prize draw", **said}, If_Match=seen.etag)


def stored(signal: Signal) -> Signal:
    with inside(signal.agency_id):
        found: Signal = Signal.objects.get(pk=signal.pk)
        return found


def page_stage(signal: Signal, page_id: UUID | None = None) -> str:
    with inside(signal.agency_id):
        stage: str = Page.objects.get(pk=page_id or stored(signal).page_id).stage
        return stage


def escalate(signal: Signal, at: datetime) -> Signal:
    with inside(signal.agency_id):
        return escalate_signal(signal_id=signal.pk, by=DETECTOR, at=at)


@pytest.mark.parametrize(
    ("verb", "stage", "event"),
    [("dismiss", "DISMISSED", "signal.dismissed"), ("handle", "HANDLED", "signal.handled")],
)
@pytest.mark.parametrize("hint", [7, 9])
def test_a_grave_signal_takes_two_people(
    ana: Person, dee: Person, lea: Person, source: Source, now: datetime, verb: str, stage: str, event: str, hint: int
) -> None:
    signal = made(source, now, hint=hint)
    first = say(dee, signal, verb)
    assert (first.status, first.body["stage"], first.body["needed"]) == (202, "OPEN", 2)
    [verdict] = first.body["verdicts"]
    assert (verdict["seat"], verdict["verdict"], verdict["reason"]) == (str(dee.seat.pk), verb, "a prize draw")
    assert page_stage(signal) == "OPEN"
    second = say(lea, signal, verb)
    assert (second.status, second.body["stage"], len(second.body["verdicts"])) == (200, stage, 2)
    assert page_stage(signal) == "RESOLVED"
    assert [(name, who) for name, who, _ in events_of(signal)] == [
        ("signal.verdict_given", str(dee.actor)),
        (event, str(lea.actor)),
    ]
    assert {"agreed": 1, "needed": 2, "verdict": verb}.items() <= events_of(signal)[0][2].items()


@pytest.mark.parametrize("hint", [1, 4, 6])
def test_for_a_slight_signal_one_person_is_enough(
    dee: Person, lea: Person, source: Source, now: datetime, hint: int
) -> None:
    signal = made(source, now, hint=hint)
    answer = say(dee, signal)
    assert (answer.status, answer.body["stage"], answer.body["needed"]) == (200, "DISMISSED", 1)


def test_the_same_person_twice_is_one(dee: Person, lea: Person, signal: Signal) -> None:
    assert say(dee, signal).status == 202
    again = say(dee, signal)
    assert (again.status, len(again.body["verdicts"])) == (202, 1)
    assert stored(signal).stage == "OPEN"


def test_two_people_of_two_minds_decide_nothing(dee: Person, lea: Person, signal: Signal) -> None:
    assert say(dee, signal, "dismiss").status == 202
    assert say(lea, signal, "handle").status == 202
    assert stored(signal).stage == "OPEN"
    answer = say(dee, signal, "handle")
    assert (answer.status, answer.body["stage"]) == (200, "HANDLED")


def test_the_verdict_of_somebody_who_lost_the_need_does_not_count(
    ana: Person, dee: Person, lea: Person, signal: Signal, now: datetime
) -> None:
    assert say(dee, signal).status == 202
    with inside(signal.agency_id):
        for grant in Grant.objects.filter(seat_id=dee.seat.pk):
            withdraw_role(grant_id=grant.pk, reason="left", by=SETTING_THE_STAGE, at=now)
    assert say(lea, signal).status == 202
    assert stored(signal).stage == "OPEN"
    assert say(ana, signal).status == 200


def test_one_reviewer_alone_is_enough_when_there_is_no_other(ana: Person, signal: Signal) -> None:
    answer = say(ana, signal)
    assert (answer.status, answer.body["stage"], answer.body["needed"]) == (200, "DISMISSED", 1)


def test_a_manager_of_another_brand_is_not_counted_among_those_who_could_agree(
    ana: Person, north: North, signal: Signal, now: datetime
) -> None:
    seat_person(north.agency, "max", "account_manager", brands=[north.borealis], at=now)
    assert say(ana, signal).status == 200


def test_watching_and_activating_take_one_person(dee: Person, lea: Person, signal: Signal) -> None:
    assert say(dee, signal, "watch").status == 200
    assert stored(signal).stage == "WATCHING"
    assert say(dee, signal, "dismiss").status == 202
    assert stored(signal).stage == "WATCHING"


def test_a_brand_says_how_many_people_it_takes(
    ana: Person, dee: Person, lea: Person, source: Source, now: datetime
) -> None:
    path = f"listening-settings/{source.brand_id}"
    changed = ana.patch(path, {"quorum": {"1": 1, "4": 3}}, If_Match=ana.get(path).etag)
    assert changed.status == 200, changed.body
    assert say(dee, made(source, now, hint=9)).status == 200
    slight = made(source, now, hint=2)
    assert [say(person, slight).status for person in (dee, lea, ana)] == [202, 202, 200]


def test_what_is_decided_takes_no_more_verdicts(ana: Person, dee: Person, lea: Person, signal: Signal) -> None:
    say(dee, signal)
    say(lea, signal)
    late = say(ana, signal)
    assert (late.status, late.code) == (409, "cannot_move")
    with inside(signal.agency_id):
        assert Verdict.objects.filter(signal=signal).count() == 2


def test_whether_it_was_a_false_alarm_is_kept(dee: Person, lea: Person, signal: Signal) -> None:
    say(dee, signal, false_alarm=True)
    assert stored(signal).false_alarm is None
    assert say(lea, signal, false_alarm=True).body["false_alarm"] is True


# -- deadlines --------------------------------------------------------------------------------------------------


def test_a_deadline_that_passes_wakes_people_anew_three_times_and_decides_nothing(
    ana: Person, source: Source, now: datetime
) -> None:
    signal = made(source, now, hint=2)
    at, pages = now, [stored(signal).page_id]
    for times in (1, 2, 3):
        due = stored(signal).review_due_at
        assert due > at
        at = due
        escalate(signal, at)
        row = stored(signal)
        assert (row.stage, row.escalations, row.escalated_at) == ("OPEN", times, at)
        assert row.page_id not in pages
        assert page_stage(signal, pages[-1]) == "RESOLVED"
        assert page_stage(signal) == "OPEN"
        pages.append(row.page_id)
        with inside(signal.agency_id):
            page = Page.objects.get(pk=row.page_id)
        assert (page.cause_kind, page.severity) == (OVERDUE, 4 - times)
    escalated = [facts for name, _, facts in events_of(signal) if name == "signal.escalated"]
    assert escalated == [{"severity": 4 - times, "times": times} for times in (1, 2, 3)]
    with inside(signal.agency_id):
        waiting = Job.objects.filter(handler="listening.review_due", args__signal_id=str(signal.pk))
        assert waiting.count() == 3, "one for each deadline, and none after the third"
    assert stored(signal).review_due_at == at


def test_nothing_happens_before_the_deadline(signal: Signal) -> None:
    escalate(signal, signal.review_due_at - timedelta(seconds=1))
    assert (stored(signal).escalations, page_stage(signal)) == (0, "OPEN")


@pytest.mark.parametrize("verb", ["dismiss", "handle"])
def test_what_is_decided_is_not_escalated(ana: Person, signal: Signal, verb: str) -> None:
    assert say(ana, signal, verb).status == 200
    escalate(signal, signal.review_due_at + MINUTE)
    row = stored(signal)
    assert (row.escalations, page_stage(signal)) == (0, "RESOLVED")
    assert "signal.escalated" not in [name for name, _, _ in events_of(signal)]


def test_what_is_to_wake_nobody_wakes_nobody(ana: Person, source: Source, now: datetime) -> None:
    signal = made(source, now, page=False, monitor_only=True)
    escalate(signal, signal.review_due_at + MINUTE)
    row = stored(signal)
    assert (row.escalations, row.page_id) == (0, None)


def test_one_verdict_of_two_does_not_stop_the_deadline(dee: Person, lea: Person, signal: Signal) -> None:
    assert say(dee, signal).status == 202
    escalate(signal, signal.review_due_at)
    assert stored(signal).escalations == 1
    assert say(lea, signal).status == 200
    assert page_stage(signal) == "RESOLVED"


def test_a_watched_signal_is_escalated_too(ana: Person, dee: Person, signal: Signal) -> None:
    assert say(dee, signal, "watch").status == 200
    escalate(signal, signal.review_due_at)
    row = stored(signal)
    assert (row.stage, row.escalations, page_stage(signal)) == ("WATCHING", 1, "OPEN")


def test_the_worker_keeps_the_deadline(ana: Person, source: Source, now: datetime) -> None:
    signal = made(source, now - timedelta(hours=1))
    assert run_due_jobs("listening.review_due") >= 1
    row = stored(signal)
    assert (row.stage, row.escalations) == ("OPEN", 1)
    assert row.review_due_at > now


def test_a_deadline_kept_twice_is_kept_once(signal: Signal) -> None:
    due = signal.review_due_at
    escalate(signal, due)
    escalate(signal, due)
    assert stored(signal).escalations == 1


def test_while_a_crisis_team_is_at_work_the_deadline_waits(lea: Person, source: Source, now: datetime) -> None:
    storm, other = made(source, now), None
    said = {"severity": 2, "kind": "outcry", "title": "A storm", "pause": False}
    assert say(lea, storm, "activate", **said).status == 200
    other = made(source, now, page=False)
    escalate(other, other.review_due_at)
    row = stored(other)
    assert (row.escalations, row.page_id) == (0, None)
    assert row.review_due_at > other.review_due_at
