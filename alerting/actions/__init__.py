"""Every write of alerting, by subject."""

from alerting.actions.alarms import raise_alarm
from alerting.actions.channels import (
    create_channel,
    note_channel_unreachable,
    remove_channel,
    revise_channel,
    try_channel,
)
from alerting.actions.contacts import (
    add_contact_method,
    note_unreachable,
    order_contact_methods,
    remove_contact_method,
    send_code,
    try_contact_method,
    verify_contact_method,
)
from alerting.actions.invitations import queue_invitation_letter
from alerting.actions.letters import queue_letter
from alerting.actions.notifications import drop_notification, note_bounced, note_delivered, note_failed, note_sent
from alerting.actions.pages import (
    acknowledge_page,
    climb_page,
    raise_page,
    reopen_page,
    resolve_page,
    restore_timer,
)
from alerting.actions.policies import create_escalation_policy, revise_escalation_policy
from alerting.actions.replies import hear_answer, hear_text, take_page
from alerting.actions.rotas import cancel_override, create_rota, override_rota, revise_rota
from alerting.actions.rules import write_personal_rules

__all__ = [
    "acknowledge_page",
    "add_contact_method",
    "cancel_override",
    "climb_page",
    "create_channel",
    "create_escalation_policy",
    "create_rota",
    "drop_notification",
    "hear_answer",
    "hear_text",
    "note_bounced",
    "note_channel_unreachable",
    "note_delivered",
    "note_failed",
    "note_sent",
    "note_unreachable",
    "order_contact_methods",
    "override_rota",
    "queue_invitation_letter",
    "queue_letter",
    "raise_alarm",
    "raise_page",
    "remove_channel",
    "remove_contact_method",
    "reopen_page",
    "resolve_page",
    "restore_timer",
    "revise_channel",
    "revise_escalation_policy",
    "revise_rota",
    "send_code",
    "take_page",
    "try_channel",
    "try_contact_method",
    "verify_contact_method",
    "write_personal_rules",
]
