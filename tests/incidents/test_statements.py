"""A statement: exact words, agreed to by the people whom the plan names, sent once."""

from __future__ import annotations

import pytest

from core.wall import inside
from incidents.models import Delivery, Incident, Statement, StatementVersion
from publishing.models import Post
from tests.cast import Person, events_of
from tests.conftest import North
from tests.incidents.stage import (
    WORDS,
    approval_of,
    approved,
    draft,
    lift,
    release,
    say,
    settle,
    stage_of_approval,
    statement_of,
    submit,
)
from tests.publishing.stage import behave, out_there

pytestmark = pytest.mark.django_db


def test_drafting_writes_the_exact_words(north: North, crisis: Incident, bo: Person) -> None:
    answer = draft(bo, crisis, north, "  Two spaces stay.  ")
    assert answer.body["stage"] == "DRAFT"
    newest = answer.body["versions"][0]
    assert (newest["number"], newest["language"], newest["approval"]) == (1, "en", None)
    said = {"account": str(north.aurora_account.pk), "language": "en", "text": "  Two spaces stay.  ", "media": []}
    assert newest["deliveries"] == [said]
    assert events_of(statement_of(crisis, answer)) == [
        ("statement.drafted", str(bo.actor), {"title": "Apology", "version": 1, "digest": newest["digest"]})
    ]


def test_a_statement_goes_to_accounts_of_its_own_brand(north: North, crisis: Incident, lea: Person) -> None:
    wish = {"incident": str(crisis.pk), "title": "t", "deliveries": []}
    assert lea.post("statements", wish).body["errors"][0]["field"] == "deliveries"
    wish["deliveries"] = [{"account": str(north.borealis_account.pk), "text": "x"}]
    foreign = lea.post("statements", wish)
    assert (foreign.status, foreign.body["errors"][0]["field"]) == (400, "deliveries.0.account")
    wish["deliveries"] = [{"account": str(north.aurora_account.pk), "text": "x"}] * 2
    assert lea.post("statements", wish).status == 400
    wish["deliveries"] = [{"account": str(north.aurora_account.pk), "text": "   "}]
    assert lea.post("statements", wish).status == 400


