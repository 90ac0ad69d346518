"""What is prepared in good times: plans, the contact book, the library, policies, drills."""

from readiness.models.contacts import Contact, ContactChannel
from readiness.models.drills import Drill
from readiness.models.library import Fact, FactRevision, Image, Message
from readiness.models.plans import Plan, PlanDraft, PlanTemplate, PlanTemplateVersion, PlanVersion
from readiness.models.rules import Acknowledgement, Policy, PolicyVersion

__all__ = [
    "Acknowledgement",
    "Contact",
    "ContactChannel",
    "Drill",
    "Fact",
    "FactRevision",
    "Image",
    "Message",
    "Plan",
    "PlanDraft",
    "PlanTemplate",
    "PlanTemplateVersion",
    "PlanVersion",
    "Policy",
    "PolicyVersion",
]
