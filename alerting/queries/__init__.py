"""Who is on call, whom a step reaches, and what a message says."""

from alerting.queries.messages import Parcel, code_for, parcel_for, test_for
from alerting.queries.recipients import OWNERS, OWNERS_WAIT_MINUTES, page_of, policy_for, recipients, told_by
from alerting.queries.turns import duties_at, duty_at, on_call, working

__all__ = [
    "OWNERS",
    "OWNERS_WAIT_MINUTES",
    "Parcel",
    "code_for",
    "duties_at",
    "duty_at",
    "on_call",
    "page_of",
    "parcel_for",
    "policy_for",
    "recipients",
    "test_for",
    "told_by",
    "working",
]
