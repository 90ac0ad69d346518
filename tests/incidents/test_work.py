"""Severity, duties, tasks, notes and the timeline."""

from __future__ import annotations

import pytest

from core.wall import inside
from incidents.models import Duty, Incident, Note
from tests.cast import Person, events_of, seat_person
from tests.conftest import North
from tests.incidents.stage import lift, reread

pytestmark = pytest.mark.django_db


def test_changing_severity_needs_what_one_has_seen(crisis: Incident, lea: Person) -> None:
    path = f"incidents/{crisis.pk}"
    wish = {"severity": 1, "reason": "The press has it."}
    assert lea.post(f"{path}/change-severity", wish).status == 428
    etag = lea.get(path).etag
    answer = lea.post(f"{path}/change-severity", wish, If_Match=etag)
    assert (answer.status, answer.body["severity"]) == (200, 1)
    assert lea.post(f"{path}/change-severity", wish, If_Match=etag).code == "stale"
    assert events_of(crisis)[-1] == (
        "incident.severity_changed",
        str(lea.actor),
        {"before": 2, "after": 1, "reason": "The press has it."},
    )


def test_nothing_is_steered_once_it_is_over(crisis: Incident, lea: Person) -> None:
    lift(lea, crisis)
    for verb in ("contain", "resolve"):
        lea.post(f"incidents/{crisis.pk}/{verb}")
    over = lea.post(
        f"incidents/{crisis.pk}/change-severity",
        {"severity": 1, "reason": "x"},
        If_Match=lea.get(f"incidents/{crisis.pk}").etag,
    )
    assert (over.status, over.code) == (409, "incident_over")
    assert lea.post(f"incidents/{crisis.pk}/tasks", {"title": "x"}).code == "incident_over"
    assert lea.post(f"incidents/{crisis.pk}/duties", {"duty": "care", "seat": None}).code == "incident_over"


def test_a_duty_is_given_to_somebody_else(crisis: Incident, lea: Person, dee: Person, ana: Person) -> None:
    with inside(crisis.agency_id):
        legal = Duty.objects.get(duty="legal")
    path = f"incidents/{crisis.pk}/duties/{legal.pk}/assign"
    wish = {"seat": str(dee.seat.pk), "deputy": str(ana.seat.pk)}
    assert lea.post(path, wish).status == 428
    seen = f'"{legal.pk}-{legal.version}"'
    answer = lea.post(path, wish, If_Match=seen)
    assert (answer.status, answer.body["seat_name"], answer.body["deputy_name"]) == (200, "Dee", "Ana")
    assert events_of(legal)[-1] == (
        "duty.assigned",
        str(lea.actor),
        {"duty": "legal", "seat_id": str(dee.seat.pk)},
    )
    assert lea.post(path, wish, If_Match=seen).code == "stale"


def test_a_duty_is_for_people_who_may_see_the_incident(
    north: North, crisis: Incident, lea: Person, eve: Person
) -> None:
    elsewhere = seat_person(north.agency, "max", "account_manager", brands=[north.borealis], at=north.agency.created_at)
    path = f"incidents/{crisis.pk}/duties"
    blind = lea.post(path, {"duty": "care", "seat": str(elsewhere.seat.pk)})
    assert blind.body["errors"][0] | {"detail": ""} == {"field": "seat", "code": "cannot_see", "detail": ""}
    foreign = lea.post(path, {"duty": "care", "seat": str(eve.seat.pk)})
    assert foreign.body["errors"][0]["code"] == "does_not_exist"
    twice = lea.post(path, {"duty": "care", "seat": str(lea.seat.pk), "deputy": str(lea.seat.pk)})
    assert twice.body["errors"][0]["code"] == "same_person"
    assert lea.post(path, {"duty": "care", "seat": str(lea.seat.pk)}).status == 201
    assert lea.post(path, {"duty": "care", "seat": None}).code == "duty_known"


def test_the_deputy_steps_up_when_the_holder_leaves(crisis: Incident, lea: Person, dee: Person, ana: Person) -> None:
    with inside(crisis.agency_id):
        scribe = Duty.objects.get(duty="scribe")
    lea.post(
        f"incidents/{crisis.pk}/duties/{scribe.pk}/assign",
        {"seat": str(dee.seat.pk), "deputy": str(lea.seat.pk)},
        If_Match=f'"{scribe.pk}-1"',
    )
    gone = ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"})
    assert gone.body["ended_counts"]["incident duties"] == 1
    with inside(crisis.agency_id):
        scribe.refresh_from_db()
    assert (scribe.seat_id, scribe.deputy_id) == (lea.seat.pk, None)
    assert events_of(scribe)[-1] == (
        "duty.assigned",
        str(ana.actor),
        {"duty": "scribe", "seat_id": str(lea.seat.pk)},
    )


def test_what_is_filed_keeps_saying_who_did_it(crisis: Incident, ana: Person, lea: Person, dee: Person) -> None:
    with inside(crisis.agency_id):
        Incident.objects.filter(pk=crisis.pk).update(stage="CONTAINED")
        Incident.objects.filter(pk=crisis.pk).update(stage="RESOLVED")
        Incident.objects.filter(pk=crisis.pk).update(stage="UNDER_REVIEW")
        Incident.objects.filter(pk=crisis.pk).update(stage="CLOSED")
    gone = ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"})
    assert gone.body["ended_counts"]["incident duties"] == 0
    with inside(crisis.agency_id):
        assert Duty.objects.get(duty="scribe").seat_id == dee.seat.pk


