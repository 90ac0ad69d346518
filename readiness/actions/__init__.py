"""Every write of readiness, by subject."""

from readiness.actions.acknowledgements import (
    acknowledge_policy,
    ask_audience,
    ask_newcomer,
    excuse_leaver,
    remind_people,
    tend_campaigns,
)
from readiness.actions.library import ABOUT_MESSAGE, add_message, approve_message, submit_message
from readiness.actions.plan_drafts import (
    ABOUT_DRAFT,
    discard_draft,
    draft_plan,
    publish_draft,
    publish_plan,
    revise_draft,
    send_draft_back,
    submit_draft,
)
from readiness.actions.plans import change_plan, create_plan, publish_template, review_plan, tell_stale_plans
from readiness.actions.policies import create_policy, publish_policy, retire_policy, revise_policy

__all__ = [
    "ABOUT_DRAFT",
    "ABOUT_MESSAGE",
    "acknowledge_policy",
    "add_message",
    "approve_message",
    "ask_audience",
    "ask_newcomer",
    "change_plan",
    "create_plan",
    "create_policy",
    "discard_draft",
    "draft_plan",
    "excuse_leaver",
    "publish_draft",
    "publish_plan",
    "publish_policy",
    "publish_template",
    "remind_people",
    "retire_policy",
    "review_plan",
    "revise_draft",
    "revise_policy",
    "send_draft_back",
    "submit_draft",
    "submit_message",
    "tell_stale_plans",
    "tend_campaigns",
]
