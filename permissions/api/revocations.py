"""Goodbyes over HTTP: the report, a page to print it, calling one off, and what people have to do about one."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.pages import page
from core.http.shapes import Because, Shape
from ledger.chain import canonical
from permissions.actions.revocations import cancel_revocation, complete_task
from permissions.models import Revocation, RevocationLine, RevocationTask
from permissions.needs import Need
from permissions.queries.goodbyes import LINE, digest_of, report_of
from permissions.states import Finding, RevocationStage
from permissions.viewset import ReadViews

FINDINGS = {Finding.CONFIRMED: "good", Finding.UNCONFIRMED: "bad", Finding.HUMAN_TASK: "late"}


class RevocationRow(serializers.ModelSerializer[Revocation]):
    """A goodbye as a list shows it."""

    complete = serializers.SerializerMethodField(help_text="Every line is confirmed, and no task is open.")

    class Meta:
        model = Revocation
        fields = [
            "id", "seat", "reason", "successor", "stage", "complete", "asked_at", "asked_by", "due_at", "done_at",
            "completed_at", "problem", "report_sha256", "version",
        ]  # fmt: skip

    def get_complete(self, revocation: Revocation) -> bool:
        return revocation.stage == RevocationStage.COMPLETE


class LineView(serializers.ModelSerializer[RevocationLine]):
    """One line of the checklist: how much it ended, and how much its probe still finds alive."""

    class Meta:
        model = RevocationLine
        fields = list(LINE)


class RevocationTaskView(serializers.ModelSerializer[RevocationTask]):
    """What only a person can do about a goodbye. `late`: its time is over."""

    seat = serializers.UUIDField(source="revocation.seat_id", help_text="Who has left.")
    late = serializers.SerializerMethodField()

    class Meta:
        model = RevocationTask
        fields = [
            "id", "revocation", "seat", "line", "title", "owner", "due_at", "late", "done_at", "done_by_id", "note",
            "version",
        ]  # fmt: skip

    def get_late(self, task: RevocationTask) -> bool:
        return task.done_at is None and task.due_at <= self.context["view"].now


class FindingsView(serializers.Serializer[Any]):
    confirmed = serializers.IntegerField()
    unconfirmed = serializers.IntegerField()
    human_task = serializers.IntegerField()


class ReportView(serializers.Serializer[Any]):
    """What is hashed: exactly this, as canonical JSON with sorted keys, no spaces, in UTF-8."""

    format = serializers.IntegerField()
    revocation = serializers.DictField()
    complete = serializers.BooleanField()
    findings = FindingsView()
    lines = LineView(many=True)
    tasks = serializers.ListField(child=serializers.DictField())


class RevocationView(RevocationRow):
    """The goodbye and its report. `sha256` is the report's, `report_sha256` is what the ledger was told last."""

    sha256 = serializers.SerializerMethodField()
    report = serializers.SerializerMethodField()

    class Meta(RevocationRow.Meta):
        fields = [*RevocationRow.Meta.fields, "sha256", "report"]

    def to_representation(self, revocation: Revocation) -> Any:
        self.told = report_of(revocation)
        return super().to_representation(revocation)

    def get_sha256(self, _revocation: Revocation) -> str:
        return digest_of(self.told)

    @extend_schema_field(ReportView)
    def get_report(self, _revocation: Revocation) -> Any:
        return json.loads(canonical(self.told))  # every instant spelled as it was hashed


class WantedRevocations(Shape):
    seat = serializers.UUIDField(required=False)
    stage = serializers.ChoiceField(choices=RevocationStage.choices, required=False)


class Revocations(ReadViews):
    """Goodbyes, newest first: planned, being verified, complete, or called off."""

    sees = Need.SEATS_REVOKE
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "cancel", "page"), Need.SEATS_REVOKE)
    serializer_class = RevocationView
    asks = WantedRevocations

    def rows(self) -> Any:
        return Revocation.objects.all()

    @extend_schema(responses=RevocationRow(many=True))
    def list(self, _request: Request, **_: Any) -> Response:
        return self.show_page(self.get_queryset().filter(**self.asked(WantedRevocations)), RevocationRow)

    @extend_schema(request=Because, responses=RevocationRow)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_: Any) -> Response:
        """Call off what is planned. What has been carried out stays so: 409 `cannot_move`."""
        revocation = self.subject()
        wanted = self.read(Because)
        return self.show(cancel_revocation(revocation_id=revocation.pk, **wanted, **self.told), RevocationRow)

    @extend_schema(responses={(200, "text/html"): OpenApiTypes.STR})
    @action(detail=True, methods=["get"])
    def page(self, _request: Request, **_: Any) -> HttpResponse:
        """The report as a page to print: no script, nothing loaded from elsewhere."""
        revocation = self.get_queryset().select_related("seat__user", "agency", "successor__user")
        return page_of(revocation.get(pk=self.subject().pk))


def page_of(revocation: Revocation) -> HttpResponse:
    """The report in words for people, every word escaped."""
    report = report_of(revocation)
    lines = [
        {**found, "label": Finding(found["finding"]).label, "shade": FINDINGS[Finding(found["finding"])]}
        for found in report["lines"]
    ]
    told = {
        "goodbye": revocation,
        "stage": RevocationStage(revocation.stage).label,
        "report": report,
        "lines": lines,
        "sha256": digest_of(report),
    }
    return page("permissions/goodbye.html", told)


class Done(Shape):
    note = serializers.CharField(max_length=500, help_text="How it was done: the proof is a person's word.")


class WantedTasks(Shape):
    seat = serializers.UUIDField(required=False, help_text="Who has left.")
    state = serializers.ChoiceField(choices=["open", "late", "done"], required=False)
    owner = serializers.ChoiceField(choices=["me"], required=False, help_text="Those of the caller only.")


class RevocationTasks(ReadViews):
    """What people have to do about goodbyes, what is due first at the top."""

    sees = Need.SEATS_REVOKE
    needs: ClassVar[Any] = dict.fromkeys(("list", "retrieve", "complete"), Need.SEATS_REVOKE)
    serializer_class = RevocationTaskView
    asks = WantedTasks
    keyset = ("due_at", "id")

    def rows(self) -> Any:
        return RevocationTask.objects.select_related("revocation")

    def list(self, _request: Request, **_: Any) -> Response:
        wanted = self.asked(WantedTasks)
        rows = self.get_queryset()
        if "seat" in wanted:
            rows = rows.filter(revocation__seat_id=wanted["seat"])
        if "owner" in wanted:
            rows = rows.filter(owner_id=self.caller.seat_id)
        if "state" in wanted:
            rows = rows.filter(done_at__isnull=wanted["state"] != "done")
        if wanted.get("state") == "late":
            rows = rows.filter(due_at__lte=self.now)
        return self.show_page(rows)

    @extend_schema(request=Done, responses=RevocationTaskView)
    @action(detail=True, methods=["post"])
    def complete(self, _request: Request, **_: Any) -> Response:
        """Say that it is done, and how. The goodbye is asked again. Refused with `task_done` the second time."""
        task = self.subject()
        complete_task(task_id=task.pk, **self.read(Done), **self.told)
        return self.show(self.rows().get(pk=task.pk))


routes = [("revocations", Revocations, "revocation"), ("revocation-tasks", RevocationTasks, "revocation-task")]
