"""One Valkey as a child process: a password, one unix socket, nothing kept on disk."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from signal import Signals
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from crisisapi.embedded.places import Passwords
from crisisapi.embedded.processes import Ending, end, end_stranger, spawn
from crisisapi.embedded.refusals import EmbeddedError

_READY_WITHIN_S = 30.0
_ENDING: Ending = ((Signals.SIGTERM, 10.0), (Signals.SIGKILL, 5.0))


class Valkey:
    """A server whose content may vanish at any time: Postgres holds the truth, this rings the doorbell."""

    def __init__(self, *, program: Path, directory: Path, sockets: Path, passwords: Passwords, log: Path) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._program = program
        self._directory = directory
        self._socket = sockets / "valkey.sock"
        self._note = directory / "valkey.pid"
        self._passwords = passwords
        self._log = log

    @property
    def url(self) -> str:
        return f"unix://:{self._passwords.valkey}@{quote(str(self._socket), safe='/')}?db=0"

    def start(self) -> None:
        """Bring the server up until it answers PING."""
        self._end_predecessor()
        with self._log.open("ab") as log:
            # The configuration goes in by standard input, so that the password is on no command line. The note's path
            # is on it, which tells this server from any other.
            self.process = spawn(
                [str(self._program), "--pidfile", str(self._note), "-"],
                death_signal=Signals.SIGTERM,
                environment={"LC_ALL": "C", "TZ": "UTC"},
                output=log,
                directory=self._directory,
                stdin=subprocess.PIPE,
            )
        if self.process.stdin:
            self.process.stdin.write(self._configuration().encode())
            self.process.stdin.close()
        self._wait_until_ready(self.process)

    def stop(self) -> None:
        if self.process:
            end(self.process, _ENDING)
            self.process = None

    def _configuration(self) -> str:
        return "\n".join(
            (
                "port 0",
                f'unixsocket "{self._socket}"',
                "unixsocketperm 700",
                f"requirepass {self._passwords.valkey}",
                "set-proc-title no",
                'save ""',
                "appendonly no",
                # A full doorbell must say so: evicting keys would silently drop messages.
                "maxmemory-policy noeviction",
                "databases 16",
                "daemonize no",
                "",
            )
        )

    def _end_predecessor(self) -> None:
        """End a server that a killed holder left behind on this directory."""
        pid = self._note.read_text().strip() if self._note.exists() else ""
        if pid.isdigit():
            end_stranger(int(pid), belongs=lambda command: str(self._note) in command, ending=_ENDING)
        self._note.unlink(missing_ok=True)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                if self._answers():
                    return
            else:
                break
        self.stop()
        raise EmbeddedError(f"Valkey did not become ready; see {self._log}.")

    def _answers(self) -> bool:
        if not self._socket.exists():
            return False
        with redis.Redis(
            unix_socket_path=str(self._socket), password=self._passwords.valkey, retry=Retry(NoBackoff(), 0)
        ) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False
