"""Changes that a review proposes: accepted ones become drafts, and are followed until they are in force."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from core.letters import DESKS
from core.wall import inside
from incidents.actions.improvements import IMPROVEMENT_LETTER, tell_improvement_overdue
from incidents.models import Improvement, Incident, PostMortem
from jobs.models import Job
from listening.models import ListeningSettings
from permissions.actions.grants import Place, grant_role
from readiness.actions import create_policy, publish_policy
from readiness.models import Message, Plan, PlanDraft, PlanVersion, Policy
from tests.cast import Answer, Person, events_of, seat_person
from tests.conftest import North
from tests.incidents.reviewing import release_review, seen
from tests.incidents.stage import settle
from tests.readiness.conftest import decide

pytestmark = pytest.mark.django_db

FASTER = {"change": {"clocks": [{"kind": "acknowledge", "minutes": 3}], "pause": {"allow_statements": False}}}
POLICY = {"chapters": [{"chapter": "brand_voice", "title": "Voice", "text": "Plain."}], "rules": []}
BANNED = {"id": "no-jokes", "kind": "banned", "words": ["lol"], "severity": "block", "advice": "No jokes."}


def propose(person: Person, review: PostMortem, kind: str, proposal: dict[str, Any], **more: Any) -> Answer:
    wish = {"post_mortem": str(review.pk), "kind": kind, "title": "Be faster", "proposal": proposal, **more}
    return person.post("improvements", wish)


def proposed(person: Person, review: PostMortem, kind: str, proposal: dict[str, Any], **more: Any) -> str:
    answer = propose(person, review, kind, proposal, **more)
    assert answer.status == 201, answer.body
    return f"improvements/{answer.body['id']}"


def row_of(north: North, path: str) -> Improvement:
    with inside(north.agency.pk):
        found: Improvement = Improvement.objects.get(pk=path.rpartition("/")[2])
        return found


def accepted(person: Person, path: str) -> Answer:
    answer = seen(person, path, "accept")
    assert answer.status == 200, answer.body
    return answer


# -- the plan -------------------------------------------------------------------------------------------------


def test_a_change_of_the_plan_becomes_a_draft_that_says_why(
    north: North, plan: PlanVersion, review: PostMortem, dee: Person, lea: Person
) -> None:
    path = proposed(dee, review, "plan", FASTER, owner=str(lea.seat.pk), due_on="2099-01-31")
    done = accepted(lea, path)
    assert (done.body["stage"], done.body["decided_by"]) == ("ACCEPTED", str(lea.seat.pk))
    draft = lea.get(f"plan-drafts/{done.body['made']}").body
    assert draft["reason"] == f"Because of {done.body['reference']}: Be faster"
    with inside(north.agency.pk):
        own = PlanDraft.objects.get(pk=done.body["made"]).own
    assert own["clocks"] == [{"kind": "acknowledge", "minutes": 3}]
    assert own["pause"] == {"on_activation": True, "allow_statements": False}
    assert own["duties"] == plan.own["duties"]
    facts = {"kind": "plan", "made_id": done.body["made"]}
    assert events_of(row_of(north, path)) == [
        (
            "improvement.proposed",
            str(dee.actor),
            {"postmortem_id": str(review.pk), "kind": "plan", "seat_id": str(lea.seat.pk), "due_on": "2099-01-31"},
        ),
        ("improvement.accepted", str(lea.actor), facts),
    ]


def test_it_is_done_when_the_draft_is_published(
    north: North, plan: PlanVersion, review: PostMortem, dee: Person, lea: Person, ana: Person
) -> None:
    path = proposed(dee, review, "plan", FASTER)
    made = accepted(lea, path).body["made"]
    refused = seen(lea, path, "finish")
    assert (refused.code, refused.body["facts"]) == ("ends_by_itself", {"made_id": made})
    asked = seen(lea, f"plan-drafts/{made}", "submit", {})
    assert decide(ana, "approve", asked).status == 200
    settle()
    assert ana.get(path).body["stage"] == "DONE"
    assert events_of(row_of(north, path))[-1] == (
        "improvement.done",
        "rule:incidents follow",
        {"kind": "plan", "note": "Version 2"},
    )
    assert lea.get(f"plans/{plan.plan_id}/in-force").body["body"]["clocks"] == FASTER["change"]["clocks"]


def test_a_draft_that_is_discarded_gives_it_back(north: North, review: PostMortem, lea: Person) -> None:
    path = proposed(lea, review, "plan", FASTER)
    made = accepted(lea, path).body["made"]
    assert seen(lea, f"plan-drafts/{made}", "discard").status == 200
    settle()
    back = lea.get(path).body
    assert (back["stage"], back["made"], back["decided_because"]) == ("PROPOSED", None, "Its draft was discarded.")
    assert accepted(lea, path).body["made"] != made


def test_a_change_that_makes_no_sense_is_refused_when_it_is_proposed(review: PostMortem, lea: Person) -> None:
    wrong = propose(lea, review, "plan", {"change": {"clocks": [{"kind": "tea", "minutes": 3}]}})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (400, "body.clocks.0.kind")
    for kind, proposal in (
        ("plan", {}),
        ("plan", {"change": {}}),
        ("plan", {"patch": {"about": "x"}}),
        ("policy", {}),
        ("role", {"duty": "scribe"}),
        ("message", {"title": "x"}),
        ("threshold", {"settings": {}}),
        ("habit", {"text": "x"}),
    ):
        assert propose(lea, review, kind, proposal).status == 400, (kind, proposal)
    assert propose(lea, review, "plan", FASTER, target=str(review.pk)).status == 400
    assert propose(lea, review, "habit", {}, due_on="2020-01-01").status == 400


def test_a_plan_that_has_moved_on_is_changed_as_it_stands_then(
    north: North, plan: PlanVersion, review: PostMortem, lea: Person
) -> None:
    """Between proposing and accepting somebody else's draft came into force."""
    path = proposed(lea, review, "plan", {"change": {"about": "Short."}})
    with inside(north.agency.pk):
        found = Plan.objects.get(pk=plan.plan_id)
        found.version = 2
        found.save()
        body = {**plan.body, "clocks": []}
        PlanVersion.objects.create(
            plan=found, brand=found.brand, number=2, body=body, own={**body}, published_at=plan.published_at
        )
    made = accepted(lea, path).body["made"]
    with inside(north.agency.pk):
        draft = PlanDraft.objects.get(pk=made)
    assert (draft.base, draft.own["about"], draft.own["clocks"]) == (2, "Short.", [])


