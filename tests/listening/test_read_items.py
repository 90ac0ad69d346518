"""The ingest format: what is read, and how each thing that is wrong is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from core.http.parser import MalformedJSON, TooDeep
from core.refusals import Invalid
from listening.ingest import MOST_ITEMS, NOBODY, Item, TooManyItems, newest_versions, read_items
from tests.listening.mentions import NOON, lines, mention

AT = NOON + timedelta(minutes=1)


def read(said: Any, *, as_lines: bool = False) -> list[Item]:
    raw = said if isinstance(said, bytes) else lines(said) if as_lines else json.dumps(said).encode()
    items = read_items(raw, lines=as_lines, at=AT)
    assert all(isinstance(item, Item) for item in items), "a deletion among them"
    return cast("list[Item]", items)


def wrong(said: Any, *, as_lines: bool = False) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        read(said, as_lines=as_lines)
    return [(error["field"], error["code"]) for error in refused.value.facts["errors"]]


def bad(**said: Any) -> dict[str, Any]:
    return mention(1, **said)


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in mention(1).items() if name != field}


@pytest.mark.parametrize("as_lines", [False, True])
def test_a_batch_is_read_in_order(as_lines: bool) -> None:
    read_ones = read([mention(0), mention(1, kind="reply", in_reply_to="m-0")], as_lines=as_lines)
    assert [item.external_id for item in read_ones] == ["m-0", "m-1"]
    assert read_ones[0].posted_at == NOON
    assert read_ones[0].author.followers == 100
    assert read_ones[1].in_reply_to == "m-0"


def test_only_id_time_and_text_must_be_said() -> None:
    [item] = read([{"external_id": "a", "posted_at": "2026-03-02T13:00:00+01:00", "text": ""}])
    assert item.author == NOBODY
    assert (item.kind, item.url, item.language, item.edited_at) == ("post", "", None, None)
    assert item.posted_at.astimezone(UTC) == NOON


def test_empty_batches_are_read() -> None:
    assert read([]) == []
    assert read(b"", as_lines=True) == []
    assert read(b"\n \r\n", as_lines=True) == []


@pytest.mark.parametrize(
    ("said", "field", "code"),
    [
        (without("text"), "1.text", "required"),
        (without("external_id"), "1.external_id", "required"),
        (bad(mood="angry"), "1.mood", "unknown_field"),
        (bad(author={"handle": "x", "age": 5}), "1.author.age", "unknown_field"),
        (bad(author={"followers": "many"}), "1.author.followers", "wrong_type"),
        (bad(author={"followers": -1}), "1.author.followers", "out_of_range"),
        (bad(author={"followers": 10**30}), "1.author.followers", "out_of_range"),
        (bad(author=None), "1.author", "wrong_type"),
        (bad(external_id=""), "1.external_id", "length"),
        (bad(external_id="x" * 201), "1.external_id", "length"),
        (bad(external_id="a\x00b"), "1.external_id", "bad_text"),
        (bad(text=5), "1.text", "wrong_type"),
        (bad(kind="shout"), "1.kind", "invalid_choice"),
        (bad(posted_at="yesterday"), "1.posted_at", "invalid"),
        (bad(posted_at="2026-03-02T12:00:00"), "1.posted_at", "no_time_zone"),
        (bad(posted_at=1772452800), "1.posted_at", "wrong_type"),
        (bad(posted_at="0001-01-01T00:00:00+14:00"), "1.posted_at", "out_of_range"),
        (bad(posted_at="2026-03-02T12:30:00Z"), "1.posted_at", "in_future"),
        (bad(edited_at="2036-03-02T12:30:00Z"), "1.edited_at", "out_of_range"),
        (bad(url="javascript:alert(1)"), "1.url", "invalid_url"),
        (bad(language="en US"), "1.language", "invalid"),
        ("a text", "1", "wrong_type"),
        (None, "1", "wrong_type"),
    ],
)
def test_each_mistake_is_named_by_its_place(said: Any, field: str, code: str) -> None:
    assert wrong([mention(0), said, mention(2)]) == [(field, code)]
    assert wrong([mention(0), said, mention(2)], as_lines=True) == [(field, code)]


def test_every_bad_item_is_named_not_the_first_one_only() -> None:
    batch = [mention(0), bad(text=5), mention(2), without("text"), bad(posted_at="2026-03-02T12:30:00Z")]
    assert wrong(batch) == [("1.text", "wrong_type"), ("3.text", "required"), ("4.posted_at", "in_future")]


def test_two_mistakes_that_only_a_reader_sees_are_both_named() -> None:
    assert wrong([bad(url="ftp://x", posted_at="2026-03-02T12:30:00Z")]) == [
        ("0.posted_at", "in_future"),
        ("0.url", "invalid_url"),
    ]


def test_at_most_a_hundred_mistakes_are_listed() -> None:
    assert len(wrong([bad(text=5)] * 500)) == 100
    assert len(wrong([bad(url="ftp://x")] * 500)) == 100


def test_more_items_than_allowed_are_refused() -> None:
    with pytest.raises(TooManyItems) as refused:
        read([mention(0)] * (MOST_ITEMS + 1))
    assert refused.value.facts == {"items": MOST_ITEMS + 1, "most": MOST_ITEMS}


@pytest.mark.parametrize("raw", [b"[1, 2", b"nonsense", b"[] []", b"", b"\xff\xfe", b"[{'a': 1}]"])
def test_what_is_not_json_is_refused_as_such(raw: bytes) -> None:
    with pytest.raises(MalformedJSON):
        read_items(raw, lines=False, at=AT)


@pytest.mark.parametrize("raw", [b"{}", b'"text"', b"7", b"null"])
def test_what_is_no_array_is_refused_as_such(raw: bytes) -> None:
    assert wrong(raw) == [("", "wrong_type")]


def test_a_broken_line_of_ndjson_is_named_and_so_are_the_others() -> None:
    raw = lines([mention(0)]) + b'{"external_id": \n' + b"\xff\n" + lines([bad(text=5)])
    assert wrong(raw, as_lines=True) == [("1", "malformed_json"), ("2", "malformed_json"), ("3.text", "wrong_type")]


def test_endless_nesting_is_refused() -> None:
    deep = b'[{"external_id": "a", "posted_at": "2026-03-02T12:00:00Z", "text": ' + b"[" * 200_000
    with pytest.raises((TooDeep, Invalid)):
        read_items(deep, lines=False, at=AT)
    assert wrong(b'{"x": ' + b"[" * 200_000, as_lines=True) in (
        [("0", "too_deep")],
        [("0", "malformed_json")],
        [("0.x", "unknown_field")],
    )


def test_half_a_surrogate_pair_is_read_as_the_replacement_character() -> None:
    raw = rb'[{"external_id": "a", "posted_at": "2026-03-02T12:00:00Z", "text": "\ud83d\ude00 \ud83d \\ud83d \udc00"}]'
    [item] = read_items(raw, lines=False, at=AT)
    assert item.text == "\U0001f600 \ufffd \\ud83d \ufffd"


def test_of_two_versions_the_later_one_counts_wherever_it_stands() -> None:
    def version(text: str, edited_at: datetime | None) -> Item:
        return Item(external_id="a", posted_at=NOON, text=text, edited_at=edited_at)

    early, late = NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)
    assert newest_versions([version("b", late), version("a", early)])["a"].text == "b"
    assert newest_versions([version("b", late), version("first", None)])["a"].text == "b"
    assert newest_versions([version("x", None), version("y", None)])["a"].text == "y"
    assert newest_versions([version("x", late), version("y", late)])["a"].text == "y"
