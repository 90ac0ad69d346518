"""Who is on call, whom a step reaches, and what a message says."""

from alerting.queries.messages import NOBODY_ANSWERED, Parcel, parcel_for, ways_to_reach
from alerting.queries.recipients import OWNERS, OWNERS_WAIT_MINUTES, page_of, policy_for, recipients
from alerting.queries.turns import on_call, override_at, working

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
