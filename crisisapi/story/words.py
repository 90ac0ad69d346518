"""Chapter five: a full statement, agreed by agency and client to the byte, published once; the bad post taken down."""

from __future__ import annotations

from typing import Any

from crisisapi.story.client import code_of
from crisisapi.story.peace import approve
from crisisapi.story.scene import BURNING, Scene

FIRST_DRAFT = (
    "On Monday we made a joke about people who lost their jobs. It was wrong, and it hurt people. We are sorry. "
    "The post is gone."
)
FINAL_WORDS = FIRST_DRAFT + " We will pay for a month of counselling at the job centre in our street."


def tell(scene: Scene) -> None:
    scene.teller.chapter("5  The right words")
    statement = _draft(scene)
    first = _submit_and_approve_first_stage(scene, statement)
    second = _edit_voids(scene, statement, first)
    _agree(scene, second)
    _publish_once(scene, statement)
    _take_down(scene)


def _deliveries(scene: Scene, words: str) -> list[dict[str, str]]:
    return [{"account": account["id"], "text": words} for account in scene.accounts[BURNING]]


def _draft(scene: Scene) -> str:
    with scene.teller.step("Mia drafts the statement"):
        statement = scene.who("mia").post(
            "statements",
            {
                "incident": scene.incident["id"],
                "title": "What we did and what we do now",
                "language": "en",
                "deliveries": _deliveries(scene, FIRST_DRAFT),
            },
        )
    return str(statement["id"])


def _submit(scene: Scene, statement: str) -> str:
    submitted = scene.who("mia").post_seen(f"statements/{statement}/submit", seen=f"statements/{statement}")
    return str(approval_of(submitted))


def approval_of(statement: dict[str, Any]) -> Any:
    """The request for approval of a statement's newest version."""
    return max(statement["versions"], key=lambda version: int(version["number"]))["approval"]


def _submit_and_approve_first_stage(scene: Scene, statement: str) -> str:
    with scene.teller.step("Leo approves it for the agency"):
        approval = _submit(scene, statement)
        approve(scene, "leo", approval)
    return approval


def _edit_voids(scene: Scene, statement: str, first: str) -> str:
    with scene.teller.step("Mia adds a sentence: Leo's approval is void, nobody had to remember to") as told:
        scene.who("mia").patch_seen(f"statements/{statement}", {"deliveries": _deliveries(scene, FINAL_WORDS)})
        told.append(f"the first approval is {scene.who('mia').get(f'approvals/{first}')['stage']}")
    return _submit(scene, statement)


def _agree(scene: Scene, approval: str) -> None:
    with scene.teller.step("Leo approves the new text, then Claire for the client") as told:
        approve(scene, "leo", approval)
        approve(scene, "claire", approval)
        etag = scene.who("leo").call("GET", f"approvals/{approval}").headers["ETag"]
        again = scene.who("leo").call(
            "POST", f"approvals/{approval}/approve", json={"comment": "Twice."}, headers={"If-Match": etag}
        )
        told.append(f"a second decision is refused: {again.status_code} {code_of(again)}")


def _publish_once(scene: Scene, statement: str) -> None:
    with scene.teller.step("The statement is released, and published once on each account") as told:
        scene.who("mia").until(
            lambda api: api.get(f"statements/{statement}")["stage"] == "APPROVED" or None,
            what="The approval of the statement",
        )
        scene.who("mia").post_seen(f"statements/{statement}/release", seen=f"statements/{statement}")
        scene.who("mia").until(
            lambda api: api.get(f"statements/{statement}")["stage"] == "PUBLISHED" or None,
            what="The statement",
        )
        out = [post for post in scene.who("mia").everything("sandbox/posts") if post["text"] == FINAL_WORDS]
        if len(out) != len(scene.accounts[BURNING]):
            raise RuntimeError(f"The statement is out {len(out)} times on {len(scene.accounts[BURNING])} accounts.")
        told.append(f"{len(out)} accounts, {len(out)} posts")


def _take_down(scene: Scene) -> None:
    with scene.teller.step("The offending post is taken down; a copy stays as evidence"):
        post = scene.offending_post
        scene.who("leo").post_seen(
            f"posts/{post}/take-down",
            {"reason": "It hurt people.", "incident": scene.incident["id"]},
            seen=f"posts/{post}",
        )
        scene.who("leo").until(
            lambda api: api.get(f"posts/{post}")["stage"] == "TAKEN_DOWN" or None,
            what="The takedown",
        )
