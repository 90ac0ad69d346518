"""Every write of approvals: asking people, hearing them, sending them links, using what they agreed to."""

from approvals.actions.deciding import (
    AlreadyDecided,
    AlreadyRequested,
    ApprovalExpired,
    ApprovalNotGranted,
    ApprovalSpent,
    AuthorCannotApprove,
    DigestDiffers,
    HumansDecide,
    NotAnApprover,
    decide_approval,
    decide_by_link,
    request_approval,
    spend_approval,
    void_approval,
    void_approvals_of,
)
from approvals.actions.links import (
    LinkDead,
    SeatCannotDecide,
    forget_link_token,
    send_decision_link,
    void_links_of,
)

__all__ = [
    "AlreadyDecided",
    "AlreadyRequested",
    "ApprovalExpired",
    "ApprovalNotGranted",
    "ApprovalSpent",
    "AuthorCannotApprove",
    "DigestDiffers",
    "HumansDecide",
    "LinkDead",
    "NotAnApprover",
    "SeatCannotDecide",
    "decide_approval",
    "decide_by_link",
    "forget_link_token",
    "request_approval",
    "send_decision_link",
    "spend_approval",
    "void_approval",
    "void_approvals_of",
    "void_links_of",
]
