"""What those who took part say of how it went. One answer a person; nobody else learns whose it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from core.actor import Actor
from core.refusals import NotFound, Refusal
from incidents.actions.postmortems import lock_draft
from incidents.models import ReviewParticipant
from incidents.states import PostMortemStage
from ledger.actions import record
from permissions.gate import Caller
from permissions.revocation import Handed, counted, handing_over, line

# The trail tells that somebody answered, not who: with the time of an answer its scores could be worked out.
SOMEBODY: Final = Actor.rule("participants")


class RatersOnly(Refusal):
    """A rating is a person's own word."""

    code = "persons_only"
    status = 403
    title = "A key cannot rate for its person."


@transaction.atomic
def rate_crisis(
    *, participant_id: UUID, scores: Mapping[str, int], words: str, by: Actor, at: datetime
) -> ReviewParticipant:
    """Say how it went, or say it anew: question -> 1 (not at all) to 5 (fully); a question may be left out.

    Raises NotFound for what somebody else was asked, RatersOnly (403) for a key, PostMortemReleased (409).
    """
    found = ReviewParticipant.objects.found(participant_id)
    if by.seat_id != found.seat_id or not found.took_part:
        raise NotFound
    if by.kind != "seat":
        raise RatersOnly
    postmortem = lock_draft(found.postmortem_id)
    row: ReviewParticipant = ReviewParticipant.objects.locked(participant_id)
    first = row.answered_at is None
    row.scores, row.words, row.answered_at = dict(scores), words, at
    row.version += 1
    row.save(update_fields=["scores", "words", "answered_at", "version"])
    if first:
        answers = ReviewParticipant.objects.filter(postmortem=postmortem, answered_at__isnull=False).count()
        record("postmortem.rated", on=postmortem, by=SOMEBODY, at=at, answered=answers)
    return row


# -- when people go -------------------------------------------------------------------------------------------


def _unanswered(seat_ids: Collection[UUID]) -> QuerySet[ReviewParticipant, ReviewParticipant]:
    asked = ReviewParticipant.objects.filter(seat_id__in=seat_ids, answered_at=None, excused_at=None)
    return asked.filter(postmortem__stage=PostMortemStage.DRAFT)


def ratings_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    return counted(_unanswered(seat_ids), "seat_id")


@line("ratings of reviews", left=ratings_left, covers={"incidents.ReviewParticipant.seat"})
def excuse_from_rating(seat_id: UUID, _by: Actor, at: datetime) -> int:
    """Whoever goes is asked no more; what they have answered counts."""
    rows = ReviewParticipant.objects.filter(pk__in=_unanswered([seat_id]).values("pk"))
    excused: int = rows.update(excused_at=at, version=F("version") + 1)
    return excused


@handing_over("ratings of reviews")
def excuse_mover(seat_id: UUID, _to: Caller, by: Actor, at: datetime) -> Handed:
    """A rating is one's own: the successor was not there."""
    excuse_from_rating(seat_id, by, at)
    return Handed()
