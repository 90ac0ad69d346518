"""The auditor's whole look at 100 000 open rows, in five agencies and in a thousand: every check, in milliseconds.

Open pages with their timers, queued messages with their jobs, all of them as they should be, beside as many rows of
what is over; and one fault of each agency's own, so that the look is seen to work. The limit is half a second.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from alerting.auditor import look
from alerting.models import Page
from bench import Figure
from core.wall import inside
from jobs.models import Job
from ledger.actions import open_ledger
from tenants.models import Agency, Seat, User

LIMIT_S = 0.5
OPEN_ROWS = 100_000
ROUNDS = 15
KINDS_OF_ROWS = 4  # a page, its timer, a message, its job

PAGES = """
INSERT INTO alerting_page (id, agency_id, cause_kind, cause_id, severity, headline, policy, stage, cycle, step,
                           next_step_at, raised_at, resolved_at, version)
SELECT gen_random_uuid(), %(agency)s, 'bench', gen_random_uuid(), 2, 'Volume is nine times the usual',
       '{"policy_id": null, "name": "Ladder", "steps": []}', %(stage)s, 1, 1,
       CASE WHEN %(stage)s = 'OPEN' THEN now() + interval '1 hour' END, now() - interval '10 minutes', NULL, 1
  FROM generate_series(1, %(count)s)"""
MESSAGES = """
INSERT INTO alerting_notification (id, agency_id, page_id, cycle, step, seat_id, transport, stage, problem, queued_at)
SELECT gen_random_uuid(), %(agency)s, page.id, 1, 1, %(seat)s, 'email', %(message)s, '', now()
  FROM alerting_page AS page WHERE page.agency_id = %(agency)s AND page.stage = %(stage)s"""
JOBS = """
INSERT INTO jobs_job (id, handler, key, agency_id, args, queue, order_key, due_at, state, attempts, max_attempts,
                      crossed, last_error, created_at, finished_at)
SELECT gen_random_uuid(), '{handler}', id::text, agency_id, '{{}}', 'alerts', '', now() + interval '1 hour', %(state)s,
       0, 20, false, '', now(), CASE WHEN %(state)s = 'DONE' THEN now() - interval '1 hour' END
  FROM {table} WHERE agency_id = %(agency)s AND stage = %(of)s"""


def run() -> Iterator[Figure]:
    for agencies in (5, 1_000):
        _empty()
        _fill(agencies, OPEN_ROWS // KINDS_OF_ROWS // agencies)
        look(at=timezone.now())  # warm: the connection, the pages of the tables
        times = [_look() for _ in range(ROUNDS)]
        middle = statistics.median(times)
        yield Figure(
            f"auditor_look_{agencies}_agencies", middle * 1000, "ms",
            f"the limit of {LIMIT_S * 1000:g} ms, {OPEN_ROWS:,} open rows, median of {ROUNDS}, "
            f"worst {max(times) * 1000:.0f} ms",
            middle / LIMIT_S, f"<= {LIMIT_S * 1000:g} ms", middle <= LIMIT_S,
        )  # fmt: skip
        _check_it_sees()


def _look() -> float:
    began = time.perf_counter()
    found = look(at=timezone.now())
    seconds = time.perf_counter() - began
    if found:
        raise RuntimeError(f"Everything moves, and yet: {found[:3]}")
    return seconds


def _check_it_sees() -> None:
    """A fast look that sees nothing is none: one page of the last agency loses its timer, and is found and mended."""
    job = Job.objects.filter(handler="alerting.climb_page", state="READY").latest("id")
    Job.objects.filter(pk=job.pk).update(state="CANCELLED", finished_at=timezone.now())
    if [(one.check, one.agency_id, one.count) for one in look(at=timezone.now())] != [
        ("pages_without_timer", job.agency_id, 1)
    ]:
        raise RuntimeError("A page without a timer was not found.")


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_job")
    for agency in Agency.objects.values_list("pk", flat=True):
        with inside(agency), connection.cursor() as cursor:
            cursor.execute("DELETE FROM alerting_notification")
            cursor.execute("DELETE FROM alerting_page")


def _fill(agencies: int, pages: int) -> None:
    at = timezone.now()
    user = User(email=f"{uuid4().hex}@example.org", name="Bench", date_joined=at)
    user.set_unusable_password()
    user.save()
    for _ in range(agencies):
        agency = Agency.objects.create(slug=f"bench-{uuid4().hex[:12]}", name="Bench", created_at=at)
        with inside(agency.pk):
            open_ledger(agency_id=agency.pk)
            seat = Seat.objects.create(user=user, side="staff", created_at=at)
        for stage, message, state in (("OPEN", "QUEUED", "READY"), ("RESOLVED", "SENT", "DONE")):
            given = {"agency": agency.pk, "seat": seat.pk, "count": pages, "stage": stage, "message": message}
            with inside(agency.pk), connection.cursor() as cursor:
                cursor.execute(PAGES, given)
                cursor.execute(MESSAGES, given)
                for handler, table, of in (
                    ("alerting.climb_page", "alerting_page", stage),
                    ("alerting.notify", "alerting_notification", message),
                ):
                    question = JOBS.format(handler=handler, table=table)
                    cursor.execute(question, {"agency": agency.pk, "state": state, "of": of})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    with inside(agency.pk):
        if Page.objects.count() != 2 * pages:
            raise RuntimeError("The stage is not set.")
