"""What machines do for approvals: keep the deadlines of steps, write the letter that carries a link."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from approvals.actions.deadlines import meet_deadline
from approvals.actions.links import forget_link_token
from approvals.actions.steps import DEADLINE
from approvals.models import DecisionLink
from core.actor import Actor
from core.letters import Desk, Letter, register_letters
from jobs.handlers import Run, job

DEADLINES = Actor.rule("approval deadlines")
LINK_LETTER = "approvals.decision_link"


@job(DEADLINE, queue="alerts", semantics="at_least_once", max_attempts=20, lease=30)
def keep_deadline(run: Run) -> None:
    meet_deadline(approval_id=UUID(run.args["approval_id"]), place=run.args["place"], by=DEADLINES, at=run.at)


def write_link_letter(link_id: UUID, at: datetime) -> Letter | None:
    """The letter that brings a link; None when it went out before, or the link is no longer good."""
    links = DecisionLink.objects.select_related("seat__user", "approval__brand__agency")
    link: DecisionLink = links.get(pk=link_id)
    token = link.token_to_send
    if token is None or link.over(at):
        return None
    brand = link.approval.brand
    text = "\n".join(
        [
            f"{brand.agency.name} asks you to decide on a text for {brand.name}.",
            "",
            "Open this link to read it; nothing is decided by opening it:",
            "",
            f"{settings.PUBLIC_URL}/v1/decisions/{token}",
            "",
            f"The link is good until {link.expires_at:%Y-%m-%d %H:%M} UTC, for one decision, and for you alone:",
            "whoever has it can decide in your name. Do not forward it.",
        ]
    )
    subject = f"{brand.agency.name} asks for your decision"
    return Letter(link.pk, link.seat.user.email, subject, text, brand.pk, link.seat_id)


def link_letter_posted(link_id: UUID) -> None:
    forget_link_token(link_id=link_id)


register_letters(LINK_LETTER, Desk(write=write_link_letter, posted=link_letter_posted))
