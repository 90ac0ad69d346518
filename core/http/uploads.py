"""The one way in for files, `multipart/form-data` with one file in it, and the one way out: as an attachment."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import IO, Any, ClassVar, Protocol

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import FileResponse
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from core.files.store import opened
from core.http.parser import read_body
from core.refusals import Refusal

FILE = "file"  # the name of the one part that is a file
OVERHEAD = 64 * 1024  # bytes for the other parts and the lines between them
MOST_PARTS = 20
# A browser that opens it all the same runs nothing in it and fetches nothing for it.
ATTACHED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


class MalformedUpload(Refusal):
    code = "malformed_upload"
    status = 400
    title = "Send multipart/form-data with one part named `file`, and each other part once."


class _InMemory(MemoryFileUploadHandler):
    """Keeps what is read anyway in memory: a file never lies in a temporary folder."""

    def handle_raw_input(self, *_: Any, **__: Any) -> None:
        self.activated = True


class UploadParser(BaseParser):
    """Reads `multipart/form-data` of at most FILE_MAX_BYTES and a little: texts by name, and the file as `file`."""

    media_type = "multipart/form-data"
    max_bytes: ClassVar[int | None] = None  # of the file; None: as the settings say

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        request = (parser_context or {})["request"]
        most = settings.FILE_MAX_BYTES if self.max_bytes is None else self.max_bytes
        raw = read_body(stream, media_type or "", request, max_bytes=most + OVERHEAD)
        meta = {**request.META, "CONTENT_TYPE": media_type or "", "CONTENT_LENGTH": str(len(raw))}
        try:
            texts, files = MultiPartParser(meta, io.BytesIO(raw), [_InMemory(request._request)], "utf-8").parse()
        except (MultiPartParserError, UnicodeDecodeError) as problem:
            raise MalformedUpload from problem
        if list(files) not in ([FILE], []) or FILE in texts or len(texts) + len(files) > MOST_PARTS:
            raise MalformedUpload
        if any(len(said) != 1 for _, said in [*texts.lists(), *files.lists()]):
            raise MalformedUpload
        return {**texts.dict(), **files.dict()}


def content_of(upload: UploadedFile[Any]) -> bytes:
    """All of an uploaded file; its size was limited when it was read."""
    upload.seek(0)
    content: bytes = upload.read()
    return content


def spoken(request: Request) -> Any:
    """What an upload says, for telling a repeated request from another one: the file counts by its content."""
    said: Any = request.data
    if not isinstance(said, dict):
        return said
    return {
        name: hashlib.sha256(content_of(part)).hexdigest() if isinstance(part, UploadedFile) else part
        for name, part in said.items()
    }


class Anything(BaseRenderer):
    """For routes that answer with a file: whatever media type the caller would take."""

    media_type = "*/*"
    format = "file"

    def render(self, data: Any, *_: Any, **__: Any) -> Any:
        return data


class Stored(Protocol):
    """What lies in the store of files: where, of which media type, with which digest."""

    path: Any
    kind: Any
    sha256: Any


def attached(file: Stored, *, name: str) -> FileResponse:
    """A file as an answer: to be saved under that name, never to be shown, whatever its kind.

    Raises FileUnavailable (503).
    """
    headers = {**ATTACHED, "ETag": f'"{file.sha256}"'}
    return FileResponse(opened(file.path), as_attachment=True, filename=name, content_type=file.kind, headers=headers)
