"""Looks for anything that should have moved and has not. Its own process, its own SQL, no Celery.

It repairs only what is safe (an open page without a timer gets one) and alarms on everything: in the ledger of the
agency, and by mail to the operator. Then it beats to somebody outside, unless there is something it could not tell
anybody; so silence alarms too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection

from alerting.actions import raise_alarm, restore_timer
from alerting.transports.operator.delivery import beat, mail_operator
from core.actor import Actor
from core.wall import every_agency, inside

log = structlog.get_logger(__name__)

AUDITOR = Actor.rule("auditor")

# What stands still across all agencies: (check, agency, count), the agency null for work of the system itself.
OF_THE_QUEUE = {
    # Dead and interrupted jobs stay until a person has seen them; they alarm for a day.
    "jobs_dead": """
        SELECT agency_id, count(*) FROM jobs_job
         WHERE state IN ('DEAD', 'INTERRUPTED') AND finished_at > %(at)s - interval '1 day' GROUP BY agency_id""",
    "jobs_overdue": """
        SELECT agency_id, count(*) FROM jobs_job
         WHERE state = 'READY' AND due_at < %(at)s - interval '60 seconds'
           AND (lease_until IS NULL OR lease_until < %(at)s) GROUP BY agency_id""",
    "workers_silent": """
        SELECT NULL, count(*) FROM jobs_job
         WHERE state = 'READY' AND due_at < %(at)s - interval '60 seconds'
           AND (lease_until IS NULL OR lease_until < %(at)s)
           AND NOT EXISTS (SELECT 1 FROM jobs_job AS running WHERE running.state = 'READY'
                              AND running.due_at <= %(at)s AND running.lease_until >= %(at)s)
           AND NOT EXISTS (SELECT 1 FROM jobs_job AS done WHERE done.state = 'DONE'
                              AND done.finished_at > %(at)s - interval '60 seconds')
        HAVING count(*) > 0""",
}
# What stands still inside one agency, behind its wall. Tables of higher storeys are known here by name only.
OF_AN_AGENCY = {
    "pages_late": """
        SELECT count(*) FROM alerting_page
         WHERE agency_id = %(agency)s AND stage = 'OPEN' AND next_step_at < %(at)s - interval '30 seconds'""",
    "posts_sending_too_long": """
        SELECT count(*) FROM publishing_attempt
         WHERE agency_id = %(agency)s AND stage = 'SENDING' AND started_at < %(at)s - interval '60 seconds'""",
    "posts_unknown_too_long": """
        SELECT count(*) FROM publishing_attempt
         WHERE agency_id = %(agency)s AND stage = 'UNKNOWN' AND started_at < %(at)s - interval '15 minutes'""",
    "pauses_not_effective": """
        SELECT count(*) FROM publishing_pause
         WHERE agency_id = %(agency)s AND stage = 'DRAINING' AND started_at < %(at)s - interval '30 seconds'""",
}
PAGES_WITHOUT_TIMER = """
    SELECT id FROM alerting_page
     WHERE agency_id = %(agency)s AND stage = 'OPEN'
       AND NOT EXISTS (SELECT 1 FROM jobs_job WHERE handler = 'alerting.climb_page' AND key = alerting_page.id::text
                          AND state = 'READY')
     LIMIT 1000"""
CHECKS = (*OF_THE_QUEUE, "pages_without_timer", *OF_AN_AGENCY, "database_away")


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something, in an agency or, for None, in the system itself."""

    check: str
    agency_id: UUID | None
    count: int

    def __str__(self) -> str:
        return f"{self.check}: {self.count}" + (f" (agency {self.agency_id})" if self.agency_id else "")


@dataclass(frozen=True, slots=True)
class Round:
    """What one look found, whether all of it has been told, and whether the heartbeat was heard."""

    findings: list[Finding]
    told: bool
    heard: bool


def look(*, at: datetime) -> list[Finding]:
    """Every finding of every check; changes nothing but the timers that pages had lost."""
    found: list[Finding] = []
    for check, question in OF_THE_QUEUE.items():
        found += [Finding(check, agency, count) for agency, count in _rows(question, at=at)]
    for agency in every_agency():
        with inside(agency):
            lost = [row[0] for row in _rows(PAGES_WITHOUT_TIMER, at=at, agency=agency)]
            counts = {check: _rows(question, at=at, agency=agency)[0][0] for check, question in OF_AN_AGENCY.items()}
        for page_id in lost:
            with inside(agency):
                restore_timer(page_id=page_id, at=at)
        counts["pages_without_timer"] = len(lost)
        found += [Finding(check, agency, count) for check, count in counts.items() if count]
    return found


def _rows(question: str, **given: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@dataclass
class Auditor:
    """Goes round after round. It remembers what it has said this hour and what it could not say yet."""

    said: dict[str, datetime] = field(default_factory=dict)
    unsaid: set[tuple[str, UUID | None]] = field(default_factory=set)

    def go_round(self, *, at: datetime) -> Round:
        """Look, alarm once an hour for each kind of finding, and beat."""
        findings = self._look(at)
        fresh = {(one.check, one.agency_id) for one in findings if self._is_news(one, at)}
        # What is over by itself needs no telling any more.
        self.unsaid = (self.unsaid | fresh) & {(one.check, one.agency_id) for one in findings}
        to_say = [one for one in findings if (one.check, one.agency_id) in self.unsaid]
        for one in to_say:
            log.error("alarm", check=one.check, agency=str(one.agency_id or ""), count=one.count)
        if to_say and mail_operator(
            subject=f"crisisapi: {len(to_say)} things stand still", lines=[str(one) for one in to_say]
        ):
            self.unsaid.clear()
        return Round(findings, told=not self.unsaid, heard=beat() if not self.unsaid else False)

    def _look(self, at: datetime) -> list[Finding]:
        try:
            return look(at=at)
        except (OperationalError, InterfaceError) as problem:
            log.warning("database_away", kind=type(problem).__name__)
            connection.close()
            return [Finding("database_away", None, 1)]

    def _is_news(self, finding: Finding, at: datetime) -> bool:
        if finding.agency_id is not None:
            try:
                with inside(finding.agency_id):
                    return raise_alarm(check=finding.check, count=finding.count, by=AUDITOR, at=at)
            except (OperationalError, InterfaceError) as problem:
                # What cannot be written down is said all the more.
                log.warning("alarm_not_recorded", kind=type(problem).__name__)
                connection.close()
                return True
        if at - self.said.get(finding.check, at - timedelta(days=1)) < timedelta(hours=1):
            return False
        self.said[finding.check] = at
        return True
