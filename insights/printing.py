"""The report as a PDF: laid out here, drawn by a program of its own that is ended when it takes too long."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, Final
from unicodedata import bidirectional
from zoneinfo import ZoneInfo

from django.conf import settings

from core.refusals import Refusal
from insights import drawing
from insights.clock_chart import kept
from insights.layout import laid_out
from insights.queries import MARKED
from insights.words import VERDICTS

ROOT: Final = Path(__file__).resolve().parent.parent
MOST_SECONDS: Final = 15
# So many at once in one process, and so long somebody waits for a turn: whoever draws occupies a thread of the web.
AT_ONCE: Final = 2
PATIENCE_S: Final = 3
_turns = BoundedSemaphore(AT_ONCE)

LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
LONG: Final = re.compile(r"[^\s\u200b]{25,}")
PIECE: Final = re.compile(r".{18}(?![\u0300-\u036f\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff])", re.DOTALL)
# What no font has a sign for, and what makes a text read otherwise than it stands.
UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff\ufffe\uffff]")


class CannotDraw(Refusal):
    """The document could not be drawn now."""

    status = 503
    code = "cannot_draw"
    title = "The document could not be drawn in time."

    def __init__(self, detail: str, *, again_in: int) -> None:
        super().__init__(detail)
        self.headers["Retry-After"] = str(again_in)


def printed(report: dict[str, Any]) -> bytes:
    """The report of `insights.queries.report_of` as a PDF, the same bytes for the same report.

    Takes as long as drawing takes, 15 s at most: call it outside a transaction. Raises CannotDraw (503) when that is
    not enough, or when too many are being drawn.
    """
    asked = {
        "fonts": settings.REPORT_FONTS,
        "at": int(report["generated_at"].timestamp()),
        "report": prepared(report),
    }
    if not _turns.acquire(timeout=PATIENCE_S):
        raise CannotDraw("Too many documents are being drawn.", again_in=5)
    try:
        done = subprocess.run(  # noqa: S603 - our own program; what somebody wrote goes to its standard input
            [sys.executable, "-m", drawing.__name__],
            input=json.dumps(asked).encode(),
            capture_output=True,
            cwd=ROOT,
            env={},
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise CannotDraw("It takes too long to draw.", again_in=30) from late
    finally:
        _turns.release()
    if done.returncode < 0:  # ended by the system
        raise CannotDraw("It takes too much time or memory to draw.", again_in=30)
    if done.returncode != 0:
        raise RuntimeError(f"The report was not drawn: {done.stderr.decode(errors='replace')[-2_000:]}")
    return done.stdout


def prepared(report: dict[str, Any]) -> dict[str, Any]:
    """The report as the template draws it: every instant in words, in the brand's time zone; every chart still."""
    shown = laid_out(report, still=True)
    incident, postmortem = report["incident"], report["postmortem"]
    time = _Times(ZoneInfo(shown["zone"]))
    volume = report["series"]["points"]
    found = {
        "title": incident["title"],
        "reference": incident["reference"],
        "agency": incident["agency"],
        "brand": incident["brand"],
        "internal": report["audience"] == "staff",
        "severity": incident["severity"],
        "chips": [f"Severity {incident['severity']}", shown["stage"], shown["kind"]],
        "lead": _lead(incident, time),
        "zone": shown["zone"],
        "written": time.day_and_minute(report["generated_at"]),
        "tiles": shown["tiles"],
        "peak": shown["peak"],
        "mood": shown["mood"],
        "step": shown["step"],
        "has_band": shown["has_band"],
        "charts": {
            "volume": shown["volume_chart"],
            "volume_alt": _alt(shown["peak"], volume, len(shown["marks"]), time),
            "mood": shown["mood_chart"],
            "mood_alt": f"Share of negative mentions per {shown['step']}. {shown['mood']}",
            "clocks": shown["clock_chart"],
            "clocks_alt": _clocks_alt(report["clocks"]),
        },
        "marks": [
            {"number": mark["number"], "when": time.day_and_second(mark["at"]), "label": mark["label"]}
            for mark in shown["marks"]
        ],
        "severities": [
            {
                "when": time.day_and_minute(said["at"]),
                "severity": said["severity"],
                "by": said["by"],
                "reason": said["reason"],
            }
            for said in report["severity"]
        ],
        "decisions": [
            {"when": time.day_and_minute(one["at"]), "text": one["text"], "reason": one["reason"], "by": one["by"]}
            for one in report["decisions"]
        ],
        "statements": [_statement(found, time) for found in shown["statements"]],
        "pauses": [
            {
                "reason": pause["reason"],
                "by": pause["started_by"] or "a rule",
                "started": time.day_and_minute(pause["started_at"]),
                "effective": time.second(pause["effective_at"]),
                "lifted": time.day_and_minute(pause["lifted_at"]),
                "held": "" if pause["held"] is None else f"{pause['held']:,}",
            }
            for pause in report["pauses"]
        ],
        "duties": [
            {"duty": duty["duty"], "holder": duty["holder"] or "\u2013", "deputy": duty["deputy"] or "\u2013"}
            for duty in report["duties"]
        ],
        "clocks": [
            {
                "label": clock["label"],
                "minutes": clock["minutes"],
                "due": time.day_and_minute(clock["due_at"]),
                "state": clock["state"],
                "outcome": clock["state_label"],
                "met": time.second(clock["met_at"]),
            }
            for clock in shown["clocks"]
        ],
        "tasks": [
            {
                "title": task["title"],
                "duty": task["duty"] or "\u2013",
                "due": time.day_and_minute(task["due_at"]) or "\u2013",
                "outcome": task["stage_label"],
                "finished": time.second(task["finished_at"]),
            }
            for task in shown["tasks"]
        ],
        "sections": shown["sections"],
        "ratings": shown["ratings"],
        "lessons": [
            {
                "text": lesson["text"],
                "who": ", ".join(
                    part for part in (lesson["owner"], lesson["due_on"] and f"by {lesson['due_on']}") if part
                ),
            }
            for lesson in (postmortem["lessons"] if postmortem else [])
        ],
        "timeline": [
            {
                "when": time.day_and_second(entry["at"]),
                "text": entry["text"],
                "note": entry["note"] or "",
                "reason": entry["reason"] or "",
                "who": entry["actor"],
                "marked": entry["name"] in MARKED,
            }
            for entry in report["timeline"]
        ],
        "timeline_truncated": report["timeline_truncated"],
    }
    return {name: part if name == "charts" else clean(part) for name, part in found.items()}