def test_a_duty_is_changed_or_added(north: North, review: PostMortem, lea: Person, dee: Person) -> None:
    changed = proposed(lea, review, "role", {"duty": "scribe", "role": "responder", "seat": str(dee.seat.pk)})
    added = proposed(lea, review, "role", {"duty": "photographer", "role": "analyst"})
    assert propose(lea, review, "role", {"duty": "x", "role": "wizard"}).status == 400
    with inside(north.agency.pk):
        owns = [PlanDraft.objects.get(pk=accepted(lea, path).body["made"]).own for path in (changed, added)]
    assert next(duty for duty in owns[0]["duties"] if duty["duty"] == "scribe")["seat"] == str(dee.seat.pk)
    assert owns[1]["duties"][-1] == {"duty": "photographer", "role": "analyst"}


def test_a_role_that_somebody_shall_hold_is_done_when_they_hold_it(
    north: North, review: PostMortem, lea: Person, ana: Person, dee: Person, now: datetime
) -> None:
    path = proposed(lea, review, "role", {"role": "crisis_lead", "holder": str(dee.seat.pk)})
    assert propose(lea, review, "role", {"role": "wizard", "holder": str(dee.seat.pk)}).status == 400
    assert accepted(lea, path).body["made"] is None
    with inside(north.agency.pk):
        grant_role(
            seat_id=dee.seat.pk,
            role="crisis_lead",
            places=Place.each([north.aurora.pk]),
            reason="Learned.",
            starts_at=None,
            ends_at=None,
            sponsor=None,
            by=ana.actor,
            at=now,
        )
    settle()
    assert lea.get(path).body["stage"] == "DONE"


# -- policy, message, threshold, habit --------------------------------------------------------------------------


@pytest.fixture
def policy(north: North, ana: Person, now: datetime) -> Policy:
    with inside(north.agency.pk):
        made = create_policy(brand_id=north.aurora.pk, name="Voice", draft=POLICY, by=ana.actor, at=now)
        publish_policy(policy_id=made.pk, asks_again=True, by=ana.actor, at=now)
        found: Policy = Policy.objects.get(pk=made.pk)
        return found


def test_a_rule_goes_into_the_policys_draft_and_is_done_when_it_holds(
    north: North, policy: Policy, review: PostMortem, lea: Person, dee: Person
) -> None:
    path = proposed(lea, review, "policy", {"rules": [BANNED]}, target=str(policy.pk))
    assert dee.get(path).body["proposal"] is None
    assert propose(lea, review, "policy", {"rules": [{"kind": "x"}]}, target=str(policy.pk)).status == 400
    assert propose(lea, review, "policy", {"rules": [BANNED]}).status == 400
    assert accepted(lea, path).body["made"] == str(policy.pk)
    drafted = lea.get(f"policies/{policy.pk}").body["draft"]
    assert (drafted["chapters"][0]["text"], drafted["rules"]) == ("Plain.", [BANNED])
    published = seen(lea, f"policies/{policy.pk}", "publish", {})
    assert published.status in (200, 201), published.body
    settle()
    assert lea.get(path).body["stage"] == "DONE"


