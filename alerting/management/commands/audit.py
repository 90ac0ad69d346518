"""Look for what should have moved and has not: `manage.py audit [--every SECONDS] [--once]`."""

from __future__ import annotations

import signal
import sys
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from alerting.auditor import Auditor, Round


class Command(BaseCommand):
    help = "Audit what stands still, alarm, and beat, until SIGTERM. With --once: one round; exit 1 for a finding."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=30.0, help="seconds between two rounds")
        parser.add_argument("--once", action="store_true", help="one round only")

    def handle(self, **options: Any) -> None:
        auditor = Auditor()
        if options["once"]:
            done = auditor.go_round(at=timezone.now())
            self.stdout.write(told_of(done))
            sys.exit(1 if done.findings else 0)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write(f"auditor: watching, a round each {options['every']:g} s")
        said = ""
        while True:
            close_old_connections()
            to_say = told_of(auditor.go_round(at=timezone.now()))
            if to_say != said:
                said = to_say
                self.stdout.write(said)
            if stop.wait(options["every"]):
                return


def told_of(done: Round) -> str:
    """A round in words."""
    lines = [str(finding) for finding in done.findings] or ["Everything moves."]
    if not done.told:
        lines.append("Nobody could be told: no heartbeat.")
    elif not done.heard:
        lines.append("The heartbeat was not heard.")
    return "\n".join(lines)
