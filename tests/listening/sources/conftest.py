"""A host that answers, and sources that ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.listening.sources.host import Host


@pytest.fixture
def host(db: None) -> Iterator[Host]:
    cache.clear()
    with Host() as running:
        yield running
