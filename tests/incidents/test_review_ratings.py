"""Ratings: everybody who took part is asked, and nobody learns what one person said."""

from __future__ import annotations

from datetime import datetime

import pytest

from core.wall import inside
from incidents.models import Incident, PostMortem, ReviewParticipant
from permissions.needs import Need
from tests.cast import Person, events_of, key_of, seat_person
from tests.conftest import North
from tests.incidents.reviewing import rate, release_review
from tests.incidents.stage import lift

pytestmark = pytest.mark.django_db

ALL_FIVE = {"heard_early": 5, "knew_what_to_do": 5, "approvals_quick": 5, "client_informed": 5}


def told(person: Person, review: PostMortem, question: str) -> tuple[int, float | None, float | None, float | None]:
    rows = person.get(f"post-mortems/{review.pk}").body["ratings"]["questions"]
    row = next(row for row in rows if row["question"] == question)
    return row["answers"], row["average"], row["agency"], row["client"]


def crowd(north: North, incident: Incident, side: str, count: int, now: datetime) -> list[Person]:
    """People who wrote into the timeline, or stopped posts."""
    role = "client_approver" if side == "client" else "responder"
    people = [
        seat_person(north.agency, f"{side}{n}", role, brands=[north.aurora], side=side, at=now) for n in range(count)
    ]
    for person in people:
        if side == "client":
            wish = {
                "scope": "brand", "scope_id": str(north.aurora.pk), "kind": "crisis", "reason": "x",
                "incident": str(incident.pk),
            }  # fmt: skip
            paused = person.post("pauses", wish)
            assert paused.status in (200, 201, 202), paused.body
        else:
            assert person.post(f"incidents/{incident.pk}/notes", {"text": "here"}).status == 201
    return people


def review_of(incident: Incident, lea: Person) -> PostMortem:
    for verb in ("contain", "resolve", "put-under-review"):
        answer = lea.post(f"incidents/{incident.pk}/{verb}")
        assert answer.status == 200, answer.body
    with inside(incident.agency_id):
        found: PostMortem = PostMortem.objects.get()
        return found


def test_everybody_who_took_part_is_asked(north: North, crisis: Incident, bo: Person, lea: Person, dee: Person) -> None:
    """Bo opened it, Lea activated it, and the plan gave both and Dee their duties; nobody else was there."""
    lift(lea, crisis)
    review = review_of(crisis, lea)
    with inside(north.agency.pk):
        asked = ReviewParticipant.objects.filter(postmortem=review, took_part=True)
        assert set(asked.values_list("seat_id", flat=True)) >= {bo.seat.pk, lea.seat.pk, dee.seat.pk}
    row = dee.get("review-ratings").body["items"][0]
    assert row["questions"]["heard_early"] == "Did we hear of it early enough?"
    assert (row["scores"], row["answered_at"], row["incident"]) == ({}, None, str(crisis.pk))


def test_somebody_answers_and_may_answer_anew(review: PostMortem, lea: Person) -> None:
    assert rate(lea, review, heard_early=2).body["scores"] == {"heard_early": 2}
    again = rate(lea, review, "Better than I thought.", **ALL_FIVE)
    assert (again.body["scores"], again.body["words"]) == (ALL_FIVE, "Better than I thought.")
    assert lea.get("review-ratings?answered=true").body["items"][0]["id"] == again.body["id"]
    assert lea.get("review-ratings?answered=false").body["items"] == []
    assert rate(lea, review, heard_early=6).status == 400
    assert rate(lea, review, gossip=3).status == 400


def test_the_trail_does_not_say_who_answered(review: PostMortem, lea: Person) -> None:
    rate(lea, review, heard_early=2)
    rate(lea, review, heard_early=3)
    rated = [event for event in events_of(review) if event[0] == "postmortem.rated"]
    assert rated == [("postmortem.rated", "rule:participants", {"answered": 1})]


def test_an_answer_is_seen_by_whoever_gave_it_alone(
    review: PostMortem, lea: Person, ana: Person, bo: Person, eve: Person
) -> None:
    mine = rate(lea, review, heard_early=2).body["id"]
    for other in (ana, bo):
        assert other.get(f"review-ratings/{mine}").status == 404
        assert other.patch(f"review-ratings/{mine}", {"scores": {}}).status == 404
    for absent in (f"/v1/agencies/north/review-ratings/{mine}", f"review-ratings/{mine}"):
        assert eve.get(absent).status == 404
        assert eve.patch(absent, {"scores": {}}).status == 404
    robot = key_of(lea, Need.INCIDENTS_READ, Need.INCIDENTS_CONTRIBUTE)
    assert robot.get(f"review-ratings/{mine}").status == 404
    assert robot.get("review-ratings").body["items"] == []


def test_two_answers_tell_nothing_and_three_an_average(
    north: North, crisis: Incident, lea: Person, now: datetime
) -> None:
    people = crowd(north, crisis, "staff", 3, now)
    lift(lea, crisis)
    review = review_of(crisis, lea)
    for person, score in zip(people[:2], (1, 2), strict=True):
        rate(person, review, "Too late.", heard_early=score)
    assert told(lea, review, "heard_early") == (2, None, None, None)
    assert lea.get(f"post-mortems/{review.pk}").body["comments"] == []
    rate(people[2], review, heard_early=5, knew_what_to_do=4)
    assert told(lea, review, "heard_early") == (3, 2.7, None, None)
    assert told(lea, review, "knew_what_to_do") == (1, None, None, None)
    assert lea.get(f"post-mortems/{review.pk}").body["comments"] == ["Too late.", "Too late."]
    assert people[0].get(f"post-mortems/{review.pk}").body["comments"] == []


def test_sides_are_told_apart_where_both_have_three_answers(
    north: North, crisis: Incident, lea: Person, now: datetime
) -> None:
    ours, theirs = crowd(north, crisis, "staff", 3, now), crowd(north, crisis, "client", 3, now)
    with inside(north.agency.pk):
        pauses = [str(pk) for pk in crisis.pause.__class__.objects.filter(lifted_at=None).values_list("pk", flat=True)]
    for pause in pauses:
        assert lea.post(f"pauses/{pause}/lift", {"reason": "x"}).status == 200
    review = review_of(crisis, lea)
    for person in ours:
        rate(person, review, client_informed=5)
    for person in theirs[:2]:
        rate(person, review, client_informed=1)
    assert told(lea, review, "client_informed") == (5, 3.4, None, None)
    rate(theirs[2], review, client_informed=1)
    assert told(lea, review, "client_informed") == (6, 3.0, 5.0, 1.0)


def test_what_the_answers_came_to_stays(north: North, crisis: Incident, lea: Person, cy: Person, now: datetime) -> None:
    people = crowd(north, crisis, "staff", 3, now)
    lift(lea, crisis)
    review = review_of(crisis, lea)
    for person in people:
        rate(person, review, "Hm.", heard_early=3)
    release_review(lea, review)
    refused = rate(people[0], review, heard_early=1)
    assert (refused.status, refused.code) == (409, "postmortem_released")
    assert told(cy, review, "heard_early") == (3, 3.0, None, None)
    assert cy.get(f"post-mortems/{review.pk}").body["comments"] == []
