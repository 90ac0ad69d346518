"""Imports of files over HTTP: sent once, read in the background, told row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any, ClassVar

import msgspec
from django.http import HttpRequest
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.parser import StrictJSONParser, TooLarge, UnsupportedBody
from core.http.shapes import Because, Shape
from core.refusals import NotFound
from listening.actions import cancel_import, start_import
from listening.models import Import, ImportStage, Source
from listening.sources.rows import DELIMITERS, FIELDS, MOST_BYTES, PIECE, lines_of, parts_of, pieces_of, records_of
from permissions.gate import visible
from permissions.needs import Need
from permissions.viewset import ReadViews

IN_MEMORY = 1024 * 1024
MOST_COLUMN = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent, laid aside; `sha256` is of the bytes as they came."""

    file: IO[bytes]
    sha256: str
    gzipped: bool
    format: str


class FileParser(BaseParser):
    """Lays a file aside, at most 50 MB, and leaves the reading to the view."""

    media_type = "application/x-ndjson"
    format = "ndjson"

    def parse(  # type: ignore[override] # a file is neither a mapping nor a form
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        parser_context: Mapping[str, Any] | None = None,
    ) -> Upload:
        request = (parser_context or {}).get("request")
        meta: Mapping[str, str] = request.META if request is not None else {}
        packed = meta.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
        if packed not in {"", "identity", "gzip", "x-gzip"}:
            raise UnsupportedBody("A file is sent as it is, or in gzip.")
        file: Any = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the view closes it
        if parser_context is not None:
            parser_context["view"].laid_aside = file
        digest, told = hashlib.sha256(), 0
        while piece := stream.read(PIECE):
            told += len(piece)
            if told > MOST_BYTES:
                raise TooLarge(max_bytes=MOST_BYTES)
            digest.update(piece)
            file.write(piece)
        file.seek(0)
        return Upload(file, digest.hexdigest(), packed in {"gzip", "x-gzip"}, self.format)


class CsvParser(FileParser):
    media_type = "text/csv"
    format = "csv"


class Columns(serializers.CharField):
    """`{"external_id": "Post ID", …}` as JSON: which column each field stands in."""

    def to_internal_value(self, data: Any) -> dict[str, str]:  # type: ignore[override] # a text that holds an object
        try:
            said = msgspec.json.decode(super().to_internal_value(data), type=dict[str, str])
        except (msgspec.MsgspecError, RecursionError):
            raise serializers.ValidationError("This must be a JSON object of texts.", code="wrong_type") from None
        if unknown := sorted(set(said) - set(FIELDS)):
            raise serializers.ValidationError(f"There is no field {unknown[0][:40]}.", code="unknown_field")
        if any(not name or len(name) > MOST_COLUMN for name in said.values()):
            raise serializers.ValidationError("A column has a name of 1 to 200 characters.", code="invalid")
        return said


class ImportQuery(Shape):
    source = serializers.UUIDField(help_text="Where the mentions are stored.")  # type: ignore[assignment]
    dry_run = serializers.ChoiceField(
        choices=["true", "false"], default="false", help_text="Read and check every row, and store nothing."
    )
    columns = Columns(
        required=False, max_length=4_000, help_text='Of a CSV file, as JSON: `{"external_id": "Post ID"}`.'
    )
    delimiter = serializers.ChoiceField(choices=list(DELIMITERS), default="comma", help_text="Of a CSV file.")


class RowError(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="Counted from 1, without the header and blank rows.")
    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class MentionImportView(serializers.ModelSerializer[Import]):
    errors = RowError(many=True, help_text="What is wrong with the first hundred.")  # type: ignore[assignment]

    class Meta:
        model = Import
        fields = [
            "id", "brand", "source", "stage", "format", "columns", "dry_run", "rows", "rows_done", "new", "known",
            "edited", "deleted", "unmatched", "expired", "bad", "errors", "created_at", "finished_at", "problem",
            "version",
        ]  # fmt: skip


class ImportFilter(Shape):
    brand = serializers.UUIDField(required=False)
    source = serializers.UUIDField(required=False)  # type: ignore[assignment]
    stage = serializers.ChoiceField(choices=ImportStage.choices, required=False)


@extend_schema_view(list=extend_schema(parameters=[ImportFilter]))
class Imports(ReadViews):
    """Files of mentions, and how far they have been read."""

    sees = Need.MENTIONS_READ
    needs: ClassVar[Any] = {
        "list": Need.MENTIONS_READ,
        "retrieve": Need.MENTIONS_READ,
        "create": Need.MENTIONS_INGEST,
        "cancel": Need.MENTIONS_INGEST,
    }
    parser_classes = [FileParser, CsvParser]
    serializer_class = MentionImportView
    asks = ImportFilter

    laid_aside: IO[bytes] | None = None

    def rows(self) -> Any:
        return Import.objects.all()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            if self.laid_aside is not None:
                self.laid_aside.close()

    def spoken(self, request: Request) -> Any:
        said: Any = request.data
        return said.sha256.encode() if isinstance(said, Upload) else said

    @extend_schema(
        parameters=[ImportQuery],
        request={"application/x-ndjson": OpenApiTypes.STR, "text/csv": OpenApiTypes.STR},
        responses={202: MentionImportView},
    )
    def create(self, request: Request, **_: Any) -> Response:
        """Send a file of mentions: NDJSON in the format of the ingest route, or CSV, at most 50 MB, plain or gzip.

        It is taken apart now and read in the background. A bad row is passed over and told in `errors`; good ones are
        stored. A dry run tells beforehand. Reading goes on where it was after whatever happens to a worker, and what
        was imported before is known.
        """
        asked = self.asked(ImportQuery)
        sources = visible(Source.objects.all(), to=self.caller, need=Need.MENTIONS_INGEST)
        source = sources.filter(pk=asked["source"]).first()
        if source is None:
            raise NotFound
        upload: Any = request.data
        columns = asked.get("columns", {})
        if not isinstance(upload, Upload):  # an empty body, which no parser is asked about
            rows: Iterator[bytes] = iter(())
        else:
            pieces = pieces_of(upload.file, gzipped=upload.gzipped)
            csv = upload.format == "csv"
            rows = records_of(pieces, columns=columns, delimiter=asked["delimiter"]) if csv else lines_of(pieces)
        import_ = start_import(
            source_id=source.pk,
            format=getattr(upload, "format", "ndjson"),
            columns=columns,
            parts=parts_of(rows),
            dry_run=asked["dry_run"] == "true",
            **self.told,
        )
        return self.show(import_, status=202)

    @extend_schema(request=Because, responses=MentionImportView)
    @action(detail=True, methods=["post"], parser_classes=[StrictJSONParser])
    def cancel(self, _request: Request, **_: Any) -> Response:
        """Read no further. What was stored stays. 409 when it is over."""
        return self.show(cancel_import(import_id=self.subject().pk, **self.read(Because), **self.told))
