"""Parts of a review: each side writes its own, and reads the other's when its time has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.wall import inside
from incidents.actions.postmortems import begin_review
from incidents.models import Incident, PostMortem, ReviewSection
from permissions.needs import Need
from readiness.actions import publish_plan
from readiness.models import PlanVersion
from tests.cast import Person, events_of, key_of, seat_person
from tests.conftest import North
from tests.incidents.reviewing import hand_in, release_review, section, seen, write
from tests.incidents.stage import PLAN

pytestmark = pytest.mark.django_db

GENERAL = ["summary", "impact", "what_went_well", "what_went_wrong"]


def names(answer: Any) -> list[tuple[str, str]]:
    return [(row["name"], row["side"]) for row in answer.body["items"]]


def test_every_review_has_general_parts_and_the_clients(cy: Person, review: PostMortem, lea: Person) -> None:
    told = lea.get(f"review-sections?post_mortem={review.pk}")
    assert names(told) == [*((name, "agency") for name in GENERAL), ("client", "client")]
    assert {row["asked"] for row in told.body["items"][:4]} == {str(lea.seat.pk)}
    assert told.body["items"][4]["asked"] == str(cy.seat.pk)
    assert {row["stage"] for row in told.body["items"]} == {"ASKED"}


class TestDepartments:
    @pytest.fixture
    def plan(self, north: North, ana: Person, lea: Person, dee: Person, cy: Person, now: datetime) -> PlanVersion:
        body = {
            **PLAN,
            "duties": [*PLAN["duties"][:2], {**PLAN["duties"][2], "department": "Legal", "seat": str(dee.seat.pk)}],
            "departments": [
                {"department": "Care", "head": str(lea.seat.pk)},
                {"department": "Legal"},
                {"department": "summary"},
                {"department": "Their press office", "head": str(cy.seat.pk), "client": True},
            ],
        }
        with inside(north.agency.pk):
            return publish_plan(brand_id=north.aurora.pk, name="Standard", body=body, by=ana.actor, at=now)

    def test_each_department_of_the_plan_is_asked(
        self, review: PostMortem, lea: Person, dee: Person, cy: Person
    ) -> None:
        rows = lea.get(f"review-sections?post_mortem={review.pk}").body["items"]
        assert [(row["name"], row["side"], row["asked"]) for row in rows[4:]] == [
            ("Care", "agency", str(lea.seat.pk)),
            ("Legal", "agency", str(dee.seat.pk)),
            ("Their press office", "client", str(cy.seat.pk)),
        ]


def test_the_agencys_parts_are_hidden_from_the_client_until_release(
    review: PostMortem, lea: Person, cy: Person
) -> None:
    path = section(lea, review, "summary")
    write(lea, path, "A joke went wrong.")
    hand_in(lea, path)
    assert names(cy.get("review-sections")) == [("client", "client")]
    assert cy.get(path).status == 404
    assert cy.patch(path, {"text": "x"}).status == 404
    release_review(lea, review)
    assert cy.get(path).body["text"] == "A joke went wrong."
    assert [row["name"] for row in cy.get(f"post-mortems/{review.pk}").body["sections"]] == [*GENERAL, "client"]


def test_the_clients_words_are_the_clients_until_handed_in(review: PostMortem, lea: Person, cy: Person) -> None:
    path = section(cy, review, "client")
    write(cy, path, "We heard of it from the press.")
    theirs = lea.get(path).body
    assert (theirs["text"], theirs["author"], theirs["stage"]) == (None, None, "ASKED")
    assert lea.get(f"post-mortems/{review.pk}").body["sections"][4]["text"] is None
    assert hand_in(cy, path).body["stage"] == "WRITTEN"
    assert lea.get(path).body["text"] == "We heard of it from the press."
    assert lea.get(path).body["author"] == str(cy.seat.pk)
    seen(cy, path, "take-back")
    assert lea.get(path).body["text"] is None


def test_the_release_hands_nothing_in_for_the_client(
    resolved: Incident, review: PostMortem, lea: Person, cy: Person
) -> None:
    path = section(cy, review, "client")
    write(cy, path, "Not for your eyes yet.")
    release_review(lea, review)
    assert lea.get(path).body["text"] is None
    assert cy.get(path).body["text"] == "Not for your eyes yet."
    for reader in (lea, cy):
        report = reader.get(f"incidents/{resolved.pk}/report").body["postmortem"]
        assert "client" not in report["sections"]


def test_nobody_writes_for_the_other_side(review: PostMortem, lea: Person, cy: Person) -> None:
    path = section(cy, review, "client")
    for verb, body in (("hand-in", None), ("nothing-to-say", None), ("take-back", None)):
        assert seen(lea, path, verb, body).code == "others_part"
    refused = lea.patch(path, {"text": "All was well."}, If_Match=lea.get(path).etag)
    assert (refused.status, refused.code, refused.body["facts"]) == (403, "others_part", {"side": "client"})


def test_who_has_nothing_to_say_says_so(review: PostMortem, lea: Person) -> None:
    path = section(lea, review, "impact")
    assert hand_in(lea, path).code == "nothing_written"
    assert seen(lea, path, "nothing-to-say").body["stage"] == "NONE_TO_SAY"
    assert write(lea, path, "After all.").body["stage"] == "ASKED"
    assert seen(lea, path, "nothing-to-say").code == "something_written"
    assert hand_in(lea, path).body["stage"] == "WRITTEN"
    assert lea.patch(path, {"text": " "}, If_Match=lea.get(path).etag).code == "nothing_written"
    with inside(review.agency_id):
        row = ReviewSection.objects.get(postmortem=review, name="impact")
    told = {"section": "impact", "side": "agency"}
    assert events_of(row) == [
        ("section.left_empty", str(lea.actor), told),
        ("section.written", str(lea.actor), told),
        ("section.handed_in", str(lea.actor), told),
    ]


def test_nobody_overwrites_what_they_have_not_seen(review: PostMortem, lea: Person) -> None:
    path = section(lea, review, "summary")
    etag = lea.get(path).etag
    assert lea.patch(path, {"text": "one"}).status == 428
    assert lea.patch(path, {"text": "one"}, If_Match=etag).status == 200
    assert lea.patch(path, {"text": "two"}, If_Match=etag).code == "stale"


def test_what_is_released_stays(review: PostMortem, lea: Person) -> None:
    path = section(lea, review, "summary")
    release_review(lea, review)
    assert lea.patch(path, {"text": "nicer"}, If_Match=lea.get(path).etag).code == "postmortem_released"
    assert seen(lea, path, "nothing-to-say").code == "postmortem_released"


def test_more_parts_can_be_asked_for(review: PostMortem, lea: Person, dee: Person, cy: Person, bo: Person) -> None:
    wish = {"post_mortem": str(review.pk), "name": "Photo desk", "asked": str(dee.seat.pk)}
    added = lea.post("review-sections", wish)
    assert (added.status, added.body["asked"], added.body["position"]) == (201, str(dee.seat.pk), 5)
    assert lea.post("review-sections", wish).code == "section_known"
    assert lea.post("review-sections", {**wish, "name": "x", "asked": str(cy.seat.pk)}).code == "invalid"
    assert bo.post("review-sections", {**wish, "name": "x"}).code == "not_allowed"
    path = f"review-sections/{added.body['id']}"
    assert seen(lea, path, "ask", {"asked": str(bo.seat.pk)}).body["asked"] == str(bo.seat.pk)
    assert [row["name"] for row in bo.get("review-sections?asked=me").body["items"]] == ["Photo desk"]
    with inside(review.agency_id):
        row = ReviewSection.objects.get(name="Photo desk")
    assert [event for event, _, _ in events_of(row)] == ["section.added", "section.asked"]


def test_who_writes_what_is_not_in_the_timeline(
    resolved: Incident, review: PostMortem, lea: Person, cy: Person
) -> None:
    write(lea, section(lea, review, "summary"), "x")
    told = [event["name"] for event in cy.get(f"incidents/{resolved.pk}/timeline").body["items"]]
    assert [name for name in told if name.startswith("section.")] == []


def test_who_only_looks_writes_nothing(north: North, review: PostMortem, cy: Person, now: datetime) -> None:
    watcher = seat_person(north.agency, "vi", "client_viewer", brands=[north.aurora], side="client", at=now)
    path = section(watcher, review, "client")
    assert watcher.patch(path, {"text": "x"}, If_Match=watcher.get(path).etag).code == "not_allowed"


def test_a_key_writes_for_its_persons_side(review: PostMortem, lea: Person, cy: Person) -> None:
    robot = key_of(lea, Need.INCIDENTS_READ, Need.INCIDENTS_CONTRIBUTE)
    path = section(lea, review, "summary")
    assert write(robot, path, "By a program.").body["author"] == str(lea.seat.pk)
    theirs = section(cy, review, "client")
    assert robot.patch(theirs, {"text": "x"}, If_Match=robot.get(theirs).etag).code == "others_part"


def test_strangers_find_nothing(
    north: North, review: PostMortem, lea: Person, cy: Person, eve: Person, now: datetime
) -> None:
    rival = seat_person(north.agency, "ro", "client_approver", brands=[north.borealis], side="client", at=now)
    for path in (section(lea, review, "summary"), section(cy, review, "client")):
        assert rival.get(path).status == 404
        for absent in (f"/v1/agencies/north/{path}", path):
            assert eve.get(absent).status == 404
            assert eve.patch(absent, {"text": "x"}).status == 404
            assert eve.post(f"{absent}/hand-in").status == 404
    assert rival.get("review-sections").body["items"] == []


def test_a_review_that_goes_on_keeps_its_parts(
    resolved: Incident, review: PostMortem, lea: Person, now: datetime
) -> None:
    write(lea, section(lea, review, "summary"), "A joke.")
    release_review(lea, review)
    lea.post(f"incidents/{resolved.pk}/reopen", {"reason": "again"})
    for verb in ("contain", "resolve"):
        assert lea.post(f"incidents/{resolved.pk}/{verb}").status == 200
    later = now + timedelta(days=3)
    with inside(review.agency_id):
        again = begin_review(incident_id=resolved.pk, by=lea.actor, at=later)
        assert again is not None
        assert (again.pk, again.due_at, again.ratings) == (review.pk, later + timedelta(days=7), None)
        texts = dict(ReviewSection.objects.filter(postmortem=again).values_list("name", "text"))
    assert texts == {**dict.fromkeys([*GENERAL, "client"], ""), "summary": "A joke."}
