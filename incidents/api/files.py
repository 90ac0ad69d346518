"""Files on an incident's timeline over HTTP: multipart in, an attachment out."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.parser import StrictJSONParser
from core.http.shapes import Flag, Shape
from core.http.uploads import Anything, UploadParser, attached, content_of, spoken
from core.refusals import NotFound
from incidents.actions import add_incident_file, remove_incident_file
from incidents.api.bodies import IncidentReason
from incidents.api.work import INSIDE, InsideIncident
from incidents.models import IncidentFile
from permissions.needs import Need


class IncidentFileView(serializers.ModelSerializer[IncidentFile]):
    class Meta:
        model = IncidentFile
        fields = [
            "id", "incident", "name", "note", "kind", "size", "sha256", "uploaded_sha256", "shared_with_client",
            "author_seat_id", "added_at", "removed_at",
        ]  # fmt: skip


class IncidentFileUpload(Shape):
    file = serializers.FileField(help_text="PNG, JPEG, GIF, WebP, PDF, text, CSV, DOCX or XLSX, told by its content.")
    name = serializers.CharField(max_length=120, required=False, help_text="The file's own name, when absent.")
    note = serializers.CharField(max_length=1000, default="", allow_blank=True, help_text="What it shows.")
    shared_with_client = Flag(default=False)


@extend_schema_view(list=INSIDE, retrieve=INSIDE)
class IncidentFiles(InsideIncident):
    """Files on the timeline. A client's seat sees the shared ones."""

    needs: ClassVar[Any] = {
        "list": Need.INCIDENTS_READ,
        "retrieve": Need.INCIDENTS_READ,
        "content": Need.INCIDENTS_READ,
        "create": Need.INCIDENTS_NOTE,
        "remove": Need.INCIDENTS_NOTE,
    }
    parser_classes = (UploadParser, StrictJSONParser)
    serializer_class = IncidentFileView
    keyset = ("id",)

    def rows(self) -> Any:
        files = self.rows_of(IncidentFile).select_related("file")
        return files.filter(shared_with_client=True) if self.caller.side == "client" else files

    def spoken(self, request: Request) -> Any:
        return spoken(request)

    @extend_schema(request={"multipart/form-data": IncidentFileUpload}, responses={201: IncidentFileView})
    @INSIDE
    def create(self, _request: Request, **_: Any) -> Response:
        """Put a file on the timeline. What it is, is told by its content; pictures are made anew from their pixels."""
        self.require(Need.INCIDENTS_NOTE, self.incident)
        wanted = self.read(IncidentFileUpload)
        upload = wanted.pop("file")
        wanted.setdefault("name", upload.name)
        added = add_incident_file(incident_id=self.incident.pk, content=content_of(upload), **wanted, **self.told)
        return self.show_created(added)

    def retrieve(self, _request: Request, **_: Any) -> Response:
        return self.show(self.subject())

    @extend_schema(responses={(200, "*/*"): OpenApiTypes.BINARY})
    @INSIDE
    @action(detail=True, methods=["get"], renderer_classes=[Anything])
    def content(self, _request: Request, **_: Any) -> Any:
        """The file itself, to be saved."""
        file: IncidentFile = self.subject()
        if file.file is None:
            raise NotFound
        return attached(file.file, name=file.name)

    @extend_schema(request={"application/json": IncidentReason}, responses=IncidentFileView)
    @INSIDE
    @action(detail=True, methods=["post"])
    def remove(self, _request: Request, **_: Any) -> Response:
        """Take it away: its content can be had no more. That it was there stays told."""
        file: IncidentFile = self.subject()
        return self.show(remove_incident_file(file_id=file.pk, **self.read(IncidentReason), **self.told))
