"""The proof of an approval: signing one, and checking one with nothing but the file and a public key. No Django.

A proof holds everything that its claim rests on: the payload, the steps, who said what in which role, for whom and by
which delegation, what was taken over from which earlier text, who bypassed, and the ledger's events with their hashes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from approvals.counting import BYPASS_GRAVEST, BYPASS_WITHIN, Voice, places_complete
from approvals.payload import PARTS, digest_of, parts_of
from ledger.chain import canonical, link

FORMAT = "crisisapi.approval.proof.1"
DOMAIN = b"crisisapi.approval.proof.1\n"
AGREED = frozenset({"GRANTED", "SPENT"})

Proof = Mapping[str, Any]


def public_key_of(seed: str) -> str:
    """The public key, in base64, of a signing key: base64 of 32 bytes."""
    return base64.b64encode(_private(seed).public_key().public_bytes_raw()).decode()


def signed(claim: Proof, *, seed: str) -> dict[str, Any]:
    """The claim with the public key and the signature over all of it."""
    document = {**claim, "public_key": public_key_of(seed)}
    signature = _private(seed).sign(DOMAIN + canonical(document))
    return {**document, "signature": base64.b64encode(signature).decode()}


def _private(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))


def problems_of(proof: Proof, *, public_key: str) -> list[str]:
    """What speaks against a proof, in sentences; nothing when it holds. `public_key` is the one that you trust."""
    if proof.get("format") != FORMAT:
        return ["This is no proof of an approval, or one of another version."]
    try:
        return list(_problems(proof, public_key))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        return [f"A part of it is missing or is not what it should be: {error!r}."]


def _problems(proof: Proof, public_key: str) -> Iterator[str]:
    if proof["public_key"] != public_key:
        yield "It is signed with another key than the one that you trust."
    if not _signature_holds(proof):
        yield "The signature does not hold: something was changed after it was signed."
    if digest_of(proof["payload"]) != proof["approval"]["digest"]:
        yield "The digest is not that of the payload."
    yield from _problems_of_events(proof)
    yield from _problems_of_voices(proof)
    if proof["approval"]["stage"] not in AGREED:
        return
    if proof["bypass"] is not None:
        yield from _problems_of_bypass(proof)
    elif len(_complete(proof)) != len(proof["steps"]):
        left = [step["name"] for place, step in enumerate(proof["steps"]) if place not in _complete(proof)]
        yield f"It is said to be agreed, but voices are missing in: {', '.join(left)}."


def _signature_holds(proof: Proof) -> bool:
    said = {name: value for name, value in proof.items() if name != "signature"}
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(proof["public_key"], validate=True))
        key.verify(base64.b64decode(proof["signature"], validate=True), DOMAIN + canonical(said))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


# -- the ledger ---------------------------------------------------------------------------------------------


def _problems_of_events(proof: Proof) -> Iterator[str]:
    previous: Mapping[str, Any] | None = None
    for event in proof["events"]:
        if link(event, event["prev_hash"]) != event["hash"]:
            yield f"Event {event['seq']} is not what was recorded."
        if event["agency_id"] != proof["agency"]["id"]:
            yield f"Event {event['seq']} is another agency's."
        if previous is not None and event["seq"] <= previous["seq"]:
            yield f"Event {event['seq']} is out of order."
        if previous is not None and event["seq"] == previous["seq"] + 1 and event["prev_hash"] != previous["hash"]:
            yield f"Event {event['seq']} does not follow the event before it."
        previous = event
    asked = _events(proof, proof["approval"]["id"], "approval.requested")
    names = [step["name"] for step in proof["steps"]]
    if [(event["facts"]["digest"], event["facts"]["stages"]) for event in asked] != [
        (proof["approval"]["digest"], names)
    ]:
        yield "The ledger does not tell of a request with this digest and these steps."
    ended = {event["name"] for event in proof["events"] if event["subject_id"] == proof["approval"]["id"]}
    if (proof["approval"]["stage"] in AGREED) != ("approval.granted" in ended and "approval.voided" not in ended):
        yield "The ledger tells of another end than the proof."


def _events(proof: Proof, subject: str, name: str) -> list[Mapping[str, Any]]:
    return [event for event in proof["events"] if event["subject_id"] == subject and event["name"] == name]


def _told(proof: Proof, approval: str, step: str, voice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The event of this voice: by this seat, in this step, of this text."""
    said = (voice["seat"], step, voice["verdict"], voice["digest"], voice["on_behalf_of"])
    for event in _events(proof, approval, "approval.decided"):
        facts = event["facts"]
        told = (event["actor_id"], facts["stage"], facts["verdict"], facts["digest"], facts.get("on_behalf_of"))
        if told == said:
            return event
    return None


# -- the voices ---------------------------------------------------------------------------------------------


def _problems_of_voices(proof: Proof) -> Iterator[str]:
    people = proof["people"]
    heard: list[str] = []
    for voice in proof["decisions"]:
        speakers = [seat for seat in (voice["seat"], voice["on_behalf_of"]) if seat is not None]
        heard += [people[seat]["person"] for seat in speakers]
        yield from _problems_of_voice(proof, voice, people[voice["seat"]]["name"], speakers)
    if len(set(heard)) != len(heard):
        yield "Somebody was heard twice."
    own = [voice for voice in proof["decisions"] if voice["carried_from"] is None]
    if len(own) != len(_events(proof, proof["approval"]["id"], "approval.decided")):
        yield "The ledger tells of other voices than the proof."


