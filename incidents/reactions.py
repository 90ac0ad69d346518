"""What incidents do about news from below; every one of them is safe to hear twice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerting.models import Page
from core.actor import Actor
from incidents.actions import approve_statement, follow_post, send_statement_back
from incidents.actions.clocks import acknowledge_incidents_of
from incidents.actions.closing import let_drill_rest
from incidents.actions.improvements import settle_improvements
from incidents.actions.opening import alert_stage
from incidents.actions.postmortems import begin_review
from incidents.actions.statements import ABOUT
from incidents.models import Improvement
from incidents.states import ImprovementKind
from ledger.models import Event
from ledger.subscriptions import on
from readiness.models import PlanDraft
from readiness.states import DraftStage

FOLLOWING = Actor.rule("incidents follow")


@on("approval.granted", reaction="incidents.approve_statement", queue="publish")
def approve(event: Event, at: datetime) -> None:
    if event.facts["about_kind"] == ABOUT:
        approve_statement(version_id=UUID(event.facts["about_id"]), by=FOLLOWING, at=at)


@on(
    "approval.rejected",
    "approval.voided",
    "approval.changes_requested",
    reaction="incidents.send_statement_back",
    queue="publish",
)
def send_back(event: Event, at: datetime) -> None:
    if event.facts["about_kind"] == ABOUT:
        send_statement_back(version_id=UUID(event.facts["about_id"]), approval_id=event.subject_id, by=FOLLOWING, at=at)


@on("post.published", "post.failed", "post.cancelled", reaction="incidents.follow_post", queue="publish")
def follow(event: Event, _at: datetime) -> None:
    follow_post(post_id=event.subject_id, by=FOLLOWING, at=event.at)


@on("page.acknowledged", reaction="incidents.acknowledge", queue="alerts")
def acknowledge(event: Event, _at: datetime) -> None:
    page: Page = Page.objects.found(event.subject_id)
    acknowledge_incidents_of(cause_kind=page.cause_kind, cause_id=page.cause_id, by=FOLLOWING, at=event.at)


STAGES = {
    "incident.opened": "assessing",
    "incident.activated": "active",
    "incident.reopened": "active",
    "incident.contained": "contained",
    "incident.resolved": "resolved",
    "incident.put_under_review": "under_review",
    "incident.closed": "closed",
}


@on(*STAGES, reaction="incidents.alert_stage", queue="alerts")
def alert(event: Event, at: datetime) -> None:
    """Whom the plan names for the stage is told, once for each time that it is reached."""
    alert_stage(incident_id=event.subject_id, stage=STAGES[event.name], event_id=event.pk, by=FOLLOWING, at=at)


@on("drill.ended", "drill.cancelled", reaction="incidents.let_drill_rest", queue="alerts")
def a_drill_is_over(event: Event, at: datetime) -> None:
    if event.facts["twin_id"] is not None:
        let_drill_rest(brand_id=UUID(event.facts["twin_id"]), by=FOLLOWING, at=at)


@on("incident.resolved", reaction="incidents.open_review", queue="bulk")
def open_review(event: Event, at: datetime) -> None:
    """The review opens itself."""
    begin_review(incident_id=event.subject_id, by=FOLLOWING, at=at)


@on("plan.published", reaction="incidents.plan_changed", queue="bulk")
def plan_changed(event: Event, at: datetime) -> None:
    """Changes that stood in drafts of this plan that are published now are done."""
    drafts = PlanDraft.objects.filter(plan_id=event.subject_id, stage=DraftStage.PUBLISHED)
    made = Improvement.objects.filter(made_id__in=drafts.values("pk"))
    settle_improvements(made, done=True, reason=f"Version {event.facts['number']}", by=FOLLOWING, at=at)


@on("plan.draft_discarded", reaction="incidents.plan_change_discarded", queue="bulk")
def plan_change_discarded(event: Event, at: datetime) -> None:
    made = Improvement.objects.filter(made_id=UUID(event.facts["draft_id"]))
    settle_improvements(made, done=False, reason="Its draft was discarded.", by=FOLLOWING, at=at)


@on("policy.published", reaction="incidents.policy_changed", queue="bulk")
def policy_changed(event: Event, at: datetime) -> None:
    """What was accepted before the policy was published stood in the draft that holds now."""
    made = Improvement.objects.filter(made_id=event.subject_id, decided_at__lte=event.at)
    settle_improvements(made, done=True, reason=f"Version {event.facts['number']}", by=FOLLOWING, at=at)


@on("policy.retired", reaction="incidents.policy_retired", queue="bulk")
def policy_retired(event: Event, at: datetime) -> None:
    made = Improvement.objects.filter(made_id=event.subject_id)
    settle_improvements(made, done=False, reason="The policy was retired.", by=FOLLOWING, at=at)


@on("message.approved", reaction="incidents.message_approved", queue="bulk")
def message_approved(event: Event, at: datetime) -> None:
    made = Improvement.objects.filter(made_id=event.subject_id)
    settle_improvements(made, done=True, reason="The message was approved.", by=FOLLOWING, at=at)


@on("role.granted", reaction="incidents.role_granted", queue="bulk")
def role_granted(event: Event, at: datetime) -> None:
    """Somebody holds the role now that a review wished them to hold."""
    wished = {"holder": event.facts["seat_id"], "role": event.facts["role"]}
    made = Improvement.objects.filter(kind=ImprovementKind.ROLE, proposal__contains=wished)
    here = made if event.brand_id is None else made.filter(brand_id=event.brand_id)
    settle_improvements(here, done=True, reason="The role was granted.", by=FOLLOWING, at=at)
