"""A source of mentions for Aurora, and one for Borealis."""

from __future__ import annotations

from datetime import datetime

import pytest

from listening.actions import add_source
from listening.models import Source
from tests.cast import SETTING_THE_STAGE, walled
from tests.conftest import North


@pytest.fixture
def source(north: North, now: datetime) -> Source:
    with walled(north.agency):
        return add_source(brand_id=north.aurora.pk, kind="push", name="listening tool", by=SETTING_THE_STAGE, at=now)


@pytest.fixture
def borealis_source(north: North, now: datetime) -> Source:
    with walled(north.agency):
        return add_source(brand_id=north.borealis.pk, kind="push", name="listening tool", by=SETTING_THE_STAGE, at=now)
