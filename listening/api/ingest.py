"""The delivery of mentions. The body is not decoded until the source is known and the caller may deliver to it."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.http.parser import MalformedJSON, TooLarge, read_body
from core.http.shapes import Shape
from core.refusals import NotFound
from listening.actions import ingest_mentions
from listening.ingest import MOST_BYTES, read_items
from listening.models import MentionKind, Source
from permissions.needs import Need
from permissions.viewset import HouseViewSet


@dataclass(frozen=True, slots=True)
class Batch:
    """The bytes of a delivery, and whether they are NDJSON."""

    raw: bytes
    lines: bool


GZIP = 16 + zlib.MAX_WBITS
PIECE = 64 * 1024


def unzipped(stream: IO[Any], *, max_bytes: int) -> bytes:
    """The bytes of a gzip stream, unpacked piece by piece and never more than `max_bytes` of them.

    Raises TooLarge (413) as soon as there is more on either side, MalformedJSON (400) for what is broken or cut off.
    """
    told = bytearray()
    unzip = zlib.decompressobj(GZIP)
    try:
        for packed in _pieces(stream, max_bytes):
            waiting = packed
            while waiting:
                if unzip.eof:  # one file after the other is one file
                    unzip = zlib.decompressobj(GZIP)
                told += unzip.decompress(waiting, max_bytes + 1 - len(told))
                if len(told) > max_bytes:
                    raise TooLarge(max_bytes=max_bytes)
                waiting = unzip.unused_data or unzip.unconsumed_tail
    except zlib.error as problem:
        raise MalformedJSON(f"The body is not gzip: {problem}.") from None
    if not unzip.eof:
        raise MalformedJSON("The gzip stream ends too early.")
    return bytes(told)


def _pieces(stream: IO[Any], max_bytes: int) -> Iterator[bytes]:
    """What comes in, as it comes: whatever length was declared."""
    left = max_bytes
    while piece := stream.read(min(PIECE, left + 1)):
        left -= len(piece)
        if left < 0:
            raise TooLarge(max_bytes=max_bytes)
        yield piece


class BatchParser(BaseParser):
    """Reads a JSON array of mentions, at most 5 MB and perhaps in gzip, and leaves the decoding to the view."""

    media_type = "application/json"
    lines: ClassVar[bool] = False

    def parse(  # type: ignore[override] # a batch is neither a mapping nor a form
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Batch:
        request = (parser_context or {}).get("request")
        meta: Mapping[str, str] = request.META if request is not None else {}
        if meta.get("HTTP_CONTENT_ENCODING", "").strip().lower() in {"gzip", "x-gzip"}:
            stream, request = io.BytesIO(unzipped(stream, max_bytes=MOST_BYTES)), None
        return Batch(read_body(stream, media_type or "", request, max_bytes=MOST_BYTES), self.lines)


class LinesParser(BatchParser):
    """Reads one JSON object a line."""

    media_type = "application/x-ndjson"
    lines = True


def _batch(request: Request) -> Batch:
    """What a parser made of the body; an empty body is an empty batch, and no parser is asked."""
    said: Any = request.data
    return said if isinstance(said, Batch) else Batch(b"[]", lines=False)


class Delivery(Shape):
    source = serializers.UUIDField(help_text="Where the mentions come from.")  # type: ignore[assignment]


class AuthorShape(Shape):
    handle = serializers.CharField(max_length=200, default="", help_text="Empty when the source does not tell.")
    name = serializers.CharField(max_length=200, default="")
    followers = serializers.IntegerField(min_value=0, default=0)


class ItemShape(Shape):
    """One mention. For the API's description: the batch itself is read by a faster reader."""

    external_id = serializers.CharField(max_length=200, help_text="The network's id, unique within the source.")
    posted_at = serializers.DateTimeField(help_text="RFC 3339 with a time zone; not in the future.")
    text = serializers.CharField(help_text="Clipped at 10 000 characters.")
    author = AuthorShape(required=False)
    language = serializers.CharField(
        max_length=35, required=False, allow_null=True, help_text="What the network says; guessed when absent."
    )
    url = serializers.CharField(max_length=2_000, default="")
    kind = serializers.ChoiceField(choices=MentionKind.choices, default="post")
    in_reply_to = serializers.CharField(max_length=200, default="", help_text="Another external id.")
    edited_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="The network's instant of this version; the latest version stays."
    )
    network = serializers.CharField(max_length=20, default="", help_text="As in `mastodon`; else the source's.")
    country = serializers.CharField(max_length=2, default="", help_text="ISO 3166-1, two capital letters.")
    deleted = serializers.BooleanField(
        default=False,
        help_text="Gone at the network: text and author are emptied, the count stays; only the id is needed then.",
    )
    deleted_at = serializers.DateTimeField(required=False, allow_null=True)


class CountsView(serializers.Serializer[Any]):
    """What became of the items; all but `matched` add up to what was delivered."""

    new = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Stored before, or twice in this batch.")
    edited = serializers.IntegerField(help_text="Stored before, and replaced by a newer version.")
    deleted = serializers.IntegerField(help_text="Emptied, because they are gone at the network.")
    unmatched = serializers.IntegerField(help_text="Not what the source's query asks for, and not stored.")
    expired = serializers.IntegerField(help_text="Older than the brand keeps mentions, and not stored.")
    matched = serializers.IntegerField(help_text="Stored now or before: new, known and edited.")


class Ingest(HouseViewSet):
    """Mentions come in here."""

    sees = Need.MENTIONS_INGEST
    needs: ClassVar[Any] = {"create": Need.MENTIONS_INGEST}
    parser_classes = [BatchParser, LinesParser]
    serializer_class = CountsView
    pagination_class = None

    def rows(self) -> Any:
        return Source.objects.all()

    def spoken(self, request: Request) -> Any:
        return _batch(request).raw

    @extend_schema(
        operation_id="mentions_ingest",
        parameters=[Delivery],
        request={"application/json": ItemShape(many=True), "application/x-ndjson": ItemShape},
        responses={200: CountsView},
    )
    def create(self, request: Request, **_: Any) -> Response:
        """Deliver a batch of mentions, whole or not at all.

        At most 5 000 items and 5 MB, as a JSON array or as NDJSON (one object a line), plain or with
        `Content-Encoding: gzip`; unpacked it is no larger. A single bad item refuses the batch, and `errors` names each
        bad field by its place, as in `3.author.followers`. Delivering again changes nothing: a mention is known by its
        source and external id. A paused source refuses with `source_paused`, an ended one with `source_ended`.
        """
        source = self.get_queryset().filter(pk=self.asked(Delivery)["source"]).first()
        if source is None:
            raise NotFound
        batch = _batch(request)
        items = read_items(batch.raw, lines=batch.lines, at=self.now)
        counts = ingest_mentions(source_id=source.pk, items=items, **self.told)
        return Response(CountsView(counts).data)
