"""The whole session runs on servers of its own, which bin/test starts and stops around it."""

from __future__ import annotations

import os

import pytest


def pytest_configure() -> None:
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        raise pytest.UsageError("The tests need a Postgres and a Valkey of their own: start them with bin/test.")
