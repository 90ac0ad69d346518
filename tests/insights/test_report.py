"""The report: everything that is known about an incident, for those who may know it."""

from __future__ import annotations

import pytest

from core.wall import inside
from incidents.models import Incident, PostMortem
from insights.api.shapes import ReportView
from insights.queries import report_of
from tests.cast import Person
from tests.conftest import North
from tests.incidents.reviewing import release_review, section, write
from tests.incidents.stage import WORDS, approved, draft, lift, release, say, settle, submit

pytestmark = pytest.mark.django_db


def test_the_numbers_are_measured_from_when_it_was_known(storm: Incident, lea: Person) -> None:
    report = lea.get(f"incidents/{storm.pk}/report").body
    numbers = report["numbers"]
    assert {key: numbers[key] for key in ("detect", "acknowledge", "decide")} == {
        "detect": 360.0,
        "acknowledge": 120.0,
        "decide": 360.0,
    }
    assert (numbers["first_words"], numbers["approve"], numbers["resolve"]) == (None, None, None)
    assert (numbers["peak_volume"], numbers["peak_expected"], numbers["peak_times"]) == (200, 20.0, 10.0)
    assert (numbers["worst_share"], numbers["normal_share"]) == (0.7, 0.2)


def test_the_series_stands_beside_its_band_and_its_decisions(storm: Incident, lea: Person) -> None:
    report = lea.get(f"incidents/{storm.pk}/report").body
    assert report["series"]["step"] == "5m"
    points = report["series"]["points"]
    assert {point["volume"] for point in points} >= {20, 200}
    assert points[0]["high"] == 32.0
    assert [mark["label"] for mark in report["marks"]] == ["Acknowledged", "Posts paused", "Activated"]


def test_the_words_and_the_voices_are_in_it(north: North, storm: Incident, bo: Person, lea: Person, cy: Person) -> None:
    first = submit(bo, draft(bo, storm, north, "Sorry if you were offended."))
    say(lea, "approve", first)
    wish = {"deliveries": [{"account": str(north.aurora_account.pk), "text": WORDS}]}
    now = bo.get(f"statements/{first.body['id']}")
    again = submit(bo, bo.patch(f"statements/{first.body['id']}", wish, If_Match=now.etag))
    for person in (lea, cy):
        assert say(person, "approve", again).status == 200
    assert release(lea, again).status == 200
    settle()
    [statement] = lea.get(f"incidents/{storm.pk}/report").body["statements"]
    assert (statement["stage"], statement["version"]) == ("PUBLISHED", 2)
    [text] = statement["texts"]
    assert (text["text"], text["account"], text["stage"]) == (WORDS, "@aurora", "PUBLISHED")
    assert [(v["stage"], v["person"], v["verdict"], v["of_these_words"]) for v in statement["voices"]] == [
        ("lead", "Lea", "approve", False),
        ("lead", "Lea", "approve", True),
        ("client", "Cy", "approve", True),
    ]


def test_the_client_reads_a_report_of_their_own(north: North, storm: Incident, bo: Person, cy: Person) -> None:
    bo.post(f"incidents/{storm.pk}/notes", {"text": "The client is nervous."})
    bo.post(f"incidents/{storm.pk}/notes", {"text": "Shelves are empty.", "shared_with_client": True})
    draft(bo, storm, north)
    ours, theirs = bo.get(f"incidents/{storm.pk}/report").body, cy.get(f"incidents/{storm.pk}/report").body
    assert (ours["audience"], theirs["audience"]) == ("staff", "client")
    assert [e["note"] for e in ours["timeline"] if e["note"]] == ["The client is nervous.", "Shelves are empty."]
    assert [e["note"] for e in theirs["timeline"] if e["name"] == "incident.noted"] == ["Shelves are empty."]
    assert (len(ours["statements"]), theirs["statements"]) == (1, [])


def test_a_review_is_in_it_once_the_reader_may_see_it(storm: Incident, lea: Person, cy: Person) -> None:
    lift(lea, storm)
    for verb in ("contain", "resolve", "put-under-review"):
        assert lea.post(f"incidents/{storm.pk}/{verb}").status == 200
    review = lea.get(f"post-mortems?incident={storm.pk}").body["items"][0]["id"]
    found: PostMortem
    with inside(storm.agency_id):
        found = PostMortem.objects.get()
    write(lea, section(lea, found, "summary"), "A joke.")
    wish = {"post_mortem": review, "kind": "habit", "title": "Ask legal first.", "owner": str(lea.seat.pk)}
    assert lea.post("improvements", {**wish, "due_on": "2099-12-24"}).status == 201
    told = lea.get(f"incidents/{storm.pk}/report").body["postmortem"]
    assert told["sections"] == {"summary": "A joke."}
    assert told["ratings"]["answered"] == 0
    assert {rated["average"] for rated in told["ratings"]["questions"]} == {None}
    assert told["lessons"] == [{"text": "Ask legal first.", "owner": "Lea", "due_on": "2099-12-24"}]
    assert cy.get(f"incidents/{storm.pk}/report").body["postmortem"] is None
    release_review(lea, found)
    assert cy.get(f"incidents/{storm.pk}/report").body["postmortem"]["stage"] == "RELEASED"


def test_an_incident_without_a_signal_has_a_report_too(crisis: Incident, lea: Person) -> None:
    report = lea.get(f"incidents/{crisis.pk}/report").body
    assert (report["numbers"]["detect"], report["numbers"]["mentions"]) == (None, 0)
    assert report["numbers"]["peak_volume"] is None


def test_the_answer_has_every_part_that_its_description_names(storm: Incident, lea: Person) -> None:
    with inside(storm.agency_id):
        gathered = report_of(storm, audience="staff", at=storm.activated_at)
    assert set(gathered) == set(ReportView().fields)


def test_it_costs_the_same_queries_whatever_happened(
    north: North, storm: Incident, bo: Person, lea: Person, cy: Person, django_assert_max_num_queries: object
) -> None:
    path = f"incidents/{storm.pk}/report"
    for _ in range(2):
        release(lea, approved(bo, [lea, cy], storm, north))
        bo.post(f"incidents/{storm.pk}/notes", {"text": "x"})
    settle()
    counts = []
    for _ in range(2):
        with django_assert_max_num_queries(60) as counted:  # type: ignore[operator]
            assert lea.get(path).status == 200
        counts.append(len(counted))
        release(lea, approved(bo, [lea, cy], storm, north))
        bo.post(f"incidents/{storm.pk}/notes", {"text": "x"})
        settle()
    assert counts[0] == counts[1]
    assert counts[0] <= 42


def test_who_may_not_see_the_incident_has_no_report(
    north: North, storm: Incident, lea: Person, bo: Person, eve: Person
) -> None:
    wish = {"brand": str(north.borealis.pk), "title": "x", "kind": "other", "severity": 4}
    elsewhere = lea.post("incidents", wish).body["id"]
    for part in ("report", "report-link"):
        ask = eve.get if part == "report" else eve.post
        assert ask(f"/v1/agencies/north/incidents/{storm.pk}/{part}").status == 404
        assert ask(f"incidents/{storm.pk}/{part}").status == 404
    assert bo.get(f"incidents/{elsewhere}/report").status == 404
