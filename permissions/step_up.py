"""The step-up: what weighs heavily is done only by somebody who has just proved who they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import apps

from core.refusals import Refusal
from permissions.gate import Caller

STEP_UP_LASTS = timedelta(minutes=15)


class StepUpRequired(Refusal):
    """Facts `max_age_seconds`, and `second_factor` when a password alone is not enough here.

    The app renews its proof with POST /_allauth/app/v1/auth/reauthenticate (password) or
    /_allauth/app/v1/auth/2fa/reauthenticate (code), and repeats the request with the session token it was given.
    """

    code = "step_up_required"
    status = 403
    title = "Prove once more who you are."


def require_step_up(caller: Caller) -> None:
    """Raise StepUpRequired unless the person proved who they are within 15 minutes before `caller.at`.

    A key proves nothing, so it is always refused. Where the agency requires a second factor, the session must have
    one. Stands inside the agency's wall.
    """
    fresh = caller.proved_at is not None and caller.at - caller.proved_at <= STEP_UP_LASTS
    demanded = not caller.second_factor and _second_factor_demanded(caller)
    if not fresh or demanded:
        raise StepUpRequired(max_age_seconds=int(STEP_UP_LASTS.total_seconds()), second_factor=demanded)


def _second_factor_demanded(caller: Caller) -> bool:
    agencies: Any = apps.get_model("tenants", "Agency").objects
    return bool(agencies.filter(pk=caller.agency_id, requires_second_factor=True).exists())
