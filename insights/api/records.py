"""The audit trail and the work that failed, over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.shapes import Shape
from insights.actions import replay_dead_job
from jobs.models import Job, JobState
from ledger.catalogue import CATALOGUE
from ledger.models import Event
from permissions.needs import Need
from permissions.viewset import ReadViews


class AuditEventView(serializers.ModelSerializer[Event]):
    """One event of the ledger with its place in the chain."""

    class Meta:
        model = Event
        fields = [
            "id", "seq", "at", "name", "subject_kind", "subject_id", "brand_id", "incident_id", "actor_kind",
            "actor_id", "actor_name", "facts", "prev_hash", "hash",
        ]  # fmt: skip


class EventFilter(Shape):
    incident = serializers.UUIDField(source="incident_id", required=False)
    subject = serializers.UUIDField(source="subject_id", required=False)
    brand = serializers.UUIDField(source="brand_id", required=False)
    actor = serializers.UUIDField(source="actor_id", required=False)
    name = serializers.ChoiceField(choices=sorted(CATALOGUE), required=False)


@extend_schema_view(list=extend_schema(parameters=[EventFilter]))
class Events(ReadViews):
    """The audit trail, newest first. What belongs to no brand is for those who see the whole agency."""

    sees = Need.AUDIT_READ
    shows_drills = True
    needs: ClassVar[Any] = {"list": Need.AUDIT_READ, "retrieve": Need.AUDIT_READ}
    serializer_class = AuditEventView
    asks = EventFilter
    keyset = ("-seq", "-id")

    def rows(self) -> Any:
        return Event.objects.all()


class DeadJobView(serializers.ModelSerializer[Job]):
    """Work that gave up (DEAD), or that was lost past its point of no return (INTERRUPTED)."""

    class Meta:
        model = Job
        fields = [
            "id", "handler", "key", "args", "queue", "state", "attempts", "max_attempts", "crossed", "last_error",
            "created_at", "due_at", "finished_at",
        ]  # fmt: skip


class DeadJobFilter(Shape):
    handler = serializers.CharField(max_length=80, required=False)
    state = serializers.ChoiceField(choices=[JobState.DEAD.value, JobState.INTERRUPTED.value], required=False)


class DeadJobBody(Shape):
    """Nothing to say beyond the address."""


@extend_schema_view(list=extend_schema(parameters=[DeadJobFilter]))
class DeadJobs(ReadViews):
    """The work of this agency that failed, newest first."""

    sees = Need.JOBS_READ
    needs: ClassVar[Any] = {"list": Need.JOBS_READ, "retrieve": Need.JOBS_READ, "replay": Need.JOBS_REPLAY}
    serializer_class = DeadJobView
    asks = DeadJobFilter

    def rows(self) -> Any:
        return Job.objects.filter(agency_id=self.agency_id, state__in=[JobState.DEAD, JobState.INTERRUPTED])

    @extend_schema(request=DeadJobBody, responses=DeadJobView)
    @action(detail=True, methods=["post"])
    def replay(self, _request: Request, **_: Any) -> Response:
        """Put a dead job back with fresh attempts; refused with `not_replayable` for an interrupted one."""
        job = self.subject()
        return self.show(replay_dead_job(job_id=job.pk, **self.read(DeadJobBody), **self.told))
