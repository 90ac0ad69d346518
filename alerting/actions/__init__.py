"""Every write of alerting, by subject."""

from alerting.actions.absences import add_absence, end_absence, revise_absence
from alerting.actions.alarms import raise_alarm
from alerting.actions.calendars import create_feed, import_calendar, revoke_feed
from alerting.actions.channels import (
    create_channel,
    note_channel_unreachable,
    remove_channel,
    revise_channel,
    try_channel,
)
from alerting.actions.climbing import climb_page
from alerting.actions.contacts import (
    add_contact_method,
    note_unreachable,
    order_contact_methods,
    remove_contact_method,
    send_code,
    try_contact_method,
    verify_contact_method,
)
from alerting.actions.hand_overs import accept_hand_over, decline_hand_over, lapse_hand_over, offer_page
from alerting.actions.held_pages import give_pages, give_pages_back, wake_snoozed_pages
from alerting.actions.invitations import queue_invitation_letter
from alerting.actions.letters import queue_letter
from alerting.actions.notifications import drop_notification, note_bounced, note_delivered, note_failed, note_sent
from alerting.actions.pages import (
    acknowledge_page,
    lapse_page,
    raise_page,
    renew_page,
    reopen_page,
    resolve_page,
    restore_timer,
    snooze_page,
    unsnooze_page,
    worsen_page,
)
from alerting.actions.policies import create_escalation_policy, revise_escalation_policy
from alerting.actions.replies import hear_answer, hear_text, take_page
from alerting.actions.rota_goodbyes import give_shifts, leave_rotas
from alerting.actions.rotas import cancel_override, create_rota, override_rota, revise_rota
from alerting.actions.rules import write_personal_rules
from alerting.actions.silences import (
    end_silence,
    let_silence_end,
    plan_silence,
    remind_of_silence,
    revise_silence,
    start_silence,
)
from alerting.actions.swaps import cancel_swap, give_swap_back, offer_swap, take_swap, tell_swap_past_due

__all__ = [
    "accept_hand_over",
    "acknowledge_page",
    "add_absence",
    "add_contact_method",
    "cancel_override",
    "cancel_swap",
    "climb_page",
    "create_channel",
    "create_escalation_policy",
    "create_feed",
    "create_rota",
    "decline_hand_over",
    "drop_notification",
    "end_absence",
    "end_silence",
    "give_pages",
    "give_pages_back",
    "give_shifts",
    "give_swap_back",
    "hear_answer",
    "hear_text",
    "import_calendar",
    "lapse_hand_over",
    "lapse_page",
    "leave_rotas",
    "let_silence_end",
    "note_bounced",
    "note_channel_unreachable",
    "note_delivered",
    "note_failed",
    "note_sent",
    "note_unreachable",
    "offer_page",
    "offer_swap",
    "order_contact_methods",
    "override_rota",
    "plan_silence",
    "queue_invitation_letter",
    "queue_letter",
    "raise_alarm",
    "raise_page",
    "remind_of_silence",
    "remove_channel",
    "remove_contact_method",
    "renew_page",
    "reopen_page",
    "resolve_page",
    "restore_timer",
    "revise_absence",
    "revise_channel",
    "revise_escalation_policy",
    "revise_rota",
    "revise_silence",
    "revoke_feed",
    "send_code",
    "snooze_page",
    "start_silence",
    "take_page",
    "take_swap",
    "tell_swap_past_due",
    "try_channel",
    "try_contact_method",
    "unsnooze_page",
    "verify_contact_method",
    "wake_snoozed_pages",
    "worsen_page",
    "write_personal_rules",
]
