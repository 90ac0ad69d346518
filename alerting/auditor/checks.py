"""What must stand still nowhere: one question each, in plain SQL.

Tables of higher storeys are known here by name only. `%(at)s` is the instant of the look, `%(agency)s` the agency whose
wall stands.
"""

from __future__ import annotations

# Asked once, across all agencies: (agency, count, about), the agency null for work of the system itself. `about` names
# what stands still where the check alone does not say it.
OF_THE_QUEUE = {
    # Dead and interrupted jobs stay until a person has seen them; they alarm for a day.
    "jobs_dead": """
        SELECT agency_id, count(*), '' FROM jobs_job
         WHERE state IN ('DEAD', 'INTERRUPTED') AND finished_at > %(at)s - interval '1 day' GROUP BY agency_id""",
    "jobs_overdue": """
        SELECT agency_id, count(*), '' FROM jobs_job
         WHERE state = 'READY' AND due_at < %(at)s - interval '60 seconds'
           AND (lease_until IS NULL OR lease_until < %(at)s) GROUP BY agency_id""",
    "workers_silent": """
        SELECT NULL, count(*), '' FROM jobs_job
         WHERE state = 'READY' AND due_at < %(at)s - interval '60 seconds'
           AND (lease_until IS NULL OR lease_until < %(at)s)
           AND NOT EXISTS (SELECT 1 FROM jobs_job AS running WHERE running.state = 'READY'
                              AND running.due_at <= %(at)s AND running.lease_until >= %(at)s)
           AND NOT EXISTS (SELECT 1 FROM jobs_job AS done WHERE done.state = 'DONE'
                              AND done.finished_at > %(at)s - interval '60 seconds')
        HAVING count(*) > 0""",
    # One queue's workers are gone while others work.
    "queues_silent": """
        SELECT NULL, late.count, late.queue FROM (
            SELECT queue, count(*) FROM jobs_job
             WHERE state = 'READY' AND due_at < %(at)s - interval '60 seconds'
               AND (lease_until IS NULL OR lease_until < %(at)s) GROUP BY queue) AS late
         CROSS JOIN LATERAL (
            SELECT coalesce(bool_or(moved.queue = late.queue), false) AS here, count(*) > 0 AS anywhere FROM (
                SELECT queue FROM jobs_job WHERE state = 'READY' AND due_at <= %(at)s AND lease_until >= %(at)s
                UNION
                SELECT queue FROM jobs_job
                 WHERE state IN ('DONE', 'CANCELLED') AND finished_at > %(at)s - interval '60 seconds'
                   AND state = 'DONE') AS moved) AS moves
         WHERE moves.anywhere AND NOT moves.here""",
}
# Asked of each agency behind its wall.
OF_AN_AGENCY = {
    "pages_without_timer": """
        SELECT count(*) FROM alerting_page AS page
         WHERE agency_id = %(agency)s AND stage = 'OPEN'
           AND NOT EXISTS (SELECT 1 FROM jobs_job WHERE handler = 'alerting.climb_page' AND key = page.id::text
                              AND state = 'READY')""",
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
    SELECT id FROM alerting_page AS page
     WHERE agency_id = %(agency)s AND stage = 'OPEN'
       AND NOT EXISTS (SELECT 1 FROM jobs_job WHERE handler = 'alerting.climb_page' AND key = page.id::text
                          AND state = 'READY')
     LIMIT 1000"""
# The auditor itself: the database does not answer, or one of its questions failed. Without sight it does not beat.
BLIND = ("database_away", "auditor_blind")
CHECKS = (*OF_THE_QUEUE, *OF_AN_AGENCY, *BLIND)
