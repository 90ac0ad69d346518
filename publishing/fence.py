"""The fence between sending and pausing: advisory locks of Postgres, one for each scope and lane.

A sender holds the locks of its agency, brand and account shared, on its own connection and for as long as the call to
the network lasts. Whoever pauses asks for one of them exclusively, after the pause is committed: when it is granted,
every send that began before the pause has ended, and every later one reads the pause. Each lane has its own locks, so
that a pause which lets statements through neither waits for them nor makes them wait.

The locks belong to a session of Postgres: the connection must not go through a pooler of transactions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from psycopg.errors import LockNotAvailable

from publishing.models import Pause
from publishing.states import PauseScope

log = structlog.get_logger(__name__)


class Busy(Exception):
    """The lock could not be had within lock_timeout: somebody holds it."""


@contextmanager
def or_busy() -> Iterator[None]:
    """Turn a lock that could not be had within lock_timeout into Busy."""
    try:
        yield
    except OperationalError as problem:
        if isinstance(problem.__cause__, LockNotAvailable):
            raise Busy from problem
        raise


def lock_id(agency_id: UUID, scope: str, scope_id: UUID, lane: str) -> int:
    """64 bits that name a scope and a lane. Two that share them by chance only wait for each other."""
    parts = ["publishing.fence", str(agency_id), scope, str(scope_id), lane]
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:8], signed=True)


@dataclass(frozen=True, slots=True)
class Fence:
    """The shared locks of one send, as held by one session of Postgres."""

    locks: tuple[int, ...]
    session: int

    def still_held(self) -> bool:
        """Whether this connection is the one that took the locks; a lost connection has lost them too."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            row: tuple[int] = cursor.fetchone()
        return row[0] == self.session


@contextmanager
def shared(*, agency_id: UUID, brand_id: UUID, account_id: UUID, lane: str) -> Iterator[Fence]:
    """Hold agency, brand and account against pauses until the block ends, whatever happens in it.

    Waits for a pause that is draining, at most for the connection's lock_timeout; then raises Busy.
    """
    wanted = (
        lock_id(agency_id, PauseScope.AGENCY, agency_id, lane),
        lock_id(agency_id, PauseScope.BRAND, brand_id, lane),
        lock_id(agency_id, PauseScope.ACCOUNT, account_id, lane),
    )
    asked: list[int] = []
    try:
        for lock in wanted:
            asked.append(lock)
            with or_busy(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock_shared(%s), pg_backend_pid()", [lock])
                session = cursor.fetchone()[1]
        yield Fence(wanted, session)
    finally:
        _release(asked)


def _release(locks: Iterable[int]) -> None:
    """Give the locks back, or the whole connection with them: a lock that stays would stop every pause."""
    try:
        for lock in locks:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_shared(%s)", [lock])
    except (DatabaseError, InterfaceError) as problem:
        log.warning("fence_released_by_closing", error=type(problem).__name__)
        connection.close()


def take_exclusively(pause: Pause) -> None:
    """Wait until nothing that the pause covers is in flight; keeps its lanes closed until the transaction ends.

    Waits at most for lock_timeout, then raises Busy; the transaction is lost then.
    """
    with or_busy(), connection.cursor() as cursor:
        for lane in pause.lanes:
            lock = lock_id(UUID(str(pause.agency_id)), pause.scope, pause.scope_id, lane)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
