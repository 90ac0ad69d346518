"""What allauth asks this house: who may sign up."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class InvitedOnly(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up by themselves: a person comes by invitation."""

    def is_open_for_signup(self, _request: HttpRequest) -> bool:
        return False
