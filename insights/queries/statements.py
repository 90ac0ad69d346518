"""The statements of an incident, with who agreed to them and where they went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from approvals.models import Approval, Bypass, Decision
from incidents.models import Delivery, Incident, Statement, StatementVersion
from incidents.states import StatementStage


class Found:
    """A statement with everything that hangs on it."""

    def __init__(self, statement: Statement, newest: StatementVersion) -> None:
        self.statement = statement
        self.newest = newest
        self.deliveries: list[Delivery] = []
        self.approvals: list[Approval] = []
        self.decisions: list[Decision] = []
        self.bypasses: list[Bypass] = []

    def seats(self) -> Iterator[UUID]:
        """Everybody who said something about it."""
        for decision in self.decisions:
            yield from (seat for seat in (decision.seat_id, decision.on_behalf_of_id) if seat)
        for bypass in self.bypasses:
            yield from _both(bypass)


def _both(bypass: Bypass) -> list[UUID]:
    return [seat for seat in (bypass.first_seat_id, bypass.second_seat_id) if seat]


def statements_of(incident: Incident, *, internal: bool) -> list[Found]:
    """The incident's statements in the order in which they were begun; five queries, six after a bypass."""
    rows = Statement.objects.filter(incident=incident).order_by("pk")
    if not internal:
        rows = rows.exclude(stage__in=[StatementStage.DRAFT, StatementStage.WITHDRAWN])
    statements = {row.pk: row for row in rows}
    found: dict[UUID, Found] = {}
    asked: dict[UUID, Found] = {}
    versions = StatementVersion.objects.filter(statement__in=statements).order_by("number")
    for version in versions:
        held = found.setdefault(version.statement_id, Found(statements[version.statement_id], version))
        held.newest = version
        if version.approval_id:
            asked[version.approval_id] = held
    for approval in Approval.objects.filter(pk__in=asked).order_by("requested_at", "pk"):
        asked[approval.pk].approvals.append(approval)
    for decision in Decision.objects.filter(approval__in=asked).order_by("at", "pk"):
        asked[decision.approval_id].decisions.append(decision)
    bypassed = [pk for pk, held in asked.items() if any(one.bypassed_at for one in held.approvals)]
    if bypassed:
        for bypass in Bypass.objects.filter(approval__in=bypassed, second_at__isnull=False).order_by("second_at"):
            asked[bypass.approval_id].bypasses.append(bypass)
    deliveries = Delivery.objects.filter(statement__in=statements).select_related("post", "account").order_by("pk")
    for delivery in deliveries:
        found[delivery.statement_id].deliveries.append(delivery)
    return [found[key] for key in statements if key in found]


def told(found: Found, names: Mapping[UUID | None, str]) -> dict[str, Any]:
    statement, payload = found.statement, found.newest.payload
    stages = {approval.pk: approval.stages for approval in found.approvals}
    carried = {str(delivery.account_id): delivery for delivery in found.deliveries}
    return {
        "title": statement.title,
        "kind": statement.kind,
        "stage": statement.stage,
        "language": payload["language"],
        "digest": found.newest.digest,
        "version": found.newest.number,
        "released_at": statement.released_at,
        "published_at": statement.published_at,
        "texts": [{"text": part["text"], **_carrier(carried.get(part["account"]))} for part in payload["deliveries"]],
        "voices": [
            {
                "stage": stages[decision.approval_id][decision.stage_index]["name"],
                "person": names.get(decision.seat_id),
                "on_behalf_of": names.get(decision.on_behalf_of_id),
                "verdict": decision.verdict,
                "at": decision.at,
                # Of these very words, or taken over to them because nothing that the person looked at has changed.
                "of_these_words": decision.digest == found.newest.digest
                or decision.approval_id == found.newest.approval_id,
            }
            for decision in found.decisions
            if not _taken_over(decision, found)
        ],
        "bypasses": [
            {
                "people": [names.get(seat) for seat in _both(bypass)],
                "reasons": [bypass.first_reason, bypass.second_reason],
                "at": bypass.second_at,
                "of_these_words": bypass.digest == found.newest.digest,
            }
            for bypass in found.bypasses
        ],
    }


def _taken_over(decision: Decision, found: Found) -> bool:
    """Whether what somebody said stands further on, with a newer version of the words."""
    origin = decision.carried_from_id or decision.pk
    newer = [voice for voice in found.decisions if voice.carried_from_id == origin and voice.pk > decision.pk]
    return bool(newer)


def _carrier(delivery: Delivery | None) -> dict[str, Any]:
    if delivery is None:
        return {"account": None, "network": None, "stage": None, "url": None, "published_at": None}
    return {
        "account": delivery.account.handle,
        "network": delivery.account.network,
        "stage": delivery.post.stage,
        "url": delivery.post.url or None,
        "published_at": delivery.post.published_at,
    }