def test_a_text_goes_into_the_library(north: North, review: PostMortem, lea: Person) -> None:
    said = {
        "title": "First words on jokes",
        "kind": "holding",
        "crisis_kind": "insensitive_post",
        "language": "en",
        "deliveries": [{"account": str(north.aurora_account.pk), "text": "We are sorry for the joke."}],
    }
    path = proposed(lea, review, "message", said)
    made = accepted(lea, path).body["made"]
    with inside(north.agency.pk):
        message = Message.objects.get(pk=made)
    assert (message.title, message.approved_at, message.author_id) == (said["title"], None, lea.seat.pk)
    assert seen(lea, path, "finish").code == "ends_by_itself"


def test_a_threshold_holds_as_soon_as_it_is_accepted(north: North, review: PostMortem, lea: Person) -> None:
    settings = {"false_alarms_per_month": 8.0, "detector": {"least_mentions": 5}}
    path = proposed(lea, review, "threshold", {"settings": settings})
    accepted(lea, path)
    settle()
    with inside(north.agency.pk):
        row = ListeningSettings.objects.get(brand_id=north.aurora.pk)
    assert (row.false_alarms_per_month, row.detector) == (8.0, {"least_mentions": 5})
    assert lea.get(path).body["stage"] == "DONE"
    assert events_of(row_of(north, path))[-1][1:] == ("rule:lessons", {"kind": "threshold", "note": "Version 1"})


@pytest.mark.parametrize(
    "wish",
    [
        {"monitor_only": True},
        {"retention_days": 30},
        {"false_alarms_per_month": 0},
        {"detector": {"least_ratio": 1}},
        {"detector": {"speed": 1}},
        {"quorum": {"5": 1}},
    ],
)
def test_a_threshold_that_could_not_be_set_is_refused(review: PostMortem, lea: Person, wish: dict[str, Any]) -> None:
    refused = propose(lea, review, "threshold", {"settings": wish})
    assert (refused.status, refused.body["errors"][0]["field"].startswith("proposal.settings")) == (400, True)


def test_a_habit_is_done_when_somebody_says_so(north: North, review: PostMortem, lea: Person, dee: Person) -> None:
    path = proposed(dee, review, "habit", {}, owner=str(dee.seat.pk))
    assert seen(dee, path, "finish").code == "cannot_move"
    accepted(lea, path)
    assert seen(dee, path, "finish", {"note": "Second reader agreed."}).body["stage"] == "DONE"
    assert events_of(row_of(north, path))[-1] == (
        "improvement.done",
        str(dee.actor),
        {"kind": "habit", "note": "Second reader agreed."},
    )


# -- deciding ---------------------------------------------------------------------------------------------------


def test_it_is_declined_with_a_reason(north: North, review: PostMortem, lea: Person) -> None:
    path = proposed(lea, review, "habit", {}, due_on="2099-01-31")
    assert seen(lea, path, "decline", {}).status == 400
    declined = seen(lea, path, "decline", {"reason": "Too dear."}).body
    assert (declined["stage"], declined["decided_because"]) == ("DECLINED", "Too dear.")
    assert not Job.objects.filter(handler="incidents.improvement_due", state="READY").exists()
    assert seen(lea, path, "accept").code == "cannot_move"


def test_deciding_needs_the_right_to_change_the_thing(
    north: North, policy: Policy, review: PostMortem, lea: Person, dee: Person, now: datetime
) -> None:
    """A reviewer without the right to publish plans may accept habits, not changes of the plan."""
    made = lea.agency
    with inside(made.pk):
        agency_wide = create_policy(brand_id=None, name="All", draft=POLICY, by=lea.actor, at=now)
    narrow = seat_person(north.agency, "lu", "crisis_lead", brands=[north.aurora], at=now)
    path = proposed(lea, review, "policy", {"rules": [BANNED]}, target=str(agency_wide.pk))
    assert seen(narrow, path, "accept").code == "not_allowed"
    assert seen(dee, path, "accept").code == "not_allowed"
    assert accepted(lea, path).body["made"] == str(agency_wide.pk)


def test_a_proposal_changes_until_it_is_decided_and_its_owner_until_it_is_done(
    north: North, review: PostMortem, lea: Person, dee: Person
) -> None:
    path = proposed(lea, review, "plan", FASTER)
    changed = lea.patch(path, {"title": "Three minutes", "owner": str(dee.seat.pk)}, If_Match=lea.get(path).etag)
    assert (changed.body["title"], changed.body["owner"]) == ("Three minutes", str(dee.seat.pk))
    assert events_of(row_of(north, path))[-1] == (
        "improvement.changed",
        str(lea.actor),
        {"fields": ["title", "owner"]},
    )
    accepted(lea, path)
    assert lea.patch(path, {"title": "x"}, If_Match=lea.get(path).etag).code == "no_longer_proposed"
    assert lea.patch(path, {"due_on": "2099-01-01"}, If_Match=lea.get(path).etag).status == 200
    assert lea.patch(path, {"due_on": "2099-01-01"}).status == 428


