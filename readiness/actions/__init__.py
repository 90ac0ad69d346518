"""Every write of readiness, by subject."""

from readiness.actions.library import ABOUT_MESSAGE, add_message, approve_message, submit_message
from readiness.actions.plans import (
    ABOUT_DRAFT,
    change_plan,
    create_plan,
    discard_draft,
    draft_plan,
    publish_draft,
    publish_plan,
    publish_template,
    review_plan,
    revise_draft,
    send_draft_back,
    submit_draft,
    tell_stale_plans,
)

__all__ = [
    "ABOUT_DRAFT",
    "ABOUT_MESSAGE",
    "add_message",
    "approve_message",
    "change_plan",
    "create_plan",
    "discard_draft",
    "draft_plan",
    "publish_draft",
    "publish_plan",
    "publish_template",
    "review_plan",
    "revise_draft",
    "send_draft_back",
    "submit_draft",
    "submit_message",
    "tell_stale_plans",
]
