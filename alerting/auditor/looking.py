"""One look at everything: each question in a short, read-only transaction, so that a bad one blinds no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from django.db import Error, connection, transaction

from alerting.actions import restore_timer
from alerting.actions.repairs import restore_end, restore_lapse, restore_message
from alerting.auditor.checks import OF_AN_AGENCY, OF_THE_QUEUE, TO_REPAIR
from core.actor import Actor
from core.refusals import NotFound
from core.wall import inside

log = structlog.get_logger(__name__)

QUESTION_SECONDS = 5
LOCK_SECONDS = 2
# A look that takes longer is cut short: what could not be asked is told while somebody can still act on it.
LOOK_SECONDS = 20.0
MOST_REPAIRS = 1_000  # of one check in one agency and look
AUDITOR = Actor.rule("auditor")
REPAIRS: dict[str, Callable[[UUID, datetime], bool]] = {
    "pages_without_timer": lambda row, at: restore_timer(page_id=row, at=at),
    "notifications_without_job": lambda row, at: restore_message(notification_id=row, by=AUDITOR, at=at),
    "hand_overs_not_lapsed": lambda row, at: restore_lapse(hand_over_id=row, at=at),
    "silences_not_ended": lambda row, at: restore_end(silence_id=row, at=at),
}

MANNERS = """
    SELECT set_config('transaction_read_only', %(read_only)s, true),
           set_config('statement_timeout', %(seconds)s, true), set_config('lock_timeout', %(lock)s, true),
           set_config('plan_cache_mode', 'force_generic_plan', true), set_config('audit.at', %(at)s, true)"""
# From one agency to the next inside Postgres, in one statement: row-level security shows one agency at a time, and a
# thousand agencies would be thousands of round trips. Each plan is made once for all of them: left to itself, Postgres
# makes a slightly better one for each agency, and planning is most of the time.
ROUND_THE_AGENCIES = """
DO $audit$
DECLARE
    one uuid;
    stands bigint;
    look_at constant timestamptz := current_setting('audit.at');
    hits jsonb := '[]';
BEGIN
    FOR one IN SELECT id FROM tenants_agency ORDER BY id LOOP
        PERFORM set_config('app.agency', one::text, true);
        {questions}
    END LOOP;
    PERFORM set_config('app.agency', '', true), set_config('audit.hits', hits::text, true);
END $audit$"""
ONE_QUESTION = """
        stands := ({question});
        IF stands > 0 THEN
            hits := hits || jsonb_build_array(jsonb_build_array('{check}', one, stands));
        END IF;"""
HITS = """
    SELECT one ->> 0, (one ->> 1)::uuid, (one ->> 2)::bigint
      FROM jsonb_array_elements(current_setting('audit.hits')::jsonb) AS one"""


class DatabaseAway(Exception):
    """There is no connection to the database, or it broke."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something, in an agency or, for None, in the system itself.

    `about` names what stands still where the check alone does not say it: a queue, a question that failed.
    """

    check: str
    agency_id: UUID | None
    count: int
    about: str = ""

    @property
    def kind(self) -> tuple[str, UUID | None, str]:
        """What is told once an hour."""
        return self.check, self.agency_id, self.about

    def __str__(self) -> str:
        where = self.about or (f"agency {self.agency_id}" if self.agency_id else "")
        return f"{self.check}: {self.count}" + (f" ({where})" if where else "")


def look(*, at: datetime) -> list[Finding]:
    """Every finding of every check; only jobs that were lost are written again. Raises DatabaseAway.

    A question that fails, or takes too long, is a finding of its own, `auditor_blind`.
    """
    found: list[Finding] = []
    ends = monotonic() + LOOK_SECONDS
    try:
        found += _in_each_agency(tuple(OF_AN_AGENCY), at)
        to_ask = list(OF_THE_QUEUE)
    except Error as problem:
        # One of them is bad: asked one by one, the others still see.
        _refuse_if_away(problem)
        to_ask = [*OF_THE_QUEUE, *OF_AN_AGENCY]
    for check in to_ask:
        if monotonic() > ends:
            found.append(Finding("auditor_blind", None, 1, check))
            continue
        try:
            found += _across(check, at) if check in OF_THE_QUEUE else _in_each_agency((check,), at)
        except Error as problem:
            _refuse_if_away(problem)
            log.warning("check_failed", check=check, kind=type(problem).__name__)
            found.append(Finding("auditor_blind", None, 1, check))
    for finding in found:
        if finding.check in REPAIRS and finding.agency_id is not None:
            _repair(finding.check, finding.agency_id, at)
    return found


def _across(check: str, at: datetime) -> list[Finding]:
    with transaction.atomic(), connection.cursor() as cursor:
        _behave(cursor, at)
        cursor.execute(OF_THE_QUEUE[check], {"at": at})
        return [Finding(check, agency, count, about) for agency, count, about in cursor.fetchall()]


def _in_each_agency(checks: tuple[str, ...], at: datetime) -> list[Finding]:
    questions = "".join(
        ONE_QUESTION.format(check=check, question=OF_AN_AGENCY[check] % {"at": "look_at", "agency": "one"})
        for check in checks
    )
    with transaction.atomic(), connection.cursor() as cursor:
        _behave(cursor, at)
        cursor.execute(ROUND_THE_AGENCIES.format(questions=questions))
        cursor.execute(HITS)
        return [Finding(check, agency, count) for check, agency, count in cursor.fetchall()]


def _behave(cursor: Any, at: datetime, *, read_only: str = "on") -> None:
    """For this transaction: nothing is written, no question takes long, and nobody waits for us."""
    seconds, lock = f"{QUESTION_SECONDS}s", f"{LOCK_SECONDS}s"
    cursor.execute(MANNERS, {"read_only": read_only, "seconds": seconds, "lock": lock, "at": at.isoformat()})


def _repair(check: str, agency: UUID, at: datetime) -> None:
    """Give back what was lost, row by row in transactions of their own; what fails is found again in the next round."""
    try:
        with inside(agency), connection.cursor() as cursor:
            _behave(cursor, at)
            cursor.execute(f"{TO_REPAIR[check]} LIMIT {MOST_REPAIRS}", {"agency": agency, "at": at})
            rows = [row[0] for row in cursor.fetchall()]
        for row in rows:
            with inside(agency), connection.cursor() as cursor:
                _behave(cursor, at, read_only="off")
                REPAIRS[check](row, at)
    except NotFound:
        log.info("gone_before_repair", check=check, agency=str(agency))
    except Error as problem:
        _refuse_if_away(problem)
        log.warning("not_repaired", check=check, agency=str(agency), kind=type(problem).__name__)


def _refuse_if_away(problem: Error) -> None:
    """Tell a question that failed from a database that is gone."""
    if connection.connection is None or not connection.is_usable():
        connection.close()
        raise DatabaseAway(type(problem).__name__) from problem
