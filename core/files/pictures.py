"""Pictures are made anew from their pixels: what else was in the file stays outside.

No place, camera or author, no thumbnail of what was cut away, no comment, no second file behind the first. Colours
are kept: those of another profile are brought into sRGB before the profile goes.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, ImageCms, ImageOps, ImageSequence

from core.files.contents import GIF, JPEG, PNG, WEBP, BrokenFile
from core.refusals import Refusal

FORMATS: Final = {PNG: "PNG", JPEG: "JPEG", GIF: "GIF", WEBP: "WEBP"}
MOST_PIXELS: Final = 25_000_000  # of one frame
MOST_PIXELS_IN_ALL: Final = 50_000_000  # of all frames of a picture that moves
MOST_FRAMES: Final = 500
JPEG_QUALITY: Final = 92
_BROKEN: Final = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, struct.error, zlib.error)


class TooManyPixels(Refusal):
    """Facts `most`: pixels of one frame; `most_in_all`: of all frames; `most_frames`."""

    code = "too_many_pixels"
    status = 413
    title = "This picture has too many pixels."

    def __init__(self) -> None:
        super().__init__(most=MOST_PIXELS, most_in_all=MOST_PIXELS_IN_ALL, most_frames=MOST_FRAMES)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture made anew: its bytes, of the kind that it was, and its size in pixels."""

    content: bytes
    width: int
    height: int


def made_anew(content: bytes, kind: str) -> Picture:
    """The same picture without anything but its pixels; `kind` is one of `FORMATS`.

    Raises TooManyPixels (413) before such a picture is unpacked, and BrokenFile (400).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[FORMATS[kind]]) as image:
                return _again(image, kind, lossless=content[12:16] == b"VP8L")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise TooManyPixels from problem
    except _BROKEN as problem:
        raise BrokenFile from problem


def _again(image: Image.Image, kind: str, *, lossless: bool) -> Picture:
    _refuse_large(image, 0)
    moves = kind in (GIF, PNG, WEBP) and getattr(image, "is_animated", False)
    if moves:
        frames, times = [], []
        for frame, milliseconds in _frames(image):
            frames.append(frame)
            times.append(milliseconds)
        said: dict[str, Any] = {
            "save_all": True,
            "append_images": frames[1:],
            "duration": times,
            "loop": image.info.get("loop", 0),
        }
        first = frames[0]
    else:
        first, said = _plain(image), {}
    if kind == JPEG:
        first, said = first.convert("L" if first.mode == "L" else "RGB"), {"quality": JPEG_QUALITY, "optimize": True}
    if kind == WEBP:
        said |= {"quality": JPEG_QUALITY, "lossless": lossless}
    out = io.BytesIO()
    first.save(out, FORMATS[kind], **said)
    return Picture(out.getvalue(), first.width, first.height)


def _frames(image: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    """Each frame whole, and for how many milliseconds it stands."""
    pixels = 0
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        pixels += frame.width * frame.height
        _refuse_large(frame, pixels)
        if number >= MOST_FRAMES:
            raise TooManyPixels
        yield _bare(frame.convert("RGBA")), int(frame.info.get("duration", 100) or 100)


def _refuse_large(image: Image.Image, in_all: int) -> None:
    if image.width * image.height > MOST_PIXELS or in_all > MOST_PIXELS_IN_ALL:
        raise TooManyPixels


def _plain(image: Image.Image) -> Image.Image:
    """Upright, in sRGB, in a mode that every kind can be written in, and with nothing hung on to it."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # sixteen bits of grey, of which the upper eight are seen
        upright = upright.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if upright.mode not in ("1", "L", "LA", "RGB", "RGBA"):
        has_holes = upright.mode in ("PA", "La", "RGBa") or "transparency" in upright.info
        upright = _in_srgb(upright, profile) if upright.mode == "CMYK" else upright
        upright = upright.convert("RGBA" if has_holes else "RGB")
    elif upright.mode in ("RGB", "RGBA"):
        upright = _in_srgb(upright, profile)
        if "transparency" in upright.info:
            upright = upright.convert("RGBA")
    return _bare(upright)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The colours that the profile means; those of a profile that cannot be read stay as they stand."""
    if not profile:
        return image
    mode = "RGB" if image.mode == "CMYK" else image.mode
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    return image if turned is None else turned


def _bare(image: Image.Image) -> Image.Image:
    """The pixels alone: what a writer would take over from the picture that was read stays behind."""
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    return bare
