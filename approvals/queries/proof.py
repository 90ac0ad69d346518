"""What an approval's proof claims, read from the rows and the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.models import Approval, Bypass, Decision, Delegation
from approvals.proofs import FORMAT
from approvals.queries.reliance import flaw
from ledger.chain import FIELDS, canonical
from ledger.models import Event
from tenants.models import Seat


def claim_of(approval: Approval, *, at: datetime) -> dict[str, Any]:
    """The claim, in plain JSON, not yet signed. `approval` has its brand and agency with it; seven queries."""
    said: list[Decision] = list(
        Decision.objects.filter(approval_id=approval.pk)
        .select_related("carried_from__approval", "delegation")
        .order_by("at", "pk")
    )
    bypass: Bypass | None = Bypass.objects.filter(approval_id=approval.pk, second_at__isnull=False).first()
    sources = {voice.carried_from.approval_id: voice.carried_from.approval for voice in said if voice.carried_from}
    given = {voice.delegation_id: voice.delegation for voice in said if voice.delegation}
    seats = {seat for voice in said for seat in (voice.seat_id, voice.on_behalf_of_id) if seat}
    seats |= set(approval.author_seat_ids)
    if bypass is not None and bypass.second_seat_id is not None:
        seats |= {bypass.first_seat_id, bypass.second_seat_id}
    claim = {
        "format": FORMAT,
        "made_at": at,
        "agency": {"id": approval.agency_id, "name": approval.brand.agency.name},
        "brand": {"id": approval.brand_id, "name": approval.brand.name},
        "approval": {
            "id": approval.pk,
            "about_kind": approval.about_kind,
            "about_id": approval.about_id,
            "stage": approval.stage,
            "digest": approval.digest,
            "severity": approval.severity,
            "author_seats": approval.author_seat_ids,
            "requested_at": approval.requested_at,
            "granted_at": approval.granted_at,
            "expires_at": approval.expires_at,
            "bypassed_at": approval.bypassed_at,
            "spent_at": approval.spent_at,
            "spent_on": approval.spent_on,
        },
        "flaw": flaw(approval, digest=approval.digest, at=at),
        "payload": approval.payload,
        "steps": approval.stages,
        "people": _people(seats),
        "decisions": [_decision(voice) for voice in said],
        "delegations": [_delegation(one) for one in given.values() if one is not None],
        "bypass": None if bypass is None else _bypass(bypass),
        "sources": [
            {"approval": one.pk, "digest": one.digest, "payload": one.payload, "steps": one.stages}
            for one in sources.values()
        ],
        "events": _events([approval.pk, *sources, *(pk for pk in given if pk)]),
    }
    plain: dict[str, Any] = json.loads(canonical(claim))
    return plain


def _people(seat_ids: Iterable[UUID]) -> dict[str, Any]:
    rows = Seat.objects.filter(pk__in=set(seat_ids)).values_list("pk", "user__name", "user_id", "side")
    return {str(pk): {"name": name, "person": str(person), "side": side} for pk, name, person, side in rows}


def _decision(voice: Decision) -> dict[str, Any]:
    return {
        "place": voice.stage_index,
        "seat": voice.seat_id,
        "verdict": voice.verdict,
        "digest": voice.digest,
        "comment": voice.comment,
        "at": voice.at,
        "hats": voice.hats,
        "as_deputy": voice.as_deputy,
        "on_behalf_of": voice.on_behalf_of_id,
        "delegation": voice.delegation_id,
        "carried_from": voice.carried_from.approval_id if voice.carried_from else None,
    }


def _delegation(one: Delegation) -> dict[str, Any]:
    """Who was the deputy at what time is told by its events."""
    return {
        "id": one.pk,
        "seat": one.seat_id,
        "brand": one.brand_id,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "ended_at": one.ended_at,
    }


def _bypass(bypass: Bypass) -> dict[str, Any]:
    return {
        "first_seat": bypass.first_seat_id,
        "first_at": bypass.first_at,
        "first_reason": bypass.first_reason,
        "second_seat": bypass.second_seat_id,
        "second_at": bypass.second_at,
        "second_reason": bypass.second_reason,
    }


def _events(subjects: Iterable[UUID]) -> list[dict[str, Any]]:
    rows = Event.objects.filter(subject_id__in=list(subjects)).order_by("seq")
    return list(rows.values(*FIELDS, "prev_hash", "hash"))
