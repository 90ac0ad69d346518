from __future__ import annotations

import pytest

from tests.cast import Person
from tests.tenants.directory.cast import DirectoryClient, directory_of


@pytest.fixture
def directory(ana: Person) -> DirectoryClient:
    """Agency North's directory."""
    return directory_of(ana)
