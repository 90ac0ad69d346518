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
    # Beat rings for a sweep each second; without it the workers of pages sweep for themselves, each few seconds.
    "beat_silent": """
        SELECT NULL, 1, '' FROM jobs_pulse WHERE name = 'beat' AND at < %(at)s - interval '25 seconds'""",
    "sweep_silent": """
        SELECT NULL, 1, '' FROM jobs_pulse WHERE name = 'sweep' AND at < %(at)s - interval '25 seconds'""",
}
# An open page climbs, a snoozed one wakes, an acknowledgement that ends by itself ends: each by a job of the page. They
# are three questions, because each has an index of its own.
WITHOUT_TIMER = """
    SELECT id FROM alerting_page AS page
     WHERE agency_id = %(agency)s AND stage = 'OPEN' AND NOT EXISTS (
        SELECT 1 FROM jobs_job WHERE handler = 'alerting.climb_page' AND key = page.id::text AND state = 'READY')
     UNION ALL
    SELECT id FROM alerting_page AS page
     WHERE agency_id = %(agency)s AND stage = 'SNOOZED' AND NOT EXISTS (
        SELECT 1 FROM jobs_job WHERE handler = 'alerting.unsnooze_page' AND key = page.id::text AND state = 'READY')
     UNION ALL
    SELECT id FROM alerting_page AS page
     WHERE agency_id = %(agency)s AND stage = 'ACKNOWLEDGED' AND lapses_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM jobs_job WHERE handler = 'alerting.lapse_page' AND key = page.id::text AND state = 'READY')"""
# What the auditor puts right, row by row; only jobs that were lost are written again (alerting/actions/repairs.py).
TO_REPAIR = {
    "pages_without_timer": WITHOUT_TIMER,
    "notifications_without_job": """
        SELECT id FROM alerting_notification AS told
         WHERE agency_id = %(agency)s AND stage = 'QUEUED' AND queued_at < %(at)s - interval '60 seconds'
           AND coalesce(due_at, queued_at) BETWEEN %(at)s - interval '1 day' AND %(at)s - interval '60 seconds'
           AND NOT EXISTS (SELECT 1 FROM jobs_job WHERE handler = 'alerting.notify' AND key = told.id::text
                              AND state = 'READY')""",
    "hand_overs_not_lapsed": """
        SELECT id FROM alerting_handover
         WHERE agency_id = %(agency)s AND stage = 'OFFERED' AND lapses_at < %(at)s - interval '60 seconds'""",
    "silences_not_ended": """
        SELECT id FROM alerting_silence
         WHERE agency_id = %(agency)s AND ended_at IS NULL AND ends_at < %(at)s - interval '60 seconds'""",
}
# Asked of each agency behind its wall.
OF_AN_AGENCY = {
    **{check: f"SELECT count(*) FROM ({rows}) AS found" for check, rows in TO_REPAIR.items()},  # noqa: S608 - our own
    # Its step is due and does not fire: the timer may be with a worker that hangs.
    "pages_late": """
        SELECT count(*) FROM alerting_page
         WHERE agency_id = %(agency)s AND stage = 'OPEN' AND next_step_at < %(at)s - interval '30 seconds'""",
    "snoozes_not_ended": """
        SELECT count(*) FROM alerting_page
         WHERE agency_id = %(agency)s AND stage = 'SNOOZED' AND snoozed_until < %(at)s - interval '30 seconds'""",
    "acknowledgements_not_lapsed": """
        SELECT count(*) FROM alerting_page
         WHERE agency_id = %(agency)s AND stage = 'ACKNOWLEDGED' AND lapses_at < %(at)s - interval '60 seconds'""",
    # Everything that was sent about it has failed, and nobody has it: a person must be told in another way. Of what is
    # only played nobody must.
    "pages_reached_nobody": """
        SELECT count(*) FROM (
            SELECT id, brand_id FROM alerting_page
             WHERE agency_id = %(agency)s AND stage = 'OPEN' AND step > 0
               AND raised_at < %(at)s - interval '60 seconds'
             UNION ALL
            SELECT id, brand_id FROM alerting_page
             WHERE agency_id = %(agency)s AND stage = 'EXHAUSTED'
               AND raised_at < %(at)s - interval '60 seconds') AS page
         WHERE NOT EXISTS (SELECT 1 FROM alerting_notification AS told
                            WHERE told.agency_id = %(agency)s AND told.page_id = page.id
                              AND told.stage IN ('QUEUED', 'SENT', 'DELIVERED'))
           AND NOT EXISTS (SELECT 1 FROM tenants_brand AS twin
                            WHERE twin.id = page.brand_id AND twin.drill_of_id IS NOT NULL)""",
    # Tries take minutes when a host asks us to wait; more than that is no trying. A day later a person knows.
    "notifications_late": """
        SELECT count(*) FROM alerting_notification
         WHERE agency_id = %(agency)s AND stage = 'QUEUED' AND queued_at < %(at)s - interval '15 minutes'
           AND coalesce(due_at, queued_at) BETWEEN %(at)s - interval '1 day' AND %(at)s - interval '15 minutes'""",
    "posts_sending_too_long": """
        SELECT count(*) FROM publishing_attempt
         WHERE agency_id = %(agency)s AND stage = 'SENDING' AND started_at < %(at)s - interval '60 seconds'""",
    "posts_unknown_too_long": """
        SELECT count(*) FROM publishing_attempt
         WHERE agency_id = %(agency)s AND stage = 'UNKNOWN' AND started_at < %(at)s - interval '15 minutes'""",
    "pauses_not_effective": """
        SELECT count(*) FROM publishing_pause
         WHERE agency_id = %(agency)s AND stage = 'DRAINING' AND started_at < %(at)s - interval '30 seconds'""",
    # Somebody has left, and a line of the checklist is still not proven.
    "revocations_unconfirmed": """
        SELECT count(*) FROM permissions_revocationline AS line
          JOIN permissions_revocation AS goodbye ON goodbye.id = line.revocation_id
         WHERE line.agency_id = %(agency)s AND goodbye.agency_id = %(agency)s AND goodbye.stage = 'VERIFYING'
           AND line.finding = 'unconfirmed' AND goodbye.done_at < %(at)s - interval '15 minutes'""",
    "revocations_late": """
        SELECT count(*) FROM permissions_revocation
         WHERE agency_id = %(agency)s AND stage = 'SCHEDULED' AND due_at < %(at)s - interval '5 minutes'""",
    # What has failed for a moment will be asked again; what is refused or failing for longer tells us nothing.
    "sources_silent": """
        SELECT count(*) FROM listening_source
         WHERE agency_id = %(agency)s AND ended_at IS NULL AND paused_at IS NULL
           AND (health = 'silent' OR health IN ('failing', 'refused')
                AND coalesce(answered_at, watched_from, created_at) < %(at)s - interval '15 minutes')""",
}
# The auditor itself: the database does not answer, or one of its questions failed. Without sight it does not beat.
BLIND = ("database_away", "auditor_blind")
CHECKS = (*OF_THE_QUEUE, *OF_AN_AGENCY, *BLIND)
