"""Chapters two to four: a week of ordinary days, then the storm; the page; the decision."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from crisisapi.story.client import Client
from crisisapi.story.mentions import Mention, merged, normal_days, storm
from crisisapi.story.scene import BURNING, TOPIC, Scene

DAYS = 7
PER_DAY = 6_000
STORM_MINUTES = 45
PEAK_FACTOR = 12.0
BATCH = 2_500
DUE_NOW = 5
DUE_IN_S = 30


def tell(scene: Scene) -> None:
    scene.teller.chapter("2  Seven ordinary days, then one bad post")
    storm_begins = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=STORM_MINUTES)
    week_begins = storm_begins - timedelta(days=DAYS)
    name = scene.brands[BURNING]["name"]
    ordinary = normal_days(scene.seed, name, week_begins, DAYS + 1, PER_DAY, zone="Europe/Berlin")
    stream = peekable(ordinary)
    _import_week(scene, takewhile_before(stream, storm_begins))
    angry = storm(
        scene.seed, name, storm_begins, STORM_MINUTES, PEAK_FACTOR, TOPIC, per_day=PER_DAY, zone="Europe/Berlin"
    )
    until = storm_begins + timedelta(minutes=STORM_MINUTES)
    _let_it_storm(scene, merged(takewhile_before(stream, until), angry), storm_begins)
    scene.teller.chapter("3  Somebody is woken")
    _see_signal(scene)
    _wake_dilnoza(scene)
    scene.teller.chapter("4  The decision")
    _calendar_goes_on(scene)
    _activate(scene)
    _hold_the_line(scene)


class peekable:  # noqa: N801 - reads like an iterator tool
    """An iterator that gives back what was taken too much."""

    def __init__(self, items: Iterable[Mention]) -> None:
        self._items = iter(items)
        self._returned: list[Mention] = []

    def __iter__(self) -> Iterator[Mention]:
        return self

    def __next__(self) -> Mention:
        return self._returned.pop() if self._returned else next(self._items)

    def give_back(self, item: Mention) -> None:
        self._returned.append(item)


def takewhile_before(stream: peekable, end: datetime) -> Iterator[Mention]:
    """The mentions before an instant; the first later one stays in the stream."""
    for mention in stream:
        if datetime.fromisoformat(mention["posted_at"]) >= end:
            stream.give_back(mention)
            return
        yield mention


def _send(scene: Scene, mentions: list[Mention]) -> dict[str, int]:
    body = "\n".join(json.dumps(mention, ensure_ascii=False) for mention in mentions)
    feed: Client | None = scene.feed
    if feed is None:
        raise RuntimeError("The feed is not connected.")
    answer = feed.call(
        "POST",
        "ingest/mentions",
        params={"source": scene.source},
        content=body.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    if not answer.is_success:
        raise RuntimeError(f"The batch was refused: {answer.status_code} {answer.text[:500]}")
    counts: dict[str, int] = answer.json()
    return counts


def _import_week(scene: Scene, week: Iterator[Mention]) -> None:
    with scene.teller.count("A week of mentions is imported as NDJSON", DAYS * PER_DAY) as count:
        while batch := list(islice(week, BATCH)):
            counts = _send(scene, batch)
            count.add(counts["new"])


def _let_it_storm(scene: Scene, mentions: Iterator[Mention], begins: datetime) -> None:
    """Feed the storm minute by minute, `speed` times as fast as it happened, until somebody would be woken."""
    started = time.monotonic()
    minute = begins + timedelta(minutes=1)
    batch: list[Mention] = []
    with scene.teller.count(f"The storm, {scene.speed:g} times as fast as life", None) as count:
        for mention in mentions:
            posted = datetime.fromisoformat(mention["posted_at"])
            while posted >= minute:
                _keep_pace(started, (minute - begins).total_seconds() / scene.speed)
                if batch:
                    count.add(_send(scene, batch)["new"])
                    batch = []
                minute += timedelta(minutes=1)
            batch.append(mention)
        if batch:
            count.add(_send(scene, batch)["new"])


def _keep_pace(started: float, due: float) -> None:
    """The storm happens at its own pace, like the real one; this is the story's clock."""
    ahead = due - (time.monotonic() - started)
    if ahead > 0:
        time.sleep(ahead)


