"""The watcher behind `processes.Leash`: when its standard input closes, its owner is dead, and it ends what was held.

Lines read: `hold PID SIGNAL`, `drop PID`. It is run as a file, not as a module, so that it imports nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    held: dict[int, int] = {}
    for line in sys.stdin:
        match line.split():
            case ["hold", pid, number]:
                held[int(pid)] = int(number)
            case ["drop", pid]:
                held.pop(int(pid), None)
    for pid, number in held.items():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


if __name__ == "__main__":
    main()