def test_the_stages_of_the_plan_are_asked_and_the_author_is_kept_out(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    submitted = submit(lea, draft(lea, crisis, north))
    assert submitted.body["stage"] == "IN_APPROVAL"
    assert say(lea, "approve", submitted).code == "author_cannot_approve"
    assert say(bo, "approve", submitted).code == "not_an_approver"
    assert say(cy, "approve", submitted).code == "not_an_approver", "the client's turn comes second"
    approval = lea.get(f"approvals/{approval_of(submitted)}").body
    assert [stage["name"] for stage in approval["stages"]] == ["lead", "client"]


def test_everybody_who_wrote_a_version_is_kept_out(north: North, crisis: Incident, bo: Person, lea: Person) -> None:
    drafted = draft(lea, crisis, north)
    wish = {"deliveries": [{"account": str(north.aurora_account.pk), "text": "Better."}]}
    revised = bo.patch(f"statements/{drafted.body['id']}", wish, If_Match=drafted.etag)
    assert say(lea, "approve", submit(bo, revised)).code == "author_cannot_approve"


def test_the_last_voice_makes_it_approved(north: North, crisis: Incident, bo: Person, lea: Person, cy: Person) -> None:
    statement = approved(bo, [lea, cy], crisis, north)
    settle()
    told = bo.get(f"statements/{statement.body['id']}").body
    assert told["stage"] == "APPROVED"
    assert events_of(statement_of(crisis, statement))[-1][:2] == ("statement.approved", "rule:incidents follow")


def test_an_edit_voids_the_approval(north: North, crisis: Incident, bo: Person, lea: Person, cy: Person) -> None:
    submitted = submit(bo, draft(bo, crisis, north))
    assert say(lea, "approve", submitted).status == 200
    now = bo.get(f"statements/{submitted.body['id']}")
    wish = {"deliveries": [{"account": str(north.aurora_account.pk), "text": "We are very sorry."}]}
    revised = bo.patch(f"statements/{submitted.body['id']}", wish, If_Match=now.etag)
    assert (revised.status, revised.body["stage"], revised.body["current_version"]) == (200, "DRAFT", 2)
    assert stage_of_approval(north, approval_of(submitted)) == "VOIDED"
    assert say(cy, "approve", submitted).status == 409, "there is nothing left to agree to"
    assert release(lea, revised).code == "cannot_move"
    again = submit(bo, revised)
    assert approval_of(again) != approval_of(submitted)
    assert [version["number"] for version in again.body["versions"]] == [2, 1]


def test_an_edit_after_everybody_agreed_voids_it_too(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    statement = approved(bo, [lea, cy], crisis, north)
    settle()
    now = bo.get(f"statements/{statement.body['id']}")
    wish = {"deliveries": [{"account": str(north.aurora_account.pk), "text": WORDS + "!"}]}
    assert bo.patch(f"statements/{statement.body['id']}", wish, If_Match=now.etag).body["stage"] == "DRAFT"
    assert stage_of_approval(north, approval_of(statement)) == "VOIDED"
    settle()
    assert bo.get(f"statements/{statement.body['id']}").body["stage"] == "DRAFT"
    with inside(north.agency.pk):
        assert not Post.objects.filter(incident=crisis).exists()


def test_another_title_voids_nothing(north: North, crisis: Incident, bo: Person, lea: Person, cy: Person) -> None:
    statement = approved(bo, [lea, cy], crisis, north)
    now = bo.get(f"statements/{statement.body['id']}")
    renamed = bo.patch(f"statements/{statement.body['id']}", {"title": "Sorry"}, If_Match=now.etag)
    assert (renamed.body["title"], renamed.body["current_version"]) == ("Sorry", 1)
    assert stage_of_approval(north, approval_of(statement)) == "GRANTED"


def test_nobody_revises_or_releases_what_they_have_not_seen(north: North, crisis: Incident, bo: Person) -> None:
    drafted = draft(bo, crisis, north)
    path = f"statements/{drafted.body['id']}"
    assert bo.patch(path, {"title": "x"}).status == 428
    assert bo.patch(path, {"title": "x"}, If_Match=drafted.etag).status == 200
    assert bo.patch(path, {"title": "y"}, If_Match=drafted.etag).code == "stale"
    for verb in ("submit", "release"):
        assert bo.post(f"{path}/{verb}").status == 428
        assert bo.post(f"{path}/{verb}", If_Match=drafted.etag).code == "stale"


def test_a_rejection_sends_it_back(north: North, crisis: Incident, bo: Person, lea: Person) -> None:
    submitted = submit(bo, draft(bo, crisis, north))
    assert say(lea, "reject", submitted).status == 200
    settle()
    told = bo.get(f"statements/{submitted.body['id']}").body
    assert told["stage"] == "DRAFT"
    name, _, facts = events_of(statement_of(crisis, submitted))[-1]
    assert (name, facts["version"]) == ("statement.sent_back", 1)
    assert submit(bo, submitted).body["stage"] == "IN_APPROVAL"


def test_when_an_approver_leaves_it_goes_back(
    north: North, crisis: Incident, ana: Person, bo: Person, lea: Person
) -> None:
    submitted = submit(bo, draft(bo, crisis, north))
    say(lea, "approve", submitted)
    assert ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"}).status == 200
    settle()
    assert bo.get(f"statements/{submitted.body['id']}").body["stage"] == "DRAFT"


def test_nothing_is_released_that_was_not_approved(north: North, crisis: Incident, bo: Person, lea: Person) -> None:
    submitted = submit(bo, draft(bo, crisis, north))
    assert release(lea, submitted).code == "cannot_move"
    say(lea, "approve", submitted)
    assert release(lea, submitted).code == "cannot_move", "one voice of two"
    with inside(north.agency.pk):
        assert not Post.objects.filter(incident=crisis).exists()


def test_an_approved_statement_is_published_once(
    north: North, crisis: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    statement = approved(bo, [lea, cy], crisis, north)
    released = release(lea, statement)
    assert (released.status, released.body["stage"]) == (200, "RELEASED"), released.body
    assert stage_of_approval(north, approval_of(statement)) == "SPENT"
    with inside(north.agency.pk):
        post = Post.objects.get(incident=crisis)
        assert Delivery.objects.get().post_id == post.pk
    assert (post.text, post.lane, post.author_seat_id) == (WORDS, "statement", lea.seat.pk)
    assert release(lea, statement).code == "cannot_move"
    settle()
    assert out_there(north.aurora_account) == [WORDS], "the pause of the crisis leaves statements through"
    told = lea.get(f"statements/{statement.body['id']}").body
    assert told["stage"] == "PUBLISHED"
    assert told["posts"][0]["stage"] == "PUBLISHED"
    row = statement_of(crisis, statement)
    digest = statement.body["versions"][0]["digest"]
    assert [name for name, _, _ in events_of(row)] == [
        "statement.drafted",
        "statement.submitted",
        "statement.approved",
        "statement.released",
        "statement.published",
    ]
    assert events_of(row)[-2:] == [
        (
            "statement.released",
            str(lea.actor),
            {"version": 1, "digest": digest, "post_ids": [str(post.pk)], "fast_lane": False},
        ),
        ("statement.published", "rule:incidents follow", {"version": 1, "post_ids": [str(post.pk)]}),
    ]


def test_what_failed_is_withdrawn_or_waits(north: North, crisis: Incident, bo: Person, lea: Person, cy: Person) -> None:
    behave(north.aurora_account, "refuse")
    statement = approved(bo, [lea, cy], crisis, north)
    release(lea, statement)
    settle()
    now = lea.get(f"statements/{statement.body['id']}")
    assert (now.body["stage"], now.body["posts"][0]["stage"]) == ("RELEASED", "FAILED")
    gone = lea.post(f"statements/{statement.body['id']}/withdraw", {"reason": "no"}, If_Match=now.etag)
    assert (gone.status, gone.body["stage"], gone.body["posts"][0]["stage"]) == (200, "WITHDRAWN", "CANCELLED")


def test_what_is_public_is_not_withdrawn(north: North, crisis: Incident, bo: Person, lea: Person, cy: Person) -> None:
    statement = approved(bo, [lea, cy], crisis, north)
    release(lea, statement)
    with inside(north.agency.pk):
        post = Post.objects.get(incident=crisis)
        Post.objects.filter(pk=post.pk).update(stage="SENDING")
    now = lea.get(f"statements/{statement.body['id']}")
    refused = lea.post(f"statements/{statement.body['id']}/withdraw", {"reason": "no"}, If_Match=now.etag)
    assert (refused.status, refused.code, refused.body["facts"]) == (409, "already_out", {"posts": [str(post.pk)]})


def test_withdrawing_voids_what_was_asked(north: North, crisis: Incident, bo: Person) -> None:
    submitted = submit(bo, draft(bo, crisis, north))
    gone = bo.post(f"statements/{submitted.body['id']}/withdraw", {"reason": "no"}, If_Match=submitted.etag)
    assert gone.body["stage"] == "WITHDRAWN"
    assert stage_of_approval(north, approval_of(submitted)) == "VOIDED"
    settle()
    assert bo.get(f"statements/{submitted.body['id']}").body["stage"] == "WITHDRAWN"


def test_words_go_out_only_during_a_crisis(
    north: North, assessed: Incident, bo: Person, lea: Person, cy: Person
) -> None:
    statement = approved(bo, [lea, cy], assessed, north)
    refused = release(lea, statement)
    assert (refused.status, refused.code) == (409, "not_a_crisis")
    assert stage_of_approval(north, approval_of(statement)) == "GRANTED"


def test_the_database_keeps_the_words_of_a_version(north: North, crisis: Incident, bo: Person) -> None:
    draft(bo, crisis, north)
    with inside(north.agency.pk):
        version = StatementVersion.objects.get()
        version.payload = {**version.payload, "language": "fr"}
        with pytest.raises(Exception, match="Cannot update"):
            version.save(update_fields=["payload"])


def test_a_stranger_and_a_reader_cannot_touch_it(
    north: North, crisis: Incident, bo: Person, cy: Person, eve: Person
) -> None:
    drafted = draft(bo, crisis, north)
    path = f"statements/{drafted.body['id']}"
    assert cy.get(path).status == 200
    assert cy.patch(path, {"title": "x"}, If_Match=drafted.etag).code == "not_allowed"
    assert eve.get(f"/v1/agencies/north/{path}").status == 404
    for verb in ("submit", "withdraw", "release"):
        assert cy.post(f"{path}/{verb}", If_Match=drafted.etag).code == "not_allowed"
        assert eve.post(f"/v1/agencies/north/{path}/{verb}", {}).status == 404
        assert eve.post(f"{path}/{verb}", {}).status == 404
    wish = {"incident": str(crisis.pk), "title": "t", "deliveries": []}
    assert eve.post("/v1/agencies/north/statements", wish).status == 404


def test_a_list_can_be_narrowed(north: North, crisis: Incident, bo: Person, lea: Person) -> None:
    drafted = draft(bo, crisis, north)
    assert [row["id"] for row in bo.get(f"statements?incident={crisis.pk}").body["items"]] == [drafted.body["id"]]
    assert bo.get("statements?stage=PUBLISHED").body["items"] == []
    assert lea.get(f"statements?brand={north.borealis.pk}").body["items"] == []
    with inside(north.agency.pk):
        assert Statement.objects.count() == 1


def test_a_resolved_incident_takes_no_new_words(north: North, crisis: Incident, bo: Person, lea: Person) -> None:
    drafted = draft(bo, crisis, north)
    lift(lea, crisis)
    for verb in ("contain", "resolve"):
        assert lea.post(f"incidents/{crisis.pk}/{verb}").status == 200
    refused = bo.post(f"statements/{drafted.body['id']}/submit", If_Match=drafted.etag)
    assert (refused.status, refused.code) == (409, "incident_over")
