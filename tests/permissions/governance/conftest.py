"""The crisis of the tests of incidents, and an administrator."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.cast import Person, seat_person
from tests.conftest import North
from tests.incidents.conftest import assessed, crisis, message, plan

__all__ = ["ada", "assessed", "crisis", "message", "plan"]


@pytest.fixture
def ada(north: North, now: datetime) -> Person:
    """An administrator, who lacks what only the owner holds."""
    return seat_person(north.agency, "ada", "admin", at=now)
