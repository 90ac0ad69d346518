from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import Signals

import pytest

from crisisapi.embedded import EmbeddedError
from crisisapi.embedded.fleet import Backoff, Fleet, Program
from crisisapi.embedded.interrupts import Interrupts
from crisisapi.embedded.processes import command_line, wait_until

STEADY = "print('at work', flush=True); import signal; signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STEADY}"
WITH_A_HELPER = f"import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True); {STEADY}"


def program(name: str, code: str, *, stop_first: int = 1) -> Program:
    ending = ((Signals.SIGTERM, 1.0), (Signals.SIGKILL, 5.0))
    return Program(name, (sys.executable, "-c", code), says="at work", stop_first=stop_first, ending=ending)


class Yard:
    """Builds fleets in a temporary directory, keeps what they said, and stops them after the test."""

    def __init__(self, directory: Path, interrupts: Interrupts, cleanup: ExitStack) -> None:
        self.directory = directory
        self.said: list[str] = []
        self.changes = 0
        self._interrupts = interrupts
        self._cleanup = cleanup

    def start(self, *programs: Program) -> Fleet:
        fleet = Fleet(
            programs,
            environment=os.environ,
            directory=self.directory,
            logs=self.directory,
            say=self.said.append,
            changed=self._count,
        )
        self._cleanup.callback(fleet.stop, self._interrupts)
        fleet.start()
        return fleet

    def tend_until_ready(self, fleet: Fleet) -> None:
        def ready() -> bool:
            fleet.tend()
            return not fleet.waiting_for and len(fleet.pids) == len(fleet.children)

        assert wait_until(ready, seconds=20)

    def stop(self, fleet: Fleet) -> None:
        fleet.stop(self._interrupts)

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with Interrupts() as interrupts, ExitStack() as cleanup:
        yield Yard(tmp_path, interrupts, cleanup)


def test_a_killed_program_is_started_again_and_its_new_id_is_told(yard: Yard) -> None:
    fleet = yard.start(program("steady", STEADY))
    yard.tend_until_ready(fleet)
    first, told = fleet.pids["steady"], yard.changes
    os.kill(first, Signals.SIGKILL)
    assert wait_until(lambda: fleet.tend() >= 0 and bool(yard.said), seconds=5)
    assert not command_line(first)
    assert yard.said == [
        f"steady ended (killed by SIGKILL); starting it again in 0.5 s, log in {yard.directory / 'steady.log'}"
    ]
    yard.tend_until_ready(fleet)
    assert fleet.pids["steady"] != first
    assert yard.changes == told + 2


def test_what_a_killed_program_leaves_behind_is_ended_too(yard: Yard) -> None:
    fleet = yard.start(program("parent", WITH_A_HELPER))
    yard.tend_until_ready(fleet)
    helper = int((yard.directory / "parent.log").read_text().split()[0])
    assert command_line(helper) == "sleep 600"
    os.kill(fleet.pids["parent"], Signals.SIGKILL)
    assert wait_until(lambda: fleet.tend() >= 0 and not command_line(helper), seconds=5)


def test_a_program_that_never_starts_is_an_error_with_the_end_of_its_log(yard: Yard) -> None:
    fleet = yard.start(program("broken", "raise SystemExit('no such thing')"))
    with pytest.raises(EmbeddedError, match=r"broken does not start \(exit 1\):\n    no such thing"):
        wait_until(lambda: fleet.tend() < 0, seconds=20)


def test_programs_end_in_order_and_a_stubborn_one_is_killed(yard: Yard) -> None:
    telling = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('ended', flush=True))); "
    fleet = yard.start(
        program("last", telling + STEADY, stop_first=2),
        program("first", STUBBORN, stop_first=1),
    )
    yard.tend_until_ready(fleet)
    yard.stop(fleet)
    first, last = (child.process for child in reversed(fleet.children))
    assert first is not None
    assert last is not None
    assert (first.returncode, last.returncode) == (-Signals.SIGKILL, 0)
    assert (yard.directory / "last.log").read_text() == "at work\nended\n"


def test_delays_double_after_quick_deaths_and_begin_anew_after_a_long_life() -> None:
    backoff = Backoff()
    assert [backoff.after(lived_s=1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.after(lived_s=3600) == 0.5
