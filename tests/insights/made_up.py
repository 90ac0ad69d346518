"""A report that nobody gathered: every part of one filled, for tests of how it is drawn."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from listening.queries import STEPS

BEGAN = datetime(2026, 3, 12, 8, 40, tzinfo=UTC)
LONG_STORY = "Page climbed to step 2"


def points(*, step: str = "5m", count: int = 160, calm: int = 48, normal: float = 40.0) -> list[dict[str, Any]]:
    """A calm morning, a storm that comes within half an hour, and its slow end."""
    dice = random.Random(7)
    width, found = STEPS[step], []
    for place in range(count):
        since = place - calm
        storm = normal * 17 * (min(since, 6) / 6) * math.exp(-max(since - 10, 0) / 35) if since > 0 else 0
        volume = max(0, round(dice.gauss(normal, normal**0.5) + storm * dice.uniform(0.9, 1.1)))
        share = 0.16 if since <= 0 else 0.16 + 0.6 * math.exp(-since / 60)
        expected = normal * (1 + 0.15 * math.sin(place / 18))
        found.append(
            {
                "at": BEGAN + since * width,
                "volume": volume,
                "negative": round(volume * min(share * dice.uniform(0.85, 1.15), 1)),
                "reach": volume * 900,
                "authors": volume,
                "expected": expected,
                "low": expected * 0.6,
                "high": expected * 1.5,
                "negative_share": 0.16,
            }
        )
    return found


def after(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def _clock(kind: str, minutes: int, start: float, met: float | None, state: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "minutes": minutes,
        "started_at": after(start),
        "due_at": after(start + minutes),
        "met_at": None if met is None else after(met),
        "state": state,
    }


def _statement(**said: Any) -> dict[str, Any]:
    return {
        "title": "We are sorry",
        "kind": "statement",
        "stage": "PUBLISHED",
        "language": "en",
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "version": 2,
        "released_at": after(70),
        "published_at": after(71),
        "texts": [],
        "voices": [],
        "bypasses": [],
        **said,
    }


def _voice(stage: str, person: str, minutes: float, **said: Any) -> dict[str, Any]:
    return {
        "stage": stage, "person": person, "on_behalf_of": None, "verdict": "approve", "at": after(minutes),
        "of_these_words": True, **said,
    }  # fmt: skip


def _text(text: str, minutes: float | None, account: str = "@aurora", network: str = "mastodon") -> dict[str, Any]:
    return {
        "account": account, "network": network, "text": text, "stage": "PUBLISHED" if minutes else "SCHEDULED",
        "url": None, "published_at": after(minutes) if minutes else None,
    }  # fmt: skip


def _entries(count: int) -> list[dict[str, Any]]:
    told = [
        ("signal.raised", "Signal: 412 against 40 expected", "detector", None, None),
        ("incident.opened", "Incident INC-2026-0042 opened, severity 2", "Dee Duty", None, None),
        ("page.acknowledged", "Page acknowledged", "Dee Duty", None, None),
        ("incident.activated", "Crisis activated at severity 2", "Lea Lead", None, None),
        ("pause.started", "Scheduled posts paused: Crisis INC-2026-0042", "Lea Lead", None, None),
        ("incident.noted", "Note", "Bo Account", "The client is on a plane until noon; their deputy decides.", None),
        ("incident.noted", "Decision", "Lea Lead", "We apologise, and do not explain.", "An explanation reads as one."),
        ("approval.decided", "Legal: approved", "Noor Legal", None, None),
        ("statement.published", "Statement published", "publisher", None, None),
        ("clock.met", "Clock met: first public words", "clock", None, None),
        ("incident.contained", "Crisis contained", "Lea Lead", None, None),
        ("incident.resolved", "Crisis resolved: Volume is back in its band.", "Lea Lead", None, None),
    ]
    filler = [("page.escalated", LONG_STORY, "ladder", None, None)] * max(0, count - len(told))
    return [
        {
            "seq": number, "at": after(number * 4), "name": name, "text": text, "actor": actor, "actor_kind": "seat",
            "note": note, "reason": reason,
        }
        for number, (name, text, actor, note, reason) in enumerate([*told, *filler], start=1)
    ]  # fmt: skip


def report(*, audience: str = "staff", entries: int = 12, **said: Any) -> dict[str, Any]:
    """The report of a storm that was weathered; keywords replace whole parts of it."""
    found = points()
    return {
        "generated_at": after(60 * 30),
        "audience": audience,
        "incident": {
            "id": "0197f0c8-0000-7000-8000-000000000042", "reference": "INC-2026-0042",
            "title": "Spring campaign joke read as mocking nurses", "kind": "insensitive_post", "severity": 2,
            "priority": 1, "urgency": "high", "stage": "CLOSED", "agency": "North Agency", "brand": "Aurora Coffee",
            "time_zone": "Europe/Berlin", "plan": "Aurora crisis plan, version 4", "opened_at": after(10),
            "activated_at": after(16), "contained_at": after(230), "resolved_at": after(520),
            "closed_at": after(60 * 28), "stood_down_at": None,
        },
        "severity": [
            {"at": after(10), "severity": 3, "by": "Dee Duty", "reason": ""},
            {"at": after(16), "severity": 2, "by": "Lea Lead", "reason": "Nurses' unions have taken it up."},
        ],
        "numbers": {
            "detect": 372.0, "acknowledge": 118.0, "decide": 600.0, "pause": 2.2, "first_words": 1980.0,
            "approve": 1140.0, "contain": 13_428.0, "resolve": 30_828.0, "mentions": sum(p["volume"] for p in found),
            "negative": sum(p["negative"] for p in found), "peak_at": max(found, key=lambda p: p["volume"])["at"],
            "peak_volume": max(p["volume"] for p in found), "peak_expected": 42.0, "peak_times": 17.4,
            "worst_share": 0.81, "worst_share_at": after(12), "normal_share": 0.16, "posts_held": 14,
        },
        "series": {"step": "5m", "points": found},
        "marks": [
            {"at": after(minutes), "name": name, "label": label}
            for minutes, name, label in [
                (6, "signal.raised", "Signal raised"),
                (8, "page.acknowledged", "Acknowledged"),
                (16, "incident.activated", "Activated"),
                (16, "pause.started", "Posts paused"),
                (39, "statement.released", "Holding statement released"),
                (66, "incident.noted", "Decision: We apologise, and do not explain."),
                (71, "statement.published", "Statement published"),
                (230, "incident.contained", "Contained"),
                (516, "pause.lifted", "Pause lifted"),
                (520, "incident.resolved", "Resolved"),
            ]
        ],
        "decisions": [
            {
                "at": after(66), "text": "We apologise, and do not explain.", "by": "Lea Lead",
                "reason": "An explanation reads as an excuse; the unions have said so in as many words.",
            }
        ],
        "timeline": _entries(entries),
        "timeline_truncated": entries > 12,
        "statements": [
            _statement(
                title="We have seen it", kind="holding", version=1,
                texts=[_text("We have seen what we posted this morning. We are looking into it and will be back.", 39)],
            ),
            _statement(
                texts=[
                    _text(
                        "This morning we made a joke that hurt people who look after others. It was ours, it was "
                        "wrong, and it is gone. We are sorry.\n\nWe will not explain it away. 🧡", 71,
                    ),
                    _text("Сегодня утром мы пошутили неудачно. Нам жаль.", 71, "@aurora_ru", "vk"),
                    _text("Bugun ertalab noto\u02bbg\u02bbri hazil qildik. Ўзбекистон.", 72, "@aurora_uz"),
                    _text("مزحنا هذا الصباح مزحة آذت من يعتنون بالآخرين. نحن آسفون.", 72, "@aurora_ar"),
                ],
                voices=[
                    _voice("Lead", "Lea Lead", 52, of_these_words=False),
                    _voice("Legal", "Noor Legal", 54, verdict="reject", of_these_words=False),
                    _voice("Lead", "Lea Lead", 62),
                    _voice("Legal", "Noor Legal", 64),
                    _voice("Client", "Ida Deputy", 69, on_behalf_of="Cy Client"),
                ],
            ),
            _statement(
                title="Correction of a false quote",
                version=1,
                texts=[_text("The quote that is going around is not ours.", 95)],
                bypasses=[
                    {
                        "people": ["Lea Lead", "Ana Owner"], "at": after(94), "of_these_words": True,
                        "reasons": ["Nobody at the client can be reached.", "A false quote is spreading."],
                    }
                ],
            ),
        ],
        "clocks": [
            _clock("acknowledge", 15, 6, 8, "met"),
            _clock("first_words", 30, 16, 39, "met"),
            *[_clock("update", 60, start, start + taken, "met" if taken <= 60 else "met_late")
              for start, taken in ((39, 32), (71, 24), (95, 55), (150, 58), (208, 74), (282, 41), (323, 52))],
            _clock("internal_update", 120, 16, None, "breached"),
        ],
        "duties": [
            {"duty": "Commander", "holder": "Lea Lead", "deputy": "Ana Owner"},
            {"duty": "Communications lead", "holder": "Bo Account", "deputy": None},
            {"duty": "Legal", "holder": "Noor Legal", "deputy": "Kim Counsel"},
            {"duty": "Client liaison", "holder": "Bo Account", "deputy": None},
        ],
        "tasks": [
            {"title": "Take the post down", "duty": "Commander", "stage": "DONE", "due_at": after(30),
             "finished_at": after(21)},
            {"title": "Call the client's head of communications", "duty": "Client liaison", "stage": "DONE",
             "due_at": after(25), "finished_at": after(24)},
            {"title": "Brief the shops", "duty": "", "stage": "SKIPPED", "due_at": None, "finished_at": None},
        ],
        "pauses": [
            {
                "reason": "Crisis INC-2026-0042", "scope": "brand", "started_at": after(16), "started_by": "Lea Lead",
                "effective_at": after(16.04), "lifted_at": after(516), "lift_reason": "Calm again.", "held": 14,
            }
        ],
        "postmortem": {
            "stage": "RELEASED", "released_at": after(60 * 27),
            "sections": {
                "summary": "A joke in the spring campaign was read as mocking nurses. We noticed within seven minutes, "
                "said the first words after 33, and had apologised in four languages after an hour.",
                "what_went_well": "The pause held at once. Nobody had to look for a telephone number.",
                "what_went_wrong": "Legal saw the words only after the lead had agreed: eight minutes were lost.",
                "client": "We would have wanted to be called before the holding statement, not after it.",
            },
            "ratings": {
                "asked": 9, "answered": 7,
                "questions": [
                    {"question": "heard_early", "answers": 7, "average": 4.6, "agency": 4.8, "client": 4.3},
                    {"question": "knew_what_to_do", "answers": 7, "average": 4.0, "agency": 4.3, "client": 3.7},
                    {"question": "approvals_quick", "answers": 6, "average": 2.7, "agency": 2.7, "client": 2.7},
                    {"question": "client_informed", "answers": 2, "average": None, "agency": None, "client": None},
                ],
            },
            "lessons": [
                {"text": "Lead and legal look at the same time.", "owner": "Lea Lead", "due_on": "2026-04-01"},
                {"text": "A second deputy for the client's approval.", "owner": None, "due_on": "2026-04-15"},
            ],
        },
        **said,
    }  # fmt: skip
