"""The built-in roles: names for sets of needs. `side` says who may hold one: staff of the agency, or the client.

There is no rank: nobody grants a role that has a need they lack. Only the owner changes the agency and says who else
may vouch for people, so nobody but an owner makes an owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from permissions.needs import Need

Side = Literal["staff", "client"]


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    label: str
    side: Side
    needs: frozenset[Need]


READ = frozenset(
    {
        Need.AGENCY_READ, Need.APPROVALS_READ, Need.BRANDS_READ, Need.DRILLS_READ, Need.INCIDENTS_READ,
        Need.MENTIONS_READ, Need.MESSAGES_READ, Need.PAGES_READ, Need.PAUSES_READ, Need.PLANS_READ,
        Need.POLICIES_READ, Need.POSTS_READ, Need.REPORTS_READ, Need.ROTAS_READ, Need.SEATS_READ, Need.SIGNALS_READ,
        Need.SILENCES_READ, Need.STATEMENTS_READ,
    }
)  # fmt: skip
RESPOND = READ | {
    Need.INCIDENTS_NOTE, Need.PAGES_ACKNOWLEDGE, Need.PAUSES_START, Need.SIGNALS_REVIEW, Need.STATEMENTS_DRAFT,
    Need.INCIDENTS_OPEN, Need.INCIDENTS_ACTIVATE, Need.SILENCES_WRITE, Need.APPROVALS_COMMENT,
    Need.CONTACTS_READ, Need.INCIDENTS_CONTRIBUTE,
}  # fmt: skip
MANAGE = RESPOND | {
    Need.MESSAGES_WRITE, Need.POSTS_RELEASE, Need.POSTS_SCHEDULE, Need.SOURCES_WRITE, Need.MENTIONS_INGEST,
    Need.STATEMENTS_RELEASE, Need.APPROVALS_DECIDE, Need.CONTACTS_WRITE,
}  # fmt: skip
LEAD = MANAGE | {
    Need.ACCOUNTS_CONNECT, Need.AUDIT_READ, Need.DRILLS_RUN, Need.INCIDENTS_CLOSE, Need.INCIDENTS_CONTAIN,
    Need.INCIDENTS_RESOLVE, Need.INCIDENTS_REVIEW, Need.INCIDENTS_STAND_DOWN, Need.INCIDENTS_STEER, Need.PAUSES_LIFT,
    Need.PLANS_PUBLISH, Need.POLICIES_PUBLISH, Need.POSTS_TAKE_DOWN, Need.REPORTS_SHARE, Need.ROTAS_WRITE,
    Need.APPROVALS_BYPASS,
}  # fmt: skip
ADMIN = LEAD | {
    Need.ACCESS_EXPLAIN, Need.ACCESS_REVIEW, Need.BRANDS_CHANGE, Need.BRANDS_CREATE, Need.DENIALS_WRITE,
    Need.INCIDENTS_RESTRICT, Need.INVITATIONS_SEND, Need.JOBS_READ, Need.JOBS_REPLAY, Need.KEYS_ISSUE,
    Need.ROLES_DEFINE, Need.ROLES_GRANT, Need.SEATS_CHANGE, Need.SEATS_REVOKE, Need.SEATS_SUSPEND,
}  # fmt: skip
CLIENT_VIEW = frozenset(
    {
        Need.APPROVALS_READ, Need.BRANDS_READ, Need.INCIDENTS_READ, Need.POSTS_READ, Need.PAUSES_READ,
        Need.REPORTS_READ, Need.STATEMENTS_READ,
    }
)  # fmt: skip

ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role("owner", "Owner", "staff", frozenset(Need)),
        Role("admin", "Administrator", "staff", frozenset(ADMIN)),
        Role("crisis_lead", "Crisis lead", "staff", frozenset(LEAD)),
        Role("account_manager", "Account manager", "staff", frozenset(MANAGE)),
        Role("responder", "Responder", "staff", frozenset(RESPOND)),
        Role("analyst", "Analyst", "staff", READ | {Need.AUDIT_READ, Need.INCIDENTS_CONTRIBUTE}),
        Role("integration", "Integration", "staff", frozenset({Need.BRANDS_READ, Need.MENTIONS_INGEST})),
        Role(
            "client_approver",
            "Client approver",
            "client",
            CLIENT_VIEW | {Need.APPROVALS_COMMENT, Need.APPROVALS_DECIDE, Need.INCIDENTS_CONTRIBUTE, Need.PAUSES_START},
        ),
        Role("client_viewer", "Client viewer", "client", CLIENT_VIEW),
    )
}
# They see over the walls between rival brands; the owner also sees every restricted incident.
OVERSEERS = frozenset({"owner", "admin"})
OWNER = "owner"
