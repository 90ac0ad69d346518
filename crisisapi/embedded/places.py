"""The directories that the servers need, and who may enter them.

- `lock`: held while somebody runs servers on this data
- `passwords.json`: made once, readable by us alone
- `postgres-18`: the data, named by major version: another Postgres starts its own beside it
- `home`: a link to a private place outside, when the account that Postgres runs under cannot enter here
- `sockets`: a link to this start's socket directory, short because a socket's path has at most about 100 bytes
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from crisisapi.embedded.account import Account
from crisisapi.embedded.refusals import EmbeddedError, InUse

_PREFIX = "crisisapi-"
_LONGEST_SOCKET_DIRECTORY = 80


@dataclass(frozen=True, slots=True)
class Passwords:
    """The passwords of the superuser, of the application's role, and of Valkey."""

    superuser: str
    application: str
    valkey: str

    @classmethod
    def kept_in(cls, directory: Path) -> Self:
        """Read the passwords in `directory`, or make them and write them there, readable by us alone."""
        path = directory / "passwords.json"
        if path.exists():
            return cls(**json.loads(path.read_text()))
        if any(directory.glob("postgres-*")):
            raise EmbeddedError(f"{path} is missing, so nobody can enter the data beside it: remove {directory}.")
        made = cls(secrets.token_hex(24), secrets.token_hex(24), secrets.token_hex(24))
        unfinished = directory / "passwords.unfinished"
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(made), file)
        unfinished.rename(path)
        return made


def take(directory: Path) -> IO[str]:
    """Make `directory` and lock it for this process; the lock goes with the returned file, or with our death."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except PermissionError:
        raise EmbeddedError(f"{directory} belongs to another account: run as that account, or remove it.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise InUse(f"{directory} is in use by a running system: stop that first.") from None
    return lock


def home_for(directory: Path, account: Account) -> Path:
    """Where Postgres keeps its data: `directory`, or a private place outside when `account` cannot enter it."""
    directory.chmod(0o700 if account.is_our_own else 0o711)
    link = directory / "home"
    if link.is_symlink() and link.exists():
        return link.resolve()
    if account.can_enter(directory):
        return directory
    for base in ("/var/tmp", tempfile.gettempdir()):  # noqa: S108  mkdtemp makes a fresh private directory
        if Path(base).is_dir() and account.can_enter(Path(base)):
            home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            home.chmod(0o711)
            link.unlink(missing_ok=True)
            link.symlink_to(home)
            return home
    raise EmbeddedError(f"Postgres' account can enter neither {directory} nor a temporary directory.")


def fresh_sockets(directory: Path, account: Account) -> Path:
    """A new short directory for sockets, which only `account` and we may enter; the last start's one is removed."""
    drop_link(directory / "sockets")
    for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  mkdtemp makes a fresh private directory
        if len(base) <= _LONGEST_SOCKET_DIRECTORY - len(_PREFIX) - 8 and account.can_enter(Path(base)):
            sockets = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            account.give(sockets)
            (directory / "sockets").symlink_to(sockets)
            return sockets
    raise EmbeddedError("No temporary directory has a path short enough for a unix socket: set TMPDIR to a short one.")


def drop_link(link: Path) -> None:
    """Remove a link of ours and the directory outside that it points to."""
    if not link.is_symlink():
        return
    target = link.readlink()
    if target.name.startswith(_PREFIX):
        shutil.rmtree(target, ignore_errors=True)
    link.unlink()


def remove(directory: Path) -> None:
    """Delete everything that servers on `directory` have kept, outside places too. Refused while they run."""
    if not directory.exists():
        return
    with take(directory):
        drop_link(directory / "home")
        drop_link(directory / "sockets")
        shutil.rmtree(directory)
