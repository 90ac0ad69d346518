"""What the rest of the house may rely on once a body is decoded."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.parser import (
    MEGABYTE,
    BadNumber,
    BadText,
    DuplicateKey,
    MalformedJSON,
    StrictJSONParser,
    TooDeep,
    TooLarge,
    TooManyKeys,
    UnsupportedBody,
    strict_json,
)
from core.refusals import Refusal

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=20
)
JSON_LIKE = st.text('{}[]",:\\u0d8nul tre1-.eE+\n', max_size=60)


class Trickle(io.RawIOBase):
    """A body of unknown length that counts how much of it was read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.read_so_far = 0

    def read(self, size: int = -1) -> bytes:
        got = min(self.left, self.left if size < 0 else size)
        self.left -= got
        self.read_so_far += got
        return b" " * got


def parse(raw: bytes, content_type: str = "application/json", **meta: str) -> Any:
    request = SimpleNamespace(META=meta)
    return StrictJSONParser().parse(io.BytesIO(raw), content_type, {"request": request})


@given(VALUES)
def test_what_json_can_say_arrives_unchanged(value: Any) -> None:
    assert strict_json(json.dumps(value).encode(), max_depth=1_000) == value
    assert strict_json(json.dumps(value, ensure_ascii=False).encode(), max_depth=1_000) == value


@given(st.binary(max_size=200) | JSON_LIKE.map(str.encode))
def test_any_bytes_are_either_read_as_python_reads_them_or_refused(raw: bytes) -> None:
    try:
        value = strict_json(raw)
    except Refusal:
        return
    assert value == json.loads(raw)


@given(st.text(st.characters(), max_size=5) | st.text("a\x00\ud83d\ude00", max_size=5), st.integers(0, 3))
def test_no_text_with_a_nul_or_half_a_pair_gets_in(text: str, where: int) -> None:
    body: Any = [text, {"a": text}, {text: 1}, [[text]]][where]
    # Two escaped halves that stand side by side arrive as one character.
    arriving = json.loads(json.dumps(text))
    storable = "\x00" not in arriving and not any("\ud800" <= character <= "\udfff" for character in arriving)
    try:
        strict_json(json.dumps(body).encode())
    except BadText:
        assert not storable
    else:
        assert storable


@pytest.mark.parametrize(
    ("raw", "refused", "facts"),
    [
        (b'{"items": [{"text": "a\\u0000b"}]}', BadText, {"field": "items.0.text"}),
        (b'["ok", "\\ud83d"]', BadText, {"field": "1"}),
        (b'{"a": {"k\\udc00": 1}}', BadText, {"field": "a.k\N{REPLACEMENT CHARACTER}"}),
        (b'{"a": [{"b": 1, "b": 2}]}', DuplicateKey, {"field": "a.0.b"}),
        (b'{"a": {"b": 1}, "a": {"b": 1}}', DuplicateKey, {"field": "a"}),
        (b'{"a": 1, "\\u0061": 2}', DuplicateKey, {"field": "a"}),
        (b'{"n": 9223372036854775808}', BadNumber, {"field": "n"}),
        (b'{"n": -9223372036854775809}', BadNumber, {"field": "n"}),
        (b'{"n": ' + b"9" * 100_000 + b"}", BadNumber, {"field": "n"}),
        (b'{"n": 0.' + b"1" * 100_000 + b"}", BadNumber, {"field": "n"}),
        (b'{"n": [1, 1e999]}', BadNumber, {"field": "n.1"}),
        (b'{"n": NaN}', BadNumber, {"field": "n"}),
        (b"-Infinity", BadNumber, {"field": ""}),
        (b"[" * 33 + b"]" * 33, TooDeep, {"max_depth": 32}),
        (b"[" * 100_000, TooDeep, {"max_depth": 32}),
        (b'{"a":' * 100_000, TooDeep, {"max_depth": 32}),
        (json.dumps(dict.fromkeys(map(str, range(2_001)))).encode(), TooManyKeys, {"max_keys": 2_000}),
        (json.dumps([{"a": 1}] * 2_001).encode(), TooManyKeys, {"max_keys": 2_000}),
        (b"", MalformedJSON, {"line": 1, "column": 1}),
        (b'{"a": 1,}', MalformedJSON, {"line": 1, "column": 9}),
        (b'{"a": 1} {"b": 2}', MalformedJSON, {"line": 1, "column": 10}),
        (b"{'a': 1}", MalformedJSON, {"line": 1, "column": 2}),
        (b'"raw \x01 control"', MalformedJSON, {"line": 1, "column": 6}),
        (b'"raw \x00 nul"', MalformedJSON, {"line": 1, "column": 6}),
        (b'\xef\xbb\xbf{"a": 1}', MalformedJSON, {"line": 1, "column": 1}),
        (b'{"a": "\xff"}', MalformedJSON, {"position": 7}),
        (b'{"a": "\xed\xa0\x80"}', MalformedJSON, {"position": 7}),
    ],
    ids=str,
)
def test_a_liberty_is_refused_and_its_place_is_named(raw: bytes, refused: type[Refusal], facts: dict[str, Any]) -> None:
    with pytest.raises(refused) as refusal:
        strict_json(raw)
    assert refusal.value.facts == facts
    assert refusal.value.status == 400


