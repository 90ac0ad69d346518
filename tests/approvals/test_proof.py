"""The proof of an approval: one file that convinces somebody who has nothing else."""

from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from approvals.actions import create_delegation, meet_deadline
from approvals.jobs import DEADLINES
from approvals.models import Approval
from approvals.payload import digest_of, media_payload
from approvals.proofs import problems_of, public_key_of, signed
from crisisapi.service_urls import ROOT
from tests.approvals.conftest import CLIENT, LEAD, Asking, quoted, say
from tests.cast import Person, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Proof = dict[str, Any]
OURS = public_key_of(settings.PROOF_SIGNING_KEY)
PICTURE = {"sha256": "ab" * 32, "type": "image/png", "alt": "A red kettle"}


def proof_of(person: Person, approval: Approval) -> Proof:
    answer = person.get(f"approvals/{approval.pk}/proof")
    assert answer.status == 200, answer.body
    return dict(answer.body)


def again(proof: Proof) -> Proof:
    """Signed anew with our own key, as somebody would who has the key and tells another story."""
    claim = {name: value for name, value in proof.items() if name not in ("public_key", "signature")}
    return signed(claim, seed=settings.PROOF_SIGNING_KEY)


@pytest.fixture
def granted(ask: Asking, lea: Person, cy: Person) -> Approval:
    approval = ask()
    say(lea, "approve", approval, "Good.")
    say(cy, "approve", approval)
    return approval


def test_it_holds_what_was_agreed_by_whom_as_what_and_when(
    north: North, lea: Person, cy: Person, bo: Person, granted: Approval
) -> None:
    proof = proof_of(lea, granted)
    assert problems_of(proof, public_key=OURS) == []
    assert proof["payload"]["deliveries"][0]["text"].startswith("We are sorry")
    assert (proof["agency"]["name"], proof["brand"]["name"], proof["flaw"]) == ("Agency North", "Aurora", None)
    assert {person["name"] for person in proof["people"].values()} == {"Lea", "Cy", "Bo"}
    assert [(d["seat"], d["hats"], d["comment"]) for d in proof["decisions"]] == [
        (str(lea.seat.pk), ["crisis_lead"], "Good."),
        (str(cy.seat.pk), ["client_approver"], ""),
    ]
    assert [event["name"] for event in proof["events"]] == [
        "approval.requested",
        "approval.decided",
        "approval.decided",
        "approval.granted",
    ]
    assert proof["public_key"] == OURS


def test_the_client_can_take_it_home_and_strangers_cannot(cy: Person, eve: Person, granted: Approval) -> None:
    assert problems_of(proof_of(cy, granted), public_key=OURS) == []
    assert eve.get(f"/v1/agencies/north/approvals/{granted.pk}/proof").status == 404


def test_one_that_is_not_granted_proves_that_and_no_more(lea: Person, ask: Asking) -> None:
    pending, rejected = ask(), ask()
    say(lea, "reject", rejected)
    for approval, stage in ((pending, "PENDING"), (rejected, "REJECTED")):
        proof = proof_of(lea, approval)
        assert (problems_of(proof, public_key=OURS), proof["approval"]["stage"]) == ([], stage)


def change(path: str, value: Any) -> Callable[[Proof], None]:
    def apply(proof: Proof) -> None:
        *way, last = path.split(".")
        place: Any = proof
        for part in way:
            place = place[int(part) if part.isdigit() else part]
        place[int(last) if last.isdigit() else last] = value(place, last) if callable(value) else value

    return apply


def drop(path: str) -> Callable[[Proof], None]:
    def apply(proof: Proof) -> None:
        *way, last = path.split(".")
        place: Any = proof
        for part in way:
            place = place[int(part) if part.isdigit() else part]
        del place[int(last) if last.isdigit() else last]

    return apply


def other_text(proof: Proof) -> None:
    proof["payload"]["deliveries"][0]["text"] = "Buy now!"


def other_text_with_its_digest(proof: Proof) -> None:
    other_text(proof)
    proof["approval"]["digest"] = digest_of(proof["payload"])
    for voice in proof["decisions"]:
        voice["digest"] = proof["approval"]["digest"]


def one_person(proof: Proof) -> None:
    first, second = (voice["seat"] for voice in proof["decisions"])
    proof["people"][second]["person"] = proof["people"][first]["person"]


def author(proof: Proof) -> None:
    proof["approval"]["author_seats"] = [proof["decisions"][0]["seat"]]