def test_what_is_late_is_told_to_its_owner_once(
    north: North, review: PostMortem, lea: Person, dee: Person, now: datetime
) -> None:
    day = date.today() + timedelta(days=2)  # noqa: DTZ011 - a day, wherever
    path = proposed(lea, review, "habit", {}, owner=str(dee.seat.pk), due_on=day.isoformat())
    (timer,) = Job.objects.filter(handler="incidents.improvement_due", state="READY")
    assert timer.due_at.date() == day + timedelta(days=1)
    row = row_of(north, path)
    for after in (timedelta(hours=1), timedelta(days=4), timedelta(days=5)):
        with inside(north.agency.pk):
            tell_improvement_overdue(improvement_id=row.pk, by=lea.actor, at=now + after)
    late = [event for event in events_of(row) if event[0] == "improvement.went_overdue"]
    assert late == [("improvement.went_overdue", str(lea.actor), {"kind": "habit", "due_on": day.isoformat()})]
    with inside(north.agency.pk):
        letter = DESKS[IMPROVEMENT_LETTER].write(row.pk, now)
        assert letter is not None
        assert letter.address == dee.user.email
        Improvement.objects.filter(pk=row.pk).update(owner=None)
        orphaned = DESKS[IMPROVEMENT_LETTER].write(row.pk, now)
        assert orphaned is not None
        assert orphaned.address == lea.user.email
    assert [item["id"] for item in lea.get("improvements?overdue=true").body["items"]] == [str(row.pk)]


# -- who sees what ------------------------------------------------------------------------------------------------


def test_they_are_listed_across_incidents(
    north: North, review: PostMortem, lea: Person, dee: Person, ana: Person
) -> None:
    mine = proposed(lea, review, "habit", {}, owner=str(dee.seat.pk)).rpartition("/")[2]
    other = proposed(lea, review, "plan", FASTER).rpartition("/")[2]

    def found(query: str) -> list[str]:
        return [row["id"] for row in dee.get(f"improvements?{query}").body["items"]]

    assert found("") == [other, mine]
    assert found("owner=me") == [mine]
    assert found(f"owner={dee.seat.pk}&stage=PROPOSED&kind=habit") == [mine]
    assert found(f"brand={north.borealis.pk}") == []
    assert found(f"incident={review.incident_id}&post_mortem={review.pk}") == [other, mine]
    assert dee.get("improvements?owner=you").status == 400


def test_the_client_sees_what_a_released_review_proposes_and_not_how(
    review: PostMortem, lea: Person, cy: Person
) -> None:
    path = proposed(lea, review, "plan", FASTER, reason="We were slow.")
    assert cy.get(path).status == 404
    assert cy.get("improvements").body["items"] == []
    assert propose(cy, review, "habit", {}).status == 400
    release_review(lea, review)
    told = cy.get(path).body
    assert told["title"] == "Be faster"
    assert {"proposal", "reason", "author"} & set(told) == set()
    assert seen(cy, path, "accept").code == "not_allowed"
    assert propose(lea, review, "habit", {}).code == "postmortem_released"
    assert accepted(lea, path).status == 200


def test_strangers_find_nothing(review: PostMortem, lea: Person, eve: Person) -> None:
    path = proposed(lea, review, "habit", {})
    for absent in (f"/v1/agencies/north/{path}", path):
        assert eve.get(absent).status == 404
        assert eve.patch(absent, {}).status == 404
        for verb in ("accept", "decline", "finish"):
            assert eve.post(f"{absent}/{verb}").status == 404
    assert eve.post("improvements", {"post_mortem": str(review.pk), "kind": "habit", "title": "x"}).status == 400


def test_a_crisis_without_a_plan_has_nothing_to_change(north: North, lea: Person) -> None:
    wish = {"brand": str(north.borealis.pk), "title": "x", "kind": "other", "severity": 4}
    incident = lea.post("incidents", wish).body["id"]
    for verb, body in (("activate", {"severity": 4, "pause": False}), ("contain", {}), ("resolve", {})):
        assert lea.post(f"incidents/{incident}/{verb}", body).status == 200
    assert lea.post(f"incidents/{incident}/put-under-review").status == 200
    with inside(north.agency.pk):
        review = PostMortem.objects.get(incident=Incident.objects.get(pk=incident))
    assert propose(lea, review, "plan", FASTER).code == "no_plan"
