"""Who is on call, whom a step reaches, and what a message says."""

from alerting.queries.messages import NOBODY_ANSWERED, Parcel, parcel_for, ways_to_reach
from alerting.queries.on_call import on_call, override_at, working
from alerting.queries.recipients import OWNERS, OWNERS_WAIT_MINUTES, page_of, policy_for, recipients

__all__ = [
    "NOBODY_ANSWERED",
    "OWNERS",
    "OWNERS_WAIT_MINUTES",
    "Parcel",
    "on_call",
    "override_at",
    "page_of",
    "parcel_for",
    "policy_for",
    "recipients",
    "ways_to_reach",
    "working",
]
