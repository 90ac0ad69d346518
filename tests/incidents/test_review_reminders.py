"""Whoever is asked for a review is reminded until it is released; its owner hears how it stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from core.letters import DESKS, Letter
from core.wall import inside
from incidents.actions.postmortems import begin_review, remind_of_review, tell_review_overdue
from incidents.models import Incident, PostMortem
from jobs.models import Job
from readiness.actions import publish_plan
from readiness.models import PlanVersion
from tests.cast import Person, events_of, run_due_jobs
from tests.conftest import North
from tests.incidents.reviewing import hand_in, rate, release_review, section, write
from tests.incidents.stage import PLAN

pytestmark = pytest.mark.django_db


def waiting(review: PostMortem) -> dict[str, timedelta]:
    """The timers of a review that are set, by key, and how long after its opening they ring."""
    named = Job.objects.filter(key__startswith=str(review.pk), state="READY", handler__startswith="incidents.re")
    return {f"{job.handler}{job.key.removeprefix(str(review.pk))}": job.due_at - review.drafted_at for job in named}


def letters_to(person: Person, at: datetime) -> list[Letter]:
    """What the post would carry to somebody, written at an instant; what need not be said any more is not."""
    asked = Job.objects.filter(
        handler="alerting.deliver_letter", args__kind__startswith="incidents.review", state="READY"
    )
    with inside(person.agency.pk):
        wished = sorted(asked.values_list("args__kind", "args__thing_id"))
        written = [DESKS[kind].write(UUID(thing), at) for kind, thing in wished]
    return [letter for letter in written if letter is not None and letter.address == person.user.email]


def posted() -> None:
    """The post has carried everything."""
    Job.objects.filter(handler="alerting.deliver_letter").update(state="DONE")


def remind(review: PostMortem, number: int, by: Person, at: datetime) -> None:
    with inside(review.agency_id):
        remind_of_review(postmortem_id=review.pk, number=number, by=by.actor, at=at)


def test_it_is_due_in_a_week_and_reminds_at_once_and_after_two_and_five_days(review: PostMortem) -> None:
    assert review.due_at - review.drafted_at == timedelta(days=7)
    assert waiting(review) == {
        "incidents.remind_of_review:0": timedelta(0),
        "incidents.remind_of_review:1": timedelta(days=2),
        "incidents.remind_of_review:2": timedelta(days=5),
        "incidents.review_due": timedelta(days=7),
    }


class TestTheDateOfThePlan:
    @pytest.fixture
    def plan(self, north: North, ana: Person, now: datetime) -> PlanVersion:
        body = {**PLAN, "review": {"due_days": 3}}
        with inside(north.agency.pk):
            return publish_plan(brand_id=north.aurora.pk, name="Standard", body=body, by=ana.actor, at=now)

    def test_the_plan_says_when_it_is_due(self, review: PostMortem) -> None:
        assert waiting(review) == {
            "incidents.remind_of_review:0": timedelta(0),
            "incidents.remind_of_review:1": timedelta(days=2),
            "incidents.review_due": timedelta(days=3),
        }


def test_everybody_who_owes_something_is_written_to_when_it_opens(
    cy: Person, review: PostMortem, lea: Person, dee: Person, now: datetime
) -> None:
    remind(review, 0, lea, now)
    (mine,) = letters_to(dee, now)
    assert mine.subject == f"{_reference(review)}: your part in the review"
    assert "say how it went" in mine.text
    (theirs,) = letters_to(cy, now)
    assert "write the part 'client'" in theirs.text
    assert "say how it went" not in theirs.text
    owners, part = letters_to(lea, now)
    assert "Handed in: 0 of 5 parts. Rated by 0 of" in owners.text
    assert "write the part 'summary'" in part.text
    assert events_of(review)[-1] == ("postmortem.reminded", str(lea.actor), {"letters": 6})


def test_who_has_done_their_part_is_not_reminded(cy: Person, review: PostMortem, dee: Person, now: datetime) -> None:
    remind(review, 0, dee, now)
    rate(dee, review, heard_early=3)
    path = section(cy, review, "client")
    write(cy, path, "Well.")
    assert (len(letters_to(dee, now)), len(letters_to(cy, now))) == (0, 1)
    hand_in(cy, path)
    assert letters_to(cy, now) == []
    posted()
    remind(review, 1, dee, now + timedelta(days=2))
    assert (letters_to(dee, now), letters_to(cy, now)) == ([], [])


def test_each_round_is_a_letter_of_its_own_and_none_comes_twice(review: PostMortem, dee: Person, now: datetime) -> None:
    ids = set()
    for number in (0, 1):
        for _ in range(2):
            remind(review, number, dee, now + timedelta(days=2))
            ids |= {letter.id for letter in letters_to(dee, now)}
            posted()
    assert len(ids) == 2


def test_the_release_ends_it(review: PostMortem, lea: Person, dee: Person, now: datetime) -> None:
    remind(review, 0, dee, now)
    assert len(letters_to(dee, now)) == 1
    release_review(lea, review)
    assert waiting(review) == {}
    remind(review, 1, dee, now + timedelta(days=2))
    assert letters_to(dee, now) == []


def test_the_timers_ring(review: PostMortem, dee: Person, now: datetime) -> None:
    """Read by the workers, not by hand: the first round is due at once."""
    run_due_jobs("incidents.remind_of_review")
    assert len(letters_to(dee, now)) == 1


class TestMild:
    @pytest.fixture
    def crisis(self, assessed: Incident, lea: Person) -> Incident:
        assert lea.post(f"incidents/{assessed.pk}/activate", {"severity": 3}).status == 200
        with inside(assessed.agency_id):
            found: Incident = Incident.objects.found(assessed.pk)
            return found

    def test_a_review_that_is_waived_reminds_nobody(self, resolved: Incident, review: PostMortem, ana: Person) -> None:
        waived = ana.post(f"incidents/{resolved.pk}/waive-review", {"reason": "Small."})
        assert waived.status == 200, waived.body
        assert waiting(review) == {}


def test_a_late_review_is_told_once(review: PostMortem, lea: Person, now: datetime) -> None:
    for after in (timedelta(days=6), timedelta(days=8), timedelta(days=9)):
        with inside(review.agency_id):
            tell_review_overdue(postmortem_id=review.pk, by=lea.actor, at=now + after)
    late = [event for event in events_of(review) if event[0] == "postmortem.went_overdue"]
    told = {"due_at": review.due_at.isoformat().replace("+00:00", "Z")}
    assert late == [("postmortem.went_overdue", str(lea.actor), told)]
    (letter,) = letters_to(lea, now)
    assert letter.subject == f"{_reference(review)}: the review is overdue"


def _reference(review: PostMortem) -> str:
    with inside(review.agency_id):
        return str(Incident.objects.found(review.incident_id).reference)


def test_another_owner_and_another_date(
    review: PostMortem, lea: Person, ana: Person, bo: Person, now: datetime
) -> None:
    path = f"post-mortems/{review.pk}"
    due = (now + timedelta(days=14)).isoformat()
    moved = lea.patch(path, {"owner": str(ana.seat.pk), "due_at": due}, If_Match=lea.get(path).etag)
    assert (moved.status, moved.body["owner"]) == (200, str(ana.seat.pk))
    assert waiting(review)["incidents.review_due"] > timedelta(days=13)
    assert events_of(review)[-1] == ("postmortem.changed", str(lea.actor), {"fields": ["owner", "due_at"]})
    assert [row["id"] for row in ana.get("post-mortems?owner=me").body["items"]] == [str(review.pk)]
    for wish in ({"owner": str(bo.seat.pk)}, {"due_at": "2020-01-01T00:00:00Z"}):
        assert lea.patch(path, wish, If_Match=lea.get(path).etag).status == 400
    assert bo.patch(path, {}, If_Match=lea.get(path).etag).code == "not_allowed"


def test_the_next_opening_begins_its_own_rounds(
    resolved: Incident, review: PostMortem, lea: Person, now: datetime
) -> None:
    remind(review, 0, lea, now)
    posted()
    lea.post(f"incidents/{resolved.pk}/reopen", {"reason": "again"})
    remind(review, 1, lea, now + timedelta(days=2))
    assert letters_to(lea, now) == []
    for verb in ("contain", "resolve"):
        assert lea.post(f"incidents/{resolved.pk}/{verb}").status == 200
    with inside(review.agency_id):
        begin_review(incident_id=resolved.pk, by=lea.actor, at=now + timedelta(days=3))
    assert waiting(review)["incidents.remind_of_review:2"] == now + timedelta(days=8) - review.drafted_at
    remind(review, 0, lea, now + timedelta(days=3))
    assert len(letters_to(lea, now)) == 2
