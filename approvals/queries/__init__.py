"""Questions about approvals: whether one can be relied upon, whose voice is wanted, what a link opens."""

from approvals.queries.inbox import waiting_for
from approvals.queries.links import OpenLink, agency_in_link, link_of_token, opened, opens
from approvals.queries.reliance import flaw, stands_on, why_not
from approvals.queries.voters import Wanted, can_decide, roles_held, voice_of

__all__ = [
    "OpenLink",
    "Wanted",
    "agency_in_link",
    "can_decide",
    "flaw",
    "link_of_token",
    "opened",
    "opens",
    "roles_held",
    "stands_on",
    "voice_of",
    "waiting_for",
    "why_not",
]
