"""Every write of approvals: asking people, hearing them, sending them links, using what they agreed to."""

from approvals.actions.bypassing import BypassBegun, NotGraveEnough, SecondPersonNeeded, bypass_approval
from approvals.actions.commenting import add_comment
from approvals.actions.deadlines import meet_deadline
from approvals.actions.deciding import (
    AlreadyDecided,
    ApprovalExpired,
    AuthorCannotApprove,
    DigestDiffers,
    HumansDecide,
    NotAnApprover,
    decide_approval,
    decide_by_link,
)
from approvals.actions.delegating import DelegationEnded, create_delegation, end_delegation
from approvals.actions.ending import (
    ApprovalNotGranted,
    ApprovalSpent,
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
from approvals.actions.requesting import AlreadyRequested, request_approval

__all__ = [
    "AlreadyDecided",
    "AlreadyRequested",
    "ApprovalExpired",
    "ApprovalNotGranted",
    "ApprovalSpent",
    "AuthorCannotApprove",
    "BypassBegun",
    "DelegationEnded",
    "DigestDiffers",
    "HumansDecide",
    "LinkDead",
    "NotAnApprover",
    "NotGraveEnough",
    "SeatCannotDecide",
    "SecondPersonNeeded",
    "add_comment",
    "bypass_approval",
    "create_delegation",
    "decide_approval",
    "decide_by_link",
    "end_delegation",
    "forget_link_token",
    "meet_deadline",
    "request_approval",
    "send_decision_link",
    "spend_approval",
    "void_approval",
    "void_approvals_of",
    "void_links_of",
]
