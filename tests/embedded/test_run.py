# ruff: noqa: S603  The commands are our own.

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from signal import Signals

import pytest

from crisisapi.embedded.processes import command_line, wait_until

RUN = [sys.executable, "-m", "crisisapi.embedded.run", "--"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def alone(bare: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """No server configured, and a temporary directory in which nobody else leaves anything."""
    return bare | {"TMPDIR": str(tmp_path)}


def test_the_command_sees_both_servers_and_its_exit_code_is_passed_on(alone: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import os, psycopg, redis, sys;"
        "psycopg.connect(os.environ['DATABASE_URL']).close();"
        "client = redis.Redis.from_url(os.environ['REDIS_URL']); client.ping(); client.close();"
        "print(sys.argv[1:]); sys.exit(7)"
    )
    ran = subprocess.run(
        [*RUN, sys.executable, "-c", code, "--flag", "a b"],
        env=alone,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, "['--flag', 'a b']\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_told_stop_ends_the_command_and_removes_everything(alone: dict[str, str], tmp_path: Path) -> None:
    code = "import os; print(os.getpid(), flush=True); import signal; signal.pause()"
    with subprocess.Popen(
        [*RUN, sys.executable, "-c", code], env=alone, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        command = int(runner.stdout.readline())
        runner.terminate()
        assert runner.wait(30) == 128 + Signals.SIGTERM
    assert not command_line(command)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_is_swept_up_by_a_later_one(alone: dict[str, str], tmp_path: Path) -> None:
    code = "print('up', flush=True); import signal; signal.pause()"
    with subprocess.Popen(
        [*RUN, sys.executable, "-c", code], env=alone, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        runner.stdout.readline()
        runner.kill()
    (abandoned,) = tmp_path.glob("crisisapi-throwaway-*")
    assert wait_until(lambda: not any(str(abandoned) in command_line(pid) for pid in every_pid()), seconds=15)

    subprocess.run([*RUN, "true"], env=alone, cwd=ROOT, check=True)
    assert abandoned.exists(), "young ones may belong to a run that is just starting"

    hours_ago = time.time() - 7200
    os.utime(abandoned / "lock", (hours_ago, hours_ago))
    subprocess.run([*RUN, "true"], env=alone, cwd=ROOT, check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_is_one_line_and_a_failure(alone: dict[str, str]) -> None:
    ran = subprocess.run(
        [*RUN, "true"],
        env=alone | {"CRISISAPI_POSTGRES": "/nowhere"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr == (
        "No Postgres 15 or newer runs here in CRISISAPI_POSTGRES=/nowhere: "
        "install one, or set DATABASE_URL to a server of your own.\n"
    )


def every_pid() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]
