"""Restricting an incident to those who hold a grant on it, and opening it again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction

from core.actor import Actor
from core.refusals import Refusal
from ledger.actions import record
from permissions.models import Restriction


class AlreadyRestricted(Refusal):
    code = "already_restricted"
    title = "This incident is restricted already."


class NotRestricted(Refusal):
    code = "not_restricted"
    title = "This incident is not restricted."


@transaction.atomic
def restrict_incident(*, incident_id: UUID, reason: str, by: Actor, at: datetime) -> Restriction:
    """Close an incident, with everything in it, to all but its own grants and the owner. It holds with the commit.

    Whoever restricts gets no grant by it.
    """
    incident: Any = apps.get_model("incidents", "Incident").objects.locked(incident_id)
    if Restriction.objects.filter(incident_id=incident_id, lifted_at=None).exists():
        raise AlreadyRestricted
    restriction = Restriction(incident_id=incident_id, reason=reason, restricted_at=at)
    restriction.save(force_insert=True)
    record("incident.restricted", on=incident, by=by, at=at, restriction_id=restriction.pk, reason=reason)
    return restriction


@transaction.atomic
def lift_restriction(*, incident_id: UUID, reason: str, by: Actor, at: datetime) -> Restriction:
    """Open the incident again to everybody who may see its brand's incidents."""
    incident: Any = apps.get_model("incidents", "Incident").objects.locked(incident_id)
    restriction: Restriction | None = Restriction.objects.filter(incident_id=incident_id, lifted_at=None).first()
    if restriction is None:
        raise NotRestricted
    restriction.lifted_at = at
    restriction.save(update_fields=["lifted_at"])
    record("incident.restriction_lifted", on=incident, by=by, at=at, restriction_id=restriction.pk, reason=reason)
    return restriction
