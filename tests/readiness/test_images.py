"""Pictures of the library: uploaded with words, cleaned, given out as attachments to whoever sees the brand."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from core.wall import inside
from readiness.models import Image
from tests.cast import Answer, Person, events_of, seat_person, send
from tests.conftest import North
from tests.files import SECRET_PLACE, form_of, pdf_of, picture_of, png_with_place

pytestmark = pytest.mark.django_db


def upload(person: Person, north: North, content: bytes | None = None, **more: Any) -> Answer:
    said = {"brand": str(north.aurora.pk), "alt": "A red square.", "filename": "red.png"} | more
    headers = said.pop("headers", {})
    form = form_of(picture_of("PNG") if content is None else content, **said)
    return send("POST", person.url("library-images"), **form, **person.headers, **headers)


def test_a_picture_is_taken_in_with_its_words_and_without_its_secrets(north: North, bo: Person) -> None:
    added = upload(bo, north, png_with_place(), tags="hero, press")
    assert added.status == 201, added.body
    body = added.body
    assert (body["name"], body["alt"], body["tags"]) == ("red.png", "A red square.", ["hero", "press"])
    assert (body["kind"], body["width"], body["height"], body["author"]) == ("image/png", 12, 8, str(bo.seat.pk))
    content = bo.get(f"library-images/{body['id']}/content")
    assert content.status == 200
    assert hashlib.sha256(content.body).hexdigest() == body["sha256"]
    assert SECRET_PLACE not in content.body
    with inside(north.agency.pk):
        image = Image.objects.get()
    assert events_of(image) == [
        (
            "image.added",
            str(bo.actor),
            {"kind": "image/png", "size": body["size"], "sha256": body["sha256"]},
        )
    ]


def test_it_is_given_out_to_be_saved_and_never_shown(north: North, bo: Person) -> None:
    body = upload(bo, north, filename='evil".html\r\nX-Evil: 1').body
    assert body["name"].endswith(".png")
    content = bo.get(f"library-images/{body['id']}/content", Accept="image/avif,image/*")
    assert content.status == 200
    headers = content.headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert headers["Content-Length"] == str(len(content.body))
    assert "X-Evil" not in headers


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (pdf_of(), 415, "unknown_kind"),
        (b"<html>", 415, "unknown_kind"),
        (b"GIF89a and no picture", 400, "broken_file"),
    ],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(
    north: North, bo: Person, content: bytes, status: int, code: str
) -> None:
    refused = upload(bo, north, content, filename="photo.png", kind="image/png")
    assert (refused.status, refused.code) == (status, code)


def test_it_has_words(north: North, bo: Person) -> None:
    for alt in ("", "   "):
        refused = upload(bo, north, alt=alt)
        assert (refused.status, refused.body["errors"][0]["field"]) == (400, "alt")
    said = form_of(picture_of("PNG"), brand=str(north.aurora.pk))
    refused = send("POST", bo.url("library-images"), **said, **bo.headers)
    assert refused.body["errors"][0]["field"] == "alt"


def test_a_brand_has_a_picture_once_and_another_brand_may_have_it_too(north: North, bo: Person, lea: Person) -> None:
    first = upload(bo, north).body
    again = upload(bo, north)
    assert (again.status, again.code, again.body["facts"]) == (409, "image_known", {"image_id": first["id"]})
    assert upload(lea, north, brand=str(north.borealis.pk)).status == 201


def test_it_is_described_anew_and_taken_away(north: North, bo: Person) -> None:
    added = upload(bo, north, tags="hero")
    path = f"library-images/{added.body['id']}"
    assert bo.patch(path, {"alt": "x"}).status == 428
    changed = bo.patch(path, {"alt": "A square, red.", "tags": []}, If_Match=added.etag)
    assert (changed.status, changed.body["alt"], changed.body["tags"]) == (200, "A square, red.", [])
    assert bo.patch(path, {"alt": " "}, If_Match=changed.etag).body["errors"][0]["field"] == "alt"
    assert [one["id"] for one in bo.get("library-images?tag=hero").body["items"]] == []
    assert bo.delete(path, If_Match=changed.etag).status == 204
    assert {bo.get(path).status, bo.get(f"{path}/content").status} == {404}
    assert upload(bo, north).status == 201


def test_an_upload_has_a_form_and_a_largest_size(north: North, bo: Person, settings: Settings) -> None:
    url = bo.url("library-images")
    twice = form_of(picture_of("PNG"), brand=str(north.aurora.pk), alt="x")
    line = twice["Content_Type"].split("boundary=")[1]
    part = f'--{line}\r\nContent-Disposition: form-data; name="alt"\r\n\r\ny\r\n'.encode()
    twice["body"] = part + twice["body"]
    assert send("POST", url, **twice, **bo.headers).code == "malformed_upload"
    broken = {"body": b"no parts", "Content_Type": "multipart/form-data; boundary=x"}
    assert send("POST", url, **broken, **bo.headers).status == 400
    none = form_of(None, brand=str(north.aurora.pk), alt="x")
    assert send("POST", url, **none, **bo.headers).body["errors"][0]["field"] == "file"
    assert bo.post("library-images", {"brand": str(north.aurora.pk), "alt": "x"}).body["errors"][0]["field"] == "file"
    assert upload(bo, north, colour="red").body["errors"][0]["field"] == "colour"
    settings.FILE_MAX_BYTES = 1_000
    large = upload(bo, north, b"\x89PNG\r\n\x1a\n" + bytes(100_000))
    assert (large.status, large.code) == (413, "too_large")
    slightly = upload(bo, north, b"\x89PNG\r\n\x1a\n" + bytes(2_000))
    assert (slightly.status, slightly.code) == (413, "too_large")


def test_a_repeated_upload_answers_what_the_first_one_answered(north: North, bo: Person) -> None:
    key = {"Idempotency_Key": "picture-1"}
    first = upload(bo, north, headers=key)
    again = upload(bo, north, headers=key)
    assert (again.status, again.body["id"]) == (201, first.body["id"])
    other = upload(bo, north, picture_of("PNG", colour="blue"), headers=key)
    assert (other.status, other.code) == (422, "key_reused")


def test_needs_brands_and_agencies_keep_people_out(
    north: North, bo: Person, dee: Person, cy: Person, eve: Person, now: datetime
) -> None:
    added = upload(bo, north)
    path = f"library-images/{added.body['id']}"
    assert (upload(dee, north).code, dee.get(f"{path}/content").status) == ("not_allowed", 200)
    assert dee.delete(path, If_Match=added.etag).code == "not_allowed"
    assert cy.get(f"{path}/content").code == "not_allowed"
    elsewhere = seat_person(north.agency, "lou", "account_manager", brands=[north.borealis], at=now)
    assert (elsewhere.get(f"{path}/content").status, upload(elsewhere, north).status) == (404, 400)
    for at in (path, f"{path}/content", "library-images"):
        assert eve.get(f"/v1/agencies/north/{at}").status == 404
    stranger = form_of(picture_of("PNG"), brand=str(north.aurora.pk), alt="x")
    assert send("POST", "/v1/agencies/north/library-images", **stranger, **eve.headers).status == 404
    assert send("GET", bo.url(f"{path}/content")).status == 401
