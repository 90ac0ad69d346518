"""One Postgres as a child process: made once, started, asked for nothing but unix sockets, stopped cleanly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from signal import Signals
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from crisisapi.embedded.account import Account
from crisisapi.embedded.binaries import PostgresBinaries
from crisisapi.embedded.places import Passwords
from crisisapi.embedded.processes import Ending, command_line, end, end_stranger, spawn
from crisisapi.embedded.refusals import EmbeddedError

ROLE: Final = "crisisapi"
DATABASE: Final = "crisisapi"
_READY_WITHIN_S = 90.0
# Fast shutdown, then immediate shutdown, then no mercy.
_ENDING: Ending = ((Signals.SIGINT, 30.0), (Signals.SIGQUIT, 5.0), (Signals.SIGKILL, 5.0))
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "150",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    # Parallel plans take shared memory, of which a container may have 64 MB only.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
}
_THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "10s",
}


class Postgres:
    """A server on `home/postgres-MAJOR`; `start` may follow any end of an earlier one, `kill -9` included."""

    def __init__(
        self,
        *,
        binaries: PostgresBinaries,
        home: Path,
        sockets: Path,
        account: Account,
        passwords: Passwords,
        durable: bool,
        log: Path,
    ) -> None:
        self.data = home / f"postgres-{binaries.major}"
        self.process: subprocess.Popen[bytes] | None = None
        self._binaries = binaries
        self._sockets = sockets
        self._account = account
        self._passwords = passwords
        self._durable = durable
        self._log = log

    @property
    def url(self) -> str:
        where = quote(str(self._sockets), safe="/")
        return f"postgresql://{ROLE}:{self._passwords.application}@/{DATABASE}?host={where}"

    def start(self) -> None:
        """Bring the server up and ready, with the application's role and database in it."""
        if not self.data.exists():
            self._make_cluster()
        self._end_predecessor()
        options = _OPTIONS if self._durable else _OPTIONS | _THROWAWAY
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self.process = spawn(
                [str(self._binaries.directory / "postgres"), "-D", str(self.data), "-k", str(self._sockets), *words],
                death_signal=Signals.SIGINT,
                environment=_environment(),
                output=log,
                directory=Path("/"),
                account=self._account,
            )
        self._wait_until_ready(self.process)
        self._make_role_and_database()

    def stop(self) -> None:
        if self.process:
            end(self.process, _ENDING)
            self.process = None

    def _make_cluster(self) -> None:
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._account.give(unfinished)
        with tempfile.NamedTemporaryFile("w", dir=self._sockets) as password, self._log.open("ab") as log:
            password.write(self._passwords.superuser)
            password.flush()
            self._account.give(Path(password.name))
            made = spawn(
                [
                    str(self._binaries.directory / "initdb"),
                    f"--pgdata={unfinished}",
                    "--username=postgres",
                    f"--pwfile={password.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    *_locale(self._binaries.major),
                    *([] if self._durable else ["--no-sync"]),
                ],
                death_signal=Signals.SIGKILL,
                environment=_environment(),
                output=log,
                directory=Path("/"),
                account=self._account,
            ).wait()
        if made != 0:
            raise EmbeddedError(f"initdb failed; see {self._log}.")
        unfinished.rename(self.data)

    def _end_predecessor(self) -> None:
        """End a server that a killed holder left on this data, and clear its lock when it is gone already.

        Postgres itself takes any living process with the noted pid for its predecessor; after a restart of the machine
        or container that may be anything.
        """
        note = self.data / "postmaster.pid"
        pid = _line(note, 0)
        if not pid.isdigit():
            return

        def belongs(command: str) -> bool:
            return "postgres" in command and str(self.data) in command

        end_stranger(int(pid), belongs=belongs, ending=_ENDING)
        if belongs(command_line(int(pid))):
            raise EmbeddedError(f"Postgres (pid {pid}) still runs on {self.data} and does not end.")
        note.unlink(missing_ok=True)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        note = self.data / "postmaster.pid"
        step = 0.02
        for _ in range(int(_READY_WITHIN_S / step)):
            if _line(note, 7) == "ready" and _line(note, 0) == str(process.pid):
                return
            try:
                process.wait(step)
            except subprocess.TimeoutExpired:
                continue
            break
        self.stop()
        raise EmbeddedError(f"Postgres did not become ready; see {self._log}.")

    def _make_role_and_database(self) -> None:
        """Make the role that the application signs in with: it owns its database and is bound by row security.

        A superuser, or a role with BYPASSRLS, would walk through every wall between agencies without a word.
        """
        with psycopg.connect(
            host=str(self._sockets),
            port=5432,
            user="postgres",
            password=self._passwords.superuser,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            connection.execute(
                sql.SQL(
                    "{} ROLE {} LOGIN CREATEDB NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION PASSWORD {}"
                ).format(verb, sql.Identifier(ROLE), sql.Literal(self._passwords.application))
            )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
                )


def _line(path: Path, number: int) -> str:
    """A line of `postmaster.pid`, stripped; empty while the file or the line is not there."""
    try:
        lines = path.read_text().splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
    return lines[number].strip() if number < len(lines) else ""


def _locale(major: int) -> list[str]:
    builtin_since = 17
    if major >= builtin_since:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C" if sys.platform == "darwin" else "--locale=C.UTF-8"]


def _environment() -> dict[str, str]:
    """Nothing of ours: our PG* variables and secrets are no business of the server's."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"LC_ALL": "C", "TZ": "UTC", **kept}
