"""The note `var/run.json` about the running system: for a second terminal, for tests that kill workers, for benchmarks.

Keys: `pid` (the supervisor's), `pids` (by name), `base_url`, `database_url`, `redis_url`. Only its owner may read it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from signal import Signals

from crisisapi.embedded.processes import command_line, end_stranger


@dataclass(frozen=True, slots=True)
class RunNote:
    pid: int
    pids: Mapping[str, int]
    base_url: str
    database_url: str
    redis_url: str


def write(path: Path, note: RunNote) -> None:
    """Put `note` in place at once: a reader sees the old one or the new one."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(note), file, indent=1)
    unfinished.rename(path)


def read(path: Path) -> RunNote | None:
    """The note of the running system, or of one that was killed; None when there is none."""
    try:
        return RunNote(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def end_leftovers(path: Path) -> None:
    """End the programs that a killed supervisor left behind, and remove its note. Never called while one runs."""
    note = read(path)
    if note is None:
        return
    for pid in note.pids.values():
        end_stranger(
            pid,
            belongs=lambda command: command.startswith(sys.executable),
            ending=((Signals.SIGTERM, 5.0), (Signals.SIGKILL, 5.0)),
        )
        if command_line(pid).startswith(sys.executable):
            sys.stderr.write(f"pid {pid} of an earlier run does not end.\n")
    path.unlink(missing_ok=True)
