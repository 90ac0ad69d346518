"""Access reviews: what nobody stands up for is taken away, and what was decided can be proved."""

from __future__ import annotations

import csv
import hashlib
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest

from core.actor import Actor
from jobs.models import Job
from ledger.chain import canonical
from permissions.actions.grants import Place
from permissions.actions.reviews import CLOSE, close_review
from permissions.models import AccessReview, Grant
from permissions.needs import Need
from permissions.queries.evidence import evidence_of
from tests.cast import Answer, Person, events_of, key_of, run_due_jobs, seat_person, walled
from tests.conftest import North
from tests.permissions.governance.scene import give, grant, grant_of, ids, open_incident, queries_of

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
RULE = Actor.rule("access reviews")


def begin(by: Person, brand: Any = None, *, due: datetime, **more: Any) -> Answer:
    body = {"brand": str(brand.pk) if brand else None, "due_at": due.isoformat(), "reason": "each quarter"}
    return by.post("access-reviews", body | more)


def decide(by: Person, review: Answer, *said: tuple[Grant, str], reason: str = "asked them") -> Answer:
    items = [{"grant": str(row.pk), "verdict": verdict, "reason": reason} for row, verdict in said]
    return by.post(f"access-reviews/{review.body['id']}/decide", {"items": items})


def verdicts(answer: Answer) -> dict[str, str]:
    assert answer.status in {200, 201}, answer.body
    return {item["name"]: item["verdict"] for item in answer.body["items"]}


def row_of(north: North, review: Answer) -> AccessReview:
    with walled(north.agency):
        found: AccessReview = AccessReview.objects.get(pk=review.body["id"])
        return found


def at_the_deadline(north: North, review: Answer, due: datetime) -> AccessReview:
    """What the job does."""
    with walled(north.agency):
        return close_review(review_id=UUID(review.body["id"]), reason="Nobody answered.", by=RULE, at=due)


@pytest.fixture
def review(north: North, ada: Person, bo: Person, cy: Person, lea: Person, now: datetime) -> Answer:
    """Of brand aurora: what Bo and Cy hold there."""
    return begin(ada, north.aurora, due=now + DAY)


