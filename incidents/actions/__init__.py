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
from incidents.actions.improvements import (
    accept_improvement,
    change_improvement,
    decline_improvement,
    finish_improvement,
    give_improvement_back,
    propose_improvement,
)
from incidents.actions.links import link_thing, merge_incident, split_incident, unlink_thing
from incidents.actions.offers import answer_duty_offer, lapse_duty_offer, offer_duty
from incidents.actions.opening import activate_incident, open_incident
from incidents.actions.postmortems import change_postmortem, measure_postmortem, release_postmortem
from incidents.actions.ratings import rate_crisis
from incidents.actions.release import follow_post, release_holding_statement, release_statement
from incidents.actions.sections import (
    add_section,
    ask_for_section,
    hand_in_section,
    leave_section_empty,
    take_section_back,
    write_section,
)
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
    "accept_improvement",
    "activate_incident",
    "add_duty",
    "add_incident_file",
    "add_section",
    "add_task",
    "answer_duty_offer",
    "approve_statement",
    "ask_for_section",
    "assign_duty",
    "breach_clock",
    "change_improvement",
    "change_incident",
    "change_postmortem",
    "change_severity",
    "close_incident",
    "complete_task",
    "contain_incident",
    "decline_improvement",
    "draft_from_message",
    "draft_statement",
    "finish_improvement",
    "follow_post",
    "give_improvement_back",
    "hand_in_section",
    "lapse_duty_offer",
    "leave_section_empty",
    "link_thing",
    "measure_postmortem",
    "meet_clock",
    "merge_incident",
    "note_incident",
    "offer_duty",
    "open_incident",
    "propose_improvement",
    "put_incident_under_review",
    "rate_crisis",
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
    "take_section_back",
    "tell_task_overdue",
    "unlink_thing",
    "waive_review",
    "withdraw_statement",
    "write_section",
]
