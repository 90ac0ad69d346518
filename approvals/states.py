"""Stages of an approval, and what a person can say to one."""

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class ApprovalStage(TextChoices):
    PENDING = "PENDING", "Pending"
    GRANTED = "GRANTED", "Granted"
    REJECTED = "REJECTED", "Rejected"
    VOIDED = "VOIDED", "Voided"
    SPENT = "SPENT", "Spent"


class Verdict(TextChoices):
    APPROVE = "approve", "Approve"
    REJECT = "reject", "Reject"


APPROVAL_LIFECYCLE = Lifecycle(
    approve=({ApprovalStage.PENDING}, ApprovalStage.GRANTED),  # with the last voice of the last stage
    reject=({ApprovalStage.PENDING}, ApprovalStage.REJECTED),
    void=({ApprovalStage.PENDING, ApprovalStage.GRANTED}, ApprovalStage.VOIDED),
    spend=({ApprovalStage.GRANTED}, ApprovalStage.SPENT),
)
