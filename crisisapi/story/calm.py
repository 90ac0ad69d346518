"""Chapters six and seven: a goodbye in the middle, the calm, and what is learned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from crisisapi.service_urls import ROOT
from crisisapi.story.client import Client
from crisisapi.story.peace import published_or_none
from crisisapi.story.scene import BURNING, Scene

REPORT = ROOT / "var" / "report.html"
# What the crisis taught about response clocks.
FASTER = [{"kind": "acknowledge", "minutes": 5}, {"kind": "first_words", "minutes": 10}]


def tell(scene: Scene) -> None:
    scene.teller.chapter("6  A goodbye, and the calm")
    _goodbye(scene)
    _contain(scene)
    held = _lift(scene)
    _decide_on_held_posts(scene, held)
    _resolve(scene)
    scene.teller.chapter("7  What is learned")
    _learn(scene)
    _report(scene)


def _goodbye(scene: Scene) -> None:
    tom, script = scene.cast["tom"], scene.cast["tom-key"]
    with scene.teller.step("Tom leaves the agency in the middle of it; his key stops working at once") as told:
        before = script.api.call("GET", "brands").status_code
        scene.who("ana").post(f"seats/{tom.seat}/revoke", {"reason": "left"})
        after = script.api.call("GET", "brands").status_code
        session = tom.api.call("GET", "brands").status_code
        if (before, after) != (httpx.codes.OK, httpx.codes.UNAUTHORIZED) or session < httpx.codes.BAD_REQUEST:
            raise RuntimeError(f"Tom still reaches us: key {before} then {after}, session {session}.")
        told.append(f"key {before}, then {after}; session {session}")
    with scene.teller.step("The goodbye proves itself, line by line; what only people can do has an owner") as told:
        report = scene.who("ana").until(lambda api: _proven(api, str(tom.seat)), what="The report of the goodbye")
        told.append(f"{report['findings']['confirmed']} lines confirmed, {len(report['tasks'])} tasks for people")


def _proven(api: Client, seat: str) -> dict[str, Any] | None:
    """The report, once no line is unconfirmed."""
    report: dict[str, Any] = api.get(f"seats/{seat}/revocation")["report"]
    return None if report["findings"]["unconfirmed"] else report


def _contain(scene: Scene) -> None:
    incident = f"incidents/{scene.incident['id']}"
    with scene.teller.step("Tasks are done; Leo says that it is contained") as told:
        tasks = scene.who("leo").everything(f"{incident}/tasks")
        for task in tasks:
            scene.who("leo").post(f"{incident}/tasks/{task['id']}/complete")
        contained = scene.who("leo").post_seen(
            f"{incident}/contain", {"note": "Fewer mentions each minute, and kinder ones."}, seen=incident
        )
        told.append(f"{len(tasks)} tasks; stage {contained['stage']}")


def _lift(scene: Scene) -> list[dict[str, Any]]:
    with scene.teller.step("The pause is lifted; what came due meanwhile is held, not fired") as told:
        pause = f"pauses/{scene.incident['pause']}"
        # Wait until the posts of the calendar that were to come out today are really past their time.
        scene.who("leo").until(lambda api: _overdue(api, scene), what="The end of the quiet hour")
        scene.who("leo").post_seen(f"{pause}/lift", {"reason": "The storm is over."}, seen=pause)
        held = scene.who("leo").everything("posts", brand=scene.brand, stage="HELD")
        told.append(f"{len(held)} posts held")
    return held


def _overdue(api: Client, scene: Scene) -> list[Any] | None:
    """The posts of the burning brand whose time passed during the pause, once no more of today's are to come."""
    soon = datetime.now(UTC) + timedelta(minutes=30)
    posts = api.everything("posts", brand=scene.brand)
    waiting = [post for post in posts if post["stage"] == "SCHEDULED"]
    todays = [post for post in waiting if datetime.fromisoformat(post["scheduled_at"]) < soon]
    still_to_come = [post for post in todays if datetime.fromisoformat(post["scheduled_at"]) > datetime.now(UTC)]
    return None if still_to_come else [True]


