"""Every write of alerting, by subject."""

from alerting.actions.alarms import raise_alarm
from alerting.actions.contacts import add_contact_method, remove_contact_method
from alerting.actions.invitations import queue_invitation_letter
from alerting.actions.letters import queue_letter
from alerting.actions.notifications import drop_notification, note_failed, note_sent
from alerting.actions.pages import (
    acknowledge_page,
    climb_page,
    raise_page,
    reopen_page,
    resolve_page,
    restore_timer,
)
from alerting.actions.policies import create_escalation_policy, revise_escalation_policy
from alerting.actions.rotas import cancel_override, create_rota, override_rota, revise_rota

__all__ = [
    "acknowledge_page",
    "add_contact_method",
    "cancel_override",
    "climb_page",
    "create_escalation_policy",
    "create_rota",
    "drop_notification",
    "note_failed",
    "note_sent",
    "override_rota",
    "queue_invitation_letter",
    "queue_letter",
    "raise_alarm",
    "raise_page",
    "remove_contact_method",
    "reopen_page",
    "resolve_page",
    "restore_timer",
    "revise_escalation_policy",
    "revise_rota",
]
