"""A new session id whenever somebody proves again who they are, and fewer sessions when a second factor goes.

allauth tells these things by Django signals alone; they are heard here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY as RECORDS
from allauth.account.signals import authentication_step_completed
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_removed
from allauth.usersessions.internal.flows.sessions import end_other_sessions
from allauth.usersessions.models import UserSession
from django.http import HttpRequest

from tenants.models import User
from tenants.sign_in.records import SECOND_FACTOR


def listen() -> None:
    """Called once, when the apps are ready."""
    authentication_step_completed.connect(renew_at_step_up, dispatch_uid="a new id at step-up")
    authenticator_removed.connect(forget_factor, dispatch_uid="a factor that is gone proves nothing")


def renew_at_step_up(*, request: HttpRequest, reauthenticated: bool = False, **_: Any) -> None:
    """Give the session another id; the one that was sent opens nothing any more."""
    if not reauthenticated:
        return
    before = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=before).update(session_key=request.session.session_key)


def forget_factor(*, request: HttpRequest, user: User, **_: Any) -> None:
    """End the person's other sessions, and take what the factor proved from this one."""
    end_other_sessions(request, user)
    left = set(Authenticator.objects.filter(user_id=user.pk).values_list("pk", flat=True))
    records = request.session.get(RECORDS, [])
    request.session[RECORDS] = [r for r in records if r["method"] != SECOND_FACTOR or r.get("id") in left]
