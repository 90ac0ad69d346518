"""A goodbye proves itself: line by line, hashed, recorded, and never complete while anything is open."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from core.wall import inside
from jobs.models import Job
from ledger.chain import canonical
from permissions.actions.revocations import verify_revocation
from permissions.jobs import REVOCATION
from permissions.models import ApiKey, Revocation, RevocationLine, RevocationTask
from permissions.needs import Need
from permissions.revocation import LINES
from tests.cast import Person, events_of, key_of, run_due_jobs, seat_person, send
from tests.conftest import North
from tests.permissions.revocation.conftest import Goodbye, findings, goodbye, line_of, report_on, work_off

pytestmark = pytest.mark.django_db


def test_every_line_is_confirmed_or_waits_for_people(
    north: North, ana: Person, lea: Person, say_goodbye: Goodbye
) -> None:
    key_of(lea, Need.BRANDS_READ)
    report = say_goodbye(lea)
    assert set(findings(report)) == set(LINES)
    for_people = {name for name, finding in findings(report).items() if finding != "confirmed"}
    assert for_people == {"roles at the networks", "secrets they could read", "shared log-ins"}
    assert {findings(report)[name] for name in for_people} == {"human_task"}
    assert line_of(report, "API keys") | {"checked_at": None} == {
        "name": "API keys", "finding": "confirmed", "ended": 1, "handed_over": 0, "left": 0,
        "detail": "1 tried, 1 refused", "checked_at": None,
    }  # fmt: skip
    assert line_of(report, "sessions")["ended"] == 1
    assert (report["stage"], report["complete"]) == ("VERIFYING", False)
    assert report["findings"] == {"confirmed": len(LINES) - 3, "unconfirmed": 0, "human_task": 3}


def test_it_is_complete_when_people_have_done_their_part(ana: Person, lea: Person, say_goodbye: Goodbye) -> None:
    say_goodbye(lea)
    work_off(lea, ana)
    report = report_on(lea, by=ana)
    assert (report["stage"], report["complete"], report["findings"]["confirmed"]) == ("COMPLETE", True, len(LINES))
    assert all(task["done_by_id"] == str(ana.seat.pk) and task["note"] for task in report["tasks"])


def test_the_report_is_hashed_into_the_ledger(ana: Person, lea: Person, say_goodbye: Goodbye) -> None:
    first = say_goodbye(lea)
    assert first["sha256"] == first["report_sha256"]
    work_off(lea, ana)
    told = [facts for name, _, facts in events_of(goodbye(lea)) if name == "revocation.reported"]
    last = report_on(lea, by=ana)
    assert told[0] == {
        "seat_id": str(lea.seat.pk), "digest": first["sha256"], "complete": False, **first["findings"],
    }  # fmt: skip
    assert (told[-1]["digest"], told[-1]["complete"]) == (last["sha256"], True)
    assert hashlib.sha256(canonical(last["report"])).hexdigest() == last["sha256"], "anybody can compute it"


def test_asking_again_without_news_records_nothing(
    lea: Person, ana: Person, say_goodbye: Goodbye, now: datetime
) -> None:
    say_goodbye(lea)
    before = len(events_of(goodbye(lea)))
    with inside(lea.agency.pk):
        verify_revocation(revocation_id=goodbye(lea).pk, by=REVOCATION, at=now + timedelta(minutes=1))
    assert len(events_of(goodbye(lea))) == before


def test_a_client_has_no_roles_at_networks_and_is_complete_at_once(
    ana: Person, cy: Person, say_goodbye: Goodbye
) -> None:
    report = say_goodbye(cy)
    assert (report["complete"], report["tasks"]) == (True, [])


def test_a_thing_that_is_alive_again_is_undone_when_it_is_asked(
    north: North, ana: Person, lea: Person, now: datetime
) -> None:
    key_of(lea, Need.BRANDS_READ)
    ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    with inside(north.agency.pk):
        ApiKey.objects.filter(seat=lea.seat).update(revoked_at=None)
    run_due_jobs()
    line = line_of(report_on(lea, by=ana), "API keys")
    assert (line["finding"], line["ended"], line["left"]) == ("confirmed", 2, 0)


def test_a_line_that_stays_alive_keeps_the_goodbye_open_and_alarms_in_the_end(
    north: North, ana: Person, cy: Person, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = LINES["API keys"].__class__("mirrors", lambda *_: 0, lambda seats, _: dict.fromkeys(seats, 2))
    monkeypatch.setitem(LINES, "mirrors", stubborn)
    ana.post(f"seats/{cy.seat.pk}/revoke", {"reason": "left"})
    run_due_jobs("permissions.verify_revocation")
    report = report_on(cy, by=ana)
    assert (report["complete"], line_of(report, "mirrors")["left"]) == (False, 2)
    assert findings(report)["mirrors"] == "unconfirmed"
    with inside(north.agency.pk):
        for minutes in (30, 61, 122):
            verify_revocation(revocation_id=goodbye(cy).pk, by=REVOCATION, at=now + timedelta(minutes=minutes))
    stuck = [facts for name, _, facts in events_of(goodbye(cy)) if name == "revocation.stuck"]
    assert stuck == [{"seat_id": str(cy.seat.pk), "lines": ["mirrors"]}], "people are told once"
    Job.objects.filter(handler="alerting.page_about_goodbye").update(due_at=now)
    run_due_jobs("alerting.page_about_goodbye")
    assert [page["severity"] for page in ana.get("pages").body["items"]] == [2]


def test_the_database_knows_no_completeness_with_an_open_line(north: North, cy: Person, say_goodbye: Goodbye) -> None:
    say_goodbye(cy)
    row = goodbye(cy)
    with inside(north.agency.pk):
        Revocation.objects.filter(pk=row.pk).update(stage="VERIFYING")
        RevocationLine.objects.filter(revocation=row, name="sessions").update(finding="unconfirmed")
    with pytest.raises(IntegrityError, match="each of its lines"), inside(north.agency.pk):
        Revocation.objects.filter(pk=row.pk).update(stage="COMPLETE")
    with inside(north.agency.pk):
        RevocationLine.objects.filter(revocation=row).delete()
    with pytest.raises(IntegrityError), inside(north.agency.pk):
        Revocation.objects.filter(pk=row.pk).update(stage="COMPLETE")


# -- tasks ----------------------------------------------------------------------------------------------------------


def test_tasks_have_deadlines_and_an_owner(north: North, ana: Person, lea: Person, say_goodbye: Goodbye) -> None:
    say_goodbye(lea)
    tasks = ana.get("revocation-tasks?state=open&owner=me").body["items"]
    done_at = goodbye(lea).done_at
    assert done_at is not None
    hours = {(task["line"], (datetime.fromisoformat(task["due_at"]) - done_at) / timedelta(hours=1)) for task in tasks}
    assert hours == {("roles at the networks", 4.0), ("shared log-ins", 4.0), ("secrets they could read", 24.0)}
    assert len(tasks) == 5, "two accounts, each with roles and credentials, and the shared log-ins"
    assert {task["owner"] for task in tasks} == {str(ana.seat.pk)}
    assert ana.get(f"revocation-tasks/{tasks[0]['id']}").body == tasks[0]


def test_a_brand_manager_leaves_tasks_about_that_brand_only(
    north: North, ana: Person, bo: Person, say_goodbye: Goodbye
) -> None:
    tasks = say_goodbye(bo)["tasks"]
    assert sorted(task["title"] for task in tasks) == [
        "Change every password that the leaver shared: mailboxes, network log-ins, vaults.",
        "Take the leaver off those who run @aurora on sandbox.",
    ]


def test_a_task_is_done_once(ana: Person, bo: Person, say_goodbye: Goodbye) -> None:
    task = say_goodbye(bo)["tasks"][0]["id"]
    assert ana.post(f"revocation-tasks/{task}/complete", {"note": "Done."}).body["done_by_id"] == str(ana.seat.pk)
    assert ana.post(f"revocation-tasks/{task}/complete", {"note": "Again."}).code == "task_done"
    assert ana.post(f"revocation-tasks/{task}/complete", {"note": "x", "done_at": None}).status == 400
    assert [one["id"] for one in ana.get("revocation-tasks?state=done").body["items"]] == [task]


def test_a_late_task_is_told_once(north: North, ana: Person, bo: Person, now: datetime, say_goodbye: Goodbye) -> None:
    say_goodbye(bo)
    with inside(north.agency.pk):
        RevocationTask.objects.update(due_at=now)
        for minutes in (1, 2):
            verify_revocation(revocation_id=goodbye(bo).pk, by=REVOCATION, at=now + timedelta(minutes=minutes))
    told = [facts for name, _, facts in events_of(goodbye(bo)) if name == "revocation.overdue"]
    assert told == [
        {"seat_id": str(bo.seat.pk), "tasks": 2, "lines": ["roles at the networks", "shared log-ins"]},
    ]
    assert {task["late"] for task in ana.get("revocation-tasks?state=late").body["items"]} == {True}


def test_tasks_of_a_leaver_are_somebody_elses(north: North, ana: Person, bo: Person, now: datetime) -> None:
    olga = seat_person(north.agency, "olga", "owner", at=now)
    olga.post(f"seats/{bo.seat.pk}/revoke", {"reason": "left"})
    assert len(olga.get("revocation-tasks?owner=me").body["items"]) == 2
    ana.post(f"seats/{olga.seat.pk}/revoke", {"reason": "left"})
    mine = {task["seat"] for task in ana.get("revocation-tasks?owner=me").body["items"]}
    assert mine == {str(bo.seat.pk), str(olga.seat.pk)}


# -- over HTTP ------------------------------------------------------------------------------------------------------


def test_the_page_to_print_escapes_and_loads_nothing(
    north: North, ana: Person, bo: Person, say_goodbye: Goodbye
) -> None:
    bo.user.name = "<script>alert(1)</script>"
    bo.user.save(update_fields=["name"])
    report = say_goodbye(bo)
    answer = send("GET", ana.url(f"revocations/{report['id']}/page"), **ana.headers)
    page = answer.body.decode()
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'nonce-")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert report["sha256"] in page
    assert "Take the leaver off those who run @aurora" in page


def test_the_list_of_goodbyes_costs_the_same_for_one_and_for_many(
    ana: Person, lea: Person, bo: Person, cy: Person
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert ana.get("revocations").status == 200
            assert ana.get("revocation-tasks").status == 200
        return len(seen)

    ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    one = queries()
    for person in (bo, cy):
        ana.post(f"seats/{person.seat.pk}/revoke", {"reason": "left"})
    assert queries() == one
    assert len(ana.get("revocations?stage=VERIFYING").body["items"]) == 3
    assert len(ana.get(f"revocations?seat={lea.seat.pk}").body["items"]) == 1


def test_who_may_read_goodbyes(ana: Person, lea: Person, bo: Person, eve: Person, say_goodbye: Goodbye) -> None:
    report = say_goodbye(bo)
    task = report["tasks"][0]["id"]
    reads = [f"revocations/{report['id']}", f"revocations/{report['id']}/page", f"seats/{bo.seat.pk}/revocation",
             "revocations", "revocation-tasks", f"revocation-tasks/{task}"]  # fmt: skip
    for path in reads:
        assert lea.get(path).status == 403, path
        assert eve.get(f"/v1/agencies/north/{path}").status == 404, path
    for path in (f"revocations/{report['id']}/page", f"seats/{bo.seat.pk}/revocation", f"revocation-tasks/{task}"):
        assert eve.get(path).status == 404, path
    writes = [
        (f"revocations/{report['id']}/cancel", {"reason": "x"}),
        (f"revocation-tasks/{task}/complete", {"note": "x"}),
    ]
    for path, body in writes:
        assert lea.post(path, body).status == 403, path
        assert eve.post(path, body).status == 404, path
    assert ana.get(f"seats/{lea.seat.pk}/revocation").status == 404, "she has not gone"
    assert ana.get(f"revocations/{uuid4()}").status == 404
