"""Every write in an incident, one verb a function."""

from incidents.actions.clocks import breach_clock, meet_clock
from incidents.actions.closing import (
    close_incident,
    contain_incident,
    put_incident_under_review,
    reopen_incident,
    resolve_incident,
    stand_down_incident,
    waive_review,
)
from incidents.actions.files import add_incident_file, remove_incident_file
from incidents.actions.filling import draft_from_message, refill_statement
from incidents.actions.links import link_thing, merge_incident, split_incident, unlink_thing
from incidents.actions.offers import answer_duty_offer, lapse_duty_offer, offer_duty
from incidents.actions.opening import activate_incident, open_incident
from incidents.actions.postmortems import edit_postmortem, release_postmortem
from incidents.actions.release import follow_post, release_holding_statement, release_statement
from incidents.actions.statements import (
    approve_statement,
    draft_statement,
    revise_statement,
    send_statement_back,
    submit_statement,
    withdraw_statement,
)
from incidents.actions.work import (
    add_duty,
    add_task,
    assign_duty,
    change_incident,
    change_severity,
    complete_task,
    note_incident,
    skip_task,
    tell_task_overdue,
)

__all__ = [
    "activate_incident",
    "add_duty",
    "add_incident_file",
    "add_task",
    "answer_duty_offer",
    "approve_statement",
    "assign_duty",
    "breach_clock",
    "change_incident",
    "change_severity",
    "close_incident",
    "complete_task",
    "contain_incident",
    "draft_from_message",
    "draft_statement",
    "edit_postmortem",
    "follow_post",
    "lapse_duty_offer",
    "link_thing",
    "meet_clock",
    "merge_incident",
    "note_incident",
    "offer_duty",
    "open_incident",
    "put_incident_under_review",
    "refill_statement",
    "release_holding_statement",
    "release_postmortem",
    "release_statement",
    "remove_incident_file",
    "reopen_incident",
    "resolve_incident",
    "revise_statement",
    "send_statement_back",
    "skip_task",
    "split_incident",
    "stand_down_incident",
    "submit_statement",
    "tell_task_overdue",
    "unlink_thing",
    "waive_review",
    "withdraw_statement",
]
