"""Stages of an approval, and what a person can say to one."""

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class ApprovalStage(TextChoices):
    PENDING = "PENDING", "Pending"
    GRANTED = "GRANTED", "Granted"
    REJECTED = "REJECTED", "Rejected"
    CHANGES_REQUESTED = "CHANGES_REQUESTED", "Changes requested"
    VOIDED = "VOIDED", "Voided"
    SPENT = "SPENT", "Spent"


class Verdict(TextChoices):
    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"
    CHANGES = "changes", "Request changes"


APPROVAL_LIFECYCLE = Lifecycle(
    approve=({ApprovalStage.PENDING}, ApprovalStage.GRANTED),  # with the last voice of the last step
    bypass=({ApprovalStage.PENDING}, ApprovalStage.GRANTED),  # with the second of two people
    reject=({ApprovalStage.PENDING}, ApprovalStage.REJECTED),
    changes=({ApprovalStage.PENDING}, ApprovalStage.CHANGES_REQUESTED),  # the next version is another request
    void=({ApprovalStage.PENDING, ApprovalStage.GRANTED}, ApprovalStage.VOIDED),
    spend=({ApprovalStage.GRANTED}, ApprovalStage.SPENT),
)
