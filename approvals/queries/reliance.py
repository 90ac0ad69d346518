"""Whether an approval can be relied upon: asked when it is spent, and again under the lock before anything goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.counting import BYPASS_GRAVEST, BYPASS_WITHIN, Voice, places_complete
from approvals.models import Approval, Bypass, Decision
from approvals.payload import covers, digest_of, parts_of
from approvals.process import looked_at
from approvals.states import ApprovalStage, Verdict
from tenants.models import Seat
from tenants.states import SeatStage


def why_not(
    approval: Approval,
    *,
    account_id: UUID,
    text: str,
    digest: str,
    at: datetime,
    media: Sequence[Mapping[str, str]] = (),
) -> str | None:
    """None when people have agreed to exactly this text on this account, and all of them are still here; else a word.

    `approval` is freshly loaded inside the wall, `digest` is what the post was bound to when it was made. The words:
    `not_approved`, `text_changed`, `approver_gone`, `expired`. One query, two for a bypass.
    """
    if not covers(approval.payload, account_id, text, media):
        return flaw(approval, digest=digest, at=at) or "text_changed"
    return flaw(approval, digest=digest, at=at)


def flaw(approval: Approval, *, digest: str, at: datetime) -> str | None:
    """Why an approval, granted or already spent, does not hold for the text with this digest; None when it holds.

    Nothing is taken from the row's word alone: the digest is computed again from the payload, and the voices are
    counted again, step by step, each for this digest, by another person, by no author, in a seat that is active. A
    voice that was taken over from an earlier request counts while what its step looks at is the same in both. Where two
    people bypassed the process, theirs are the voices.
    """
    if approval.stage not in (ApprovalStage.GRANTED, ApprovalStage.SPENT):
        return "not_approved"
    if digest != approval.digest or digest_of(approval.payload) != approval.digest:
        return "text_changed"
    if approval.expired(at):
        return "expired"
    return _flaw_of_bypass(approval) if approval.bypassed_at is not None else _flaw_of_voices(approval)


def _flaw_of_voices(approval: Approval) -> str | None:
    related = ("seat", "on_behalf_of", "carried_from__approval")
    said: list[Decision] = list(Decision.objects.filter(approval_id=approval.pk).select_related(*related))
    if not all(_in_office(voice.seat) and _in_office(voice.on_behalf_of) for voice in said):
        return "approver_gone"
    if not all(_sound(voice, approval) for voice in said):
        return "not_approved"
    # Who spoke, and for whom somebody spoke: nobody is heard twice, in whatever way.
    people = [voice.person_id for voice in said]
    people += [voice.on_behalf_of.user_id for voice in said if voice.on_behalf_of is not None]
    complete = places_complete(approval.stages, [counted(voice) for voice in said])
    agreed = len(complete) == len(approval.stages) and len(set(people)) == len(people)
    return None if agreed else "not_approved"


def counted(voice: Decision) -> Voice:
    """A yes in the form in which voices are counted."""
    return Voice(voice.stage_index, str(voice.person_id), frozenset(voice.hats), voice.as_deputy)


def _sound(voice: Decision, approval: Approval) -> bool:
    """A yes to this text, by nobody who wrote it or speaks for somebody who did, in a step that has it so."""
    step = approval.stages[voice.stage_index] if voice.stage_index < len(approval.stages) else None
    return (
        step is not None
        and voice.verdict == Verdict.APPROVE
        and not {voice.seat_id, voice.on_behalf_of_id} & set(approval.author_seat_ids)
        and (not voice.as_deputy or step.get("on_deadline") == "deputise")
        and (voice.digest == approval.digest if voice.carried_from is None else still_holds(voice, approval))
    )


def still_holds(voice: Decision, approval: Approval) -> bool:
    """Whether what a person said of an earlier text can count for this one: their step, and what it looks at, are the
    same in both. `voice` is the row in this approval; what it was taken over from is loaded with it.
    """
    origin = voice.carried_from
    if origin is None or origin.carried_from_id is not None or origin.verdict != Verdict.APPROVE:
        return False
    earlier = origin.approval
    same_voice = (origin.seat_id, origin.person_id, origin.digest, origin.hats, origin.as_deputy) == (
        voice.seat_id, voice.person_id, voice.digest, voice.hats, voice.as_deputy,
    ) and origin.on_behalf_of_id == voice.on_behalf_of_id  # fmt: skip
    same_step = earlier.stages[origin.stage_index] == approval.stages[voice.stage_index]
    own_text = origin.digest == earlier.digest == digest_of(earlier.payload)
    same_ground = earlier.brand_id == approval.brand_id
    return (
        same_voice
        and same_step
        and own_text
        and same_ground
        and looks_the_same(approval.stages[voice.stage_index], earlier.payload, approval.payload)
    )


def looks_the_same(step: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two payloads do not differ in any part that the step looks at."""
    before, now = parts_of(one), parts_of(other)
    return all(before[part] == now[part] for part in looked_at(step))


def _flaw_of_bypass(approval: Approval) -> str | None:
    bypass: Bypass | None = (
        Bypass.objects.filter(approval_id=approval.pk, second_at__isnull=False)
        .select_related("first_seat", "second_seat")
        .first()
    )
    if bypass is None or bypass.second_at is None or bypass.digest != approval.digest:
        return "not_approved"
    if not (_in_office(bypass.first_seat) and _in_office(bypass.second_seat)):
        return "approver_gone"
    grave = approval.severity is not None and approval.severity <= BYPASS_GRAVEST
    in_time = bypass.first_at <= bypass.second_at <= bypass.first_at + BYPASS_WITHIN
    authors = {bypass.first_seat_id, bypass.second_seat_id} & set(approval.author_seat_ids)
    two = bypass.first_person_id != bypass.second_person_id
    return None if grave and in_time and two and not authors else "not_approved"


def _in_office(seat: Seat | None) -> bool:
    return seat is None or seat.stage == SeatStage.ACTIVE


def stands_on(approval_id: UUID | None) -> set[UUID]:
    """The seats on whose word an approval rests: who spoke, for whom they spoke, who bypassed; two queries."""
    said = Decision.objects.filter(approval_id=approval_id).values_list("seat_id", "on_behalf_of_id")
    bypassed = Bypass.objects.filter(approval_id=approval_id, second_at__isnull=False)
    pairs = [*said, *bypassed.values_list("first_seat_id", "second_seat_id")]
    return {seat for pair in pairs for seat in pair if seat is not None}
