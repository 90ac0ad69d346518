"""The programs that make up crisisapi beside its servers: web, one worker for each queue, beat, the auditor."""

from __future__ import annotations

import sys
from pathlib import Path
from signal import Signals

from crisisapi.embedded.fleet import Program
from crisisapi.embedded.processes import Ending

# Alerts and publishing have their own workers, so that no storm of bulk work ever delays a page or a statement.
# What is sent to people or fetched from the world waits, for a slow host or on an open stream: threads of one process
# do that, and no host that hangs holds up the timers of pages.
WORKERS = {"alerts": 2, "messages": 16, "publish": 2, "listen": 1, "fetch": 16, "bulk": 1}
THREADED = {"fetch", "messages"}

# Warm shutdown lets running jobs finish; a job that is cut off is claimed again when its lease ends.
_WORKER_ENDING: Ending = ((Signals.SIGTERM, 12.0), (Signals.SIGQUIT, 5.0), (Signals.SIGKILL, 5.0))


def system(*, port: int, var: Path) -> list[Program]:
    """Every program of a running system with its web server on `port`; ended in the order of `stop_first`."""
    return [_web(port), *(_worker(queue, slots) for queue, slots in WORKERS.items()), _beat(var), _auditor()]


def _web(port: int) -> Program:
    options = f"--interface wsgi --host 127.0.0.1 --port {port} --workers 2 --blocking-threads 4 --no-ws"
    return Program(
        name="web",
        arguments=(
            *_module("granian"),
            *options.split(),
            "--respawn-failed-workers",
            "--workers-kill-timeout",
            "8",
            "crisisapi.wsgi:application",
        ),
        url=f"http://127.0.0.1:{port}/healthz",
        stop_first=1,
    )


def _worker(queue: str, slots: int) -> Program:
    pool = "threads" if queue in THREADED else "prefork"
    options = f"-Q {queue} -n {queue}@%h --pool {pool} --concurrency {slots} --loglevel INFO"
    quiet = "--without-gossip --without-mingle --without-heartbeat"
    return Program(
        name=queue,
        arguments=(*_module("celery"), "-A", "crisisapi", "worker", *options.split(), *quiet.split()),
        says=rf"{queue}@\S+ ready",
        stop_first=2,
        ending=_WORKER_ENDING,
    )


def _beat(var: Path) -> Program:
    schedule = var / "celerybeat-schedule"
    return Program(
        name="beat",
        # An empty pidfile: a stale one would keep beat from starting, and two beats are harmless.
        arguments=(
            *_module("celery"),
            *("-A", "crisisapi", "beat", "--loglevel", "INFO", "--pidfile=", "--schedule", str(schedule)),
        ),
        says="beat: Starting",
        stop_first=1,
    )


def _auditor() -> Program:
    return Program(
        name="auditor", arguments=(sys.executable, "manage.py", "audit"), says="auditor: watching", stop_first=1
    )


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name)
