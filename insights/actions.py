"""The few writes of this storey: a link to a report is made, a dead job is put back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from core.actor import Actor
from core.refusals import Refusal
from core.wall import standing_agency
from incidents.models import Incident
from insights.links import LONGEST, ReportLink
from jobs.actions import replay_job
from jobs.models import Job
from ledger.actions import record
from permissions.revocation import line
from tenants.models import Seat
from tenants.states import SeatStage


class NobodyAnswers(Refusal):
    """A link ends with the seat of whoever made it, so there must be one."""

    code = "nobody_answers"
    title = "A link is made by a person, or by a key of one."


@dataclass(frozen=True, slots=True)
class SharedReport:
    """A link that opens without signing in. Whoever has it can read the report until it expires."""

    url: str
    expires_at: datetime
    audience: str


@transaction.atomic
def share_report(*, incident_id: UUID, audience: str, lasts: timedelta, by: Actor, at: datetime) -> SharedReport:
    """Make a link to the report of an incident; it lasts 24 hours at most, and no longer than its maker's seat.

    `audience` is `staff` or `client`: the client's report leaves out internal notes and unreleased reviews.
    """
    incident: Incident = Incident.objects.found(incident_id)
    if by.seat_id is None:
        raise NobodyAnswers
    seat: Seat = Seat.objects.found(by.seat_id)
    link = ReportLink(
        agency_id=standing_agency(),
        incident_id=incident.pk,
        seat_id=seat.pk,
        seat_epoch=seat.auth_epoch,
        key_id=by.id if by.kind == "key" else None,
        audience=audience,
        expires_at=(at + min(lasts, LONGEST)).replace(microsecond=0),
    )
    record("report.shared", on=incident, by=by, at=at, expires_at=link.expires_at)
    return SharedReport(f"{settings.PUBLIC_URL}/v1/reports/{link.token()}", link.expires_at, audience)


@transaction.atomic
def replay_dead_job(*, job_id: UUID, by: Actor, at: datetime) -> Job:
    """Put a dead job back into the queue with fresh attempts; an interrupted one may have had its effect and stays."""
    job = replay_job(job_id=job_id, agency_id=standing_agency(), at=at)
    record("job.replayed", on=job, by=by, at=at, handler=job.handler)
    return job


def links_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    """A link asks for its maker in office at every opening; it is not stored, so what is counted is who sits."""
    sitting = Seat.objects.filter(pk__in=seat_ids, stage=SeatStage.ACTIVE)
    return dict.fromkeys(sitting.values_list("pk", flat=True), 1)


@line("report links", left=links_left)
def end_report_links(_seat_id: UUID, _by: Actor, _at: datetime) -> int:
    """Nothing is stored of a link, so nothing is counted: what was signed for the seat opens nothing once it ends."""
    return 0
