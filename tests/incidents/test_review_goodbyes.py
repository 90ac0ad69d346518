"""Whoever goes leaves nothing waiting for them in a review."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from core.wall import inside
from incidents.actions.improvements import give_improvements
from incidents.actions.postmortems import give_reviews
from incidents.actions.ratings import excuse_mover
from incidents.actions.sections import give_sections
from incidents.models import Improvement, PostMortem, ReviewParticipant, ReviewSection
from tenants.actions.goodbyes import revoke_seat
from tests.cast import Person, seat_person
from tests.conftest import North
from tests.incidents.reviewing import hand_in, rate, section, seen, write

pytestmark = pytest.mark.django_db


def say_goodbye(person: Person, by: Person) -> dict[str, int]:
    with inside(person.agency.pk):
        told = revoke_seat(seat_id=person.seat.pk, reason="left", by=by.actor, at=timezone.now())
    counts: dict[str, int] = told.ended_counts
    return {name: count for name, count in counts.items() if count}


def lesson(person: Person, review: PostMortem, owner: Person) -> str:
    wish = {"post_mortem": str(review.pk), "kind": "habit", "title": "x", "owner": str(owner.seat.pk)}
    return str(person.post("improvements", wish).body["id"])


def test_another_sees_to_the_review(north: North, review: PostMortem, lea: Person, ana: Person) -> None:
    mine = lesson(lea, review, lea)
    path = section(lea, review, "impact")
    write(lea, path, "Much.")
    hand_in(lea, path)
    ended = say_goodbye(lea, ana)
    assert (ended["reviews"], ended["parts of reviews"], ended["ratings of reviews"], ended["improvements"]) == (
        1,
        3,
        1,
        1,
    )
    with inside(north.agency.pk):
        found = PostMortem.objects.get()
        assert (found.owner_id, Improvement.objects.get(pk=mine).owner_id) == (ana.seat.pk, None)
        left = dict(ReviewSection.objects.filter(side="agency").values_list("name", "asked_id"))
        assert left == {
            "summary": None, "impact": lea.seat.pk, "what_went_well": None, "what_went_wrong": None
        }  # fmt: skip
        assert ReviewParticipant.objects.get(seat=lea.seat).excused_at is not None


def test_what_they_answered_and_handed_in_stays(cy: Person, review: PostMortem, dee: Person, ana: Person) -> None:
    rate(dee, review, heard_early=4)
    path = section(cy, review, "client")
    write(cy, path, "We were told late.")
    hand_in(cy, path)
    assert "ratings of reviews" not in say_goodbye(dee, ana)
    assert "parts of reviews" not in say_goodbye(cy, ana)
    assert ana.get(path).body["text"] == "We were told late."
    assert ana.get(f"post-mortems/{review.pk}").body["ratings"]["answered"] == 1


def test_a_successor_takes_what_they_may_and_rates_nothing(
    north: North, cy: Person, review: PostMortem, lea: Person, bo: Person, ana: Person, now: datetime
) -> None:
    lesson(lea, review, lea)
    far = seat_person(north.agency, "fay", "crisis_lead", brands=[north.borealis], at=now)
    with inside(north.agency.pk):
        kept = [
            give(lea.seat.pk, far.caller(now), ana.actor, now).kept
            for give in (give_reviews, give_sections, give_improvements)
        ]
        assert [[thing.why for thing in things] for things in kept] == [
            ["cannot_see"],
            ["cannot_write"] * 4,
            ["cannot_see"],
        ]
        given = [
            give(lea.seat.pk, ana.caller(now), ana.actor, now).count
            for give in (give_reviews, give_sections, give_improvements, excuse_mover)
        ]
        assert given == [1, 4, 1, 0]
        theirs = give_sections(cy.seat.pk, bo.caller(now), ana.actor, now)
        assert (theirs.count, [thing.why for thing in theirs.kept]) == (0, ["cannot_write"])
    assert seen(ana, f"post-mortems/{review.pk}", "release").status == 200
