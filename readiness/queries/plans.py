"""What is in force, and what may go out without asking again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from approvals.models import Approval
from approvals.queries import flaw
from approvals.states import ApprovalStage
from readiness.models import Message, Plan, PlanTemplateVersion, PlanVersion


def plan_in_force(brand_id: UUID) -> PlanVersion | None:
    """The plan that a crisis of this brand would follow now: what was published last, under whatever name."""
    newest: PlanVersion | None = PlanVersion.objects.all().newest_first().filter(brand_id=brand_id).first()
    return newest


def newest_version_of(plan: Plan) -> PlanVersion | None:
    """What a plan says now."""
    found: PlanVersion | None = PlanVersion.objects.filter(plan_id=plan.pk, number=plan.version).first()
    return found


def newest_template_version(plan: Plan) -> PlanTemplateVersion | None:
    """What a plan would inherit now; None when it inherits nothing."""
    if plan.template_id is None:
        return None
    newest = PlanTemplateVersion.objects.filter(template_id=plan.template_id).order_by("-number")
    found: PlanTemplateVersion | None = newest.first()
    return found


def preapproved(message: Message, at: datetime) -> bool:
    """Whether a message may take the fast lane: people agreed to this text, all are still here, it has not expired,
    and the agreement has not been used. Two queries.
    """
    approval: Approval | None = Approval.objects.filter(pk=message.approval_id).first()
    if approval is None or approval.stage != ApprovalStage.GRANTED:
        return False
    return flaw(approval, digest=message.digest, at=at) is None