def easier(proof: Proof) -> None:
    """The client's voice and step are gone, as though nobody had ever asked."""
    del proof["steps"][1], proof["decisions"][1]


LIES = [
    other_text,
    other_text_with_its_digest,
    one_person,
    author,
    easier,
    drop("decisions.1"),
    change("decisions.1.verdict", "reject"),
    change("decisions.0.place", 1),
    change("steps.0.quorum", 2),
    change("steps.0.hats", ["counsel"]),
    change("approval.stage", "PENDING"),
    change("events.1.facts.verdict", "reject"),
    change("events.1.at", "2020-01-01T00:00:00.000000Z"),
    change("events.0.prev_hash", "0" * 64),
    change("events.1.agency_id", "01890000-0000-7000-8000-000000000000"),
    drop("events.3"),
    drop("events.1"),
    lambda proof: proof["events"].reverse(),
    lambda proof: proof["events"].append(proof["events"][1]),
]


@pytest.mark.parametrize("lie", LIES)
def test_whoever_has_the_key_can_still_not_tell_another_story(
    lea: Person, granted: Approval, lie: Callable[[Proof], None]
) -> None:
    """Each lie is signed anew, so that only what the proof says of itself can find it."""
    proof = proof_of(lea, granted)
    lie(proof)
    assert problems_of(proof, public_key=OURS) != []
    assert problems_of(again(proof), public_key=OURS) != []


@pytest.mark.parametrize(
    "path", ["made_at", "agency.name", "approval.severity", "decisions.0.comment", "people", "flaw", "spent", "payload"]
)
def test_nothing_at_all_can_be_changed_without_the_key(lea: Person, granted: Approval, path: str) -> None:
    proof = proof_of(lea, granted)
    change(path, "else")(proof)
    assert problems_of(proof, public_key=OURS) != []


def test_another_key_is_another_house(lea: Person, granted: Approval) -> None:
    proof = proof_of(lea, granted)
    claim = {name: value for name, value in proof.items() if name not in ("public_key", "signature")}
    seed = base64.b64encode(b"x" * 32).decode()
    foreign = signed(claim, seed=seed)
    assert problems_of(foreign, public_key=OURS) == ["It is signed with another key than the one that you trust."]
    assert problems_of(foreign, public_key=public_key_of(seed)) == []
    assert problems_of({**foreign, "public_key": OURS}, public_key=OURS) == [
        "The signature does not hold: something was changed after it was signed."
    ]


@pytest.mark.parametrize("wrong", [{}, {"format": "crisisapi.approval.proof.1"}, {"format": "2"}, {"format": None}])
def test_what_is_no_proof_is_told_so(wrong: Proof) -> None:
    assert len(problems_of(wrong, public_key=OURS)) == 1


# -- what else a proof can hold ------------------------------------------------------------------------------


def test_delegations_are_shown_and_checked(north: North, ana: Person, lea: Person, ask: Asking, now: datetime) -> None:
    mo = seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)
    with walled(north.agency):
        given = create_delegation(
            deputy_id=mo.seat.pk,
            brand_id=None,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="away",
            caller=lea.caller(now),
            at=now,
        )
    approval = ask(stages=[LEAD])
    say(mo, "approve", approval)
    lea.post(f"delegations/{given.pk}/end", {"reason": "back"})
    proof = proof_of(lea, approval)
    assert problems_of(proof, public_key=OURS) == []
    assert proof["delegations"][0]["ended_at"] is not None
    for lie in (
        change("delegations.0.ends_at", "2020-01-01T00:00:00Z"),
        change("delegations.0.brand", str(north.borealis.pk)),
        drop("delegations.0"),
        change("decisions.0.delegation", None),
        change("decisions.0.on_behalf_of", str(mo.seat.pk)),
    ):
        told = copy.deepcopy(proof)
        lie(told)
        assert problems_of(again(told), public_key=OURS) != []


