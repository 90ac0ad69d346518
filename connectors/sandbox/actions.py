"""What happens on the sandbox network. Each function is one transaction of its own: a network commits without us."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from connectors.models import SandboxCall, SandboxPost
from core.ids import uuid7
from core.wall import wall
from tenants.models import SocialAccount


def note_call(
    account: SocialAccount, verb: str, *, idempotency_key: str = "", external_id: str = "", text: str = "", at: datetime
) -> SandboxCall:
    """Remember that a call arrived, whatever comes of it. Refused inside a transaction, as a network's call must be."""
    with transaction.atomic(durable=True), wall(account.agency_id):
        call: SandboxCall = SandboxCall.objects.create(
            brand_id=account.brand_id,
            account_id=account.pk,
            verb=verb,
            idempotency_key=idempotency_key,
            external_id=external_id,
            text=text,
            at=at,
        )
    return call


def accept_post(
    account: SocialAccount, *, text: str, media: list[dict[str, str]], idempotency_key: str, at: datetime
) -> SandboxPost:
    """Put a post out there; the same key again finds the first one."""
    with transaction.atomic(durable=True), wall(account.agency_id):
        post_id = uuid7()
        name = f"sbx-{post_id.hex}"
        SandboxPost.objects.bulk_create(
            [
                SandboxPost(
                    id=post_id,
                    brand_id=account.brand_id,
                    account_id=account.pk,
                    text=text,
                    media=media,
                    idempotency_key=idempotency_key,
                    external_id=name,
                    url=f"https://sandbox.invalid/{account.handle.lstrip('@')}/{name}",
                    published_at=at,
                )
            ],
            ignore_conflicts=True,
        )
        post: SandboxPost = SandboxPost.objects.get(account_id=account.pk, idempotency_key=idempotency_key)
    return post


def remove_post(account: SocialAccount, *, external_id: str, at: datetime) -> None:
    """Take a post away; nothing changes when it is gone or never was."""
    with transaction.atomic(durable=True), wall(account.agency_id):
        SandboxPost.objects.filter(account_id=account.pk, external_id=external_id, deleted_at=None).update(
            deleted_at=at
        )


def obey_revocation(account: SocialAccount, call: SandboxCall) -> None:
    """From now on the credentials that the account has at this moment are refused."""
    with transaction.atomic(durable=True), wall(account.agency_id):
        SandboxCall.objects.filter(pk=call.pk).update(revoked_of=account.credentials_set_at or account.connected_at)


def is_revoked(account: SocialAccount) -> bool:
    """Whether the account's present credentials were revoked; new ones count as other credentials."""
    with transaction.atomic(durable=True), wall(account.agency_id):
        revoked_of = account.credentials_set_at or account.connected_at
        return SandboxCall.objects.filter(account_id=account.pk, revoked_of=revoked_of).exists()
