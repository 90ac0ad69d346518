"""Giving access back: what somebody connected with their own log-in is taken out of use, and revoked at the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from connectors.models import Withdrawal
from core.actor import Actor
from core.wall import standing_agency
from jobs.actions import Wish, later_many
from ledger.actions import record
from permissions.actions.revocations import add_task
from permissions.revocation import Todo, counted, human_line, line
from tenants.actions.accounts import withdraw_credentials
from tenants.models import SocialAccount

REVOKE = "connectors.revoke_access"
CONNECTIONS = "connections of their own"
AT_ONCE = timedelta(hours=4)


def _connected_by(seat_ids: Collection[UUID]) -> Any:
    return SocialAccount.objects.filter(connected_by_id__in=seat_ids, disconnected_at=None, credentials__isnull=False)


def connections_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    """Accounts that still use a leaver's log-in, and log-ins of which the network has not said that they are dead."""
    left = Counter(counted(_connected_by(seat_ids), "connected_by_id"))
    left.update(counted(Withdrawal.objects.all().unproven().filter(seat_id__in=seat_ids), "seat_id"))
    return left


@line(
    CONNECTIONS, left=connections_left, covers={"tenants.SocialAccount.connected_by_id", "connectors.Withdrawal.seat"}
)
def withdraw_connections(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Use their log-ins no more from this commit on, and have the networks revoke them at once.

    Until a network confirms it the credentials are kept, sealed, apart from the account: whoever connects it anew
    meanwhile does not lose the proof.
    """
    rows = _connected_by([seat_id]).order_by("pk").select_for_update(of=("self",), no_key=True)
    withdrawals = [
        Withdrawal(
            account=account, seat_id=seat_id, credentials=account.credentials,
            credentials_set_at=account.credentials_set_at or account.connected_at, asked_at=at,
        )
        for account in rows
    ]  # fmt: skip
    for withdrawal in withdrawals:
        withdraw_credentials(account_id=withdrawal.account_id, reason="owner_gone", by=by, at=at)
        withdrawal.save(force_insert=True)
    open_ones = Withdrawal.objects.all().unproven().filter(seat_id=seat_id).values_list("pk", flat=True)
    later_many(
        [Wish(REVOKE, str(one), standing_agency(), at, {"withdrawal_id": str(one)}) for one in open_ones.order_by("pk")]
    )
    return len(withdrawals)


@human_line("accounts to reconnect")
def reconnect_accounts(seat_id: UUID, _at: datetime) -> list[Todo]:
    """What was connected with the leaver's log-in publishes nothing until somebody else's takes its place."""
    accounts = _connected_by([seat_id]).order_by("network", "handle")
    return [Todo(f"Connect {one.handle} on {one.network} anew, with another log-in.", AT_ONCE) for one in accounts]


@transaction.atomic
def note_proof(*, withdrawal_id: UUID, proof: str, by: Actor, at: datetime) -> Withdrawal:
    """The network takes the credentials no more: they are forgotten here. Repeating changes nothing.

    `proof` is `network` when it confirmed the call, `refused` when it refused the credentials.
    """
    row: Withdrawal = Withdrawal.objects.locked(withdrawal_id)
    if row.proven_at is None:
        row.proven_at, row.proof, row.problem, row.credentials = at, proof, "", None
        row.save(update_fields=["proven_at", "proof", "problem", "credentials"])
        account: SocialAccount = SocialAccount.objects.found(row.account_id)
        record(
            "account.access_revoked", on=account, by=by, at=at, network=account.network, proof=proof,
            seat_id=row.seat_id,
        )  # fmt: skip
    return row


@transaction.atomic
def note_problem(*, withdrawal_id: UUID, problem: str, gives_up: bool, by: Actor, at: datetime) -> Withdrawal:
    """The network could not be made to say anything. Whoever gives up hands it to people, as a task."""
    row: Withdrawal = Withdrawal.objects.locked(withdrawal_id)
    if row.proven_at is not None:
        return row
    row.problem = problem[:120]
    row.save(update_fields=["problem"])
    if gives_up:
        account: SocialAccount = SocialAccount.objects.found(row.account_id)
        title = f"Revoke the access of the leaver's log-in to {account.handle} at {account.network} by hand."
        note_proof(withdrawal_id=row.pk, proof="by_hand", by=by, at=at)
        add_task(seat_id=row.seat_id, line_name=CONNECTIONS, todo=Todo(title, AT_ONCE), by=by, at=at)
    return row
