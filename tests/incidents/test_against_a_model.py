"""Whatever people do, in whatever order: stages, sign-off and pauses behave as a model of them, small enough to read.

Each example is a crisis of its own in one transaction that is rolled back. What the house does later, by jobs, is done
by the rule `news`, so that every order of a cause and what follows from it is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from approvals.actions import decide_approval
from approvals.models import Approval
from connectors.models import SandboxPost
from core.actor import Actor
from core.refusals import Refusal
from core.wall import inside
from incidents.actions import (
    activate_incident,
    approve_statement,
    close_incident,
    contain_incident,
    draft_statement,
    follow_post,
    open_incident,
    put_incident_under_review,
    release_postmortem,
    release_statement,
    reopen_incident,
    resolve_incident,
    revise_statement,
    send_statement_back,
    stand_down_incident,
    submit_statement,
    waive_review,
    withdraw_statement,
)
from incidents.models import Delivery, Incident, PostMortem, Statement, StatementVersion
from incidents.variants import Variant
from publishing.actions import lift_pause, start_pause
from publishing.actions.sending import send_post
from readiness.models import PlanVersion
from tenants.actions.goodbyes import revoke_seat
from tests.cast import Person
from tests.conftest import North

pytestmark = pytest.mark.django_db

FOLLOW = Actor.rule("incidents follow")
EXAMPLES = 2_000
STEPS = 8

MOVES = {
    "activate": ({"ASSESSING"}, "ACTIVE"),
    "stand_down": ({"ASSESSING"}, "STOOD_DOWN"),
    "contain": ({"ACTIVE"}, "CONTAINED"),
    "resolve": ({"CONTAINED"}, "RESOLVED"),
    "reopen": ({"CONTAINED", "RESOLVED", "UNDER_REVIEW"}, "ACTIVE"),
    "review": ({"RESOLVED"}, "UNDER_REVIEW"),
    "close": ({"UNDER_REVIEW"}, "CLOSED"),
}
OPEN = {"ASSESSING", "ACTIVE", "CONTAINED"}
VOICES = ["lea", "cy"]  # whom the plan asks, in this order


@dataclass
class Words:
    """What the model knows of a statement."""

    pk: UUID
    text: str
    authors: set[str]
    stage: str = "DRAFT"
    asked: str = "none"  # of the newest words: none, PENDING, GRANTED, REJECTED, VOIDED, SPENT
    agreed: list[str] = field(default_factory=list)
    post: str | None = None  # SCHEDULED, HELD, PUBLISHED, CANCELLED


@dataclass
class Known:
    """What the model knows of the crisis."""

    incident: UUID
    stage: str = "ASSESSING"
    said: list[Words] = field(default_factory=list)
    pauses: dict[UUID, tuple[bool, bool]] = field(default_factory=dict)  # (lets words through, is the incident's own)
    texts: int = 0
    gone: set[str] = field(default_factory=set)
    reviewed: bool = False  # the review was released, or waived by name


class Crisis(RuleBasedStateMachine):
    """One incident of severity 3, at most two statements, and pauses of its brand."""

    north: North
    people: dict[str, Person]
    now: datetime
    start: Known

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        example = transaction.atomic()
        example._from_testcase = True  # type: ignore[attr-defined]  # so that sending may begin its own, as in a TestCase
        self._open.enter_context(example)
        self._open.callback(transaction.set_rollback, True)
        self.known = deepcopy(self.start)

    def teardown(self) -> None:
        self._open.close()

    # -- how both are asked -----------------------------------------------------------------------------------------

    def ask(self, refusal: str | None, action: Callable[..., Any], **how: Any) -> Any:
        """Do it; it succeeds, or is refused with the code that the model expects."""
        done, answered = None, None
        try:
            with inside(self.north.agency.pk):
                done = action(**how, at=self.now)
        except Refusal as refused:
            answered = refused.code
        assert answered == refusal, action.__name__
        return done

    def actor(self, name: str) -> Actor:
        return self.people[name].actor

    def move(self, verb: str, action: Callable[..., Any], *, refusal: str | None = None, **how: Any) -> bool:
        before, after = MOVES[verb]
        wrong = "cannot_move" if self.known.stage not in before else refusal
        self.ask(wrong, action, incident_id=self.known.incident, by=self.actor("ana"), **how)
        if wrong is None:
            self.known.stage = after
        return wrong is None

    # -- the incident -----------------------------------------------------------------------------------------------

    @rule(pause=st.booleans())
    def activate(self, pause: bool) -> None:
        if self.move("activate", activate_incident, severity=3, pause=pause) and pause:
            with inside(self.north.agency.pk):
                own = Incident.objects.found(self.known.incident).pause_id
            self.known.pauses[own] = (True, True)

    @rule()
    @precondition(lambda self: self.known.stage == "ASSESSING")
    def stand_down(self) -> None:
        self.move("stand_down", stand_down_incident, reason="false_alarm", note="")

    @rule()
    def contain(self) -> None:
        self.move("contain", contain_incident, note="")

    @rule()
    def resolve(self) -> None:
        own = any(mine for _, mine in self.known.pauses.values())
        unsent = any(words.stage in {"IN_APPROVAL", "APPROVED", "RELEASED"} for words in self.known.said)
        self.move("resolve", resolve_incident, refusal="loose_ends" if own or unsent else None, note="")

    @rule()
    def reopen(self) -> None:
        self.move("reopen", reopen_incident, reason="It flares up.")

    @rule()
    def review(self) -> None:
        if self.move("review", put_incident_under_review) and not self._waived():
            self.known.reviewed = False

    def _waived(self) -> bool:
        with inside(self.north.agency.pk):
            return PostMortem.objects.filter(incident_id=self.known.incident, waived_at__isnull=False).exists()

    @rule()
    def waive(self) -> None:
        wrong = None if self.known.stage == "UNDER_REVIEW" else "cannot_move"
        self.ask(wrong, waive_review, incident_id=self.known.incident, reason="Nothing new.", by=self.actor("ana"))
        self.known.reviewed = self.known.reviewed or wrong is None

    @rule()
    @precondition(lambda self: self.known.stage == "UNDER_REVIEW" and not self.known.reviewed)
    def tell_what_was_learned(self) -> None:
        with inside(self.north.agency.pk):
            review = PostMortem.objects.get(incident_id=self.known.incident).pk
        self.ask(None, release_postmortem, postmortem_id=review, by=self.actor("ana"))
        self.known.reviewed = True

    @rule()
    def close(self) -> None:
        self.move("close", close_incident, refusal=None if self.known.reviewed else "review_not_released", note="")

    # -- pauses -----------------------------------------------------------------------------------------------------

    @rule(lets_words_through=st.booleans(), own=st.booleans())
    @precondition(lambda self: len(self.known.pauses) < 3)
    def pause(self, lets_words_through: bool, own: bool) -> None:
        begun = self.ask(
            None, start_pause, scope="brand", scope_id=self.north.aurora.pk, kind="crisis", reason="A storm.",
            allow_statements=lets_words_through, incident_id=self.known.incident if own else None, by=self.actor("ana"),
        )  # fmt: skip
        self.known.pauses[begun.pk] = (lets_words_through, own)

    @rule(which=st.integers(0, 2))
    @precondition(lambda self: self.known.pauses)
    def lift(self, which: int) -> None:
        lifted = list(self.known.pauses)[which % len(self.known.pauses)]
        self.ask(None, lift_pause, pause_id=lifted, reason="It is calm.", by=self.actor("ana"))
        covered = self.known.pauses.pop(lifted)
        for words in self.known.said:  # what came due under it is held, never fired
            if words.post == "SCHEDULED" and not covered[0]:
                words.post = "HELD"

    # -- words ------------------------------------------------------------------------------------------------------

    def _deliveries(self) -> list[Variant]:
        self.known.texts += 1
        return [Variant(self.north.aurora_account.pk, f"We are sorry. ({self.known.texts})")]

    @rule(author=st.sampled_from(["bo", "bo", "lea"]))
    @precondition(lambda self: len(self.known.said) < 2)
    def draft(self, author: str) -> None:
        deliveries = self._deliveries()
        wrong = None if self.known.stage in OPEN else "incident_over"
        made = self.ask(
            wrong, draft_statement, incident_id=self.known.incident, title="Words", language="en",
            deliveries=deliveries, by=self.actor(author),
        )  # fmt: skip
        if made is not None:
            self.known.said.append(Words(made.pk, deliveries[0].text, {author}))

    def pick(self, which: int) -> Words:
        return self.known.said[which % len(self.known.said)]

    @rule(which=st.integers(0, 1), author=st.sampled_from(["bo", "bo", "lea"]))
    @precondition(lambda self: self.known.said)
    def revise(self, which: int, author: str) -> None:
        words, deliveries = self.pick(which), self._deliveries()
        wrong = None if words.stage in {"DRAFT", "IN_APPROVAL", "APPROVED"} else "cannot_move"
        self.ask(
            wrong, revise_statement, statement_id=words.pk, title="Words", language="en", deliveries=deliveries,
            by=self.actor(author),
        )  # fmt: skip
        if wrong is None:
            words.text, words.stage, words.asked, words.agreed = deliveries[0].text, "DRAFT", "none", []
            words.authors.add(author)

    @rule(which=st.integers(0, 1))
    @precondition(lambda self: self.known.said)
    def submit(self, which: int) -> None:
        words = self.pick(which)
        wrong = None
        if words.stage != "DRAFT":
            wrong = "cannot_move"
        elif self.known.stage not in OPEN:
            wrong = "incident_over"
        self.ask(wrong, submit_statement, statement_id=words.pk, by=self.actor("bo"))
        if wrong is None:
            words.stage, words.asked, words.agreed = "IN_APPROVAL", "PENDING", []

    @rule(
        which=st.integers(0, 1),
        voter=st.sampled_from(["lea", "cy", "lea", "cy", "bo"]),
        verdict=st.sampled_from(["approve", "approve", "approve", "approve", "reject"]),
        fresh=st.sampled_from([True, True, True, False]),
    )
    @precondition(lambda self: any(words.asked != "none" for words in self.known.said))
    def vote(self, which: int, voter: str, verdict: str, fresh: bool) -> None:
        words = self.pick(which)
        if words.asked == "none" or voter in self.known.gone:
            return
        wrong = self._why_not_heard(words, voter, fresh)
        self.ask(
            wrong, self._decide, approval_id=self._approval_of(words).pk, verdict=verdict, fresh=fresh,
            person=self.people[voter],
        )  # fmt: skip
        if wrong is not None:
            return
        if verdict == "reject":
            words.asked = "REJECTED"
        else:
            words.agreed.append(voter)
            if words.agreed == VOICES:
                words.asked = "GRANTED"

    def _why_not_heard(self, words: Words, voter: str, fresh: bool) -> str | None:
        if voter in words.authors:
            return "author_cannot_approve"
        if not fresh:
            return "digest_differs"
        if voter in words.agreed:
            return "already_decided"
        if words.asked != "PENDING":
            return "cannot_move"
        return None if voter == VOICES[len(words.agreed)] else "not_an_approver"

    @staticmethod
    def _decide(*, approval_id: UUID, verdict: str, fresh: bool, person: Person, at: datetime) -> None:
        digest = Approval.objects.found(approval_id).digest if fresh else "0" * 64
        decide_approval(
            approval_id=approval_id, verdict=verdict, digest=digest, comment="", caller=person.caller(at), at=at
        )

    def _approval_of(self, words: Words) -> Approval:
        with inside(self.north.agency.pk):
            statement = Statement.objects.found(words.pk)
            newest = StatementVersion.objects.get(statement=statement, number=statement.current_version)
            found: Approval = Approval.objects.found(newest.approval_id)
            return found

    @rule(which=st.integers(0, 1))
    @precondition(lambda self: self.known.said)
    def release(self, which: int) -> None:
        words = self.pick(which)
        heard = "APPROVED" if words.stage == "IN_APPROVAL" and words.asked == "GRANTED" else words.stage
        wrong = None
        if self.known.stage not in {"ACTIVE", "CONTAINED"}:
            wrong = "not_a_crisis"
        elif heard != "APPROVED":
            wrong = "cannot_move"
        elif words.asked != "GRANTED":
            wrong = "approval_not_granted"
        self.ask(wrong, release_statement, statement_id=words.pk, by=self.actor("ana"))
        if wrong is None:
            words.stage, words.asked, words.post = "RELEASED", "SPENT", "SCHEDULED"

    @rule(which=st.integers(0, 1))
    @precondition(lambda self: self.known.said)
    def withdraw(self, which: int) -> None:
        words = self.pick(which)
        wrong = None
        if words.stage in {"PUBLISHED", "WITHDRAWN"}:
            wrong = "cannot_move"
        elif words.post == "PUBLISHED":
            wrong = "already_out"
        self.ask(wrong, withdraw_statement, statement_id=words.pk, reason="Not needed.", by=self.actor("ana"))
        if wrong is None:
            words.stage = "WITHDRAWN"
            words.post = "CANCELLED" if words.post else None
            if words.asked in {"PENDING", "GRANTED"}:
                words.asked = "VOIDED"

    @rule(which=st.integers(0, 1))
    @precondition(lambda self: any(words.post == "SCHEDULED" for words in self.known.said))
    def send(self, which: int) -> None:
        """The timer of the post rings, more than once perhaps."""
        words = self.pick(which)
        if words.post is None:
            return
        with inside(self.north.agency.pk):
            post = Delivery.objects.get(statement_id=words.pk).post_id
        send_post(post_id=post, agency_id=self.north.agency.pk, cross=lambda: None, by=FOLLOW, at=self.now)
        if words.post == "SCHEDULED":
            barred = not all(lets_through for lets_through, _ in self.known.pauses.values())
            words.post = "HELD" if barred or self.known.gone.intersection(VOICES) else "PUBLISHED"

    # -- what follows -----------------------------------------------------------------------------------------------

    @rule(leaver=st.sampled_from(VOICES))
    @precondition(lambda self: self.known.said and not self.known.gone)
    def leave(self, leaver: str) -> None:
        with inside(self.north.agency.pk):
            revoke_seat(seat_id=self.people[leaver].seat.pk, reason="left", by=self.actor("ana"), at=self.now)
        self.known.gone.add(leaver)
        for words in self.known.said:
            spoke = leaver in words.agreed and words.asked in {"PENDING", "GRANTED"}
            if spoke or (leaver in words.authors and words.asked == "PENDING"):
                words.asked = "VOIDED"

    @rule()
    @precondition(lambda self: self.known.said)
    def news(self) -> None:
        """What the ledger told has been heard."""
        for words in self.known.said:
            with inside(self.north.agency.pk):
                statement = Statement.objects.found(words.pk)
                version = StatementVersion.objects.get(statement=statement, number=statement.current_version)
            if words.asked in {"REJECTED", "VOIDED"}:
                self.ask(None, send_statement_back, version_id=version.pk, approval_id=version.approval_id, by=FOLLOW)
                if words.stage in {"IN_APPROVAL", "APPROVED"}:
                    words.stage = "DRAFT"
            if words.asked == "GRANTED" and words.stage == "IN_APPROVAL":
                self.ask(None, approve_statement, version_id=version.pk, by=FOLLOW)
                words.stage = "APPROVED"
            if words.post is not None:
                with inside(self.north.agency.pk):
                    post = Delivery.objects.get(statement_id=words.pk).post_id
                self.ask(None, follow_post, post_id=post, by=FOLLOW)
                if words.post == "PUBLISHED" and words.stage == "RELEASED":
                    words.stage = "PUBLISHED"

    # -- what must be true at every moment --------------------------------------------------------------------------

    @invariant()
    def the_house_is_where_the_model_is(self) -> None:
        """Stages are the model's, and only words are out to which two people agreed who did not write them."""
        with inside(self.north.agency.pk):
            stands = Incident.objects.values_list("stage", flat=True).get(pk=self.known.incident)
            if self.known.said:
                out = set(SandboxPost.objects.values_list("text", flat=True))
                stages = dict(Statement.objects.filter(incident_id=self.known.incident).values_list("pk", "stage"))
                carried = Delivery.objects.filter(statement__incident_id=self.known.incident)
                posts = dict(carried.values_list("statement_id", "post__stage"))
        assert stands == self.known.stage
        if not self.known.said:
            return
        assert stages == {words.pk: words.stage for words in self.known.said}
        assert posts == {words.pk: words.post for words in self.known.said if words.post}
        assert out == {words.text for words in self.known.said if words.post == "PUBLISHED"}
        for words in self.known.said:
            assert words.post != "PUBLISHED" or (words.agreed == VOICES and not words.authors.intersection(VOICES))


