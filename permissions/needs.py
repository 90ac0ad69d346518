"""Every right there is, `subject.verb`, in alphabetical order. A view, a role and a key speak of nothing else."""

from __future__ import annotations

from typing import Any

from django.db.models import TextChoices


class Need(TextChoices):
    ACCESS_EXPLAIN = "access.explain", "See who may do what, and why"
    ACCESS_REVIEW = "access.review", "Run access reviews"
    ACCOUNTS_CONNECT = "accounts.connect", "Connect a social account"
    AGENCY_CHANGE = "agency.change", "Change the agency's settings"
    AGENCY_READ = "agency.read", "See the agency"
    APPROVALS_BYPASS = "approvals.bypass", "Bypass an approval, together with somebody else"
    APPROVALS_COMMENT = "approvals.comment", "Write beside a request for approval"
    APPROVALS_DECIDE = "approvals.decide", "Approve or reject a text"
    APPROVALS_READ = "approvals.read", "See requests for approval"
    AUDIT_READ = "audit.read", "Read the audit trail"
    BRANDS_CHANGE = "brands.change", "Change, archive and restore a brand"
    BRANDS_CREATE = "brands.create", "Add a brand"
    BRANDS_READ = "brands.read", "See a brand"
    CONTACTS_READ = "contacts.read", "See the contact book"
    CONTACTS_WRITE = "contacts.write", "Write, import and export the contact book"
    DENIALS_WRITE = "denials.write", "Wall brands off from people"
    DRILLS_READ = "drills.read", "See drills and how they went"
    DRILLS_RUN = "drills.run", "Plan, start and end drills"
    IDENTITY_CONNECT = "identity.connect", "Connect sign-in providers and directories"
    INCIDENTS_ACTIVATE = "incidents.activate", "Activate an incident"
    INCIDENTS_CLOSE = "incidents.close", "Close an incident after its review"
    INCIDENTS_CONTAIN = "incidents.contain", "Say that an incident is contained"
    INCIDENTS_CONTRIBUTE = "incidents.contribute", "Write one's part of a review"
    INCIDENTS_NOTE = "incidents.note", "Write into the timeline"
    INCIDENTS_OPEN = "incidents.open", "Open an incident"
    INCIDENTS_READ = "incidents.read", "See incidents"
    INCIDENTS_RESOLVE = "incidents.resolve", "Resolve or reopen an incident"
    INCIDENTS_RESTRICT = "incidents.restrict", "Restrict an incident to those named"
    INCIDENTS_REVIEW = "incidents.review", "Write and release a post-mortem"
    INCIDENTS_STAND_DOWN = "incidents.stand_down", "Stand down a false alarm"
    INCIDENTS_STEER = "incidents.steer", "Change severity, duties and tasks of an incident"
    INVITATIONS_SEND = "invitations.send", "Invite a person"
    JOBS_READ = "jobs.read", "See the work that failed"
    JOBS_REPLAY = "jobs.replay", "Replay failed work"
    KEYS_ISSUE = "keys.issue", "Issue and revoke API keys"
    MENTIONS_INGEST = "mentions.ingest", "Deliver mentions"
    MENTIONS_READ = "mentions.read", "Read mentions and volumes"
    MESSAGES_READ = "messages.read", "See the message library"
    MESSAGES_WRITE = "messages.write", "Write into the message library"
    PAGES_ACKNOWLEDGE = "pages.acknowledge", "Acknowledge a page"
    PAGES_READ = "pages.read", "See pages"
    PAUSES_LIFT = "pauses.lift", "Lift a pause"
    PAUSES_READ = "pauses.read", "See pauses"
    PAUSES_START = "pauses.start", "Pause scheduled posts"
    PLANS_PUBLISH = "plans.publish", "Publish a crisis plan"
    PLANS_READ = "plans.read", "See crisis plans"
    POLICIES_PUBLISH = "policies.publish", "Draft, publish and retire social media policies"
    POLICIES_READ = "policies.read", "See social media policies, and check texts against them"
    POSTS_READ = "posts.read", "See posts"
    POSTS_RELEASE = "posts.release", "Release, reschedule, rewrite or cancel a held post"
    POSTS_SCHEDULE = "posts.schedule", "Schedule posts"
    POSTS_TAKE_DOWN = "posts.take_down", "Take a published post down"
    REPORTS_READ = "reports.read", "Read reports"
    REPORTS_SHARE = "reports.share", "Make a link to a report"
    ROLES_DEFINE = "roles.define", "Define roles and separation of duties"
    ROLES_GRANT = "roles.grant", "Grant and withdraw roles"
    ROTAS_READ = "rotas.read", "See rotas and escalation policies"
    ROTAS_WRITE = "rotas.write", "Change rotas and escalation policies"
    SEATS_CHANGE = "seats.change", "Change a person's seat"
    SEATS_READ = "seats.read", "See people and their seats"
    SEATS_REVOKE = "seats.revoke", "Revoke a person's seat"
    SEATS_SUSPEND = "seats.suspend", "Suspend and resume a seat"
    SIGNALS_READ = "signals.read", "See signals"
    SIGNALS_REVIEW = "signals.review", "Decide what a signal means"
    SILENCES_READ = "silences.read", "See silences and maintenance"
    SILENCES_WRITE = "silences.write", "Silence pages for a while"
    SOURCES_WRITE = "sources.write", "Add and change sources of mentions"
    STATEMENTS_DRAFT = "statements.draft", "Draft, revise and submit statements"
    STATEMENTS_READ = "statements.read", "See statements"
    STATEMENTS_RELEASE = "statements.release", "Release an approved statement"

    @property
    def reads(self) -> bool:
        """Whether nothing is changed by it."""
        return self.value.endswith((".read", ".explain"))


# How Django and guardian know them: on every model that a grant can be on.
AS_PERMISSIONS: list[tuple[str, Any]] = [(need.value, need.label) for need in Need]
