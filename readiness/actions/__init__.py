"""Every write of readiness, by subject."""

from readiness.actions.library import ABOUT_MESSAGE, add_message, approve_message, submit_message
from readiness.actions.plans import publish_plan

__all__ = ["ABOUT_MESSAGE", "add_message", "approve_message", "publish_plan", "submit_message"]
