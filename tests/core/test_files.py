"""What files are is told by their content; pictures are made anew from their pixels; the rest is refused."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageSequence, PngImagePlugin

from core.files.contents import (
    CSV,
    DOCX,
    GIF,
    JPEG,
    PDF,
    PNG,
    TEXT,
    WEBP,
    XLSX,
    BrokenFile,
    UnknownKind,
    kind_of,
    safe_name,
)
from core.files.pictures import MOST_FRAMES, TooManyPixels, made_anew
from core.refusals import Refusal
from tests.files import (
    SECRET_PLACE,
    gif_of,
    jpeg_with_place,
    office_of,
    pdf_of,
    picture_of,
    png_with_place,
)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (picture_of("PNG"), PNG),
        (picture_of("JPEG"), JPEG),
        (picture_of("GIF"), GIF),
        (picture_of("WEBP"), WEBP),
        (pdf_of(), PDF),
        ("Grüße\nan alle\n".encode(), TEXT),
        (b"\xef\xbb\xbfname;count\nNorth;3\nSouth;4\n", CSV),
        (b"a,b\n1,2\n", CSV),
        (b"Dear all, we met.\nNobody came, sadly, and so on.\n", TEXT),
        (office_of("word"), DOCX),
        (office_of("xl"), XLSX),
    ],
)
def test_the_content_tells_the_kind(content: bytes, kind: str) -> None:
    assert kind_of(content) == kind


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"MZ\x90\x00 a program", "unknown_kind"),
        (b"\x7fELF\x02\x01", "unknown_kind"),
        (picture_of("BMP"), "unknown_kind"),
        (picture_of("TIFF"), "unknown_kind"),
        (b"caf\xe9 in an old alphabet", "unknown_kind"),
        (b"a\x00b", "unknown_kind"),
        (b" \n\t", "unknown_kind"),
        (b"%PDF-1.7 and no end", "broken_file"),
        (b"junk before %PDF-1.7\n%%EOF\x00", "unknown_kind"),
        (office_of("ppt"), "unknown_kind"),
        (office_of("word", macros=True), "unknown_kind"),
        (office_of("word", program=True), "unknown_kind"),
        (office_of("word")[:200], "broken_file"),
        (b"PK\x03\x04 something", "broken_file"),
    ],
)
def test_what_is_not_known_or_broken_is_refused_with_a_code(content: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        kind_of(content)
    assert refused.value.code == code


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(BrokenFile):
        kind_of(office_of("word", padding=101 * 1024 * 1024))


def test_a_zip_with_something_else_in_it_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("index.html", "<script>alert(1)</script>")
    with pytest.raises(UnknownKind):
        kind_of(out.getvalue())


@pytest.mark.parametrize("make", [png_with_place, jpeg_with_place])
def test_place_camera_comment_and_thumbnail_stay_outside(make: Callable[[], bytes]) -> None:
    content = make()
    assert SECRET_PLACE in content
    with Image.open(io.BytesIO(content)) as before:
        assert before.getexif()
    picture = made_anew(content, kind_of(content))
    assert SECRET_PLACE not in picture.content
    with Image.open(io.BytesIO(picture.content)) as after:
        assert not after.getexif()
        assert {"exif", "icc_profile", "comment", "xmp", "Author"} & set(after.info) == set()
        assert after.size == (picture.width, picture.height)


def test_a_picture_stands_upright_once_nothing_says_how_to_turn_it() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    out = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(out, "JPEG", exif=exif)
    picture = made_anew(out.getvalue(), JPEG)
    assert (picture.width, picture.height) == (20, 40)


def test_the_colours_of_another_profile_are_brought_over() -> None:
    """A profile that swaps nothing, but is not sRGB: Lab comes as near to it as a test can make by itself."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    Image.new("RGB", (4, 4), (200, 30, 40)).save(out, "PNG", icc_profile=profile)
    picture = made_anew(out.getvalue(), PNG)
    with Image.open(io.BytesIO(picture.content)) as after:
        red, green, blue = after.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
        assert "icc_profile" not in after.info
    assert abs(red - 200) < 4
    assert abs(green - 30) < 4
    assert abs(blue - 40) < 4