def test_tasks_are_done_or_skipped_once(crisis: Incident, bo: Person, lea: Person) -> None:
    path = f"incidents/{crisis.pk}/tasks"
    first, second = bo.get(path).body["items"]
    done = bo.post(f"{path}/{first['id']}/complete")
    assert (done.status, done.body["stage"]) == (200, "DONE")
    assert done.body["finished_at"] is not None
    assert bo.post(f"{path}/{second['id']}/skip").code == "not_allowed"
    assert lea.post(f"{path}/{second['id']}/skip").body["stage"] == "SKIPPED"
    assert lea.post(f"{path}/{first['id']}/skip").code == "cannot_move"
    added = lea.post(path, {"title": "Feed the cat", "due_at": "2027-01-01T08:00:00Z"})
    assert (added.status, added.body["duty"]) == (201, "")


def test_a_notes_words_stay_out_of_the_ledger(crisis: Incident, dee: Person) -> None:
    words = {"kind": "decision", "text": "We will not reply to trolls.", "reason": "They want just that."}
    answer = dee.post(f"incidents/{crisis.pk}/notes", words)
    assert (answer.status, answer.body["reason"]) == (201, "They want just that.")
    with inside(crisis.agency_id):
        note = Note.objects.get()
    assert (note.text, note.author_seat_id, note.kind) == ("We will not reply to trolls.", dee.seat.pk, "decision")
    assert events_of(note) == [("incident.noted", str(dee.actor), {"note_id": str(note.pk)})]


def test_the_timeline_tells_everything_in_order(crisis: Incident, lea: Person, bo: Person) -> None:
    bo.post(f"incidents/{crisis.pk}/notes", {"text": "The client is informed."})
    items = lea.get(f"incidents/{crisis.pk}/timeline").body["items"]
    names = [item["name"] for item in items]
    assert names[0] == "incident.opened"
    assert names.index("pause.started") < names.index("incident.activated")
    assert names.count("task.added") == 2
    assert names.count("clock.started") == 3
    assert (names[-1], items[-1]["note"]) == ("incident.noted", "The client is informed.")
    assert [item["seq"] for item in items] == sorted(item["seq"] for item in items)
    page = lea.get(f"incidents/{crisis.pk}/timeline?limit=2").body
    rest = lea.get(f"incidents/{crisis.pk}/timeline?limit=100&cursor={page['next']}").body
    assert [i["seq"] for i in page["items"] + rest["items"]] == [i["seq"] for i in items]


def test_the_client_reads_only_the_notes_that_are_shared(crisis: Incident, bo: Person, cy: Person) -> None:
    path = f"incidents/{crisis.pk}"
    bo.post(f"{path}/notes", {"text": "The client is nervous."})
    bo.post(f"{path}/notes", {"text": "The product is off the shelves.", "shared_with_client": True})
    assert [note["text"] for note in cy.get(f"{path}/notes").body["items"]] == ["The product is off the shelves."]
    told = [item["note"] for item in cy.get(f"{path}/timeline").body["items"] if item["name"] == "incident.noted"]
    assert told == [None, "The product is off the shelves."]
    assert len(bo.get(f"{path}/notes").body["items"]) == 2


@pytest.mark.parametrize("part", ["timeline", "notes", "duties", "tasks", "clocks"])
def test_what_is_inside_an_incident_is_there_for_those_who_see_it(
    crisis: Incident, bo: Person, eve: Person, part: str
) -> None:
    assert bo.get(f"incidents/{crisis.pk}/{part}").status == 200
    assert eve.get(f"/v1/agencies/north/incidents/{crisis.pk}/{part}").status == 404
    assert eve.get(f"incidents/{crisis.pk}/{part}").status == 404
    for post in ("notes", "duties", "tasks"):
        assert eve.post(f"/v1/agencies/north/incidents/{crisis.pk}/{post}", {}).status == 404


@pytest.mark.parametrize("part", ["timeline", "notes", "duties", "tasks", "clocks"])
def test_what_is_inside_an_incident_of_another_brand_is_not_there(
    north: North, bo: Person, lea: Person, part: str
) -> None:
    wish = {"brand": str(north.borealis.pk), "title": "x", "kind": "other", "severity": 4}
    elsewhere = lea.post("incidents", wish).body["id"]
    assert bo.get(f"incidents/{elsewhere}/{part}").status == 404
    assert bo.post(f"incidents/{elsewhere}/notes", {"text": "x"}).status == 404


@pytest.mark.parametrize("part", ["timeline", "notes", "duties", "tasks", "clocks"])
def test_a_part_costs_the_same_queries_whatever_its_length(
    crisis: Incident, lea: Person, part: str, django_assert_max_num_queries: object
) -> None:
    path = f"incidents/{crisis.pk}/{part}"
    counts = []
    for number in (1, 5):
        for place in range(number):
            lea.post(f"incidents/{crisis.pk}/notes", {"text": "x"})
            lea.post(f"incidents/{crisis.pk}/tasks", {"title": "x"})
            lea.post(f"incidents/{crisis.pk}/duties", {"duty": f"care {number} {place}", "seat": str(lea.seat.pk)})
        lea.get(path)
        with django_assert_max_num_queries(25) as counted:  # type: ignore[operator]
            assert lea.get(path).status == 200
        counts.append(len(counted))
    assert counts[0] == counts[1]
    assert counts[0] <= {"timeline": 19}.get(part, 17)


def test_stages_reached_are_kept(crisis: Incident) -> None:
    assert reread(crisis).activated_at == crisis.activated_at
