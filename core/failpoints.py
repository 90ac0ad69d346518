"""Named places where a test makes the process die, fail or stop; without the variable they do nothing.

`CRISISAPI_FAILPOINTS="publishing.after_send=kill"` (comma-separated). Actions: `kill` (SIGKILL to this process),
`raise`, `exit`. `kill@N` acts at the N-th time the place is reached in this process. Refused in production.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_seen: Counter[str] = Counter()


class FailpointReached(RuntimeError):
    """A test asked for this failure."""


def _armed() -> dict[str, str]:
    if os.environ.get("CRISISAPI_PRODUCTION") == "1":
        return {}
    pairs = (pair.split("=", 1) for pair in os.environ.get("CRISISAPI_FAILPOINTS", "").split(",") if "=" in pair)
    return {name.strip(): action.strip() for name, action in pairs}


ARMED = _armed()


def failpoint(name: str) -> None:
    """Do what the environment asks for at this place."""
    if name not in ARMED:
        return
    _seen[name] += 1
    action, _, count = ARMED[name].partition("@")
    if count and _seen[name] != int(count):
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "exit":
        os._exit(3)
    else:
        raise FailpointReached(name)
