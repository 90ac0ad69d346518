"""Round after round: look, tell, beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import Error, connection

from alerting.actions import raise_alarm
from alerting.auditor.checks import BLIND
from alerting.auditor.looking import AUDITOR, DatabaseAway, Finding, look
from alerting.transports.operator.delivery import beat, tell_operator
from core.wall import inside

log = structlog.get_logger(__name__)

MOST_LINES = 200  # of one mail

Kind = tuple[str, UUID | None, str]


@dataclass(frozen=True, slots=True)
class Round:
    """What one look found, whether all of it has been told, and whether the heartbeat was heard."""

    findings: list[Finding]
    told: bool
    heard: bool

    @property
    def blind(self) -> bool:
        """Whether the auditor could not see everything; it does not beat then, whatever was told."""
        return is_blind(self.findings)


def is_blind(findings: list[Finding]) -> bool:
    return any(one.check in BLIND for one in findings)


@dataclass
class Auditor:
    """Goes round after round. It remembers what it has said this hour and what it could not say yet."""

    said: dict[Kind, datetime] = field(default_factory=dict)
    unsaid: set[Kind] = field(default_factory=set)

    def go_round(self, *, at: datetime) -> Round:
        """Look, alarm once an hour for each kind of finding, and beat."""
        findings = self._look(at)
        fresh = {one.kind for one in findings if self._is_news(one, at)}
        # What is over by itself needs no telling any more.
        self.unsaid = (self.unsaid | fresh) & {one.kind for one in findings}
        to_say = [one for one in findings if one.kind in self.unsaid]
        for one in to_say:
            log.error("alarm", check=one.check, agency=str(one.agency_id or ""), about=one.about, count=one.count)
        if to_say and tell_operator(subject=f"crisisapi: {len(to_say)} things stand still", lines=_lines(to_say)):
            self.unsaid.clear()
        sound = not self.unsaid and not is_blind(findings)
        return Round(findings, told=not self.unsaid, heard=beat() if sound else False)

    def _look(self, at: datetime) -> list[Finding]:
        try:
            return look(at=at)
        except DatabaseAway as away:
            log.warning("database_away", kind=str(away))
            return [Finding("database_away", None, 1)]

    def _is_news(self, finding: Finding, at: datetime) -> bool:
        if finding.agency_id is not None:
            try:
                with inside(finding.agency_id):
                    return raise_alarm(check=finding.check, count=finding.count, by=AUDITOR, at=at)
            except Error as problem:
                # What cannot be written down is said all the more.
                log.warning("alarm_not_recorded", kind=type(problem).__name__)
                connection.close_if_unusable_or_obsolete()
                return True
        if at - self.said.get(finding.kind, at - timedelta(days=1)) < timedelta(hours=1):
            return False
        self.said[finding.kind] = at
        return True


def _lines(findings: list[Finding]) -> list[str]:
    lines = [str(one) for one in findings[:MOST_LINES]]
    return lines if len(findings) <= MOST_LINES else [*lines, f"… and {len(findings) - MOST_LINES} more"]