class _Times:
    """Instants in words, in one time zone; the empty text for none."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def day(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%-d %B %Y}"

    def minute(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%H:%M}"

    def day_and_minute(self, at: datetime | None) -> str:
        return f"{at.astimezone(self.zone):%-d %b %Y, %H:%M}" if at else ""

    def day_and_second(self, at: datetime | None) -> str:
        return f"{at.astimezone(self.zone):%-d %b, %H:%M:%S}" if at else ""

    def second(self, at: datetime | None) -> str:
        return f"{at.astimezone(self.zone):%H:%M:%S}" if at else ""


def _lead(incident: dict[str, Any], time: _Times) -> str:
    steps = [
        (word, incident[key])
        for word, key in (
            ("opened", "opened_at"),
            ("activated", "activated_at"),
            ("contained", "contained_at"),
            ("resolved", "resolved_at"),
            ("stood down", "stood_down_at"),
            ("closed", "closed_at"),
        )
        if incident[key]
    ]
    said, day = [], ""
    for word, at in steps:
        on, minute = time.day(at), time.minute(at)
        said.append(f"{word} {minute}" if on == day else f"{word} {on}, {minute}")
        day = on
    told = " · ".join(said)
    plan = (
        f"By the plan “{incident['plan']}”, frozen when the crisis was activated."
        if incident["plan"]
        else "The brand had no plan in force."
    )
    return f"{told[:1].upper()}{told[1:]}. {plan}"


def _alt(peak: str, points: list[dict[str, Any]], marks: int, time: _Times) -> str:
    """What the first chart shows, for those who do not see it."""
    if not points:
        return "No mentions were counted."
    start, end = time.day_and_minute(points[0]["at"]), time.day_and_minute(points[-1]["at"])
    return f"Mentions from {start} to {end} against the expected range. {peak} {marks} decisions are marked."


def _clocks_alt(clocks: list[dict[str, Any]]) -> str:
    in_time, ended = kept(clocks)
    return f"Response clocks: {in_time} of {ended} promises were kept in time."


def _statement(found: dict[str, Any], time: _Times) -> dict[str, Any]:
    return {
        "title": found["title"],
        "chips": [found["stage_label"], *(["Fast lane"] if found["kind"] == "holding" else [])],
        "language": found["language"] if LANGUAGE.fullmatch(found["language"] or "") else "en",
        "texts": [
            {
                "text": part["text"],
                "right_to_left": right_to_left(part["text"]),
                "where": f"{part['account']} on {part['network']}" if part["account"] else "Not sent yet.",
                "when": f"published {time.day_and_second(part['published_at'])}"
                if part["published_at"]
                else (part["stage"] or "").lower(),
            }
            for part in found["texts"]
        ],
        "bypasses": [
            {
                "people": " and ".join(person or "somebody" for person in bypass["people"]),
                "reasons": [reason for reason in bypass["reasons"] if reason],
                "when": time.day_and_second(bypass["at"]),
                "earlier": not bypass["of_these_words"],
            }
            for bypass in found["bypasses"]
        ],
        "voices": [
            {
                "approved": voice["verdict"] == "approve",
                "verdict": VERDICTS[voice["verdict"]],
                "stage": voice["stage"],
                "person": (voice["person"] or "somebody")
                + (f" on behalf of {voice['on_behalf_of']}" if voice["on_behalf_of"] else ""),
                "when": time.day_and_second(voice["at"]),
                "void": not voice["of_these_words"],
            }
            for voice in found["voices"]
        ],
        "version": found["version"],
        "digest": found["digest"],
    }


def right_to_left(text: str) -> bool:
    """Whether it begins in a script that is written from the right; signs and digits say nothing."""
    first = next((side for sign in text if (side := bidirectional(sign)) in {"L", "R", "AL"}), "L")
    return first != "L"


def clean(part: Any) -> Any:
    """The same with every text drawable: no control characters, and no word so long that it leaves the page."""
    match part:
        case str():
            return LONG.sub(_broken, UNSEEN.sub("", part))
        case dict():
            return {name: clean(value) for name, value in part.items()}
        case list():
            return [clean(value) for value in part]
        case _:
            return part


def _broken(word: re.Match[str]) -> str:
    """A long word that may be broken after each eighteenth sign, but not inside a sign that is put together."""
    return PIECE.sub(lambda piece: f"{piece[0]}\u200b", word[0])
