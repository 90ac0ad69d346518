"""Real files for tests, made when they are needed."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from typing import Any
from uuid import uuid4

from PIL import Image, PngImagePlugin

SECRET_PLACE = b"Camera of Claire at 59.9139N"
_MAIN = {
    "word": ("word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"),
    "xl": ("xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"),
    "ppt": ("ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.main+xml"),
}


def picture_of(kind: str, *, size: tuple[int, int] = (12, 8), colour: str = "red", **said: Any) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", size, colour)
    for place in range(min(size)):
        image.putpixel((place, place), (place % 256, 200, 100))
    image.save(out, kind, **said)
    return out.getvalue()


def place() -> Image.Exif:
    """The camera's own words, and where it stood."""
    exif = Image.Exif()
    exif[0x010F] = SECRET_PLACE.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (59.0, 54.0, 50.0), 3: "E", 4: (10.0, 45.0, 8.0)})
    return exif


def png_with_place() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Claire")
    info.add_text("Comment", "not for the public", zip=True)
    return picture_of("PNG", exif=place(), pnginfo=info)


def jpeg_with_place() -> bytes:
    return picture_of("JPEG", exif=place(), comment=b"not for the public")


def gif_of(comment: bytes) -> bytes:
    return picture_of("GIF", comment=comment)


@cache
def pdf_of() -> bytes:
    """The same each time: the writer notes when it wrote."""
    out = io.BytesIO()
    Image.new("RGB", (10, 10), "blue").save(out, "PDF")
    return out.getvalue()


def office_of(kind: str, *, macros: bool = False, program: bool = False, padding: int = 0) -> bytes:
    part, content_type = _MAIN[kind]
    if macros:
        content_type = content_type.replace("document.main", "document.macroEnabled.main")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        listed = f'<Types><Override PartName="/{part}" ContentType="{content_type}"/></Types>'
        package.writestr("[Content_Types].xml", listed)
        package.writestr(part, "<w/>")
        if program:
            package.writestr("word/vbaProject.bin", b"program")
        if padding:
            package.writestr("word/media/image1.bin", bytes(padding))
    return out.getvalue()


def form_of(content: bytes | None, *, filename: str = "file.bin", kind: str = "", **texts: str) -> dict[str, Any]:
    """A body of multipart/form-data: the keyword arguments of `tests.cast.send` for it."""
    line = uuid4().hex
    parts = [
        f'--{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in texts.items()
    ]
    if content is not None:
        head = f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        head += f"Content-Type: {kind or 'application/octet-stream'}\r\n\r\n"
        parts.append(head.encode() + content + b"\r\n")
    parts.append(f"--{line}--\r\n".encode())
    return {"body": b"".join(parts), "Content_Type": f"multipart/form-data; boundary={line}"}
