"""Making agencies and brands, connecting accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import wall
from ledger.actions import open_ledger, record
from tenants.actions.invitations import send_invitation
from tenants.models import Agency, Brand, SocialAccount


class SlugTaken(Refusal):
    code = "slug_taken"
    title = "This slug is taken."


class AccountKnown(Refusal):
    code = "account_known"
    title = "This account is connected already."


def check_time_zone(name: str) -> str:
    if name not in available_timezones():
        raise Invalid("There is no such time zone.", field="time_zone", given=name)
    return name


@transaction.atomic
def create_agency(
    *, slug: str, name: str, time_zone: str, owner_email: str, by: Actor, at: datetime
) -> tuple[Agency, str]:
    """Found an agency and invite its first owner; returns the agency and the secret of the invitation."""
    if Agency.objects.filter(slug=slug).exists():
        raise SlugTaken(slug=slug)
    agency = Agency.objects.create(slug=slug, name=name, time_zone=check_time_zone(time_zone), created_at=at)
    with wall(agency.pk):
        open_ledger(agency_id=agency.pk)
        record("agency.created", on=agency, by=by, at=at, slug=slug)
        invited = send_invitation(
            email=owner_email, side="staff", role="owner", brand_ids=[], inviter=None, by=by, at=at
        )
    return agency, invited.token


@transaction.atomic
def create_brand(*, slug: str, name: str, time_zone: str, locale: str, sector: str, by: Actor, at: datetime) -> Brand:
    """Add a brand to the agency."""
    if Brand.objects.filter(slug=slug).exists():
        raise SlugTaken(slug=slug)
    brand = Brand(
        slug=slug, name=name, time_zone=check_time_zone(time_zone), locale=locale, sector=sector, created_at=at
    )
    brand.save(force_insert=True)
    record("brand.created", on=brand, by=by, at=at, slug=slug)
    return brand


@transaction.atomic
def connect_account(
    *, brand_id: UUID, network: str, handle: str, credentials: dict[str, Any], by: Actor, at: datetime
) -> SocialAccount:
    """Connect a brand's account on a network; its credentials are sealed."""
    if SocialAccount.objects.filter(network=network, handle=handle).exists():
        raise AccountKnown(network=network, handle=handle)
    account = SocialAccount(
        id=uuid7(), brand_id=brand_id, network=network, handle=handle, credentials=credentials, connected_at=at
    )
    account.save(force_insert=True)
    record("account.connected", on=account, by=by, at=at, network=network, account_handle=handle)
    return account
