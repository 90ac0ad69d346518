"""The programs of one running system: started together, started again when they die, ended in order."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from signal import Signals
from urllib.parse import urlsplit

from crisisapi.embedded.interrupts import Interrupts
from crisisapi.embedded.processes import Ending, how_it_ended, kill_group, spawn
from crisisapi.embedded.refusals import EmbeddedError

Say = Callable[[str], None]

_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_LONG_LIFE_S = 60.0
_DEATHS_BEFORE_READY = 3
_ANSWER_WITHIN_S = 2.0


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: longer after each quick death, short again after a long life."""

    failures: int = 0

    def after(self, *, lived_s: float) -> float:
        self.failures = 1 if lived_s > _LONG_LIFE_S else self.failures + 1
        return float(min(_FIRST_DELAY_S * 2 ** (self.failures - 1), _LONGEST_DELAY_S))


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, how to tell that it is at work, and how to end it.

    It is at work when `url` answers 200, or when its log matches the pattern `says`. Programs with a lower number in
    `stop_first` are ended before those with a higher one.
    """

    name: str
    arguments: tuple[str, ...]
    stop_first: int
    url: str = ""
    says: str = ""
    ending: Ending = ((Signals.SIGTERM, 10.0), (Signals.SIGKILL, 5.0))


@dataclass(slots=True)
class Child:
    """One program's life: the process, since when, and how often it died young. Instants are of the monotonic clock."""

    program: Program
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    log_start: int = 0
    due_at: float | None = None
    is_ready: bool = False
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def look(self) -> bool:
        """Whether the program is at work by now. Asked until it says yes once."""
        if not self.is_ready and self.lives:
            if self.program.url:
                self.is_ready = answers(self.program.url)
            else:
                with self.log.open("rb") as log:
                    log.seek(self.log_start)
                    self.is_ready = re.search(self.program.says.encode(), log.read()) is not None
        return self.is_ready


class Fleet:
    """Starts `programs`, keeps them alive, ends them. `changed` is called whenever a process id has changed."""

    def __init__(
        self,
        programs: Iterable[Program],
        *,
        environment: Mapping[str, str],
        directory: Path,
        logs: Path,
        say: Say,
        changed: Callable[[], None],
    ) -> None:
        self.children = [Child(program, logs / f"{program.name}.log") for program in programs]
        self._environment = dict(environment)
        self._directory = directory
        self._say = say
        self._changed = changed

    @property
    def pids(self) -> dict[str, int]:
        return {child.program.name: child.process.pid for child in self.children if child.process}

    @property
    def waiting_for(self) -> list[str]:
        """The names of programs that are not at work yet."""
        return [child.program.name for child in self.children if not child.look()]

    def start(self) -> None:
        for child in self.children:
            self._start(child)
        self._changed()

    def tend(self) -> float:
        """Start again what has died and is due; return the seconds until there is something to do, at most one."""
        now = time.monotonic()
        changed = False
        for child in self.children:
            if child.process and child.process.poll() is not None:
                self._bury(child, child.process, now)
                changed = True
            if child.due_at is not None and child.due_at <= now:
                self._start(child)
                changed = True
        if changed:
            self._changed()
        return min([1.0, *(child.due_at - now for child in self.children if child.due_at is not None)])

    def stop(self, interrupts: Interrupts) -> None:
        """End everything in order; another request to stop meanwhile takes away the patience."""
        for order in sorted({child.program.stop_first for child in self.children}):
            wave = [child for child in self.children if child.program.stop_first == order]
            self._stop_wave(wave, interrupts)

    def _start(self, child: Child) -> None:
        child.due_at = None
        with child.log.open("ab") as log:
            child.log_start = log.tell()
            child.process = spawn(
                child.program.arguments,
                death_signal=Signals.SIGTERM,
                environment=self._environment,
                output=log,
                directory=self._directory,
            )
        child.started_at = time.monotonic()

    def _bury(self, child: Child, process: subprocess.Popen[bytes], now: float) -> None:
        kill_group(process)
        delay = child.backoff.after(lived_s=now - child.started_at)
        ended = how_it_ended(process.returncode)
        child.process = None
        if not child.is_ready and child.backoff.failures >= _DEATHS_BEFORE_READY:
            raise EmbeddedError(f"{child.program.name} does not start ({ended}):\n{tail(child.log)}")
        child.due_at = now + delay
        self._say(f"{child.program.name} ended ({ended}); starting it again in {delay:g} s, log in {child.log}")

    def _stop_wave(self, wave: list[Child], interrupts: Interrupts) -> None:
        begun, asked = time.monotonic(), interrupts.asked
        sent: dict[str, int] = {}
        while living := [child for child in wave if child.lives]:
            hurry = interrupts.asked > asked
            for child in living:
                step = _step(child.program.ending, time.monotonic() - begun)
                if child.process and sent.get(child.program.name) != step and not hurry:
                    sent[child.program.name] = step
                    child.process.send_signal(child.program.ending[step][0])
                elif child.process and hurry:
                    kill_group(child.process)
            interrupts.wait(0.1)
        for child in wave:
            child.due_at = None
            if child.process:
                kill_group(child.process)


def answers(url: str) -> bool:
    """Whether a GET of `url` answers 200 now."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200  # noqa: PLR2004  OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented for the terminal."""
    return "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])


def _step(ending: Ending, elapsed_s: float) -> int:
    """Which signal of `ending` is due after so many seconds."""
    until = 0.0
    for step, (_, seconds) in enumerate(ending):
        until += seconds
        if elapsed_s < until:
            return step
    return len(ending) - 1