def _decide_on_held_posts(scene: Scene, held: list[dict[str, Any]]) -> None:
    with scene.teller.step("Each held post gets its own decision") as told:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        ways: list[tuple[str, dict[str, Any]]] = [
            ("release", {}),
            ("reschedule", {"scheduled_at": tomorrow}),
            ("rewrite", {"text": "Something kinder, for a better day.", "scheduled_at": tomorrow}),
            ("cancel", {"reason": "Not after this week."}),
        ]
        for place, post in enumerate(held):
            verb, body = ways[place % len(ways)]
            scene.who("leo").post_seen(f"posts/{post['id']}/{verb}", body, seen=f"posts/{post['id']}")
            told.append(verb)
            if verb == "release":
                scene.who("leo").until(
                    lambda api, post=post: published_or_none(api, post["id"]),  # type: ignore[misc]
                    what="The released post",
                )


def _resolve(scene: Scene) -> None:
    incident = f"incidents/{scene.incident['id']}"
    with scene.teller.step("Resolved") as told:
        done = scene.who("leo").post_seen(f"{incident}/resolve", {"note": "Answered, and quiet."}, seen=incident)
        told.append(f"stage {done['stage']}")


def _learn(scene: Scene) -> None:
    incident = f"incidents/{scene.incident['id']}"
    with scene.teller.step("The post-mortem opens itself, with the whole timeline") as told:
        scene.who("leo").until(
            lambda api: api.get(incident)["stage"] == "UNDER_REVIEW" or None, what="The opening of the review"
        )
        events = scene.who("leo").everything(f"{incident}/timeline")
        told.append(f"{len(events)} events")
    with scene.teller.step("Lessons are written down, the post-mortem released, the incident closed") as told:
        (postmortem,) = scene.who("leo").everything("post-mortems", incident=scene.incident["id"])
        path = f"post-mortems/{postmortem['id']}"
        sections = scene.who("leo").everything("review-sections", post_mortem=postmortem["id"])
        words = {
            "summary": "A scheduled joke met a hard week; it was out for less than an hour.",
            "what_went_well": "The holding statement was agreed in peace time and out in one call.",
            "what_went_wrong": "Nobody outside the team had read the joke.",
        }
        for section in (one for one in sections if one["name"] in words):
            part = f"review-sections/{section['id']}"
            scene.who("leo").patch_seen(part, {"text": words[section["name"]]})
            scene.who("leo").post_seen(f"{part}/hand-in", seen=part)
        for kind, title, owner, proposal in (
            ("habit", "Humour about work needs a second reader.", "mia", {}),
            ("plan", "Answer within ten minutes.", "leo", {"change": {"clocks": FASTER}}),
        ):
            wish = {"post_mortem": postmortem["id"], "kind": kind, "title": title, "proposal": proposal}
            lesson = scene.who("leo").post("improvements", {**wish, "owner": str(scene.cast[owner].seat)})
            change = f"improvements/{lesson['id']}"
            told.append(scene.who("leo").post_seen(f"{change}/accept", seen=change)["stage"].lower())
        scene.who("leo").post_seen(f"{path}/release", seen=path)
        closed = scene.who("leo").post_seen(f"{incident}/close", {"note": "Two lessons."}, seen=incident)
        told.append(f"stage {closed['stage']}")


def _report(scene: Scene) -> None:
    incident = f"incidents/{scene.incident['id']}"
    with scene.teller.step("The report is written, with the storm against the band of normal") as told:
        link = scene.who("leo").post(f"{incident}/report-link")
        scene.report_url = httpx.URL(scene.base_url).join(link["url"]).__str__()
        page = httpx.get(scene.report_url, timeout=60, trust_env=False)
        page.raise_for_status()
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_bytes(page.content)
        told.append(f"{len(page.content) // 1024} kB, also at {Path(REPORT).relative_to(ROOT)}")
    with scene.teller.step("Nothing went out twice") as told:
        out = scene.who("ana").everything("sandbox/posts")
        pairs = [(post["account"], post["text"]) for post in out]
        if len(pairs) != len(set(pairs)):
            raise RuntimeError("Something was published twice.")
        lumens = [post for post in out if post["account"] in {a["id"] for a in scene.accounts[BURNING]}]
        told.append(f"{len(out)} posts were sent, {len(lumens)} of them Lumen's, each once")
