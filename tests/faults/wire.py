"""A wire between a program and a server that can be cut and mended: from the program's end, the server is away."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread

CHUNK = 65_536


class Wire:
    """A unix socket at `near` whose every connection goes on to `far`, a path or a host and port."""

    def __init__(self, near: Path, far: str | tuple[str, int]) -> None:
        self._near, self._far = near, far
        self._lock = Lock()
        self._ends: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def mend(self) -> None:
        """Connections are taken again."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._near))
        listener.listen(128)
        self._listener = listener
        Thread(target=self._take, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and new ones are refused, as when the server has been stopped."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._near.unlink()
        with self._lock:
            ends, self._ends = self._ends, set()
        for one in (listener, *ends):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _take(self, listener: socket.socket) -> None:
        with suppress(OSError):  # cut
            while True:
                near, _ = listener.accept()
                far = self._reach()
                with self._lock:
                    self._ends |= {near, far}
                    if self._listener is not listener:
                        near.close()
                        far.close()
                        return
                for source, target in ((near, far), (far, near)):
                    Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _reach(self) -> socket.socket:
        if isinstance(self._far, str):
            far = socket.socket(socket.AF_UNIX)
            far.connect(self._far)
            return far
        return socket.create_connection(self._far)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                target.sendall(data)
        # Whichever end closes first closes the other.
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        with self._lock:
            self._ends -= {source, target}


@contextmanager
def wire_to_postgres(directory: Path, *, host: str, port: str) -> Iterator[Wire]:
    """A wire whose near end is Postgres's socket in `directory`."""
    number = port or "5432"
    far = f"{host}/.s.PGSQL.{number}" if host.startswith("/") else (host, int(number))
    wire = Wire(directory / f".s.PGSQL.{number}", far)
    wire.mend()
    try:
        yield wire
    finally:
        wire.cut()
