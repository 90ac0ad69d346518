"""Signals as something to wait for, so that one thread can look after many children without polling hard."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Within the `with` block Ctrl-C, SIGTERM and SIGHUP interrupt nothing; they are counted.

    `asked` is the number of times that we were told to stop; `wait` returns early when a signal or the death of a
    child arrives.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._read, self._write = os.pipe()
        for end in (self._read, self._write):
            os.set_blocking(end, False)

    def __enter__(self) -> Self:
        # What is ignored stays ignored: a background job's Ctrl-C, a hang-up under nohup.
        heard = [number for number in (*_STOP, signal.SIGCHLD) if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, _note) for number in heard}
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    @property
    def asked(self) -> int:
        self._take_in()
        return self._asked

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as any signal has come."""
        select.select([self._read], [], [], max(seconds, 0))
        self._take_in()

    def _take_in(self) -> None:
        # The wake-up pipe carries the number of each signal that came.
        with suppress(BlockingIOError):
            while came := os.read(self._read, 512):
                self._asked += sum(number in _STOP for number in came)


def _note(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number is in the wake-up pipe already."""
