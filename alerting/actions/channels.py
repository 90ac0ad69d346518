"""Where teams read: chat rooms, lists, webhooks, of a brand or of the whole agency."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerting.models import Channel
from alerting.transports import checked_address
from core.actor import Actor
from core.refusals import NotFound, Refusal
from core.wall import standing_agency
from jobs.actions import later
from ledger.actions import record

TEST_CHANNEL = "alerting.send_channel_test"


class NameTaken(Refusal):
    code = "channel_name_taken"
    title = "There is a channel of this name."


@transaction.atomic
def create_channel(
    *, brand_id: UUID | None, name: str, transport: str, address: str, language: str, by: Actor, at: datetime
) -> Channel:
    """Policies can name the channel from now on."""
    channel = Channel(
        brand_id=brand_id,
        name=name,
        transport=transport,
        address=checked_address(transport, address),
        language=language,
        added_at=at,
    )
    _require_free(channel)
    channel.save(force_insert=True)
    record("channel.created", on=channel, by=by, at=at, name=name, transport=transport)
    return channel


@transaction.atomic
def revise_channel(
    *, channel_id: UUID, name: str, language: str, address: str | None, by: Actor, at: datetime
) -> Channel:
    """What is sent from now on goes there; an address of None stays as it is."""
    channel = _live(channel_id)
    channel.name, channel.language = name, language
    if address is not None:
        channel.address = checked_address(channel.transport, address)
    _require_free(channel)
    channel.version += 1
    channel.save(update_fields=["name", "language", "address", "version"])
    record("channel.revised", on=channel, by=by, at=at, version=channel.version, moved=address is not None)
    return channel


@transaction.atomic
def remove_channel(*, channel_id: UUID, by: Actor, at: datetime) -> Channel:
    """Nothing is sent there any more, and the address is forgotten; repeating changes nothing."""
    channel: Channel = Channel.objects.locked(channel_id)
    if channel.removed_at is None:
        channel.removed_at, channel.address = at, None
        channel.version += 1
        channel.save(update_fields=["removed_at", "address", "version"])
        record("channel.removed", on=channel, by=by, at=at, name=channel.name)
    return channel


@transaction.atomic
def try_channel(*, channel_id: UUID, by: Actor, at: datetime) -> Channel:
    """A message goes there that says it is a test."""
    channel = _live(channel_id)
    record("channel.tested", on=channel, by=by, at=at)
    key = str(channel.pk)
    later(TEST_CHANNEL, key=key, agency_id=standing_agency(), at=at, args={"channel_id": key})
    return channel


@transaction.atomic
def note_channel_unreachable(*, channel_id: UUID, by: Actor, at: datetime) -> Channel:
    """A test message could not go there, and the trail says so."""
    channel: Channel = Channel.objects.locked(channel_id)
    record("channel.unreachable", on=channel, by=by, at=at, transport=channel.transport)
    return channel


def _live(channel_id: UUID) -> Channel:
    channel: Channel = Channel.objects.locked(channel_id)
    if channel.removed_at is not None:
        raise NotFound
    return channel


def _require_free(channel: Channel) -> None:
    if Channel.objects.filter(name=channel.name, removed_at=None).exclude(pk=channel.pk).exists():
        raise NameTaken(name=channel.name)