def _see_signal(scene: Scene) -> None:
    with scene.teller.step("Listening raises one signal") as told:
        scene.signal = scene.who("dilnoza").until(
            lambda api: next(iter(api.get("signals", brand=scene.brand)["items"]), None),
            what="The signal",
        )
        detail = scene.who("dilnoza").get(f"signals/{scene.signal['id']}")
        why = detail["explanation"]
        told.append(f"hint {detail['severity_hint']} of 10")
    for sentence in why["sentences"]:
        scene.teller.say(sentence)
    scene.teller.say(f"people say: {', '.join(term['term'] for term in why['terms'][:6])}")


def _wake_dilnoza(scene: Scene) -> None:
    someone = scene.cast["dilnoza"]
    with scene.teller.step("Dilnoza is paged, by mail and by web hook, and takes the page") as told:
        page = scene.who("dilnoza").until(
            lambda api: next(iter(api.get("pages", cause_id=scene.signal["id"])["items"]), None),
            what="The page",
        )
        scene.page = page["id"]
        references = scene.who("dilnoza").until(lambda api: _references(api, page["id"]), what="The notes")
        for reference in references:
            told.append(reference)
        scene.mail.letter_to(someone.email, containing=page["headline"])
        scene.hook.call_about(page["id"])
        scene.who("dilnoza").post(f"pages/{page['id']}/acknowledge")


def _references(api: Client, page: str) -> list[str] | None:
    notes = api.get(f"pages/{page}")["notifications"]
    sent = [note["reference"] for note in notes if note["stage"] in {"SENT", "DELIVERED"}]
    return sent if notes and len(sent) == len(notes) else None


def _calendar_goes_on(scene: Scene) -> None:
    with scene.teller.step("The calendar knows nothing of it: Lumen's next posts are due in half a minute") as told:
        planned = scene.who("mia").everything("posts", brand=scene.brand, stage="SCHEDULED")
        for post in planned[:DUE_NOW]:
            soon = (datetime.now(UTC) + timedelta(seconds=DUE_IN_S)).isoformat()
            path = f"posts/{post['id']}"
            scene.who("mia").post_seen(f"{path}/reschedule", {"scheduled_at": soon}, seen=path)
        told.append(f"{DUE_NOW} posts")


def _activate(scene: Scene) -> None:
    with scene.teller.step("Dilnoza decides: a crisis. Plan, tasks, clocks and a pause in the same breath") as told:
        scene.signal = scene.who("dilnoza").post_seen(
            f"signals/{scene.signal['id']}/activate",
            {
                "severity": 2,
                "kind": "insensitive_post",
                "title": "The Monday joke",
                "reason": "Volume and anger far above normal, and the post is ours.",
                "pause": True,
            },
            seen=f"signals/{scene.signal['id']}",
        )
        scene.incident = scene.who("leo").get(f"incidents/{scene.signal['incident']}")
        told.append(scene.incident["reference"])
        told.append(f"stage {scene.incident['stage']}")
    with scene.teller.step("Nothing of Lumen can go out now but statements") as told:
        pause = scene.who("leo").until(lambda api: _effective(api, scene.incident["pause"]), what="The pause")
        told.append(f"pause {pause['epoch']}: {pause['reason']}")


def _effective(api: Client, pause: str) -> dict[str, Any] | None:
    seen: dict[str, Any] = api.get(f"pauses/{pause}")
    return seen if seen["stage"] == "EFFECTIVE" else None


def _hold_the_line(scene: Scene) -> None:
    with scene.teller.step("The pre-approved holding statement is out, in one call") as told:
        statement = scene.who("mia").post(
            f"incidents/{scene.incident['id']}/holding-statement", {"message": scene.holding_message}
        )
        scene.who("mia").until(
            lambda api: api.get(f"statements/{statement['id']}")["stage"] == "PUBLISHED" or None,
            what="The holding statement",
        )
        told.append(f"{len(scene.accounts[BURNING])} accounts")
