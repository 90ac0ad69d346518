"""Events in words, for people who read a report and not the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.models import Event

Facts = dict[str, Any]

CLOCKS = {
    "acknowledge": "somebody has taken it",
    "first_words": "first public words",
    "update": "next update",
    "internal_update": "next internal update",
}
VERDICTS = {"approve": "approved", "reject": "rejected", "changes": "asked for changes"}
# What an event says beyond its name. A name that is missing here is told by the name alone.
TOLD: dict[str, Callable[[Facts], str]] = {
    "incident.opened": lambda f: f"Incident {f['reference']} opened, severity {f['severity']}",
    "incident.activated": lambda f: f"Crisis activated at severity {f['severity']}",
    "incident.contained": lambda f: _with("Crisis contained", f["note"]),
    "incident.resolved": lambda f: _with("Crisis resolved", f["note"]),
    "incident.reopened": lambda f: _with("Incident reopened", f["reason"]),
    "incident.stood_down": lambda f: _with(f"Stood down ({f['reason'].replace('_', ' ')})", f["note"]),
    "incident.put_under_review": lambda _: "Review begun",
    "incident.closed": lambda f: _with("Incident closed", f["note"]),
    "incident.severity_changed": lambda f: _with(f"Severity {f['before']} changed to {f['after']}", f["reason"]),
    "incident.noted": lambda _: "Note",
    "duty.assigned": lambda f: f"Duty assigned: {f['duty']}" if f["seat_id"] else f"Duty without a holder: {f['duty']}",
    "task.added": lambda f: f"Task: {f['title']}",
    "task.completed": lambda f: f"Task {f['outcome']}: {f['title']}",
    "clock.started": lambda f: f"Clock started: {CLOCKS[f['kind']]}",
    "clock.met": lambda f: f"Clock met: {CLOCKS[f['kind']]}",
    "clock.breached": lambda f: f"Clock breached: {CLOCKS[f['kind']]}",
    "statement.drafted": lambda f: f"Statement drafted: {f['title']}",
    "statement.revised": lambda f: f"Statement revised (version {f['version']})",
    "statement.submitted": lambda f: f"Statement submitted for approval (version {f['version']})",
    "statement.approved": lambda f: f"Statement approved (version {f['version']})",
    "statement.sent_back": lambda f: f"Statement sent back (version {f['version']})",
    "statement.released": lambda f: "Holding statement released" if f["fast_lane"] else "Statement released",
    "statement.published": lambda _: "Statement published",
    "statement.withdrawn": lambda f: _with("Statement withdrawn", f["reason"]),
    "approval.requested": lambda f: f"Approval asked of: {', '.join(f['stages'])}",
    "approval.voices_carried": lambda f: f"Taken over from the words before: {', '.join(f['stages'])}",
    "approval.decided": lambda f: f"{f['stage']}: {VERDICTS[f['verdict']]}",
    "approval.overdue": lambda f: f"Approval overdue: {f['step']}",
    "approval.bypass_begun": lambda f: _with("Bypass of the approval begun", f["reason"]),
    "approval.bypassed": lambda f: _with("APPROVAL BYPASSED by two people", f["reason"]),
    "approval.granted": lambda _: "Approval complete",
    "approval.rejected": lambda _: "Approval refused",
    "approval.changes_requested": lambda _: "Changes asked for",
    "approval.voided": lambda f: _with("Approval void", f["reason"]),
    "pause.started": lambda f: _with("Scheduled posts paused", f["reason"]),
    "pause.became_effective": lambda _: "Pause effective: nothing scheduled can go out",
    "pause.lifted": lambda f: _with(f"Pause lifted, posts held: {f['held']}", f["reason"]),
    "page.raised": lambda _: "Page raised",
    "page.escalated": lambda f: f"Page climbed to step {f['step']}",
    "page.acknowledged": lambda _: "Page acknowledged",
    "signal.raised": lambda f: (
        f"Signal: {f['observed']:.0f} against {f['expected']:.0f} expected"
        if f["kind"] == "volume"
        else "Signal: the mood turned"
    ),
    "signal.activated": lambda f: _with("Signal reviewed: activate", f["reason"]),
    "post.takedown_requested": lambda f: _with("Take-down asked for", f["reason"]),
    "post.taken_down": lambda _: "Post taken down",
    "postmortem.drafted": lambda f: f"Post-mortem drafted from {f['events']} events",
    "postmortem.released": lambda f: f"Post-mortem released with {f['lessons']} lessons",
}


def in_words(event: Event) -> str:
    """One line about an event; plain text, to be escaped like any other."""
    told = TOLD.get(event.name)
    if told is not None:
        return told(event.facts)
    subject, _, verb = event.name.partition(".")
    return f"{subject} {verb}".replace("_", " ").capitalize()


def _with(what: str, why: str) -> str:
    return f"{what}: {why}" if why else what


def seconds_in_words(seconds: float | None) -> str:
    """A length of time as people say it: `42 s`, `7 min`, `3 h 05 min`, `2 d 4 h`; a dash for none."""
    if seconds is None:
        return "\N{EN DASH}"
    if 0 < abs(seconds) < 1:
        return "under 1 s"
    whole = round(abs(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        said = f"{days} d {hours_left} h"
    elif hours:
        said = f"{hours} h {minutes_left:02d} min"
    elif minutes:
        said = f"{minutes} min {rest:02d} s" if rest and minutes < SHOW_SECONDS_BELOW else f"{minutes} min"
    else:
        said = f"{whole} s"
    return f"-{said}" if seconds < 0 else said


SHOW_SECONDS_BELOW = 10  # minutes
