"""Learning: the post-mortem is drafted from the timeline, written by people, and released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.refusals import Refusal
from incidents.models import Incident, PostMortem
from incidents.queries import timeline_of
from incidents.states import POSTMORTEM_LIFECYCLE, PostMortemStage
from ledger.actions import record

SECTIONS = ("summary", "impact", "what_went_well", "what_went_wrong", "client_view")


class PostMortemReleased(Refusal):
    """What was released stays as people read it; reopening the incident opens it again."""

    code = "postmortem_released"
    title = "This post-mortem has been released."


def draft_postmortem(incident: Incident, *, by: Actor, at: datetime) -> PostMortem:
    """Begin the review with the events as they stand; after a reopening it goes on with what was written before."""
    events = [str(event_id) for event_id in timeline_of(incident).order_by("seq").values_list("pk", flat=True)]
    postmortem: PostMortem | None = (
        PostMortem.objects.select_for_update(of=("self",), no_key=True).filter(incident=incident).first()
    )
    if postmortem is None:
        postmortem = PostMortem(
            brand_id=incident.brand_id,
            incident=incident,
            timeline=events,
            sections=dict.fromkeys(SECTIONS, ""),
            drafted_at=at,
        )
        postmortem.save(force_insert=True)
    else:
        if postmortem.stage == PostMortemStage.RELEASED:
            postmortem.stage = POSTMORTEM_LIFECYCLE.step("reopen", from_=postmortem.stage)
        postmortem.timeline, postmortem.released_at = events, None
        postmortem.version += 1
        postmortem.save(update_fields=["stage", "timeline", "released_at", "version"])
    record("postmortem.drafted", on=postmortem, by=by, at=at, events=len(events))
    return postmortem


@transaction.atomic
def edit_postmortem(
    *,
    postmortem_id: UUID,
    sections: Mapping[str, str],
    lessons: Sequence[Mapping[str, Any]] | None,
    by: Actor,
    at: datetime,
) -> PostMortem:
    """Write sections (those named) and lessons (all of them, when given): [{"text", "owner_seat_id", "due_on"}]."""
    postmortem: PostMortem = PostMortem.objects.locked(postmortem_id)
    if postmortem.stage != PostMortemStage.DRAFT:
        raise PostMortemReleased
    postmortem.sections = {**postmortem.sections, **sections}
    changed = sorted(sections)
    if lessons is not None:
        postmortem.lessons = [
            {
                "text": lesson["text"],
                "owner_seat_id": str(lesson["owner_seat_id"]) if lesson["owner_seat_id"] else None,
                "due_on": lesson["due_on"].isoformat() if lesson["due_on"] else None,
            }
            for lesson in lessons
        ]
        changed.append("lessons")
    postmortem.version += 1
    postmortem.save(update_fields=["sections", "lessons", "version"])
    record("postmortem.edited", on=postmortem, by=by, at=at, section=", ".join(changed))
    return postmortem


@transaction.atomic
def release_postmortem(*, postmortem_id: UUID, by: Actor, at: datetime) -> PostMortem:
    """Let everybody who may see the incident read it; from now on it stays as it is."""
    postmortem: PostMortem = PostMortem.objects.locked(postmortem_id)
    postmortem.stage = POSTMORTEM_LIFECYCLE.step("release", from_=postmortem.stage)
    postmortem.released_at = at
    postmortem.version += 1
    postmortem.save(update_fields=["stage", "released_at", "version"])
    record("postmortem.released", on=postmortem, by=by, at=at, lessons=len(postmortem.lessons))
    return postmortem
