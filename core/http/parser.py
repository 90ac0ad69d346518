"""The one way in for JSON: what the rest of the house may rely on is checked here, before any serializer looks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any, ClassVar

from rest_framework.parsers import BaseParser

from core.refusals import Refusal

MEGABYTE = 1024 * 1024
SMALLEST, LARGEST = -(2**63), 2**63 - 1
# 64 characters hold every double and every amount of money; longer ones only cost time.
LONGEST_NUMBER = 64

# A string ends at its quote or, unfinished, at the end of the text; so every quote matches and the scan is linear.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
# Strict UTF-8 has no lone surrogates and strict JSON no bare NUL, so bad text can come from an escape only.
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_BAD_TEXT = re.compile("[\x00\ud800-\udfff]")


class TooLarge(Refusal):
    """The body is larger than this route accepts."""

    code = "too_large"
    status = 413
    title = "The body is too large."


class UnsupportedBody(Refusal):
    """The body is in an encoding that we do not read."""

    code = "unsupported_media_type"
    status = 415
    title = "Send UTF-8 JSON that is not compressed."


class MalformedJSON(Refusal):
    """The body is not JSON."""

    code = "malformed_json"
    status = 400
    title = "The body is not valid JSON."


class TooDeep(Refusal):
    """The body nests deeper than anything this API speaks of."""

    code = "too_deep"
    status = 400
    title = "The body is nested too deeply."


class TooManyKeys(Refusal):
    """The body holds more keys than anything this API speaks of."""

    code = "too_many_keys"
    status = 400
    title = "The body has too many keys."


class DuplicateKey(Refusal):
    """An object names a key twice, and two readers could see two different requests."""

    code = "duplicate_key"
    status = 400
    title = "A key appears twice in one object."


class BadNumber(Refusal):
    """A number that does not fit 64 bits or a finite double, or has too many digits."""

    code = "bad_number"
    status = 400
    title = "A number is out of range."


class BadText(Refusal):
    """A text with a NUL or half a surrogate pair, which no database stores."""

    code = "bad_text"
    status = 400
    title = "A text holds a character that cannot be stored."


class _Bad:
    """Stands in the decoded value where something wrong was read, until its path is known."""

    def __init__(self, refusal: Refusal, key: str | None = None) -> None:
        self.refusal = refusal
        self.key = key


class _Reading:
    """The hooks of one decoding and what they noticed."""

    def __init__(self, max_keys: int) -> None:
        self.max_keys = max_keys
        self.keys = 0
        self.found_bad = False

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Bad:
        self.keys += len(pairs)
        if self.keys > self.max_keys:
            raise TooManyKeys(max_keys=self.max_keys)
        value = dict(pairs)
        if len(value) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            return self._bad(DuplicateKey(), key=twice)
        return value

    def integer(self, digits: str) -> int | _Bad:
        # The length first: reading very long integers is slow, and Python refuses it with another error.
        if len(digits) > LONGEST_NUMBER or not SMALLEST <= (number := int(digits)) <= LARGEST:
            return self._bad(BadNumber("Integers must fit 64 bits."))
        return number

    def fraction(self, digits: str) -> float | _Bad:
        if len(digits) > LONGEST_NUMBER or not math.isfinite(number := float(digits)):
            return self._bad(BadNumber(f"Numbers must be finite and at most {LONGEST_NUMBER} characters long."))
        return number

    def constant(self, name: str) -> _Bad:
        return self._bad(BadNumber(f"{name} is not a number that JSON knows."))

    def _bad(self, refusal: Refusal, key: str | None = None) -> _Bad:
        self.found_bad = True
        return _Bad(refusal, key)


def strict_json(raw: bytes, *, max_depth: int = 32, max_keys: int = 2_000) -> Any:
    """Decode a JSON document (RFC 8259, UTF-8) without any of the liberties that readers usually take.

    Raises a Refusal (400): `malformed_json`, `too_deep`, `too_many_keys`, `duplicate_key`, `bad_number`, `bad_text`;
    where a place can be named, the fact `field` is its path, as in `items.3.text`.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise MalformedJSON("The body is not UTF-8.", position=problem.start) from problem
    _refuse_deep(text, max_depth)
    reading = _Reading(max_keys)
    try:
        value = json.loads(
            text,
            object_pairs_hook=reading.object,
            parse_int=reading.integer,
            parse_float=reading.fraction,
            parse_constant=reading.constant,
        )
    except json.JSONDecodeError as problem:
        raise MalformedJSON(
            f"The body is not valid JSON: {problem.msg}.", line=problem.lineno, column=problem.colno
        ) from problem
    if reading.found_bad or _SUSPECT_ESCAPE.search(text):
        _refuse_bad(value, ())
    return value


def _refuse_deep(text: str, max_depth: int) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > max_depth:
            raise TooDeep(max_depth=max_depth)


def _refuse_bad(value: Any, path: tuple[str, ...]) -> None:
    """Raise the first refusal found in `value`, in document order, with its path."""
    if isinstance(value, _Bad):
        value.refusal.facts["field"] = ".".join(path if value.key is None else (*path, _shown(value.key)))
        raise value.refusal
    if isinstance(value, str) and _BAD_TEXT.search(value):
        raise BadText(field=".".join(path))
    if isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_bad(item, (*path, str(index)))
    elif isinstance(value, dict):
        for key, item in value.items():
            if _BAD_TEXT.search(key):
                raise BadText("A key holds a character that cannot be stored.", field=".".join((*path, _shown(key))))
            _refuse_bad(item, (*path, key))


def _shown(key: str) -> str:
    """A key as it may be repeated in an answer."""
    return _BAD_TEXT.sub("\N{REPLACEMENT CHARACTER}", key[:100])


class StrictJSONParser(BaseParser):
    """Reads `application/json`; anything else is 415. Routes that take more subclass it and say how much."""

    media_type = "application/json"
    max_bytes: ClassVar[int] = MEGABYTE
    max_depth: ClassVar[int] = 32
    max_keys: ClassVar[int] = 2_000

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {}).get("request")
        return self.decode(read_body(stream, media_type or "", request, max_bytes=self.max_bytes))

    def decode(self, raw: bytes) -> Any:
        return strict_json(raw, max_depth=self.max_depth, max_keys=self.max_keys)


def read_body(stream: IO[Any], media_type: str, request: Any, *, max_bytes: int) -> bytes:
    """Read a whole body of at most `max_bytes`, whatever length was declared.

    Raises TooLarge (413) as soon as that is known, and UnsupportedBody (415) for a compressed body or one that is
    not UTF-8. For parsers of other media types too.
    """
    declared = Message()
    declared["Content-Type"] = media_type
    if declared.get_content_charset("utf-8") not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedBody("Text must be UTF-8.")
    meta: Mapping[str, str] = request.META if request is not None else {}
    if meta.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in {"", "identity"}:
        raise UnsupportedBody("Bodies must not be compressed.")
    length = meta.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise TooLarge(max_bytes=max_bytes)
    chunks = bytearray()
    while chunk := stream.read(min(64 * 1024, max_bytes + 1 - len(chunks))):
        chunks += chunk
        if len(chunks) > max_bytes:
            raise TooLarge(max_bytes=max_bytes)
    return bytes(chunks)
