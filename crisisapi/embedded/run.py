"""Run one command on throwaway servers: `python -m crisisapi.embedded.run [--durable] -- COMMAND…`.

The command sees DATABASE_URL and REDIS_URL; its exit code is ours. A server whose URL is already set is left alone.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from types import FrameType

from crisisapi.embedded import places
from crisisapi.embedded.processes import end, spawn
from crisisapi.embedded.refusals import EmbeddedError
from crisisapi.embedded.servers import EmbeddedServices

_PREFIX = "crisisapi-throwaway-"
_ABANDONED_AFTER_S = 3600.0


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m crisisapi.embedded.run", description=__doc__)
    parser.add_argument("--durable", action="store_true", help="keep fsync on, for measurements that must be honest")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="what to run, after --")
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        with _throwaway_directory() as directory, EmbeddedServices(directory, durable=options.durable) as services:
            return _attend(options.command, services)
    except EmbeddedError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1


def _attend(command: Sequence[str], services: EmbeddedServices) -> int:
    process = spawn(
        command,
        death_signal=Signals.SIGTERM,
        environment=services.child_environment(),
        output=None,
        stdin=None,
        own_session=False,
    )
    # Ctrl-C reaches the command itself, which is in the terminal's group with us; we wait for its own answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        end(process, ((Signals.SIGTERM, 20.0), (Signals.SIGKILL, 5.0)))
    return code if code >= 0 else 128 - code


@contextmanager
def _throwaway_directory() -> Iterator[Path]:
    _sweep_abandoned(Path(tempfile.gettempdir()))
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        yield directory
    finally:
        places.remove(directory)


def _sweep_abandoned(base: Path) -> None:
    """Remove the directories of runs that were killed too hard to clean up: old, ours, and locked by nobody."""
    for directory in base.glob(f"{_PREFIX}*"):
        try:
            if time.time() - (directory / "lock").stat().st_mtime > _ABANDONED_AFTER_S:
                places.remove(directory)
        except (EmbeddedError, OSError):
            continue


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
