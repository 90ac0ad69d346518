"""Two people at one moment: one change is accepted, one text is kept, one release counts."""

from __future__ import annotations

import pytest

from core.wall import inside
from incidents.models import Improvement, Incident, PostMortem, ReviewParticipant
from readiness.models import PlanDraft, PlanVersion
from tests.cast import Answer, Person, events_of
from tests.conftest import North
from tests.incidents.reviewing import section
from tests.incidents.stage import lift
from tests.permissions.revocation.test_hammer import together

pytestmark = pytest.mark.django_db(transaction=True)
TOGETHER = 8


@pytest.fixture
def review(crisis: Incident, lea: Person) -> PostMortem:
    lift(lea, crisis)
    for verb in ("contain", "resolve", "put-under-review"):
        assert lea.post(f"incidents/{crisis.pk}/{verb}", {}).status == 200
    with inside(crisis.agency_id):
        found: PostMortem = PostMortem.objects.get()
        return found


def test_of_many_who_accept_one_proposal_one_does(
    north: North, plan: PlanVersion, review: PostMortem, lea: Person, ana: Person
) -> None:
    wish = {
        "post_mortem": str(review.pk), "kind": "plan", "title": "Shorter", "proposal": {"change": {"about": "Short."}}
    }  # fmt: skip
    made = lea.post("improvements", wish)
    path = f"improvements/{made.body['id']}"
    answers: list[Answer] = []

    def accept(person: Person) -> None:
        answers.append(person.post(f"{path}/accept", If_Match=made.etag))

    together(*(lambda person=person: accept(person) for person in (lea, ana) * (TOGETHER // 2)))
    assert sorted((answer.status, answer.code) for answer in answers) == [
        (200, None),
        *[(412, "stale")] * (TOGETHER - 1),
    ]
    with inside(north.agency.pk):
        row = Improvement.objects.get()
        assert [draft.pk for draft in PlanDraft.objects.filter(plan_id=plan.plan_id)] == [row.made_id]
    assert [name for name, _, _ in events_of(row)] == ["improvement.proposed", "improvement.accepted"]


def test_of_two_who_write_one_section_one_learns_that_it_has_changed(
    review: PostMortem, lea: Person, ana: Person
) -> None:
    path = section(lea, review, "summary")
    etag = lea.get(path).etag
    answers: list[Answer] = []

    def write(person: Person, text: str) -> None:
        answers.append(person.patch(path, {"text": text}, If_Match=etag))

    together(lambda: write(lea, "one"), lambda: write(ana, "two"))
    assert sorted(answer.status for answer in answers) == [200, 412]
    kept = next(answer.body["text"] for answer in answers if answer.status == 200)
    assert lea.get(path).body["text"] == kept


def test_a_rating_counts_or_comes_too_late(north: North, review: PostMortem, lea: Person, dee: Person) -> None:
    (row,) = dee.get("review-ratings").body["items"]
    rating, released = f"review-ratings/{row['id']}", f"post-mortems/{review.pk}"
    etags = dee.get(rating).etag, lea.get(released).etag
    answers: list[Answer] = []
    together(
        lambda: answers.append(dee.patch(rating, {"scores": {"heard_early": 1}}, If_Match=etags[0])),
        lambda: answers.append(lea.post(f"{released}/release", If_Match=etags[1])),
    )
    rated = next(answer for answer in answers if "scores" in answer.body or answer.code == "postmortem_released")
    with inside(north.agency.pk):
        told = PostMortem.objects.get().ratings["answered"]
        stored = ReviewParticipant.objects.filter(answered_at__isnull=False).count()
    assert told == stored == (1 if rated.status == 200 else 0)
