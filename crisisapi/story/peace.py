"""Chapter one: an agency in good times. People, brands, a plan, a message that is agreed in advance, full calendars."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from crisisapi.service_urls import ROOT
from crisisapi.story.client import Client, sign_in, with_key
from crisisapi.story.scene import AGENCY, AGENCY_NAME, BURNING, PASSWORD, TOPIC, Scene, Someone

BRANDS = {
    BURNING: ("Lumen Coffee", "food", "Europe/Berlin"),
    "nordwind": ("Nordwind Bikes", "mobility", "Europe/Berlin"),
    "casaverde": ("Casa Verde", "homes", "Europe/Madrid"),
}
POSTS = 200
HOLDING_WORDS = (
    "We have seen your comments about today's post. You are right to be angry. It is gone, and we will say more today."
)
STAGES = [
    {"name": "Crisis lead", "role": "crisis_lead", "side": "staff", "quorum": 1},
    {"name": "Client", "role": "client_approver", "side": "client", "quorum": 1},
]
SIGN_OFF = [{"name": "Owner", "role": "owner", "side": "staff", "quorum": 1}]
PLAN = {
    "crisis_kinds": ["insensitive_post", "product_failure", "misinformation"],
    "duties": [
        {"duty": "Lead", "role": "crisis_lead"},
        {"duty": "Spokesperson", "role": "account_manager"},
        {"duty": "Watch", "role": "responder"},
    ],
    "tasks": [
        {"title": "Take the post down", "duty": "Lead", "due_minutes": 15},
        {"title": "Call the client", "duty": "Spokesperson", "due_minutes": 30},
        {"title": "Brief the front desk", "duty": "Watch", "due_minutes": 60},
    ],
    "clocks": [
        {"kind": "acknowledge", "minutes": 15},
        {"kind": "first_words", "minutes": 30},
        {"kind": "update", "minutes": 120},
    ],
    "approval": {"stages": STAGES},
    "pause": {"on_activation": True, "allow_statements": True},
}


def tell(scene: Scene) -> None:
    scene.teller.chapter("1  In good times")
    _found_agency(scene)
    _add_brands(scene)
    _gather_people(scene)
    _go_on_call(scene)
    _make_plan(scene)
    _agree_on_holding_message(scene)
    _fill_calendars(scene)
    _connect_feed(scene)


def _take_seat(scene: Scene, someone: Someone, token: str) -> None:
    nobody = Client(scene.base_url, AGENCY)
    seat = nobody.post("/v1/invitations/accept", {"token": token, "name": someone.name, "password": PASSWORD})
    someone.seat = seat["id"]
    someone.client = sign_in(scene.base_url, AGENCY, email=someone.email, password=PASSWORD)


def _found_agency(scene: Scene) -> None:
    with scene.teller.step(f"The operator founds {AGENCY_NAME}; Ana takes the owner's seat"):
        ana = scene.cast["ana"]
        words = [sys.executable, "manage.py", "create_agency", AGENCY, "--name", AGENCY_NAME]
        words += ["--owner-email", ana.email, "--time-zone", "Europe/Berlin"]
        made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
        if made.returncode:
            raise RuntimeError(f"create_agency failed: {made.stderr[-800:]}")
        _take_seat(scene, ana, json.loads(made.stdout.strip().splitlines()[-1])["invitation"])


def _add_brands(scene: Scene) -> None:
    with scene.teller.step("Three brands, each with two accounts on the sandbox network") as told:
        for slug, (name, sector, zone) in BRANDS.items():
            brand = scene.who("ana").post(
                "brands", {"slug": slug, "name": name, "sector": sector, "time_zone": zone, "locale": "en"}
            )
            scene.brands[slug] = brand
            scene.accounts[slug] = [
                scene.who("ana").post("accounts", {"brand": brand["id"], "network": "sandbox", "handle": handle})
                for handle in (f"@{slug}", f"@{slug}-stories")
            ]
        told.append(", ".join(name for name, *_ in BRANDS.values()))


def _gather_people(scene: Scene) -> None:
    with scene.teller.step("Ana invites her team and the client; each invitation arrives by mail") as told:
        for name, someone in scene.cast.items():
            if name == "ana":
                continue
            scene.who("ana").post(
                "invitations",
                {
                    "email": someone.email,
                    "side": someone.side,
                    "role": someone.role,
                    "brands": [scene.brands[slug]["id"] for slug in someone.brands],
                },
            )
        for name, someone in scene.cast.items():
            if name != "ana":
                _take_seat(scene, someone, scene.mail.invitation_for(someone.email))
        told.append(f"{len(scene.cast)} people signed in")


def _go_on_call(scene: Scene) -> None:
    with scene.teller.step("A rota and an escalation policy; Dilnoza is on call, by mail and by web hook"):
        scene.who("dilnoza").post("contact-methods", {"transport": "email", "address": scene.cast["dilnoza"].email})
        hook = scene.who("dilnoza").post("contact-methods", {"transport": "webhook", "address": scene.hook.url})
        scene.who("dilnoza").post(f"contact-methods/{hook['id']}/verify", {"code": scene.hook.code()})
        scene.who("leo").post("contact-methods", {"transport": "email", "address": scene.cast["leo"].email})
        rota = scene.who("leo").post(
            "rotas",
            {
                "name": "Front line",
                "time_zone": "Europe/Berlin",
                "rotations": [{"members": [scene.cast["dilnoza"].seat], "starts_at": _in(hours=-24)}],
            },
        )
        policy = scene.who("leo").post(
            "escalation-policies",
            {
                "name": "Day and night",
                "steps": [
                    {"notify": [{"rota": rota["id"]}], "wait_minutes": 5},
                    {"notify": [{"role": "crisis_lead"}], "wait_minutes": 10},
                ],
            },
        )
        scene.policy = policy["id"]


def _make_plan(scene: Scene) -> None:
    with scene.teller.step("Leo drafts Lumen's crisis plan, and Ana signs it off") as told:
        draft = scene.who("leo").post(
            "plans",
            {
                "brand": scene.brand,
                "name": "Lumen in trouble",
                "body": {**PLAN, "alert": {"escalation_policy": scene.policy}},
            },
        )
        path = f"plan-drafts/{draft['id']}"
        approval = scene.who("leo").post_seen(f"{path}/submit", {"stages": SIGN_OFF}, seen=path)["approval"]
        approve(scene, "ana", approval)
        plan = scene.who("leo").until(
            lambda api: next((one for one in api.get("plans")["items"] if one["number"]), None), what="The plan"
        )
        told.append(f"version {plan['number']}")


def _agree_on_holding_message(scene: Scene) -> None:
    with scene.teller.step("A holding statement, approved in peace time by lead and client") as told:
        message = scene.who("mia").post(
            "messages",
            {
                "brand": scene.brand,
                "title": "We have heard you",
                "kind": "holding",
                "crisis_kind": "insensitive_post",
                "language": "en",
                "deliveries": [
                    {"account": account["id"], "text": HOLDING_WORDS} for account in scene.accounts[BURNING]
                ],
            },
        )
        scene.holding_message = message["id"]
        submitted = scene.who("mia").post(f"messages/{message['id']}/submit", {"expires_at": _in(hours=24 * 90)})
        for name in ("leo", "claire"):
            approve(scene, name, submitted["approval"])
        scene.who("mia").until(
            lambda api: api.get(f"messages/{message['id']}")["preapproved"] or None,
            what="The pre-approval",
        )
        told.append("valid for 90 days")


def approve(scene: Scene, name: str, approval: str) -> dict[str, Any]:
    """Somebody reads a text and agrees to exactly what they have read."""
    answer: dict[str, Any] = scene.who(name).post_seen(
        f"approvals/{approval}/approve", {"comment": "Good."}, seen=f"approvals/{approval}"
    )
    return answer


def _fill_calendars(scene: Scene) -> None:
    with scene.teller.step(f"{POSTS} posts in the calendars of the three brands") as told:
        now, slugs = datetime.now(UTC), list(BRANDS)
        items = []
        for number in range(POSTS):
            slug = slugs[number % len(slugs)]
            account = scene.accounts[slug][number // len(slugs) % 2]
            due = now + timedelta(hours=2, minutes=20 * number)
            items.append(
                {
                    "account": account["id"],
                    "text": f"{BRANDS[slug][0]}: something kind for a good day, number {number + 1}.",
                    "scheduled_at": due.isoformat(),
                }
            )
        for slug in slugs:
            mine = [item for item in items if item["account"] in {a["id"] for a in scene.accounts[slug]}]
            scene.who("ana").post("posts/import", {"posts": mine})
        told.append(f"{len(items)} imported")
    with scene.teller.step("One of them should never have been written; it goes out as scheduled") as told:
        post = scene.who("ana").post(
            "posts",
            {
                "account": scene.accounts[BURNING][0]["id"],
                "text": f"Monday mood: {TOPIC}. #lol",
                "scheduled_at": datetime.now(UTC).isoformat(),
            },
        )
        scene.offending_post = post["id"]
        published = scene.who("ana").until(lambda api: published_or_none(api, post["id"]), what="The publication")
        told.append(f"published as {published['external_id']}")


def published_or_none(api: Client, post: str) -> dict[str, Any] | None:
    seen: dict[str, Any] = api.get(f"posts/{post}")
    return seen if seen["stage"] == "PUBLISHED" else None


def _connect_feed(scene: Scene) -> None:
    with scene.teller.step("Tom issues a key for the listening feed, and one for himself"):
        source = scene.who("tom").post("sources", {"brand": scene.brand, "kind": "push", "name": "Social feed"})
        scene.source = source["id"]
        key = scene.who("ana").post("keys", {"name": "feed", "needs": ["mentions.ingest"]})
        scene.feed = with_key(scene.base_url, AGENCY, key["token"])
        own = scene.who("tom").post("keys", {"name": "Tom's script", "needs": ["brands.read", "posts.read"]})
        scene.cast["tom-key"] = Someone("Tom's key", "", "", client=with_key(scene.base_url, AGENCY, own["token"]))


def _in(*, hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
