"""The account that Postgres runs under. Postgres refuses to run as root, so root lends it to `nobody`."""

# ruff: noqa: S603  The command is `cd` with our own path.

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from crisisapi.embedded.refusals import EmbeddedError


@dataclass(frozen=True, slots=True)
class Account:
    """An operating-system account; without numbers it is our own."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_servers(cls, data: Path) -> Self:
        """Our own account; for root the owner of existing `data`, else `nobody`."""
        if os.geteuid() != 0:
            return cls()
        if data.exists() and (owner := data.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise EmbeddedError(
                "Postgres refuses to run as root and this system has no account `nobody`: run as an ordinary user."
            ) from None
        return cls(nobody.pw_uid, nobody.pw_gid)

    @property
    def is_our_own(self) -> bool:
        return self.uid is None

    def popen_options(self) -> dict[str, Any]:
        """What `subprocess` needs to become this account."""
        if self.is_our_own:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": [], "umask": 0o077}

    def give(self, path: Path) -> None:
        """Make this account the owner of `path` (a file or an empty directory)."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, directory: Path) -> bool:
        """Whether this account can reach `directory`; a checkout under a private home often bars it."""
        if self.is_our_own:
            return True
        command = ["/bin/sh", "-c", 'cd -- "$0"', str(directory)]
        try:
            tried = subprocess.run(command, cwd="/", stderr=subprocess.DEVNULL, check=False, **self.popen_options())
        except (PermissionError, ValueError, OSError) as error:
            raise EmbeddedError(
                f"Postgres refuses to run as root and the account `nobody` cannot be used here ({error}): "
                "run as an ordinary user."
            ) from error
        return tried.returncode == 0