def test_the_limits_themselves_are_allowed() -> None:
    assert strict_json(b"[" * 32 + b"]" * 32)
    assert len(strict_json(json.dumps(dict.fromkeys(map(str, range(2_000)))).encode())) == 2_000
    assert strict_json(b"[-9223372036854775808, 9223372036854775807]") == [-(2**63), 2**63 - 1]


def test_brackets_and_quotes_inside_texts_do_not_count() -> None:
    text = '[{"' * 100 + "\\"
    assert strict_json(json.dumps([text]).encode()) == [text]


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b'\\"' * (MEGABYTE // 2 - 1),
        b'"' * MEGABYTE,
        b"[],"[:2] + b"[]" * (MEGABYTE // 2 - 1),
        b"[" + b"0," * (MEGABYTE // 2 - 1),
        b'{"' + b"a" * (MEGABYTE - 2),
    ],
)
def test_a_hostile_megabyte_is_refused_in_linear_time(raw: bytes) -> None:
    started = time.process_time()
    with pytest.raises(Refusal):
        strict_json(raw)
    assert time.process_time() - started < 3


def test_a_body_is_refused_by_its_declared_length_before_it_is_read() -> None:
    stream: Any = Trickle(MEGABYTE)
    request = SimpleNamespace(META={"CONTENT_LENGTH": str(MEGABYTE + 1)})
    with pytest.raises(TooLarge) as refusal:
        StrictJSONParser().parse(stream, "application/json", {"request": request})
    assert refusal.value.status == 413
    assert stream.read_so_far == 0


def test_a_body_without_a_length_is_cut_off_at_the_limit() -> None:
    stream: Any = Trickle(100 * MEGABYTE)
    with pytest.raises(TooLarge):
        StrictJSONParser().parse(stream, "application/json", {"request": SimpleNamespace(META={})})
    assert stream.read_so_far == MEGABYTE + 1


def test_a_body_of_exactly_the_limit_is_read() -> None:
    raw = b'"' + b"a" * (MEGABYTE - 2) + b'"'
    assert len(parse(raw, CONTENT_LENGTH=str(len(raw)))) == MEGABYTE - 2


def test_a_subclass_may_take_more() -> None:
    class Wide(StrictJSONParser):
        max_bytes = 5 * MEGABYTE

    raw = b'"' + b"a" * (2 * MEGABYTE) + b'"'
    assert len(Wide().parse(io.BytesIO(raw), "application/json", {})) == 2 * MEGABYTE


def test_other_encodings_and_compressed_bodies_are_refused() -> None:
    assert parse(b"{}", "application/json; charset=UTF-8") == {}
    with pytest.raises(UnsupportedBody) as refusal:
        parse(b"{}", "application/json; charset=latin-1")
    assert refusal.value.status == 415
    with pytest.raises(UnsupportedBody):
        parse(b"\x1f\x8b", HTTP_CONTENT_ENCODING="gzip")
