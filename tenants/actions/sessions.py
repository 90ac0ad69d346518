"""Ending sessions from our side. A session belongs to a person, who may work in several agencies with it."""

from __future__ import annotations

from uuid import UUID

from allauth.usersessions.models import UserSession
from django.db import transaction

from tenants.sign_in.records import proof_of
from tenants.sign_in.seats import ids_in
from tenants.sign_in.sessions import SessionStore


@transaction.atomic
def end_sessions_for(*, agency_id: UUID, user_id: UUID) -> int:
    """End the sessions that serve this agency alone: those its identity providers vouched for; returns how many.

    The others stay for the person's work elsewhere. They do not open an ended seat, nor one that is given later.
    """
    ended = 0
    for session in UserSession.objects.filter(user_id=user_id):
        named = [ids_in(vouched.provider) for vouched in proof_of(SessionStore(session.session_key)).vouched]
        if agency_id in {ids[0] for ids in named if ids is not None}:
            session.end()
            ended += 1
    return ended


@transaction.atomic
def end_every_session(*, user_id: UUID) -> int:
    """End all of a person's sessions, wherever they serve; for a person, not a seat, that is compromised."""
    sessions = list(UserSession.objects.filter(user_id=user_id))
    for session in sessions:
        session.end()
    return len(sessions)
