"""News from below that somebody must hear of."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerting.actions import queue_invitation_letter, queue_letter, raise_page
from core.actor import Actor
from ledger.models import Event
from ledger.subscriptions import on

NOT_SAID = 3  # how grave an approval is taken to be whose asker did not say


@on("invitation.sent", reaction="alerting.post_invitation", queue="alerts")
def post_invitation(event: Event, at: datetime) -> None:
    queue_invitation_letter(invitation_id=event.subject_id, at=at)


@on("approval.link_sent", reaction="alerting.post_decision_link", queue="alerts")
def post_decision_link(event: Event, at: datetime) -> None:
    queue_letter(kind="approvals.decision_link", thing_id=UUID(event.facts["link_id"]), at=at)


@on("seat.idle_warned", reaction="alerting.post_idle_warning")
def post_idle_warning(event: Event, at: datetime) -> None:
    queue_letter(kind="tenants.idle_warning", thing_id=event.subject_id, at=at)


@on(
    "revocation.stuck",
    "revocation.overdue",
    "revocation.blocked",
    reaction="alerting.page_about_goodbye",
    queue="alerts",
)
def page_about_goodbye(event: Event, at: datetime) -> None:
    """Somebody has left and something of theirs has not: one page a goodbye, for the owners."""
    headline = {
        "revocation.stuck": "Somebody has left, and not everything of theirs could be ended.",
        "revocation.overdue": "Somebody has left, and what people have to do about it is late.",
        "revocation.blocked": "A planned goodbye could not be carried out.",
    }[event.name]
    raise_page(
        brand_id=None, cause_kind="permissions.revocation", cause_id=event.subject_id, severity=2, headline=headline,
        by=Actor.rule("revocation"), at=at,
    )  # fmt: skip


@on("approval.overdue", reaction="alerting.page_about_approval", queue="alerts")
def page_about_approval(event: Event, at: datetime) -> None:
    """People were asked and have not answered in time: one page a request, whichever of its steps is late."""
    headline = {
        "deputise": "An approval is late: the deputies may decide now.",
        "escalate": "An approval is late, and nobody else has been asked.",
        "reject": "An approval was refused because nobody decided in time.",
    }[event.facts["on_deadline"]]
    raise_page(
        brand_id=event.brand_id, cause_kind="approvals.approval", cause_id=event.subject_id,
        severity=event.facts["severity"] or NOT_SAID, headline=headline, incident_id=event.incident_id,
        by=Actor.rule("approval deadlines"), at=at,
    )  # fmt: skip
