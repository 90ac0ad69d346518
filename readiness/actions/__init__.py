"""Every write of readiness, by subject."""

from readiness.actions.acknowledgements import (
    acknowledge_policy,
    ask_audience,
    ask_newcomer,
    excuse_leaver,
    remind_people,
    tend_campaigns,
)
from readiness.actions.facts import add_fact, confirm_fact, remind_of_fact, remove_fact, revise_fact
from readiness.actions.images import add_image, change_image, remove_image
from readiness.actions.library import ABOUT_MESSAGE, add_message, approve_message, remind_of_message, submit_message
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
from readiness.actions.policies import create_policy, publish_policy, retire_policy, revise_policy

__all__ = [
    "ABOUT_DRAFT",
    "ABOUT_MESSAGE",
    "acknowledge_policy",
    "add_fact",
    "add_image",
    "add_message",
    "approve_message",
    "ask_audience",
    "ask_newcomer",
    "change_image",
    "change_plan",
    "confirm_fact",
    "create_plan",
    "create_policy",
    "discard_draft",
    "draft_plan",
    "excuse_leaver",
    "publish_draft",
    "publish_plan",
    "publish_policy",
    "publish_template",
    "remind_of_fact",
    "remind_of_message",
    "remind_people",
    "remove_fact",
    "remove_image",
    "retire_policy",
    "review_plan",
    "revise_draft",
    "revise_fact",
    "revise_policy",
    "send_draft_back",
    "submit_draft",
    "submit_message",
    "tell_stale_plans",
    "tend_campaigns",
]