def _problems_of_voice(proof: Proof, voice: Mapping[str, Any], name: str, speakers: list[str]) -> Iterator[str]:
    step, source = proof["steps"][voice["place"]], voice["carried_from"]
    if voice["as_deputy"] and step.get("on_deadline") != "deputise":
        yield f"{name} spoke as a deputy in a step that has none."
    if set(speakers) & set(proof["approval"]["author_seats"]):
        yield f"{name} is an author, or spoke for one."
    if source is not None:
        yield from _problems_of_carried(proof, voice, name)
    elif voice["digest"] != proof["approval"]["digest"]:
        yield f"{name} spoke of another text."
    event = _told(proof, source or proof["approval"]["id"], step["name"], voice)
    if event is None:
        yield f"The ledger does not tell that {name} said this."
    elif voice["on_behalf_of"] is not None and not _delegated(proof, voice, before=event["seq"]):
        yield f"{name} spoke for somebody without a delegation that held then."


def _delegated(proof: Proof, voice: Mapping[str, Any], *, before: int) -> bool:
    """Whether, as the ledger has it, the delegation was this person's and had not ended when they spoke."""
    given = {one["id"]: one for one in proof["delegations"]}.get(voice["delegation"])
    if given is None or given["brand"] not in (None, proof["brand"]["id"]):
        return False
    events = [event for event in proof["events"] if event["subject_id"] == given["id"] and event["seq"] < before]
    if not events or events[-1]["name"] not in ("delegation.created", "delegation.handed_over"):
        return False
    facts = events[-1]["facts"]
    theirs = (facts["seat_id"], facts["deputy_id"]) == (voice["on_behalf_of"], voice["seat"])
    return theirs and _at(given["starts_at"]) <= _at(voice["at"]) < _at(given["ends_at"])


def _problems_of_carried(proof: Proof, voice: Mapping[str, Any], name: str) -> Iterator[str]:
    source = {one["approval"]: one for one in proof["sources"]}[voice["carried_from"]]
    step = proof["steps"][voice["place"]]
    if digest_of(source["payload"]) != source["digest"] or voice["digest"] != source["digest"]:
        yield f"What {name} spoke of is not the earlier text."
    if step not in source["steps"]:
        yield f"The step in which {name} spoke was another one then."
    before, now = parts_of(source["payload"]), parts_of(proof["payload"])
    if any(before[part] != now[part] for part in step.get("looks_at") or PARTS):
        yield f"Something that {name} looked at has changed since."


def _complete(proof: Proof) -> set[int]:
    agreeing = [
        Voice(
            voice["place"],
            proof["people"][voice["seat"]]["person"],
            frozenset(voice["hats"]),
            voice["as_deputy"],
        )
        for voice in proof["decisions"]
        if voice["verdict"] == "approve"
    ]
    return places_complete(proof["steps"], agreeing)


def _problems_of_bypass(proof: Proof) -> Iterator[str]:
    bypass, people = proof["bypass"], proof["people"]
    first, second = bypass["first_seat"], bypass["second_seat"]
    severity = proof["approval"]["severity"]
    if people[first]["person"] == people[second]["person"]:
        yield "The bypass is one person's."
    if {first, second} & set(proof["approval"]["author_seats"]):
        yield "An author bypassed the approval of their own words."
    if severity is None or severity > BYPASS_GRAVEST:
        yield "It was not grave enough for a bypass."
    if not _at(bypass["first_at"]) <= _at(bypass["second_at"]) <= _at(bypass["first_at"]) + BYPASS_WITHIN:
        yield "The second person of the bypass came too late."
    told = [
        (event["facts"]["first_seat_id"], event["facts"]["second_seat_id"], event["facts"]["digest"])
        for event in _events(proof, proof["approval"]["id"], "approval.bypassed")
    ]
    if told != [(first, second, proof["approval"]["digest"])]:
        yield "The ledger does not tell of this bypass."


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def in_words(proof: Proof) -> list[str]:
    """What a proof claims, for people to read."""
    approval, people = proof["approval"], proof["people"]
    lines = [f"Approval {approval['id']} of {proof['brand']['name']}, {proof['agency']['name']}: {approval['stage']}"]
    lines += [f"Digest of the text: {approval['digest']}"]
    if proof["bypass"] is not None:
        bypass = proof["bypass"]
        both = f"{people[bypass['first_seat']]['name']} and {people[bypass['second_seat']]['name']}"
        lines.append(f"BYPASSED by {both} at {bypass['second_at']}: the steps were not completed.")
    for voice in proof["decisions"]:
        said = f"{proof['steps'][voice['place']]['name']}: {people[voice['seat']]['name']}, {voice['verdict']}"
        if voice["hats"]:
            said += f", as {' and '.join(voice['hats'])}"
        if voice["as_deputy"]:
            said += ", as a deputy after the deadline"
        if voice["on_behalf_of"] is not None:
            said += f", on behalf of {people[voice['on_behalf_of']]['name']}"
        if voice["carried_from"] is not None:
            said += ", of an earlier text whose parts have not changed"
        lines.append(f"{said}, at {voice['at']}")
    return lines
