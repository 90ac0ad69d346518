"""The report as a document: drawn as it was said, by a program that knows nothing and runs nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typst

from insights import drawing, printing
from insights.printing import CannotDraw, clean, prepared, printed, right_to_left
from tests.insights import made_up

AN_ACCESSIBLE_ONE = b"pdfuaid:part"
HOSTILE = [
    '#panic("evaluated")',
    ']#panic("evaluated")[',
    '"); #panic("evaluated"); ("',
    '*/ #eval("panic()") /*',
    '#read("/etc/passwd") $ #panic() $ `x` ```typ #panic()``` <label> @reference \\ // = - +',
    "<script>alert(1)</script></text></svg><svg onload=x>{{7*7}}",
]  # fmt: skip


def everywhere(part: Any, words: str) -> Any:
    """The same report with these words in the place of all that are written in it; charts and languages stay."""
    match part:
        case str():
            return words
        case dict():
            return {
                key: value if key in {"charts", "language"} else everywhere(value, words) for key, value in part.items()
            }
        case list():
            return [everywhere(value, words) for value in part]
        case _:
            return part


def drawn(ready: dict[str, Any]) -> bytes:
    return drawing.draw(json.dumps(ready), fonts=[], at=0)


def headings(ready: dict[str, Any]) -> list[Any]:
    found = typst.query(
        str(drawing.TEMPLATE), "heading", field="body", format="json", root=str(drawing.TEMPLATE.parent),
        font_paths=[str(drawing.FONTS)], ignore_system_fonts=True, sys_inputs={"report": json.dumps(ready)},
    )  # fmt: skip
    bodies: list[Any] = json.loads(found)
    return bodies


def test_a_document_is_tagged_titled_and_written_once() -> None:
    report = made_up.report()
    pdf = printed(report)
    assert pdf.startswith(b"%PDF-")
    assert AN_ACCESSIBLE_ONE in pdf
    assert b"INC-2026-0042: Spring campaign joke" in pdf
    assert printed(report) == pdf, "the same report makes the same bytes"


@pytest.mark.parametrize("words", HOSTILE)
def test_what_people_wrote_is_never_read_as_markup(words: str) -> None:
    ready = everywhere(prepared(made_up.report()), words)
    assert drawn(ready).startswith(b"%PDF-")
    assert words in [body.get("text") for body in headings(ready)], "it stands there as text"


def test_a_program_that_evaluated_would_be_noticed(tmp_path: Any) -> None:
    """The test above can fail: the same words, read as markup, end the drawing."""
    bad = tmp_path / "bad.typ"
    bad.write_text('#eval(sys.inputs.words, mode: "markup")')
    with pytest.raises(typst.TypstError, match="evaluated"):
        typst.compile(str(bad), sys_inputs={"words": HOSTILE[0]})


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Сегодня утром мы пошутили неудачно", True),
        ("Ўзбекистон қ ғ ҳ; noto\u02bbg\u02bbri", True),
        ("مزحنا هذا الصباح", True),
        ("Ελληνικά, tiếng Việt, Čeština, हिन्दी, שלום", True),
        ("🧡🔥👍", True),
        ("我们很抱歉", False),
    ],
    ids=["Russian", "Uzbek", "Arabic", "others", "emoji", "Chinese"],
)
def test_every_script_of_our_clients_is_drawn(words: str, shown: bool) -> None:
    incident = {**made_up.report()["incident"], "title": words}
    pdf = printed(made_up.report(incident=incident))
    assert (AN_ACCESSIBLE_ONE in pdf) is shown, "the standard forbids a sign that no font has"


def test_control_characters_and_endless_words_are_drawable() -> None:
    title = "\x00\x07\ud800\u202eevil " + "W" * 500
    incident = {**made_up.report()["incident"], "title": title, "brand": "B" * 300}
    assert AN_ACCESSIBLE_ONE in printed(made_up.report(incident=incident))
    assert clean("a\x00b\u202ec\nd") == "abc\nd"
    assert all(len(piece) < 25 for piece in clean("W" * 500).split("\u200b"))
    assert clean("W" * 500).replace("\u200b", "") == "W" * 500
    assert "\u200b" not in clean("An ordinary sentence with nothing longer than internationalisation.")


def test_a_report_of_nothing_is_a_document_too() -> None:
    numbers = dict.fromkeys(made_up.report()["numbers"]) | {"mentions": 0, "negative": 0, "posts_held": 0}
    empty = made_up.report(
        series={"step": "5m", "points": []}, numbers=numbers, severity=[], marks=[], decisions=[], timeline=[],
        statements=[], clocks=[], duties=[], tasks=[], pauses=[], postmortem=None,
    )  # fmt: skip
    assert AN_ACCESSIBLE_ONE in printed(empty)


def test_the_longest_story_is_drawn_within_the_limits() -> None:
    assert AN_ACCESSIBLE_ONE in printed(made_up.report(entries=1_000))


def test_one_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "MOST_SECONDS", 0.01)
    with pytest.raises(CannotDraw) as refused:
        printed(made_up.report())
    assert refused.value.headers == {"Retry-After": "30"}
    monkeypatch.undo()
    assert printed(made_up.report()), "its turn was given back"


def test_only_so_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "PATIENCE_S", 0)
    for _ in range(printing.AT_ONCE):
        assert printing._turns.acquire(blocking=False)
    try:
        with pytest.raises(CannotDraw) as refused:
            printed(made_up.report())
    finally:
        for _ in range(printing.AT_ONCE):
            printing._turns.release()
    assert refused.value.headers == {"Retry-After": "5"}


def test_a_text_is_set_from_the_side_that_its_script_begins_at() -> None:
    said = ["We are sorry", "12 - نحن آسفون", "שלום", "🧡 Мы", "", "..."]
    assert [right_to_left(text) for text in said] == [False, True, True, False, False, False]


def test_times_are_those_of_the_brand() -> None:
    ready = prepared(made_up.report())
    assert ready["lead"].startswith(
        "Opened 12 March 2026, 09:50 · activated 09:56 · contained 13:30 · resolved 18:20 · closed 13 March 2026, 13:40"
    )
    assert ready["marks"][0]["when"] == "12 Mar, 09:46:00"
    assert ready["charts"]["clocks_alt"] == "Response clocks: 8 of 10 promises were kept in time."


def test_charts_of_a_document_hold_no_words_of_people() -> None:
    charts = prepared(made_up.report())["charts"]
    assert "apologise" not in charts["volume"] + charts["mood"]
    assert "<style>" in charts["volume"]


def test_ratings_are_drawn_where_enough_have_answered() -> None:
    drawn_ones = prepared(made_up.report())["ratings"]
    assert [rated["question"] for rated in drawn_ones] == [
        "Did we hear of it early enough?", "Did you know what to do?", "Were approvals quick enough?",
    ]  # fmt: skip
    assert drawn_ones[1] == {
        "question": "Did you know what to do?", "average": "4.0", "agency": "4.3", "client": "3.7",
    }  # fmt: skip
