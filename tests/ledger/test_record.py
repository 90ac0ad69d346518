"""Recording, the chain, and what protects it."""

from __future__ import annotations

import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from core.actor import Actor
from core.wall import inside
from jobs.models import Job
from ledger.actions import record, records_held_back
from ledger.catalogue import UnknownEvent, WrongFacts
from ledger.models import Event, Head
from ledger.subscriptions import on
from tests.cast import run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)
heard: list[str] = []


@on("incident.noted", reaction="tests.hear")
def hear(event: Event, _at: object) -> None:
    heard.append(event.name)


def write(north: North, name: str = "brand.created", **facts: object) -> Event:
    with inside(north.agency.pk):
        event = record(name, on=north.aurora, by=Actor.rule("tests"), at=timezone.now(), **(facts or {"slug": "x"}))
    assert event is not None
    return event


def test_events_are_numbered_without_gaps_under_concurrency(north: North) -> None:
    before = write(north).seq

    def work() -> None:
        for _ in range(10):
            write(north)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with inside(north.agency.pk):
        assert list(Event.objects.filter(seq__gt=before).order_by("seq").values_list("seq", flat=True)) == list(
            range(before + 1, before + 51)
        )
    call_command("verify_ledger", stdout=StringIO())


def test_an_event_takes_its_brand_from_its_subject(north: North) -> None:
    event = write(north)
    assert (event.brand_id, event.incident_id, event.subject_kind) == (north.aurora.pk, None, "tenants.brand")


def test_an_unknown_name_and_wrong_facts_are_defects(north: North) -> None:
    with pytest.raises(UnknownEvent):
        write(north, "brand.exploded")
    with pytest.raises(WrongFacts):
        write(north, "brand.created", slug="x", secret="y")
    with pytest.raises(WrongFacts):
        write(north, "brand.created", slug=7)


def test_an_event_outside_a_transaction_is_refused(north: North) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record("brand.created", on=north.aurora, by=Actor.rule("tests"), at=timezone.now(), slug="x")


def test_records_that_are_held_back_are_written_in_their_order_at_the_end(north: North) -> None:
    with inside(north.agency.pk):
        before = Head.objects.get(agency_id=north.agency.pk).seq
        with records_held_back():
            for slug in ("first", "second"):
                record("brand.created", on=north.aurora, by=Actor.rule("tests"), at=timezone.now(), slug=slug)
            assert Head.objects.get(agency_id=north.agency.pk).seq == before
        written = Event.objects.filter(seq__gt=before).order_by("seq")
        assert [event.facts["slug"] for event in written] == ["first", "second"]
    call_command("verify_ledger", stdout=StringIO())


def test_records_that_are_held_back_go_with_their_transaction(north: North) -> None:
    first = write(north)
    with pytest.raises(ZeroDivisionError), inside(north.agency.pk), records_held_back():
        record("brand.created", on=north.aurora, by=Actor.rule("tests"), at=timezone.now(), slug="x")
        _ = 1 / 0
    assert write(north).seq == first.seq + 1


def test_a_rolled_back_change_leaves_no_event_and_no_gap(north: North) -> None:
    first = write(north)
    with pytest.raises(ZeroDivisionError), inside(north.agency.pk):
        record("brand.created", on=north.aurora, by=Actor.rule("tests"), at=timezone.now(), slug="x")
        _ = 1 / 0
    assert write(north).seq == first.seq + 1


@pytest.mark.parametrize("statement", ["UPDATE ledger_event SET name = 'x'", "DELETE FROM ledger_event"])
def test_the_database_refuses_to_change_history(north: North, statement: str) -> None:
    write(north)
    with pytest.raises(ProgrammingError, match="Cannot"), inside(north.agency.pk), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "tampering",
    [
        'UPDATE ledger_event SET facts = \'{"slug": "y"}\' WHERE seq = 3',
        "UPDATE ledger_event SET actor_name = 'somebody' WHERE seq = 2",
        "DELETE FROM ledger_event WHERE seq = 3",
        "DELETE FROM ledger_event WHERE seq = (SELECT max(seq) FROM ledger_event)",
    ],
)
def test_verification_finds_what_was_planted(north: North, tampering: str) -> None:
    write(north)
    with inside(north.agency.pk), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_event DISABLE TRIGGER USER")
        cursor.execute(tampering)
        cursor.execute("ALTER TABLE ledger_event ENABLE TRIGGER USER")
    with pytest.raises(CommandError):
        call_command("verify_ledger", stdout=StringIO(), stderr=StringIO())


def test_verification_passes_an_honest_ledger(north: North) -> None:
    out = StringIO()
    call_command("verify_ledger", stdout=out)
    with inside(north.agency.pk):
        head = Head.objects.get(agency_id=north.agency.pk)
    assert f"{head.seq} events, the chain holds; head {head.hash}" in out.getvalue()


def test_a_reaction_is_a_job_written_with_the_event(north: North) -> None:
    heard.clear()
    event = write(north, "incident.noted", note_id=north.aurora.pk)
    assert Job.objects.filter(handler="tests.hear", key=str(event.pk)).count() == 1
    run_due_jobs("tests.hear")
    assert heard == ["incident.noted"]


def test_reactions_can_only_name_events_of_the_catalogue() -> None:
    with pytest.raises(UnknownEvent):
        on("nothing.happened", reaction="tests.never")