HOW_FAR: dict[str, Callable[[Crisis], None]] = {
    "active": lambda crisis: crisis.activate(pause=False),
    "drafted": lambda crisis: crisis.draft("bo"),
    "submitted": lambda crisis: crisis.submit(0),
    "agreed by one": lambda crisis: crisis.vote(0, "lea", "approve", fresh=True),
    "agreed by both": lambda crisis: crisis.vote(0, "cy", "approve", fresh=True),
    "released": lambda crisis: crisis.release(0),
    "sent": lambda crisis: crisis.send(0),
}


@pytest.mark.parametrize("until", ["assessed", *HOW_FAR])
def test_stages_sign_off_and_pauses_behave_as_the_model_says(
    north: North, ana: Person, bo: Person, lea: Person, cy: Person, plan: PlanVersion, now: datetime, until: str
) -> None:
    """2 000 examples: 250 from each of eight beginnings, which are played once and gone back to."""
    Crisis.north, Crisis.now = north, now
    Crisis.people = {"ana": ana, "bo": bo, "lea": lea, "cy": cy}
    with inside(north.agency.pk):
        opened = open_incident(
            brand_id=north.aurora.pk, title="A bad joke", kind="insensitive_post", severity=3, cause_kind="",
            cause_id=None, by=bo.actor, at=now,
        )  # fmt: skip
    Crisis.start = Known(opened.pk)
    begun = Crisis()
    try:
        for name in list(HOW_FAR)[: list(HOW_FAR).index(until) + 1] if until in HOW_FAR else []:
            HOW_FAR[name](begun)
        Crisis.start = begun.known
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Crisis,
            settings=settings(
                max_examples=EXAMPLES // (1 + len(HOW_FAR)),
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        begun.teardown()
