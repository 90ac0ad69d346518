"""Who is on call, whom a step reaches, and what a message says."""

from alerting.queries.messages import Parcel, code_for, parcel_for, test_for
from alerting.queries.recipients import OWNERS, OWNERS_WAIT_MINUTES, page_of, policy_for, recipients
from alerting.queries.turns import on_call, override_at, working

__all__ = [
    "OWNERS",
    "OWNERS_WAIT_MINUTES",
    "Parcel",
    "code_for",
    "on_call",
    "override_at",
    "page_of",
    "parcel_for",
    "policy_for",
    "recipients",
    "test_for",
    "working",
]
