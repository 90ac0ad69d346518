"""A statement says on each account what is for it: its own text, in its own language, with its own pictures."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.models import Approval
from approvals.payload import digest_of
from connectors.models import SandboxPost
from core.files.store import drop
from core.wall import inside
from incidents.models import Incident, StatementVersion
from publishing.models import Post
from readiness.actions import add_image, remove_image
from readiness.models import Image
from tenants.actions.files import forget_files
from tenants.models import SocialAccount, StoredFile
from tests.approvals.links.conftest import mail_link  # noqa: F401 - a fixture
from tests.cast import Answer, Person, add_account, run_due_jobs, send
from tests.conftest import North
from tests.files import form_of, pdf_of, picture_of
from tests.incidents.stage import approval_of, release, say, settle, submit

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(north: North, now: datetime) -> SocialAccount:
    return add_account(north.aurora, "@aurora_de", now)


@pytest.fixture
def image(north: North, bo: Person, now: datetime) -> Image:
    """A picture of the library."""
    with inside(north.agency.pk):
        return add_image(
            brand_id=north.aurora.pk, content=picture_of("PNG"), name="red", alt="Red.", by=bo.actor, at=now
        )


def wish_of(north: North, incident: Incident, *media: dict[str, str], **more: Any) -> dict[str, Any]:
    delivery = {"account": str(north.aurora_account.pk), "text": "We are sorry.", "media": list(media)} | more
    return {"incident": str(incident.pk), "title": "Apology", "deliveries": [delivery]}


def drafted(person: Person, wish: dict[str, Any]) -> Answer:
    answer = person.post("statements", wish)
    assert answer.status == 201, answer.body
    return answer


def shown(image: Image, alt: str = "A red square.") -> dict[str, str]:
    return {"sha256": image.sha256, "alt": alt}


def test_each_account_has_its_text_language_and_pictures(
    north: North, crisis: Incident, bo: Person, image: Image, second: SocialAccount
) -> None:
    wish = wish_of(north, crisis, shown(image))
    wish["deliveries"].append({"account": str(second.pk), "text": "Es tut uns leid.", "language": "de"})
    statement = drafted(bo, wish)
    version = statement.body["versions"][0]
    assert version["language"] is None
    by_account = {one["account"]: one for one in version["deliveries"]}
    picture = {"sha256": image.sha256, "type": "image/png", "alt": "A red square."}
    assert (
        by_account[str(north.aurora_account.pk)] | {"language": "en", "media": [picture]}
        == by_account[str(north.aurora_account.pk)]
    )
    assert (by_account[str(second.pk)]["language"], by_account[str(second.pk)]["media"]) == ("de", [])
    with inside(north.agency.pk):
        row = StatementVersion.objects.get()
    assert (row.payload["format"], row.digest) == (2, digest_of(row.payload))


def test_words_alone_in_one_language_are_bound_as_ever(north: North, crisis: Incident, bo: Person) -> None:
    plain, named = wish_of(north, crisis), wish_of(north, crisis, language="de")
    first = drafted(bo, plain | {"language": "de"}).body["versions"][0]
    second = drafted(bo, named).body["versions"][0]
    assert (first["digest"], first["language"]) == (second["digest"], "de")


def test_the_digest_covers_the_pictures_and_their_words(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person, image: Image
) -> None:
    statement = drafted(bo, wish_of(north, crisis, shown(image)))
    submitted = submit(bo, statement)
    say(lea, "approve", submitted)
    path = f"statements/{statement.body['id']}"
    changed = bo.patch(
        path,
        {"deliveries": wish_of(north, crisis, shown(image, "A scarlet square."))["deliveries"]},
        If_Match=bo.get(path).etag,
    )
    assert changed.status == 200, changed.body
    assert (changed.body["stage"], changed.body["current_version"]) == ("DRAFT", 2)
    assert changed.body["versions"][0]["digest"] != changed.body["versions"][1]["digest"]
    with inside(north.agency.pk):
        assert Approval.objects.get(pk=approval_of(submitted)).stage == "VOIDED"
    title = bo.patch(path, {"title": "Sorry"}, If_Match=changed.etag)
    assert (title.body["current_version"], title.body["title"]) == (2, "Sorry")


@pytest.mark.parametrize(
    ("medium", "field"),
    [
        ({"alt": ""}, "deliveries.0.media.0.alt"),
        ({"alt": "   "}, "deliveries.0.media.0.alt"),
        ({"sha256": "0" * 64}, "deliveries.0.media.0.sha256"),
        ({"sha256": "x"}, "deliveries.0.media.0.sha256"),
        ({"colour": "red"}, "deliveries.0.media.0.colour"),
    ],
)
def test_a_picture_without_words_or_unknown_is_refused(
    north: North, crisis: Incident, bo: Person, image: Image, medium: dict[str, str], field: str
) -> None:
    answer = bo.post("statements", wish_of(north, crisis, shown(image) | medium))
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, field)
    missing = bo.post("statements", wish_of(north, crisis, {"sha256": image.sha256}))
    assert missing.body["errors"][0] == {
        "field": "deliveries.0.media.0.alt",
        "code": "required",
        "detail": "This field is required.",
    }


def test_pictures_come_from_the_brands_library_or_the_incidents_files(
    north: North, crisis: Incident, bo: Person, lea: Person, now: datetime
) -> None:
    path = f"incidents/{crisis.pk}/files"
    own = send("POST", bo.url(path), **form_of(picture_of("PNG", colour="blue")), **bo.headers).body
    letter = send("POST", bo.url(path), **form_of(pdf_of()), **bo.headers).body
    with inside(north.agency.pk):
        foreign = add_image(
            brand_id=north.borealis.pk, content=picture_of("GIF"), name="g", alt="G.", by=lea.actor, at=now
        )
    assert drafted(bo, wish_of(north, crisis, {"sha256": own["sha256"], "alt": "Blue."})).status == 201
    for sha256 in (letter["sha256"], foreign.sha256):
        refused = bo.post("statements", wish_of(north, crisis, {"sha256": sha256, "alt": "x"}))
        assert refused.body["errors"][0] == {
            "field": "deliveries.0.media.0.sha256",
            "code": "does_not_exist",
            "detail": "There is no such picture here.",
        }


def test_what_a_network_declares_is_kept_to(
    north: North, crisis: Incident, bo: Person, image: Image, now: datetime
) -> None:
    long = bo.post("statements", wish_of(north, crisis, text="x" * 5_001))
    assert long.body["errors"] == [
        {"field": "deliveries.0.text", "code": "too_long", "detail": "sandbox takes at most 5000 characters."}
    ]
    alt = bo.post("statements", wish_of(north, crisis, shown(image, "x" * 1_001)))
    assert (alt.body["errors"][0]["field"], alt.body["errors"][0]["code"]) == ("deliveries.0.media.0.alt", "too_long")
    with inside(north.agency.pk):
        more = [
            add_image(
                brand_id=north.aurora.pk,
                content=picture_of("PNG", colour=colour),
                name=colour,
                alt=colour,
                by=bo.actor,
                at=now,
            )
            for colour in ("blue", "green", "black", "white")
        ]
    many = bo.post("statements", wish_of(north, crisis, *(shown(one) for one in [image, *more])))
    assert (many.body["errors"][0]["field"], many.body["errors"][0]["code"]) == ("deliveries.0.media", "too_many")


def test_the_picture_goes_out_with_the_words_and_is_kept_as_long_as_they_are(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person, image: Image, now: datetime
) -> None:
    statement = drafted(bo, wish_of(north, crisis, shown(image)))
    with inside(north.agency.pk):
        remove_image(image_id=image.pk, by=bo.actor, at=now)
        forget_files(at=now + timedelta(days=2))
        assert StoredFile.objects.count() == 1
    submitted = submit(bo, statement)
    asked = f"approvals/{approval_of(submitted)}/media/{image.sha256}"
    for path in (asked, f"statements/{statement.body['id']}/media/{image.sha256}"):
        seen = cy.get(path)
        assert (seen.status, seen.headers["Content-Type"]) == (200, "image/png")
        assert seen.headers["Content-Disposition"].startswith("attachment")
    for person in (lea, cy):
        assert say(person, "approve", submitted).status == 200
    answer = release(lea, bo.get(f"statements/{statement.body['id']}"))
    assert answer.status == 200, answer.body
    settle()
    with inside(north.agency.pk):
        post, out = Post.objects.get(), SandboxPost.objects.get()
    assert (post.stage, out.text) == ("PUBLISHED", "We are sorry.")
    assert out.media == [{"sha256": image.sha256, "type": "image/png", "alt": "A red square."}]


def test_a_picture_that_is_lost_or_another_one_is_not_sent(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person, image: Image
) -> None:
    submitted = submit(bo, drafted(bo, wish_of(north, crisis, shown(image))))
    for person in (lea, cy):
        say(person, "approve", submitted)
    with inside(north.agency.pk):
        drop(StoredFile.objects.get().path)
    assert release(lea, bo.get(f"statements/{submitted.body['id']}")).status == 200
    run_due_jobs("publishing.send_post")
    with inside(north.agency.pk):
        post = Post.objects.get()
        assert (post.stage, post.trouble) == ("FAILED", "media_missing")
        assert not SandboxPost.objects.exists()


def test_who_decides_by_a_letter_sees_the_picture(
    north: North,
    crisis: Incident,
    bo: Person,
    lea: Person,
    cy: Person,
    image: Image,
    mail_link: Any,  # noqa: F811
) -> None:
    submitted = submit(bo, drafted(bo, wish_of(north, crisis, shown(image))))
    say(lea, "approve", submitted)
    with inside(north.agency.pk):
        approval = Approval.objects.get(pk=approval_of(submitted))
    token = mail_link(approval, cy)
    page = send("GET", f"/v1/decisions/{token}", Accept="text/html")
    place = f"/v1/decisions/{token}/media/{image.sha256}"
    assert f'href="{place}"' in page.body.decode()
    assert send("GET", place).headers["Content-Type"] == "image/png"
    assert send("GET", f"/v1/decisions/{token}/media/{'0' * 64}").status == 404
    assert send("GET", f"/v1/decisions/{token}x/media/{image.sha256}").code == "link_dead"


def test_pictures_of_words_are_for_those_who_see_the_words(
    north: North, crisis: Incident, ana: Person, bo: Person, lea: Person, eve: Person, image: Image
) -> None:
    submitted = submit(bo, drafted(bo, wish_of(north, crisis, shown(image))))
    places = [
        f"statements/{submitted.body['id']}/media/{image.sha256}",
        f"approvals/{approval_of(submitted)}/media/{image.sha256}",
    ]
    for place in places:
        assert bo.get(place).status == 200
        assert bo.get(place[:-1] + ("0" if place[-1] != "0" else "1")).status == 404
        assert eve.get(f"/v1/agencies/north/{place}").status == 404
    ana.post(f"incidents/{crisis.pk}/restrict", {"reason": "the chief is part of it"})
    for place in places:
        assert (ana.get(place).status, lea.get(place).status, bo.get(place).status) == (200, 404, 404)
