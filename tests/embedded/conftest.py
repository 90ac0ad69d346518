"""These tests start servers of their own beside the session's, so they hide the session's URLs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crisisapi.embedded import places

_HIDDEN = ("DATABASE_URL", "REDIS_URL", "CRISISAPI_PRODUCTION")


@pytest.fixture
def bare() -> dict[str, str]:
    """An environment in which no server is configured."""
    return {name: value for name, value in os.environ.items() if name not in _HIDDEN}


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory for servers. pytest's are private, so that root has to keep Postgres' data outside."""
    directory = tmp_path / "servers"
    with ExitStack() as cleanup:
        cleanup.callback(places.remove, directory)
        yield directory
