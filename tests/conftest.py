"""The whole session runs on servers of its own, which bin/test starts and stops around it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings

from tenants.models import Agency, Brand, SocialAccount
from tests.cast import Person, add_account, add_brand, found_agency, seat_person, walled


def pytest_configure() -> None:
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        raise pytest.UsageError("The tests need a Postgres and a Valkey of their own: start them with bin/test.")


@pytest.fixture(autouse=True)
def unhurried(settings: Settings) -> None:
    """Tests ask thousands of times a minute from one address; those about rates count again."""
    settings.RATE_LIMITS = False


@dataclass(frozen=True)
class North:
    """Agency North, its two brands, and an account of each on the sandbox network."""

    agency: Agency
    aurora: Brand
    borealis: Brand
    aurora_account: SocialAccount
    borealis_account: SocialAccount


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def north(db: None, now: datetime) -> North:
    agency = found_agency("north", "Agency North", now)
    aurora, borealis = add_brand(agency, "aurora", now), add_brand(agency, "borealis", now)
    return North(agency, aurora, borealis, add_account(aurora, "@aurora", now), add_account(borealis, "@borealis", now))


@pytest.fixture
def south(db: None, now: datetime) -> Agency:
    return found_agency("south", "Agency South", now)


@pytest.fixture
def inside_north(north: North) -> Callable[[], AbstractContextManager[None]]:
    """Opens a transaction inside Agency North's wall."""
    return partial(walled, north.agency)


@pytest.fixture
def ana(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "ana", "owner", at=now)


@pytest.fixture
def lea(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "lea", "crisis_lead", at=now)


@pytest.fixture
def bo(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "bo", "account_manager", brands=[north.aurora], at=now)


@pytest.fixture
def cy(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "cy", "client_approver", brands=[north.aurora], side="client", at=now)


@pytest.fixture
def dee(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "dee", "responder", at=now)


@pytest.fixture
def eve(south: Agency, now: datetime) -> Person:
    """The owner of another agency, who talks to Agency North's addresses."""
    return seat_person(south, "eve", "owner", at=now)
