"""Both embedded servers as one thing: started together, stopped together, each only where none is configured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from crisisapi.embedded.account import Account
from crisisapi.embedded.binaries import find_postgres, find_valkey
from crisisapi.embedded.places import Passwords, drop_link, fresh_sockets, home_for, take
from crisisapi.embedded.postgres import Postgres
from crisisapi.embedded.refusals import refuse_in_production
from crisisapi.embedded.valkey import Valkey

Server = Postgres | Valkey


class EmbeddedServices:
    """Postgres and Valkey on `directory`, for as long as the `with` block lasts.

    `durable=False` switches off everything that protects data from a crash of the machine: right for tests. A server
    whose URL is in the environment (DATABASE_URL, REDIS_URL) is not started; its URL is passed on. Under
    CRISISAPI_PRODUCTION nothing is started, and a missing URL raises `EmbeddedRefused`. Anything else that keeps a
    server from starting raises `EmbeddedError`. Logs go to `logs`, by default inside `directory`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool,
        logs: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._directory = directory.resolve()
        self._durable = durable
        self._logs = logs or self._directory / "log"
        self._cleanup = ExitStack()
        self._servers: dict[str, Server] = {}
        self.database_url = self._environment.get("DATABASE_URL", "")
        self.redis_url = self._environment.get("REDIS_URL", "")

    def __enter__(self) -> Self:
        if self.database_url and self.redis_url:
            return self
        with ExitStack() as cleanup:
            self._start(cleanup)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()
        self._servers.clear()

    @property
    def pids(self) -> dict[str, int]:
        """The running servers' process ids by name: `postgres`, `valkey`."""
        return {name: server.process.pid for name, server in self._servers.items() if server.process}

    @property
    def fallen(self) -> list[str]:
        """The names of servers that have died though nobody stopped them."""
        return [
            name for name, server in self._servers.items() if not server.process or server.process.poll() is not None
        ]

    def raise_again(self, name: str) -> None:
        """Start a fallen server again at the same URL."""
        server = self._servers[name]
        server.stop()
        server.start()

    def child_environment(self) -> dict[str, str]:
        """The environment for programs that use these servers.

        libpq's own variables are left out when Postgres is embedded: a PGPORT meant for another server would misdirect
        every connection.
        """
        own = {name: value for name, value in self._environment.items() if not self._misleads(name)}
        files = {"FILES_ROOT": self._environment.get("FILES_ROOT") or str(self._directory / "files")}
        return own | files | {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def _misleads(self, name: str) -> bool:
        return "postgres" in self._servers and name.startswith("PG")

    def _start(self, cleanup: ExitStack) -> None:
        postgres_wanted, valkey_wanted = not self.database_url, not self.redis_url
        for wanted, variable in ((postgres_wanted, "DATABASE_URL"), (valkey_wanted, "REDIS_URL")):
            if wanted:
                refuse_in_production(self._environment, variable=variable)
        directory = self._directory
        cleanup.enter_context(take(directory))
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        passwords = Passwords.kept_in(directory)
        if postgres_wanted:
            binaries = find_postgres(self._environment)
            account = Account.for_servers(directory / f"postgres-{binaries.major}")
            home = home_for(directory, account)
            sockets = fresh_sockets(directory, account)
            cleanup.callback(drop_link, directory / "sockets")
            postgres = Postgres(
                binaries=binaries.usable_by(account, home=home),
                home=home,
                sockets=sockets,
                account=account,
                passwords=passwords,
                durable=self._durable,
                log=self._logs / "postgres.log",
            )
            self._servers["postgres"] = postgres
            cleanup.callback(postgres.stop)
            postgres.start()
            self.database_url = postgres.url
        else:
            sockets = fresh_sockets(directory, Account())
            cleanup.callback(drop_link, directory / "sockets")
        if valkey_wanted:
            valkey = Valkey(
                program=find_valkey(),
                directory=directory,
                sockets=sockets,
                passwords=passwords,
                log=self._logs / "valkey.log",
            )
            self._servers["valkey"] = valkey
            cleanup.callback(valkey.stop)
            valkey.start()
            self.redis_url = valkey.url