def test_a_review_of_a_brand_asks_about_its_grants_and_those_on_its_incidents(
    north: North, ana: Person, ada: Person, bo: Person, cy: Person, dee: Person, lea: Person, now: datetime
) -> None:
    here, there = open_incident(ana, north.aurora), open_incident(ana, north.borealis)
    secret = open_incident(ana, north.aurora, "Secret")
    for incident, role in ((here, "analyst"), (there, "account_manager"), (secret, "crisis_lead")):
        assert grant(ana, dee, role, incident=incident).status == 201
    ana.post(f"incidents/{secret}/restrict", {"reason": "x"})
    answer = begin(ada, north.aurora, due=now + DAY)
    assert (answer.status, answer.body["stage"]) == (201, "OPEN")
    assert {(item["name"], item["role"]) for item in answer.body["items"]} == {
        ("Bo", "account_manager"), ("Cy", "client_approver"), ("Dee", "analyst"),
    }  # fmt: skip
    due = (now + DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    facts = {"items": 3, "due_at": due, "reason": "each quarter"}
    assert events_of(row_of(north, answer)) == [("review.opened", f"seat:{ada.seat.pk}", facts)]
    whole = begin(ada, due=now + DAY)
    assert {item["name"] for item in whole.body["items"]} == {"Ana", "Ada", "Dee", "Lea"}


def test_one_review_of_a_thing_at_a_time_and_due_in_the_future(
    north: North, ada: Person, review: Answer, now: datetime
) -> None:
    assert begin(ada, north.aurora, due=now + DAY).code == "review_running"
    assert begin(ada, north.borealis, due=now - DAY).code == "invalid"


def test_what_is_removed_ends_with_the_answer_and_what_is_kept_stays(
    north: North, ada: Person, bo: Person, cy: Person, review: Answer
) -> None:
    mine, theirs = grant_of(bo), grant_of(cy)
    answer = decide(ada, review, (mine, "remove"), (theirs, "keep"))
    assert verdicts(answer) == {"Bo": "REMOVED", "Cy": "KEPT"}
    assert bo.get(f"brands/{north.aurora.pk}").status != 200
    assert cy.get(f"brands/{north.aurora.pk}").status == 200
    assert events_of(mine)[-1] == (
        "role.withdrawn",
        f"seat:{ada.seat.pk}",
        {"seat_id": str(bo.seat.pk), "role": "account_manager", "reason": "asked them"},
    )
    assert events_of(row_of(north, review))[-1] == (
        "review.decided",
        f"seat:{ada.seat.pk}",
        {"kept": [str(theirs.pk)], "removed": [str(mine.pk)], "ended": []},
    )
    again = decide(ada, review, (theirs, "remove"))
    assert (again.status, again.code, again.body["facts"]) == (409, "item_decided", {"grants": [str(theirs.pk)]})


def test_nobody_decides_about_their_own_grants(north: North, ana: Person, ada: Person, now: datetime) -> None:
    review = begin(ada, due=now + DAY)
    own, owner = grant_of(ada), grant_of(ana)
    refused = decide(ada, review, (owner, "keep"), (own, "keep"))
    assert (refused.status, refused.code, refused.body["facts"]) == (403, "own_grant", {"grants": [str(own.pk)]})
    assert set(verdicts(ada.get(f"access-reviews/{review.body['id']}")).values()) == {"UNANSWERED"}
    key = key_of(ada, Need.ACCESS_REVIEW)
    assert decide(key, review, (own, "keep")).code == "own_grant"
    assert verdicts(decide(ana, review, (own, "keep")))["Ada"] == "KEPT"


def test_every_answer_has_a_reason_and_one_refusal_refuses_all(
    north: North, ada: Person, bo: Person, cy: Person, dee: Person, review: Answer
) -> None:
    assert decide(ada, review, (grant_of(bo), "keep"), reason="").status == 400
    assert decide(ada, review, (grant_of(bo), "shrug")).status == 400
    assert decide(ada, review, (grant_of(bo), "keep"), (grant_of(bo), "remove")).code == "invalid"
    strange = decide(ada, review, (grant_of(bo), "remove"), (grant_of(dee), "remove"))
    assert (strange.status, strange.code) == (404, "not_found")
    assert bo.get(f"brands/{north.aurora.pk}").status == 200


def test_the_last_owner_is_not_removed_by_a_reviewer(north: North, ana: Person, ada: Person, now: datetime) -> None:
    review = begin(ada, due=now + DAY)
    assert decide(ada, review, (grant_of(ana), "remove")).code == "last_owner"


def test_what_nobody_answered_is_removed_at_the_deadline(
    north: North, ada: Person, bo: Person, cy: Person, review: Answer, now: datetime
) -> None:
    decide(ada, review, (grant_of(cy), "keep"))
    mine = grant_of(bo)
    closed = at_the_deadline(north, review, now + DAY)
    assert bo.get(f"brands/{north.aurora.pk}").status != 200
    assert cy.get(f"brands/{north.aurora.pk}").status == 200
    assert verdicts(ada.get(f"access-reviews/{closed.pk}")) == {"Bo": "REMOVED", "Cy": "KEPT"}
    name, actor, facts = events_of(closed)[-1]
    assert (name, actor) == ("review.closed", "rule:access reviews")
    assert {key: value for key, value in facts.items() if key not in {"digest", "reason"}} == {
        "kept": 1, "removed": 1, "ended": 0, "protected": 0, "unanswered": 1,
    }  # fmt: skip
    assert events_of(mine)[-1][1] == "rule:access reviews"
    assert decide(ada, review, (mine, "keep")).code == "review_closed"


def test_the_deadline_is_a_job(north: North, ada: Person, review: Answer, now: datetime) -> None:
    job = Job.objects.get(handler=CLOSE, key=review.body["id"])
    assert (job.due_at, job.state) == (now + DAY, "READY")
    ada.post(f"access-reviews/{review.body['id']}/close", {"reason": "all answered"})
    job.refresh_from_db()
    assert job.state == "CANCELLED"


def test_the_job_closes_what_is_due(north: North, ada: Person, bo: Person, review: Answer, now: datetime) -> None:
    mine = grant_of(bo)
    Job.objects.filter(handler=CLOSE, key=review.body["id"]).update(due_at=now - DAY)
    assert run_due_jobs(CLOSE) == 1
    assert verdicts(ada.get(f"access-reviews/{review.body['id']}")) == {"Bo": "REMOVED", "Cy": "REMOVED"}
    assert events_of(mine)[-1][2]["reason"] == "Nobody answered before the deadline."


def test_after_the_deadline_nothing_is_decided_even_when_the_worker_is_late(
    north: North, ada: Person, bo: Person, review: Answer, now: datetime
) -> None:
    with walled(north.agency):
        AccessReview.objects.filter(pk=review.body["id"]).update(due_at=now)
    assert decide(ada, review, (grant_of(bo), "keep")).code == "review_closed"


def test_of_the_owners_the_longest_serving_stays(
    north: North, ana: Person, ada: Person, lea: Person, now: datetime
) -> None:
    give(lea, "owner", at=now + timedelta(seconds=1))
    review = begin(ada, due=now + DAY)
    closed = at_the_deadline(north, review, now + DAY)
    with walled(north.agency):
        kept = Grant.objects.all().live().filter(brand=None, incident=None)
        assert [(row.seat_id, row.role) for row in kept] == [(ana.seat.pk, "owner")]
    told = {
        (item["name"], item["role"]): item["verdict"] for item in ana.get(f"access-reviews/{closed.pk}").body["items"]
    }
    assert told == {
        ("Ana", "owner"): "PROTECTED", ("Lea", "owner"): "REMOVED", ("Lea", "crisis_lead"): "REMOVED",
        ("Ada", "admin"): "REMOVED",
    }  # fmt: skip
    assert events_of(closed)[-1][2]["protected"] == 1


def test_what_ended_meanwhile_is_told_as_ended(
    north: North, ana: Person, ada: Person, bo: Person, cy: Person, dee: Person, now: datetime
) -> None:
    give(dee, "analyst", Place(north.aurora.pk), at=now, ends_at=now + DAY / 2)
    review = begin(ada, north.aurora, due=now + DAY)
    mine = grant_of(bo)
    ana.post(f"grants/{mine.pk}/withdraw", {"reason": "moved"})
    states = {item["name"]: item["state"] for item in ada.get(f"access-reviews/{review.body['id']}").body["items"]}
    assert states == {"Bo": "withdrawn", "Cy": "counting", "Dee": "counting"}
    assert verdicts(decide(ada, review, (mine, "keep")))["Bo"] == "ENDED"
    closed = at_the_deadline(north, review, now + DAY)
    assert verdicts(ada.get(f"access-reviews/{closed.pk}")) == {"Bo": "ENDED", "Cy": "REMOVED", "Dee": "ENDED"}
    assert events_of(mine)[-1][2]["reason"] == "moved"


def test_a_reviewer_closes_it_early_and_once(north: North, ada: Person, bo: Person, review: Answer) -> None:
    closed = ada.post(f"access-reviews/{review.body['id']}/close", {"reason": "enough"})
    assert (closed.status, closed.body["stage"]) == (200, "CLOSED")
    assert set(verdicts(closed).values()) == {"REMOVED"}
    again = ada.post(f"access-reviews/{review.body['id']}/close", {"reason": "again"})
    assert again.body["evidence_sha256"] == closed.body["evidence_sha256"]
    names = [name for name, _, _ in events_of(row_of(north, review))]
    assert names == ["review.opened", "review.closed"]
    assert begin(ada, north.aurora, due=north.agency.created_at + 9 * DAY).status == 201


def test_the_evidence_is_sealed_and_stays_the_same(
    north: North, ana: Person, ada: Person, bo: Person, cy: Person, review: Answer, now: datetime
) -> None:
    path = f"access-reviews/{review.body['id']}/evidence"
    assert ada.get(path).body["recorded_sha256"] == ""
    decide(ada, review, (grant_of(cy), "keep"), reason="=cmd|' /C calc'!A0")
    closed = at_the_deadline(north, review, now + DAY)
    grant(ana, bo, "analyst", north.aurora.pk)
    row = grant_of(cy)
    etag = ana.get(f"grants/{row.pk}").etag
    ana.patch(f"grants/{row.pk}", {"ends_at": (now + DAY).isoformat(), "reason": "x"}, If_Match=etag)
    told = ada.get(path).body
    assert told["sha256"] == told["recorded_sha256"] == events_of(closed)[-1][2]["digest"] == closed.evidence_sha256
    with walled(north.agency):
        assert hashlib.sha256(canonical(evidence_of(closed))).hexdigest() == told["sha256"]
    kept = next(item for item in told["evidence"]["items"] if item["verdict"] == "KEPT")
    assert (kept["seat_id"], kept["role"], kept["decided_by_id"]) == (
        str(cy.seat.pk), "client_approver", str(ada.seat.pk),
    )  # fmt: skip
    assert told["people"][str(cy.seat.pk)]["name"] == "Cy"
    answer = ada.get(f"{path}?as=csv")
    lines = list(csv.DictReader(StringIO(answer.body.decode())))
    assert {(line["name"], line["verdict"], line["decided_because"]) for line in lines} == {
        ("Bo", "REMOVED", "Nobody answered."), ("Cy", "KEPT", "'=cmd|' /C calc'!A0"),
    }  # fmt: skip
    assert {line["decided_by"] for line in lines} == {"", "Ada"}


def test_reviews_of_a_brand_are_for_those_who_review_it(
    north: North, ada: Person, lea: Person, eve: Person, bo: Person, review: Answer, now: datetime
) -> None:
    local = seat_person(north.agency, "loc", "admin", brands=[north.aurora], at=now)
    path = f"access-reviews/{review.body['id']}"
    assert local.get(path).status == 200
    assert ids(local.get("access-reviews")) == {review.body["id"]}
    assert begin(local, due=now + DAY).status == 403
    assert begin(local, north.borealis, due=now + DAY).status == 400
    assert verdicts(decide(local, review, (grant_of(bo), "keep")))["Bo"] == "KEPT"
    for method, part in (("get", ""), ("post", "/decide"), ("post", "/close"), ("get", "/evidence")):
        assert getattr(lea, method)(path + part).status == 403
        assert getattr(eve, method)(path + part).status == 404
        assert getattr(eve, method)(f"/v1/agencies/north/{path}{part}").status == 404
    assert lea.get("access-reviews").status == begin(lea, due=now + DAY).status == 403
    assert eve.get("access-reviews").body["items"] == []


def test_a_review_and_a_list_cost_the_same_however_many(
    north: North, ana: Person, ada: Person, dee: Person, review: Answer, now: datetime
) -> None:
    path = f"access-reviews/{review.body['id']}"
    ada.get(path)
    one, page = queries_of(lambda: ada.get(path)), queries_of(lambda: ada.get("access-reviews"))
    for number in range(4):
        seat_person(north.agency, f"p{number}", "analyst", brands=[north.borealis], at=now)
    bigger = begin(ada, north.borealis, due=now + DAY)
    assert len(bigger.body["items"]) == 4
    assert queries_of(lambda: ada.get(f"access-reviews/{bigger.body['id']}")) == one
    assert queries_of(lambda: ada.get("access-reviews")) == page
