"""Not asking again and again what does not answer."""

from __future__ import annotations

import time
from threading import Lock


class Breaker:
    """Counts failures in a row; after some of them it is open for a while, which means: do not even try."""

    def __init__(self, *, failures: int, seconds: float) -> None:
        self._limit = failures
        self._seconds = seconds
        self._lock = Lock()
        self._failures = 0
        self._open_until = 0.0

    def closed(self) -> bool:
        return time.monotonic() >= self._open_until

    def close(self) -> None:
        """Try again at once."""
        with self._lock:
            self._failures, self._open_until = 0, 0.0

    def note(self, *, worked: bool) -> None:
        with self._lock:
            self._failures = 0 if worked else self._failures + 1
            if self._failures >= self._limit:
                self._open_until = time.monotonic() + self._seconds
                self._failures = 0
