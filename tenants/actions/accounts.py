"""Connecting social accounts, renewing their credentials, noting how the connection does."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from ledger.actions import record
from tenants.models import Brand, SocialAccount
from tenants.states import SANDBOX, Health


class AccountKnown(Refusal):
    code = "account_known"
    title = "This account is connected already."


class SandboxOnly(Refusal):
    """Fact `network`."""

    code = "sandbox_only"
    title = "A drill is played on the sandbox network alone."


class AccountDisconnected(Refusal):
    """A disconnected account is connected again as a new one."""

    code = "account_disconnected"
    title = "This account has been disconnected."


@transaction.atomic
def connect_account(
    *, brand_id: UUID, network: str, handle: str, credentials: dict[str, Any], by: Actor, at: datetime
) -> SocialAccount:
    """Connect a brand's account on a network; its credentials are sealed. The twin of a drill has the sandbox alone."""
    if network != SANDBOX and Brand.objects.filter(pk=brand_id, drill_of__isnull=False).exists():
        raise SandboxOnly(network=network)
    if SocialAccount.objects.filter(network=network, handle=handle, disconnected_at=None).exists():
        raise AccountKnown(network=network, handle=handle)
    account = SocialAccount(
        id=uuid7(),
        brand_id=brand_id,
        network=network,
        handle=handle,
        credentials=credentials,
        connected_at=at,
        connected_by_id=by.seat_id,
        credentials_set_at=at,
    )
    account.save(force_insert=True)
    record("account.connected", on=account, by=by, at=at, network=network, account_handle=handle)
    return account


@transaction.atomic
def renew_credentials(*, account_id: UUID, credentials: dict[str, Any], by: Actor, at: datetime) -> SocialAccount:
    """Replace an account's credentials; whether the network takes them shows at the next call."""
    account = _connected(account_id)
    account.credentials = credentials
    account.credentials_set_at, account.connected_by_id = at, by.seat_id
    account.health, account.health_detail, account.health_checked_at = Health.UNKNOWN, "", None
    account.version += 1
    account.save(
        update_fields=[
            "credentials", "credentials_set_at", "connected_by_id", "health", "health_detail", "health_checked_at",
            "version",
        ]
    )  # fmt: skip
    record("account.credentials_renewed", on=account, by=by, at=at, network=account.network)
    return account


@transaction.atomic
def disconnect_account(*, account_id: UUID, reason: str, by: Actor, at: datetime) -> SocialAccount:
    """Forget an account's credentials. Posts to it are held; its history stays."""
    account = _connected(account_id)
    account.credentials, account.disconnected_at = None, at
    account.version += 1
    account.save(update_fields=["credentials", "disconnected_at", "version"])
    record("account.disconnected", on=account, by=by, at=at, reason=reason)
    return account


@transaction.atomic
def withdraw_credentials(*, account_id: UUID, reason: str, by: Actor, at: datetime) -> SocialAccount:
    """Take an account's credentials out of use: posts to it are held until somebody connects it with others.

    `reason` is a word. Revoking them at the network is a step of its own.
    """
    account = _connected(account_id)
    before = account.health
    account.credentials = None
    account.health, account.health_detail, account.health_checked_at = Health.REFUSED, reason, at
    account.version += 1
    account.save(update_fields=["credentials", "health", "health_detail", "health_checked_at", "version"])
    record("account.credentials_withdrawn", on=account, by=by, at=at, network=account.network, reason=reason)
    if before != Health.REFUSED:
        record("account.health_changed", on=account, by=by, at=at, before=before, after=Health.REFUSED)
    return account


@transaction.atomic
def note_health(*, account_id: UUID, health: Health, detail: str, by: Actor, at: datetime) -> SocialAccount:
    """Write down what a call with the account's credentials showed; told to the ledger when it is news."""
    account: SocialAccount = SocialAccount.objects.locked(account_id)
    before = account.health
    account.health, account.health_detail, account.health_checked_at = health, detail, at
    account.save(update_fields=["health", "health_detail", "health_checked_at"])
    if before != health:
        record("account.health_changed", on=account, by=by, at=at, before=before, after=health)
    return account


def _connected(account_id: UUID) -> SocialAccount:
    account: SocialAccount = SocialAccount.objects.locked(account_id)
    if account.disconnected_at is not None:
        raise AccountDisconnected
    return account