def test_voices_that_were_taken_over_come_with_what_was_said(
    north: North, lea: Person, cy: Person, ask: Asking
) -> None:
    def made(*media: dict[str, str]) -> dict[str, Any]:
        one = {"account": north.aurora_account.pk, "language": "en", "text": "Sorry.", "media": list(media)}
        return media_payload(brand_id=north.aurora.pk, deliveries=[one])

    steps = [LEAD | {"looks_at": ["text"]}, CLIENT]
    first = ask(stages=steps, payload=made())
    say(lea, "approve", first)
    second = ask(stages=steps, payload=made(PICTURE), carries_from=first.pk)
    say(cy, "approve", second)
    proof = proof_of(cy, second)
    assert problems_of(proof, public_key=OURS) == []
    assert proof["sources"][0]["digest"] == first.digest
    for lie in (
        change("sources.0.payload.deliveries.0.text", "Other."),
        change("sources.0.steps.0.quorum", 7),
        change("sources.0.approval", str(second.pk)),
        drop("sources.0"),
        change("decisions.0.carried_from", None),
        drop("events.1"),
    ):
        told = copy.deepcopy(proof)
        lie(told)
        assert problems_of(again(told), public_key=OURS) != []


def test_a_bypass_says_so_in_the_first_lines(
    north: North, ana: Person, lea: Person, ask: Asking, tmp_path: Path
) -> None:
    approval = ask(severity=1)
    for person in (lea, ana):
        person.post(f"approvals/{approval.pk}/bypass", {"reason": "It burns."}, If_Match=quoted(approval.digest))
    proof = proof_of(lea, approval)
    assert problems_of(proof, public_key=OURS) == []
    assert "BYPASSED by Lea and Ana" in verify(tmp_path, proof)
    for lie in (
        change("bypass", None),
        change("approval.severity", 3),
        change("bypass.second_seat", str(lea.seat.pk)),
        change("bypass.second_at", (timezone.now() + timedelta(minutes=16)).isoformat()),
        change("approval.author_seats", [str(ana.seat.pk)]),
    ):
        told = copy.deepcopy(proof)
        lie(told)
        assert problems_of(again(told), public_key=OURS) != []


def test_a_deputy_after_a_deadline_is_shown_as_one(
    north: North, ana: Person, ask: Asking, now: datetime, tmp_path: Path
) -> None:
    late = {"deadline_minutes": 30, "on_deadline": "deputise", "deputies": [{"role": "owner"}]}
    approval = ask(stages=[LEAD | late])
    with walled(north.agency):
        meet_deadline(approval_id=approval.pk, place=0, by=DEADLINES, at=now + timedelta(minutes=30))
    say(ana, "approve", approval)
    proof = proof_of(ana, approval)
    assert problems_of(proof, public_key=OURS) == []
    assert "as a deputy after the deadline" in verify(tmp_path, proof)
    change("steps.0.on_deadline", "escalate")(proof)
    assert problems_of(again(proof), public_key=OURS) != []


# -- the command ---------------------------------------------------------------------------------------------


def verify(folder: Path, proof: Proof, *options: str) -> str:
    file = folder / "proof.json"
    file.write_text(json.dumps(proof))
    told = StringIO()
    call_command("verify_proof", str(file), *options, stdout=told, stderr=told)
    return told.getvalue()


def test_the_command_tells_what_is_proved(lea: Person, granted: Approval, tmp_path: Path) -> None:
    told = verify(tmp_path, proof_of(lea, granted))
    assert "of Aurora, Agency North: GRANTED" in told
    assert "lead: Lea, approve, as crisis_lead" in told
    assert f"The proof holds; signed with {OURS}" in told


def test_the_command_fails_with_what_is_wrong(lea: Person, granted: Approval, tmp_path: Path) -> None:
    proof = proof_of(lea, granted)
    with pytest.raises(CommandError, match="does not hold"):
        verify(tmp_path, proof | {"made_at": "now"})
    with pytest.raises(CommandError, match="does not hold"):
        verify(tmp_path, proof, "--public-key", public_key_of(base64.b64encode(b"x" * 32).decode()))
    with pytest.raises(CommandError, match="no proof"):
        verify(tmp_path, [])  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="no file"):
        call_command("verify_proof", str(tmp_path / "absent.json"))
    with pytest.raises(CommandError, match="Name the file"):
        call_command("verify_proof")


def test_it_needs_no_database_and_no_secret_of_ours(lea: Person, granted: Approval, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof_of(lea, granted)))
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "manage.py", "verify_proof", str(file), "--public-key", OURS],
        cwd=ROOT,
        env={**os.environ, **nowhere, "PROOF_SIGNING_KEY": base64.b64encode(b"y" * 32).decode()},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert "The proof holds" in ran.stdout


def test_the_installations_key_can_be_told_to_others() -> None:
    told = StringIO()
    call_command("verify_proof", "--show-key", stdout=told)
    assert told.getvalue().strip() == OURS
