"""Making and changing agencies and brands."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from core.wall import wall
from ledger.actions import open_ledger, record
from tenants.actions.invitations import send_invitation
from tenants.models import Agency, Brand
from tenants.states import BRAND_LIFECYCLE

MARK: Final = "DRILL"


class SlugTaken(Refusal):
    code = "slug_taken"
    title = "This slug is taken."


class NoSecondFactor(Refusal):
    """Whoever demands a second factor of everybody signed in with one."""

    code = "no_second_factor"
    title = "Sign in with a second factor before you demand one of everybody."


class TwinOfTwin(Refusal):
    """A drill is played with a real brand's plan."""

    code = "twin_of_twin"
    title = "This brand is the twin of a drill itself."


class DrillOver(Refusal):
    """What was played stays as it was, to be read."""

    code = "drill_over"
    title = "The drill of this twin is over."


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
def fork_brand(*, brand_id: UUID, name: str, by: Actor, at: datetime) -> Brand:
    """A twin of a brand, on which a drill is played: it says in its name that it is none, and lives until it is
    archived. Raises TwinOfTwin.
    """
    brand: Brand = Brand.objects.found(brand_id)
    if brand.drill_of_id is not None:
        raise TwinOfTwin
    twin = Brand(
        id=uuid7(), slug="", name=_marked(f"{brand.name}: {name}"), time_zone=brand.time_zone, locale=brand.locale,
        sector=brand.sector, drill_of=brand, created_at=at,
    )  # fmt: skip
    twin.slug = f"drill-{twin.pk.hex}"
    twin.save(force_insert=True)
    record("brand.created", on=twin, by=by, at=at, slug=twin.slug)
    return twin


@transaction.atomic
def change_agency(*, agency_id: UUID, by: Actor, at: datetime, second_factor: bool, **wanted: Any) -> Agency:
    """Change the name, the time zone, or whether everybody needs a second factor.

    `second_factor` says whether whoever asks has one themselves: nobody demands of others what would lock them out.
    """
    agency = Agency.objects.select_for_update(no_key=True).get(pk=agency_id)
    check_time_zone(wanted.get("time_zone", agency.time_zone))
    if wanted.get("requires_second_factor") and by.kind == "seat" and not second_factor:
        raise NoSecondFactor
    if changed := _set(agency, wanted):
        record("agency.changed", on=agency, by=by, at=at, fields=changed)
    return agency


@transaction.atomic
def change_brand(*, brand_id: UUID, by: Actor, at: datetime, **wanted: Any) -> Brand:
    """Change a brand's name, time zone, locale or sector."""
    brand: Brand = Brand.objects.locked(brand_id)
    check_time_zone(wanted.get("time_zone", brand.time_zone))
    if brand.drill_of_id is not None and "name" in wanted:
        wanted["name"] = _marked(wanted["name"])
    if changed := _set(brand, wanted):
        record("brand.changed", on=brand, by=by, at=at, fields=changed)
    return brand


@transaction.atomic
def archive_brand(*, brand_id: UUID, reason: str, by: Actor, at: datetime) -> Brand:
    """Close a brand for work: it can be read, nothing is done in its name, and what was scheduled is held."""
    brand: Brand = Brand.objects.locked(brand_id)
    brand.stage = BRAND_LIFECYCLE.step("archive", from_=brand.stage)
    brand.archived_at = at
    brand.version += 1
    brand.save(update_fields=["stage", "archived_at", "version"])
    record("brand.archived", on=brand, by=by, at=at, reason=reason)
    return brand


@transaction.atomic
def restore_brand(*, brand_id: UUID, reason: str, by: Actor, at: datetime) -> Brand:
    """Open an archived brand again. What was held meanwhile stays held until somebody decides about it."""
    brand: Brand = Brand.objects.locked(brand_id)
    if brand.drill_of_id is not None:
        raise DrillOver
    brand.stage = BRAND_LIFECYCLE.step("restore", from_=brand.stage)
    brand.archived_at = None
    brand.version += 1
    brand.save(update_fields=["stage", "archived_at", "version"])
    record("brand.restored", on=brand, by=by, at=at, reason=reason)
    return brand


def _marked(name: str) -> str:
    """A name that says that it is a drill's."""
    return f"{MARK} {name.removeprefix(MARK).strip()}"[:120]


def _set(row: Agency | Brand, wanted: dict[str, Any]) -> list[str]:
    """Save the fields that really change, and name them."""
    changed = sorted(name for name, value in wanted.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, wanted[name])
    if changed:
        row.version += 1
        row.save(update_fields=[*changed, "version"])
    return changed
