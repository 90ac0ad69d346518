"""One report, four forms: JSON, a page, a document, tables; whoever may read it chooses."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import urlsplit

import pytest

from core.wall import inside
from incidents.models import Incident
from insights import printing
from insights.queries import report_of, story
from insights.tables import PARTS, TIMELINE, TIMELINE_COLUMNS
from tests.cast import Answer, Person, send
from tests.conftest import North
from tests.incidents.stage import approved, release, settle

pytestmark = pytest.mark.django_db

KINDS = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
}
SECRET = "The client is nervous."


def report(person: Person, incident: Incident, query: str = "", **headers: str) -> Answer:
    return person.get(f"incidents/{incident.pk}/report{query}", **headers)


def rows(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200, answer.body
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_as_it_is_asked_for(storm: Incident, lea: Person, kind: str) -> None:
    by_name = report(lea, storm, f"?format={kind}")
    by_header = report(lea, storm, Accept=KINDS[kind].partition(";")[0])
    assert (by_name.status, by_header.status) == (200, 200)
    assert by_name.headers["Content-Type"] == by_header.headers["Content-Type"] == KINDS[kind]
    if kind in {"pdf", "csv"}:
        assert by_name.headers["Content-Disposition"].startswith(f'attachment; filename="{storm.reference}')
        assert by_name.headers["Cache-Control"] == "no-store"
        assert by_name.headers["X-Content-Type-Options"] == "nosniff"


def test_without_a_wish_it_is_json(storm: Incident, lea: Person) -> None:
    assert report(lea, storm).headers["Content-Type"] == "application/json"
    assert report(lea, storm, Accept="*/*").headers["Content-Type"] == "application/json"


def test_a_form_that_there_is_not_is_refused(storm: Incident, lea: Person) -> None:
    assert report(lea, storm, "?format=docx").code == "invalid"
    assert report(lea, storm, "?format=csv&part=mentions").code == "invalid"
    assert report(lea, storm, "?format=csv&colour=red").code == "invalid"
    assert report(lea, storm, Accept="image/png").status == 406


def test_the_document_is_one(storm: Incident, lea: Person) -> None:
    pdf = report(lea, storm, "?format=pdf").body
    assert pdf.startswith(b"%PDF-")
    assert storm.reference.encode() in pdf


def test_the_page_runs_nothing(storm: Incident, lea: Person) -> None:
    answer = report(lea, storm, "?format=html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert b'<svg class="chart"' in answer.body


@pytest.mark.parametrize("part", [TIMELINE, *PARTS])
def test_every_part_is_a_table(north: North, storm: Incident, lea: Person, bo: Person, cy: Person, part: str) -> None:
    release(lea, approved(bo, [lea, cy], storm, north))
    settle()
    answer = report(lea, storm, f"?format=csv&part={part}")
    assert answer.status == 200, answer.body
    columns = next(csv.reader(io.StringIO(answer.body.decode())))
    assert tuple(columns) == (TIMELINE_COLUMNS if part == TIMELINE else PARTS[part][0])
    assert rows(answer) or part in {"decisions", "duties", "review"}


def test_a_table_says_what_the_report_says(storm: Incident, lea: Person) -> None:
    told = report(lea, storm).body
    numbers = {row["name"]: row["value"] for row in rows(report(lea, storm, "?format=csv&part=numbers"))}
    assert numbers["peak_volume"] == str(told["numbers"]["peak_volume"])
    series = rows(report(lea, storm, "?format=csv&part=series"))
    assert [int(row["volume"]) for row in series] == [point["volume"] for point in told["series"]["points"]]
    timeline = rows(report(lea, storm, "?format=csv"))
    assert [int(row["seq"]) for row in timeline] == [entry["seq"] for entry in told["timeline"]]


def test_no_cell_is_a_formula(storm: Incident, lea: Person, bo: Person) -> None:
    bo.post(f"incidents/{storm.pk}/notes", {"text": "=HYPERLINK(1)"})
    assert "'=HYPERLINK(1)" in {row["note"] for row in rows(report(lea, storm, "?format=csv"))}


def test_the_timeline_as_a_table_has_no_end_but_its_own(
    storm: Incident, lea: Person, bo: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        wish = {"kind": "decision", "text": f"Step {number}", "reason": "Because."}
        assert bo.post(f"incidents/{storm.pk}/notes", wish).status == 201
    whole = report(lea, storm).body
    monkeypatch.setattr(story, "MOST_EVENTS", 5)
    monkeypatch.setattr(story, "CHUNK", 4)
    short = report(lea, storm).body
    assert (len(short["timeline"]), short["timeline_truncated"], whole["timeline_truncated"]) == (5, True, False)
    table = rows(report(lea, storm, "?format=csv"))
    assert [int(row["seq"]) for row in table] == [entry["seq"] for entry in whole["timeline"]]
    assert (table[-1]["note"], table[-1]["reason"]) == ("Step 8", "Because.")


def test_the_marks_of_a_long_story_reach_to_its_end(
    storm: Incident, lea: Person, bo: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bo.post(f"incidents/{storm.pk}/notes", {"kind": "decision", "text": "We say sorry.", "reason": "It was us."})
    whole = report(lea, storm).body
    monkeypatch.setattr(story, "MOST_EVENTS", len(whole["timeline"]) - 2)
    short = report(lea, storm).body
    assert short["timeline_truncated"]
    assert short["marks"][-1]["label"] == "Decision: We say sorry."
    assert short["severity"] == whole["severity"]


@pytest.mark.parametrize("query", ["?format=html", "?format=csv", "?format=csv&part=decisions", ""])
def test_no_form_tells_the_client_what_is_internal(storm: Incident, bo: Person, cy: Person, query: str) -> None:
    bo.post(f"incidents/{storm.pk}/notes", {"text": SECRET})
    bo.post(f"incidents/{storm.pk}/notes", {"kind": "decision", "text": "Ours.", "reason": SECRET})

    def said(person: Person) -> str:
        body = report(person, storm, query).body
        return json.dumps(body) if isinstance(body, dict) else body.decode()

    assert SECRET in said(bo)
    assert SECRET not in said(cy)


def test_the_clients_document_is_of_the_clients_report(storm: Incident, bo: Person, cy: Person) -> None:
    bo.post(f"incidents/{storm.pk}/notes", {"text": SECRET})
    assert report(cy, storm, "?format=pdf").status == 200
    with inside(storm.agency_id):
        theirs = printing.prepared(report_of(storm, audience="client", at=storm.activated_at))
        ours = printing.prepared(report_of(storm, audience="staff", at=storm.activated_at))
    assert SECRET not in json.dumps(theirs)
    assert SECRET in json.dumps(ours)
    assert (theirs["internal"], ours["internal"]) == (False, True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_gets_no_form_of_it(storm: Incident, eve: Person, kind: str) -> None:
    for path in (f"incidents/{storm.pk}/report", f"/v1/agencies/north/incidents/{storm.pk}/report"):
        answer = eve.get(f"{path}?format={kind}")
        assert (answer.status, answer.code) == (404, "not_found")


def test_who_must_wait_is_told_for_how_long(storm: Incident, lea: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = lea.post(f"incidents/{storm.pk}/report-link", {}).body["url"]
    monkeypatch.setattr(printing, "MOST_SECONDS", 0.01)
    for answer in (report(lea, storm, "?format=pdf"), send("GET", f"{urlsplit(shared).path}?format=pdf")):
        assert (answer.status, answer.code) == (503, "cannot_draw")
        assert answer.headers["Retry-After"] == "30"


def test_a_link_opens_the_document_too(storm: Incident, lea: Person) -> None:
    path = urlsplit(lea.post(f"incidents/{storm.pk}/report-link", {}).body["url"]).path
    assert b'href="?format=pdf"' in send("GET", path).body
    answer = send("GET", f"{path}?format=pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.body.startswith(b"%PDF-")
    assert send("GET", f"{path}x?format=pdf").status == 404


def test_severity_is_told_with_who_said_so(storm: Incident, lea: Person) -> None:
    path = f"incidents/{storm.pk}"
    worse = {"severity": 1, "reason": "It is on television."}
    raised = lea.post(f"{path}/change-severity", worse, If_Match=lea.get(path).etag)
    assert raised.status == 200, raised.body
    told = report(lea, storm).body["severity"]
    assert [(one["severity"], one["by"], one["reason"]) for one in told] == [
        (2, "Lea", ""),
        (1, "Lea", "It is on television."),
    ]


def test_a_pause_tells_who_began_it_and_what_it_held(storm: Incident, lea: Person) -> None:
    [pause] = report(lea, storm).body["pauses"]
    assert (pause["started_by"], pause["held"], pause["lifted_at"]) == ("Lea", None, None)
