# ruff: noqa: S603  The commands are our own.

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from signal import Signals

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from crisisapi.embedded import EmbeddedError, EmbeddedServices, places
from crisisapi.embedded.account import Account
from crisisapi.embedded.binaries import PostgresBinaries, find_postgres, version_of
from crisisapi.embedded.processes import command_line, wait_until
from crisisapi.embedded.refusals import EmbeddedRefused

HOLDER = """
import sys
from pathlib import Path
from crisisapi.embedded import EmbeddedServices
with EmbeddedServices(Path(sys.argv[1]), durable=True) as services:
    print(services.pids["postgres"], services.pids["valkey"], services.database_url, flush=True)
    sys.stdin.read()
"""


def ask(url: str, question: str) -> tuple[object, ...]:
    with psycopg.connect(url) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return tuple(row)


def test_a_second_start_finds_the_data_of_the_first(directory: Path, bare: dict[str, str]) -> None:
    with EmbeddedServices(directory, durable=True, environment=bare) as services:
        with psycopg.connect(services.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        first = services.pids
    assert not any(command_line(pid) for pid in first.values())
    with EmbeddedServices(directory, durable=True, environment=bare) as services:
        assert ask(services.database_url, "SELECT answer FROM kept") == (42,)
        with redis.Redis.from_url(services.redis_url) as client:
            assert client.ping()


def test_the_role_is_bound_by_row_security_and_owns_its_database(directory: Path, bare: dict[str, str]) -> None:
    with EmbeddedServices(directory, durable=False, environment=bare) as services:
        role = "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcanlogin FROM pg_roles WHERE rolname = current_user"
        assert ask(services.database_url, role) == (False, False, True, True)
        owner = "SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = current_database()"
        assert ask(services.database_url, owner) == (True,)


def test_nothing_listens_on_the_network_and_nobody_enters_without_a_password(
    directory: Path, bare: dict[str, str]
) -> None:
    with EmbeddedServices(directory, durable=False, environment=bare) as services:
        assert ask(services.database_url, "SELECT current_setting('listen_addresses')") == ("",)
        sockets = (directory / "sockets").readlink()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=str(sockets), user="crisisapi", dbname="crisisapi", password="guess")
        with (
            redis.Redis(unix_socket_path=str(sockets / "valkey.sock"), retry=Retry(NoBackoff(), 0)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()
        assert sockets.stat().st_mode & 0o077 == 0
        assert (directory / "passwords.json").stat().st_mode & 0o077 == 0
    assert not sockets.exists()


def test_killing_the_holder_stops_both_servers_and_the_next_start_recovers(
    directory: Path, bare: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)],
        env=bare,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        postgres, valkey, url = holder.stdout.readline().split()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        sockets = (directory / "sockets").readlink()
        holder.kill()
    assert wait_until(lambda: not command_line(int(postgres)) and not command_line(int(valkey)), seconds=15)
    with EmbeddedServices(directory, durable=True, environment=bare) as services:
        assert ask(services.database_url, "SELECT answer FROM kept") == (42,)
        assert not sockets.exists()


def test_a_note_of_a_dead_postgres_that_names_a_living_stranger_is_cleared(
    directory: Path, bare: dict[str, str]
) -> None:
    with EmbeddedServices(directory, durable=False, environment=bare):
        account = Account.for_servers(data_in(directory))
    note = data_in(directory) / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n{note.parent}\n")
    account.give(note)
    with EmbeddedServices(directory, durable=False, environment=bare) as services:
        assert ask(services.database_url, "SELECT 1") == (1,)


def test_a_postgres_that_outlived_its_holder_is_ended_first(directory: Path, bare: dict[str, str]) -> None:
    with EmbeddedServices(directory, durable=False, environment=bare):
        data = data_in(directory)
        account = Account.for_servers(data)
        binaries = find_postgres(bare).usable_by(account, home=data.parent)
    leftover = subprocess.Popen(
        [str(binaries.directory / "postgres"), "-D", str(data), "-c", "listen_addresses=", "-k", str(data)],
        env={"LC_ALL": "C"},
        cwd="/",
        stderr=subprocess.DEVNULL,
        **account.popen_options(),
    )
    note = data / "postmaster.pid"
    assert wait_until(lambda: note.exists() and "ready" in note.read_text(), seconds=30)
    with EmbeddedServices(directory, durable=False, environment=bare) as services:
        assert leftover.wait(1) == 0
        assert services.pids["postgres"] != leftover.pid


def test_a_checkout_with_a_very_long_path_works(tmp_path: Path, bare: dict[str, str]) -> None:
    deep = tmp_path.joinpath(*["a directory with a long name"] * 8)
    try:
        with EmbeddedServices(deep, durable=False, environment=bare) as services:
            assert ask(services.database_url, "SELECT 1") == (1,)
            with redis.Redis.from_url(services.redis_url) as client:
                assert client.ping()
    finally:
        places.remove(deep)


def test_a_configured_server_is_used_and_none_is_started_beside_it(directory: Path, bare: dict[str, str]) -> None:
    own = bare | {"DATABASE_URL": "postgresql://me@db/mine"}
    with EmbeddedServices(directory, durable=False, environment=own) as services:
        assert list(services.pids) == ["valkey"]
        assert services.child_environment()["DATABASE_URL"] == "postgresql://me@db/mine"
    both = own | {"REDIS_URL": "redis://cache:6379/0"}
    with EmbeddedServices(directory, durable=False, environment=both) as services:
        assert services.pids == {}
        assert services.redis_url == "redis://cache:6379/0"


@pytest.mark.parametrize("configured", [{}, {"DATABASE_URL": "postgresql://me@db/mine"}, {"REDIS_URL": "redis://x"}])
def test_production_never_gets_an_embedded_server(
    directory: Path, bare: dict[str, str], configured: dict[str, str]
) -> None:
    environment = bare | configured | {"CRISISAPI_PRODUCTION": "1"}
    with pytest.raises(EmbeddedRefused), EmbeddedServices(directory, durable=True, environment=environment):
        pass
    assert not directory.exists()


def test_two_holders_never_share_a_directory(directory: Path, bare: dict[str, str]) -> None:
    with EmbeddedServices(directory, durable=False, environment=bare) as services:
        with (
            pytest.raises(EmbeddedError, match="in use"),
            EmbeddedServices(directory, durable=False, environment=bare),
        ):
            pass
        assert ask(services.database_url, "SELECT 1") == (1,)


def test_a_killed_server_is_raised_again_at_the_same_url(directory: Path, bare: dict[str, str]) -> None:
    with EmbeddedServices(directory, durable=False, environment=bare) as services:
        before = (services.database_url, services.redis_url)
        for name, pid in services.pids.items():
            os.kill(pid, Signals.SIGKILL)
            assert wait_until(lambda: bool(services.fallen), seconds=5)
            assert services.fallen == [name]
            services.raise_again(name)
        assert services.fallen == []
        assert (services.database_url, services.redis_url) == before
        assert ask(services.database_url, "SELECT 1") == (1,)


def test_variables_for_another_postgres_do_not_reach_the_programs(directory: Path, bare: dict[str, str]) -> None:
    confused = bare | {"PGPORT": "6543", "PGHOST": "elsewhere"}
    with EmbeddedServices(directory, durable=False, environment=confused) as services:
        told = services.child_environment()
    assert not [name for name in told if name.startswith("PG")]


def test_lost_passwords_are_a_refusal_that_says_what_to_remove(directory: Path, bare: dict[str, str]) -> None:
    (directory / "postgres-18").mkdir(parents=True)
    with (
        pytest.raises(EmbeddedError, match=r"passwords\.json is missing"),
        EmbeddedServices(directory, durable=False, environment=bare),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends Postgres to another account")
def test_programs_in_a_private_home_are_copied_to_where_the_account_can_run_them(
    tmp_path: Path, directory: Path, bare: dict[str, str]
) -> None:
    found = find_postgres(bare)
    assert found.wheel is not None
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "wheel").symlink_to(found.wheel)
    hidden = PostgresBinaries(
        private / "wheel" / found.directory.relative_to(found.wheel), found.version, private / "wheel"
    )
    account = Account.for_servers(directory)
    assert version_of(hidden.directory, account=account) is None
    with places.take(directory):
        home = places.home_for(directory, account)
        usable = hidden.usable_by(account, home=home)
    assert version_of(usable.directory, account=account) == found.version
    assert home in usable.directory.parents


def data_in(directory: Path) -> Path:
    """The data directory, wherever it had to be."""
    home = directory / "home"
    (data,) = (home if home.exists() else directory).glob("postgres-[0-9]*")
    return data.resolve()
