"""What the auditor puts right by itself: a job that was lost is written again.

Only what is safe to do twice: the jobs look again at what they are about, and a message that goes out a second time
carries the same id. A page's own timer is restored where it is set (`pages.restore_timer`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerting.actions import hand_overs, silences
from alerting.actions.notifications import NOTIFY, note_failed
from alerting.models import HandOver, Notification, Page, Silence
from alerting.states import HandOverStage, NotificationStage
from core.actor import Actor
from core.wall import standing_agency
from jobs.actions import later
from jobs.models import Job, JobState


@transaction.atomic
def restore_message(*, notification_id: UUID, by: Actor, at: datetime) -> bool:
    """A message that waits and has no job gets one; when its job has died in its last attempt, the message has failed.

    So a message that kills whoever sends it holds up no page: the next step does not wait for it. Says whether
    anything was to be done.
    """
    Page.objects.locked(Notification.objects.found(notification_id).page_id)
    row: Notification = Notification.objects.locked(notification_id)
    if row.stage != NotificationStage.QUEUED or _is_in(NOTIFY, row.pk, JobState.READY):
        return False
    if _is_in(NOTIFY, row.pk, JobState.DEAD):
        note_failed(notification_id=row.pk, problem="Every attempt at it died.", permanent=False, by=by, at=at)
        return True
    due = max(row.due_at or at, at)
    return _again(NOTIFY, row.pk, "notification_id", due)


@transaction.atomic
def restore_lapse(*, hand_over_id: UUID, at: datetime) -> bool:
    """A hand-over that nobody has answered in time lapses after all; says whether its job was lost."""
    offer: HandOver = HandOver.objects.locked(hand_over_id)
    lost = offer.stage == HandOverStage.OFFERED and not _is_in(hand_overs.LAPSE, offer.pk, JobState.READY)
    return lost and _again(hand_overs.LAPSE, offer.pk, "hand_over_id", max(offer.lapses_at, at))


@transaction.atomic
def restore_end(*, silence_id: UUID, at: datetime) -> bool:
    """A silence whose time is over ends after all; says whether its job was lost."""
    silence: Silence = Silence.objects.locked(silence_id)
    lost = silence.ended_at is None and not _is_in(silences.END, silence.pk, JobState.READY)
    return lost and _again(silences.END, silence.pk, "silence_id", max(silence.ends_at, at))


def _is_in(handler: str, thing_id: UUID, state: JobState) -> bool:
    return Job.objects.filter(handler=handler, key=str(thing_id), state=state).exists()


def _again(handler: str, thing_id: UUID, argument: str, due: datetime) -> bool:
    key = str(thing_id)
    return later(handler, key=key, agency_id=standing_agency(), at=due, args={argument: key})
