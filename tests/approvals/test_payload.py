"""Payloads with media and slots: what they cover, and the digests of their parts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from approvals.payload import covers, deliveries_payload, digest_of, media_payload, parts_of
from approvals.slots import MOST_READINGS, fills
from core.refusals import Invalid

ONE, TWO = UUID(int=1), UUID(int=2)
PICTURE = {"sha256": "ab" * 32, "type": "image/png", "alt": "A red kettle"}
OTHER = {"sha256": "cd" * 32, "type": "image/png", "alt": "A blue kettle"}


def delivery(account: UUID = ONE, text: str = "Sorry.", language: str = "en", **more: Any) -> dict[str, Any]:
    return {"account": account, "language": language, "text": text, **more}


def payload(*deliveries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return media_payload(brand_id=ONE, deliveries=deliveries or (delivery(),), **more)


def test_it_says_language_and_media_of_each_account_in_one_order() -> None:
    given = [delivery(TWO, "Uzr.", "uz"), delivery(ONE, media=[PICTURE, OTHER])]
    made = payload(*given)
    assert made == {
        "format": 2,
        "brand": str(ONE),
        "deliveries": [
            {"account": str(ONE), "language": "en", "text": "Sorry.", "media": [PICTURE, OTHER]},
            {"account": str(TWO), "language": "uz", "text": "Uzr.", "media": []},
        ],
    }
    assert digest_of(made) == digest_of(payload(*reversed(given)))
    assert digest_of(made) != digest_of(payload(given[0], delivery(ONE, media=[OTHER, PICTURE])))


def test_it_covers_exactly_its_text_with_exactly_its_media() -> None:
    made = payload(delivery(media=[PICTURE]))
    assert covers(made, ONE, "Sorry.", [PICTURE])
    assert not covers(made, ONE, "Sorry.")
    assert not covers(made, ONE, "Sorry.", [OTHER])
    assert not covers(made, ONE, "Sorry.", [PICTURE | {"alt": "Something else"}])
    assert not covers(made, ONE, "Sorry.", [PICTURE, OTHER])
    assert not covers(made, TWO, "Sorry.", [PICTURE])
    first = deliveries_payload(brand_id=ONE, language="en", deliveries=[(ONE, "Sorry.")])
    assert covers(first, ONE, "Sorry.")
    assert not covers(first, ONE, "Sorry.", [PICTURE])


@pytest.mark.parametrize(
    ("deliveries", "slots", "field"),
    [
        ([], None, "deliveries"),
        ([delivery(), delivery()], None, "deliveries.1.account"),
        ([delivery(text=" ")], None, "deliveries.0.text"),
        ([delivery(media=[PICTURE | {"sha256": "AB" * 32}])], None, "deliveries.0.media.0.sha256"),
        ([delivery(media=[PICTURE | {"type": "image"}])], None, "deliveries.0.media.0.type"),
        ([delivery(media=[PICTURE | {"alt": " "}])], None, "deliveries.0.media.0.alt"),
        ([delivery(media=[PICTURE] * 11)], None, "deliveries.0.media"),
        ([delivery()], {"n": {"type": "number", "longest": 5}}, "slots.n"),
        ([delivery(text="{n}")], {"n": {"type": "colour", "longest": 5}}, "slots.n.type"),
        ([delivery(text="{n}")], {"n": {"type": "number", "longest": 0}}, "slots.n.longest"),
        ([delivery(text="{n} {m}")], {"n": {"type": "number", "longest": 5}}, "slots.m"),
    ],
)
def test_what_cannot_be_sent_is_refused(deliveries: list[dict[str, Any]], slots: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        media_payload(brand_id=ONE, deliveries=deliveries, slots=slots)
    assert refused.value.facts["errors"][0]["field"] == field


def test_an_image_may_speak_for_itself() -> None:
    assert payload(delivery(text="", media=[PICTURE]))["deliveries"][0]["text"] == ""


# -- parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        (payload(delivery(text="So sorry.", media=[PICTURE])), {"text"}),
        (payload(delivery(media=[OTHER])), {"media"}),
        (payload(delivery(language="uz", media=[PICTURE])), {"language"}),
        (payload(delivery(media=[PICTURE]), delivery(TWO)), {"text", "media", "accounts", "language"}),
        (payload(delivery(text="So sorry.")), {"text", "media"}),
    ],
)
def test_a_change_shows_in_the_parts_that_it_changes(changed: dict[str, Any], parts: set[str]) -> None:
    before, after = parts_of(payload(delivery(media=[PICTURE]))), parts_of(changed)
    assert {part for part in before if before[part] != after[part]} == parts


def test_texts_that_swap_their_accounts_are_a_change() -> None:
    one = payload(delivery(ONE, "a"), delivery(TWO, "b"))
    other = payload(delivery(ONE, "b"), delivery(TWO, "a"))
    assert parts_of(one)["text"] != parts_of(other)["text"]


def test_slots_belong_to_the_text() -> None:
    short, long = ({"n": {"type": "number", "longest": longest}} for longest in (3, 9))
    before, after = (parts_of(payload(delivery(text="{n}"), slots=slots)) for slots in (short, long))
    assert [part for part in before if before[part] != after[part]] == ["text"]


def test_the_same_words_have_the_same_parts_in_both_formats() -> None:
    first = deliveries_payload(brand_id=ONE, language="en", deliveries=[(ONE, "Sorry.")])
    assert parts_of(first) == parts_of(payload())


def test_what_is_no_list_of_deliveries_is_one_whole() -> None:
    parts = parts_of({"format": 7, "plan": {"stages": 2}})
    assert len(set(parts.values())) == 1
    assert parts != parts_of({"format": 7, "plan": {"stages": 3}})


# -- templates ----------------------------------------------------------------------------------------------

SLOTS = {
    "count": {"type": "number", "longest": 9},
    "place": {"type": "place", "longest": 40},
    "day": {"type": "date", "longest": 20},
    "hour": {"type": "time", "longest": 12},
    "who": {"type": "name", "longest": 40},
    "what": {"type": "text", "longest": 60},
}


@pytest.mark.parametrize(
    ("template", "text", "covered"),
    [
        ("We know of {count} cases.", "We know of 1 200 cases.", True),
        ("We know of {count} cases.", "We know of 12.5% cases.", True),
        ("We know of {count} cases.", "We know of many cases.", False),
        ("We know of {count} cases.", "We know of 12 cases. Buy now!", False),
        ("We know of {count} cases.", "We know of  cases.", False),
        ("We know of {count} cases.", "we know of 12 cases.", False),
        ("In {place}.", "In O\u02bbzbekiston.", True),
        ("In {place}.", "In Ulan-Ude.", True),
        ("In {place}.", "In https://shop.example.", False),
        ("In {place}.", "In @rival.", False),
        ("In {place}.", "In #sale.", False),
        ("In {place}.", f"In {'a' * 41}.", False),
        ("Until {day}, {hour}.", "Until 2026-11-23, 14:30 UTC.", True),
        ("Until {day}, {hour}.", "Until 23 November 2026, 2:30 pm.", True),
        ("Until {day}, {hour}.", "Until soon, 14:30.", False),
        ("{who} and {who}: {what}", "Ana and Ana: we act", True),
        ("{who} and {who}: {what}", "Ana and Bo: we act", False),
        ("{what}", "one line", True),
        ("{what}", "two\nlines", False),
        ("{unknown}", "x", False),
        ("{who} {who}", "Ana Maria Ana Maria", True),
        ("A {brace} and {count}", "A {brace} and 5", False),
    ],
)
def test_a_template_covers_what_fills_its_slots(template: str, text: str, covered: bool) -> None:
    assert fills(template, SLOTS, text) is covered


def test_a_payload_with_slots_covers_the_filled_text_and_not_the_template() -> None:
    made = payload(delivery(text="We know of {count} cases."), slots={"count": SLOTS["count"]})
    assert covers(made, ONE, "We know of 7 cases.")
    assert not covers(made, ONE, "We know of {count} cases.")
    assert not covers(made, TWO, "We know of 7 cases.")


def test_what_could_be_read_in_too_many_ways_is_not_covered() -> None:
    slots = {f"s{n}": {"type": "text", "longest": 280} for n in range(8)}
    template = " ".join(f"{{s{n}}}" for n in range(8)) + "!"
    assert not fills(template, slots, "a " * 140)
    assert MOST_READINGS <= 20_000
