"""Child processes that cannot outlive us, and the few questions we ask about processes that are not our children."""

# ruff: noqa: S603  The commands are put together here from fixed words and our own paths.

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from signal import Signals
from typing import IO, Any

from crisisapi.embedded.account import Account

# A way to end a process: each signal with the seconds that it gets before the next one.
Ending = Sequence[tuple[Signals, float]]

_ON_LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG = 1
# Looked up before any fork: between fork and exec only plain system calls are safe.
_LIBC = ctypes.CDLL(None, use_errno=True) if _ON_LINUX else None


def spawn(
    command: Sequence[str],
    *,
    death_signal: Signals,
    environment: Mapping[str, str],
    output: IO[bytes] | int | None,
    directory: Path | None = None,
    account: Account | None = None,
    stdin: int | None = subprocess.DEVNULL,
    own_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a child that gets `death_signal` when this process dies, by `kill -9` too.

    `output` takes stdout and stderr together; None leaves both with the terminal. With `own_session` a Ctrl-C in the
    terminal reaches only us, and the child's process group has the child's pid. Call it from the main thread: Linux
    sends the signal when the *thread* that forked ends.
    """
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        cwd=directory,
        env=dict(environment),
        start_new_session=own_session,
        preexec_fn=_tie_to_parent(death_signal) if _ON_LINUX else None,  # noqa: PLW1509  we fork from one thread
        **(account.popen_options() if account else {}),
    )
    if not _ON_LINUX:
        LEASH.hold(process.pid, death_signal)
    return process


def end(process: subprocess.Popen[bytes], ending: Ending) -> None:
    """End our child: each signal in turn until it is gone. Its process group is not touched."""
    for sent, seconds in ending:
        if process.poll() is not None:
            break
        process.send_signal(sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if not _ON_LINUX:
        LEASH.drop(process.pid)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child with a session of its own, and whatever of its process group a dead parent has left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if not _ON_LINUX:
        LEASH.drop(process.pid)


def end_stranger(pid: int, *, belongs: Callable[[str], bool], ending: Ending) -> None:
    """End a process that an earlier, killed holder left behind; `belongs` judges its command line first."""
    for sent, seconds in ending:
        if not belongs(command_line(pid)):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, sent)
        wait_until(lambda: not belongs(command_line(pid)), seconds=seconds)


def command_line(pid: int) -> str:
    """The command line of a living process; empty when there is none (or it is a zombie)."""
    if _ON_LINUX:
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        return ""
    asked = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return asked.stdout.decode(errors="replace").strip()


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """True as soon as `condition` holds; False when it has not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def how_it_ended(code: int) -> str:
    """A return code in words: "exit 3", "killed by SIGKILL"."""
    return f"killed by {Signals(-code).name}" if code < 0 else f"exit {code}"


def _tie_to_parent(death_signal: Signals) -> Callable[[], None]:
    parent = os.getpid()

    def tie() -> None:
        # Linux clears the death signal when credentials change; `user=` is applied before this runs.
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie


class Leash:
    """For systems without a parent-death signal: one watcher that holds a pipe to us and signals when it closes."""

    def __init__(self) -> None:
        self._watcher: subprocess.Popen[bytes] | None = None

    def hold(self, pid: int, death_signal: Signals) -> None:
        self._tell(f"hold {pid} {int(death_signal)}\n")

    def drop(self, pid: int) -> None:
        if self._watcher:
            self._tell(f"drop {pid}\n")

    def _tell(self, line: str) -> None:
        if self._watcher is None:
            options: dict[str, Any] = {"start_new_session": True, "stdin": subprocess.PIPE, "bufsize": 0}
            script = Path(__file__).with_name("leash.py")
            self._watcher = subprocess.Popen([sys.executable, str(script)], **options)
        if self._watcher.stdin:
            self._watcher.stdin.write(line.encode())


LEASH = Leash()
