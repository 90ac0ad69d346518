"""Every write in an incident, one verb a function."""

from incidents.actions.clocks import breach_clock, meet_clock
from incidents.actions.closing import (
    close_incident,
    contain_incident,
    put_incident_under_review,
    reopen_incident,
    resolve_incident,
    stand_down_incident,
)
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
    change_severity,
    complete_task,
    note_incident,
    skip_task,
)

__all__ = [
    "activate_incident",
    "add_duty",
    "add_task",
    "approve_statement",
    "assign_duty",
    "breach_clock",
    "change_severity",
    "close_incident",
    "complete_task",
    "contain_incident",
    "draft_statement",
    "edit_postmortem",
    "follow_post",
    "meet_clock",
    "note_incident",
    "open_incident",
    "put_incident_under_review",
    "release_holding_statement",
    "release_postmortem",
    "release_statement",
    "reopen_incident",
    "resolve_incident",
    "revise_statement",
    "send_statement_back",
    "skip_task",
    "stand_down_incident",
    "submit_statement",
    "withdraw_statement",
]