@pytest.mark.parametrize(
    ("content", "kind"),
    [(gif_of(b"<script>alert(document.domain)</script>"), GIF), (picture_of("PNG") + b"<html><script>", PNG)],
)
def test_what_hides_in_or_behind_a_picture_stays_outside(content: bytes, kind: str) -> None:
    assert b"<script>" in content
    assert b"<script>" not in made_anew(content, kind).content


def test_a_picture_that_is_also_a_page_is_only_a_picture() -> None:
    """GIF89a/*…*/=… is a valid script, and a valid picture to lax readers."""
    content = b"GIF89a/*" + gif_of(b"*/=1;alert(1)//<html>")[8:]
    assert b"alert" not in made_anew(content, kind_of(content)).content


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_what_moves_goes_on_moving(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0)
    picture = made_anew(out.getvalue(), GIF if kind == "GIF" else WEBP)
    with Image.open(io.BytesIO(picture.content)) as after:
        shown = []
        for frame in ImageSequence.Iterator(after):
            frame.load()
            shown.append(round(frame.info["duration"], -1))
    assert shown == [100, 200, 300]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_way_to_say_a_colour_is_understood(mode: str) -> None:
    image = Image.new(mode, (6, 6), 65_535) if mode == "I;16" else Image.new("L", (6, 6), 255).convert(mode)
    out = io.BytesIO()
    image.save(out, "PNG")
    picture = made_anew(out.getvalue(), PNG)
    with Image.open(io.BytesIO(picture.content)) as after:
        assert after.convert("L").getpixel((0, 0)) == 255


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that unpacks to width x height pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packer = zlib.compressobj(9)
    row = b"\x00" + bytes((width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(min(height, 20_000))) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(5_001, 5_000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_before_it_is_unpacked(size: tuple[int, int]) -> None:
    with pytest.raises(TooManyPixels) as refused:
        made_anew(bomb(size[0], min(size[1], 20_000)) if size[0] <= 20_000 else claiming(size), PNG)
    assert refused.value.facts["most"] == 25_000_000


def claiming(size: tuple[int, int]) -> bytes:
    content = bytearray(picture_of("PNG"))
    content[16:24] = struct.pack(">II", *size)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return bytes(content)


def test_a_picture_of_too_many_frames_is_refused() -> None:
    frames = [Image.new("P", (1, 1), number % 2) for number in range(MOST_FRAMES + 2)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=10, optimize=False)
    with Image.open(io.BytesIO(out.getvalue())) as image:
        if image.n_frames <= MOST_FRAMES:  # type: ignore[attr-defined] # of a GIF
            pytest.skip("the writer has put frames together")
    with pytest.raises(TooManyPixels):
        made_anew(out.getvalue(), GIF)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_half_a_picture_is_refused(kind: str) -> None:
    content = picture_of(kind, size=(64, 64))
    with pytest.raises(BrokenFile):
        made_anew(content[: len(content) // 2], kind_of(content))


def test_a_text_of_a_picture_that_unpacks_to_too_much_is_refused() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 5_000_000, zip=True)
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG", pnginfo=info)
    with pytest.raises(BrokenFile):
        made_anew(out.getvalue(), PNG)


@pytest.mark.parametrize(
    ("said", "kind", "name"),
    [
        ("evidence.png", PNG, "evidence.png"),
        ("evidence.html", PNG, "evidence.html.png"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\temp\\photo.JPG", JPEG, "photo.JPG"),
        ("a\u202egnp.exe", PNG, "agnp.exe.png"),
        ("  ...  ", PDF, "file.pdf"),
        ("", CSV, "file.csv"),
        (".png", PNG, "png.png"),
        ('a"b\r\nX: y.pdf', PDF, "abX y.pdf"),
        ("x" * 300 + ".png", PNG, "x" * 116 + ".png"),
    ],
)
def test_a_name_is_cleaned_and_ends_as_its_content_is(said: str, kind: str, name: str) -> None:
    assert safe_name(said, kind) == name


def test_a_name_says_nothing_of_the_kind() -> None:
    wrong: dict[str, Any] = {"photo.png": pdf_of(), "report.pdf": picture_of("PNG")}
    assert {name: kind_of(content) for name, content in wrong.items()} == {"photo.png": PDF, "report.pdf": PNG}
