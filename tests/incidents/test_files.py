"""Files on an incident's timeline: told by their content, given out as attachments, for those who see the incident."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest

from core.files.contents import XLSX
from core.wall import inside
from incidents.actions.files import MOST_FILES
from incidents.models import Incident, IncidentFile
from tenants.actions.files import forget_files
from tenants.models import StoredFile
from tests.cast import Answer, Person, events_of, seat_person, send
from tests.conftest import North
from tests.files import SECRET_PLACE, form_of, gif_of, jpeg_with_place, office_of, pdf_of, picture_of

pytestmark = pytest.mark.django_db


def upload(person: Person, incident: Incident, content: bytes, filename: str = "evidence.bin", **said: str) -> Answer:
    form = form_of(content, filename=filename, **said)
    return send("POST", person.url(f"incidents/{incident.pk}/files"), **form, **person.headers)


def test_a_file_is_on_the_timeline_and_can_be_had(north: North, crisis: Incident, bo: Person, lea: Person) -> None:
    content = jpeg_with_place()
    added = upload(bo, crisis, content, "screenshot of the post.jpeg", note="What was posted.")
    assert added.status == 201, added.body
    body = added.body
    assert (body["name"], body["kind"], body["note"]) == (
        "screenshot of the post.jpeg",
        "image/jpeg",
        "What was posted.",
    )
    assert body["uploaded_sha256"] == hashlib.sha256(content).hexdigest()
    path = f"incidents/{crisis.pk}/files/{body['id']}"
    got = lea.get(f"{path}/content")
    assert (got.status, hashlib.sha256(got.body).hexdigest()) == (200, body["sha256"])
    assert SECRET_PLACE not in got.body
    assert got.headers["Content-Disposition"] == 'attachment; filename="screenshot of the post.jpeg"'
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    with inside(north.agency.pk):
        file = IncidentFile.objects.get()
    facts = {"kind": "image/jpeg", "size": body["size"], "sha256": body["sha256"]}
    assert events_of(file) == [("file.added", str(bo.actor), facts)]
    [told] = [one for one in lea.get(f"incidents/{crisis.pk}/timeline").body["items"] if one["name"] == "file.added"]
    assert (told["file"], told["subject_id"]) == ("screenshot of the post.jpeg", body["id"])


@pytest.mark.parametrize(
    ("content", "filename", "kind", "name"),
    [
        (pdf_of(), "holiday.png", "application/pdf", "holiday.png.pdf"),
        (b"<html><script>alert(1)</script></html>", "page.html", "text/plain", "page.html.txt"),
        (b"name,count\nNorth,3\n", "list.csv", "text/csv", "list.csv"),
        (office_of("xl"), "list.xlsx", XLSX, "list.xlsx"),
        (gif_of(b"<script>"), "x.html", "image/gif", "x.html.gif"),
    ],
)
def test_neither_name_nor_header_says_what_it_is(
    crisis: Incident, bo: Person, content: bytes, filename: str, kind: str, name: str
) -> None:
    form = form_of(content, filename=filename, kind="text/html")
    added = send("POST", bo.url(f"incidents/{crisis.pk}/files"), **form, **bo.headers)
    assert (added.status, added.body["kind"], added.body["name"]) == (201, kind, name)
    got = bo.get(f"incidents/{crisis.pk}/files/{added.body['id']}/content")
    assert got.headers["Content-Type"].startswith(kind)
    assert kind.startswith("text/") or b"<script>" not in got.body


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"MZ\x90\x00\x03 a program", 415, "unknown_kind"),
        (b"PK\x03\x04 broken", 400, "broken_file"),
        (b"", 400, "invalid"),
    ],
)
def test_what_is_not_taken_is_refused(
    north: North, crisis: Incident, bo: Person, content: bytes, status: int, code: str
) -> None:
    refused = upload(bo, crisis, content, "photo.png")
    assert (refused.status, refused.code) == (status, code)
    with inside(north.agency.pk):
        assert not IncidentFile.objects.exists()


def test_clients_see_what_is_shared_with_them(crisis: Incident, bo: Person, cy: Person) -> None:
    own = upload(bo, crisis, pdf_of(), "own.pdf").body
    shared = upload(bo, crisis, picture_of("PNG"), "shared.png", shared_with_client="true").body
    path = f"incidents/{crisis.pk}/files"
    assert [one["id"] for one in bo.get(path).body["items"]] == [own["id"], shared["id"]]
    assert [one["id"] for one in cy.get(path).body["items"]] == [shared["id"]]
    assert (cy.get(f"{path}/{own['id']}").status, cy.get(f"{path}/{own['id']}/content").status) == (404, 404)
    assert cy.get(f"{path}/{shared['id']}/content").status == 200
    names = {one["file"] for one in cy.get(f"incidents/{crisis.pk}/timeline?limit=100").body["items"]}
    assert names == {None, "shared.png"}
    assert upload(cy, crisis, pdf_of()).code == "not_allowed"


def test_what_is_taken_away_can_be_had_no_more_and_is_still_told(
    north: North, crisis: Incident, bo: Person, now: datetime
) -> None:
    body = upload(bo, crisis, pdf_of(), "wrong.pdf").body
    path = f"incidents/{crisis.pk}/files/{body['id']}"
    removed = bo.post(f"{path}/remove", {"reason": "Somebody's private letter."})
    assert (removed.status, removed.body["removed_at"] is not None) == (200, True)
    assert bo.get(f"{path}/content").status == 404
    assert bo.get(path).body["name"] == "wrong.pdf"
    assert bo.post(f"{path}/remove", {"reason": "again"}).code == "file_removed"
    with inside(north.agency.pk):
        file = IncidentFile.objects.get()
        assert events_of(file)[-1] == (
            "file.removed",
            str(bo.actor),
            {"sha256": body["sha256"], "reason": "Somebody's private letter."},
        )
        forget_files(at=now + timedelta(hours=2))
        assert not StoredFile.objects.exists()


def test_an_incident_has_so_many_files(north: North, crisis: Incident, bo: Person, now: datetime) -> None:
    body = upload(bo, crisis, pdf_of()).body
    with inside(north.agency.pk):
        one = IncidentFile.objects.get()
        values = {
            field.attname: getattr(one, field.attname)
            for field in IncidentFile._meta.concrete_fields
            if field.name != "id"
        }
        IncidentFile.objects.bulk_create(IncidentFile(**values) for _ in range(MOST_FILES - 1))
    refused = upload(bo, crisis, pdf_of())
    assert (refused.status, refused.code, refused.body["facts"]) == (409, "too_many_files", {"most": MOST_FILES})
    bo.post(f"incidents/{crisis.pk}/files/{body['id']}/remove", {"reason": "room"})
    assert upload(bo, crisis, pdf_of()).status == 201


def test_a_restricted_incidents_files_are_for_those_let_in(
    crisis: Incident, ana: Person, lea: Person, bo: Person
) -> None:
    body = upload(bo, crisis, pdf_of()).body
    path = f"incidents/{crisis.pk}/files"
    assert ana.post(f"incidents/{crisis.pk}/restrict", {"reason": "the chief is part of it"}).status == 200
    assert ana.get(f"{path}/{body['id']}/content").status == 200
    for person in (lea, bo):
        found = [person.get(path), person.get(f"{path}/{body['id']}"), person.get(f"{path}/{body['id']}/content")]
        assert {answer.status for answer in found} == {404}
    assert upload(bo, crisis, pdf_of()).status == 404


def test_needs_brands_and_agencies_keep_people_out(
    north: North, crisis: Incident, bo: Person, eve: Person, now: datetime
) -> None:
    body = upload(bo, crisis, pdf_of()).body
    path = f"incidents/{crisis.pk}/files"
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    analyst = seat_person(north.agency, "ida", "analyst", at=now)
    assert analyst.get(f"{path}/{body['id']}/content").status == 200
    assert upload(analyst, crisis, pdf_of()).code == "not_allowed"
    assert analyst.post(f"{path}/{body['id']}/remove", {"reason": "x"}).code == "not_allowed"
    for at in (path, f"{path}/{body['id']}", f"{path}/{body['id']}/content"):
        assert elsewhere.get(at).status == 404
        assert eve.get(f"/v1/agencies/north/{at}").status == 404
    form = form_of(pdf_of())
    assert send("POST", f"/v1/agencies/north/{path}", **form, **eve.headers).status == 404
    assert upload(elsewhere, crisis, pdf_of()).status == 404
