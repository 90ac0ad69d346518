# ruff: noqa: S603, S607  The commands are our own.

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from signal import Signals

from crisisapi.embedded import leash


def test_the_held_are_ended_when_the_owner_is_gone_and_the_dropped_are_not() -> None:
    with ExitStack() as cleanup:
        # Whoever runs the tests in the background may have us ignore it, and children inherit that.
        ready = partial(signal.signal, Signals.SIGINT, signal.SIG_DFL)
        held, dropped = (
            cleanup.enter_context(subprocess.Popen(["sleep", "600"], preexec_fn=ready))  # noqa: PLW1509  one thread
            for _ in range(2)
        )
        for process in (held, dropped):
            cleanup.callback(process.kill)
        told = f"hold {held.pid} 2\nhold {dropped.pid} 2\ndrop {dropped.pid}\n"
        # The end of the input is what the watcher sees when its owner has died.
        subprocess.run([sys.executable, str(Path(leash.__file__))], input=told, text=True, check=True)
        assert held.wait(5) == -Signals.SIGINT
        assert dropped.poll() is None
