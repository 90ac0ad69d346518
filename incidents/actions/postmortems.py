"""Learning: the post-mortem is drafted from the timeline, written by people, and released."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.refusals import Refusal
from incidents.models import Incident, PostMortem
from incidents.queries import timeline_of
from incidents.states import INCIDENT_LIFECYCLE, POSTMORTEM_LIFECYCLE, PostMortemStage, Stage
from ledger.actions import record
from permissions import gate
from permissions.gate import Caller
from permissions.needs import Need
from permissions.revocation import Handed, Kept, handing_over, line

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
def begin_review(*, incident_id: UUID, by: Actor, at: datetime) -> PostMortem | None:
    """The crisis is over: the review opens itself, with the events as they stand. Safe to repeat."""
    incident: Incident = Incident.objects.locked(incident_id)
    if incident.stage != Stage.RESOLVED:
        return None
    incident.stage = INCIDENT_LIFECYCLE.step("put_under_review", from_=incident.stage)
    incident.reviewed_at = incident.reviewed_at or at
    incident.version += 1
    incident.save(update_fields=["stage", "reviewed_at", "version"])
    postmortem = draft_postmortem(incident, by=by, at=at)
    record("incident.put_under_review", on=incident, by=by, at=at, postmortem_id=postmortem.pk)
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


def _drafts_naming(seat_id: UUID) -> list[PostMortem]:
    rows = PostMortem.objects.filter(stage=PostMortemStage.DRAFT, lessons__contains=[{"owner_seat_id": str(seat_id)}])
    return list(rows.select_related("incident").select_for_update(of=("self",), no_key=True).order_by("pk"))


def lessons_left(seat_ids: Collection[UUID], _at: datetime) -> Mapping[UUID, int]:
    wanted = {str(seat): seat for seat in seat_ids}
    written = PostMortem.objects.filter(stage=PostMortemStage.DRAFT).exclude(lessons=[])
    owners = [lesson["owner_seat_id"] for lessons in written.values_list("lessons", flat=True) for lesson in lessons]
    return Counter(wanted[owner] for owner in owners if owner in wanted)


def _reassign(postmortem: PostMortem, before: UUID, after: UUID | None, *, by: Actor, at: datetime) -> int:
    mine = [lesson for lesson in postmortem.lessons if lesson["owner_seat_id"] == str(before)]
    for lesson in mine:
        lesson["owner_seat_id"] = str(after) if after else None
    postmortem.version += 1
    postmortem.save(update_fields=["lessons", "version"])
    record("postmortem.edited", on=postmortem, by=by, at=at, section="lessons")
    return len(mine)


@line("lessons to follow", left=lessons_left)
def disown_lessons(seat_id: UUID, by: Actor, at: datetime) -> int:
    """Lessons in drafts wait for another owner; what was released stays as people read it."""
    return sum(_reassign(one, seat_id, None, by=by, at=at) for one in _drafts_naming(seat_id))


@handing_over("lessons to follow")
def give_lessons(seat_id: UUID, to: Caller, by: Actor, at: datetime) -> Handed:
    given, kept = 0, []
    for one in _drafts_naming(seat_id):
        if gate.allowed(to, Need.INCIDENTS_READ, one.incident):
            given += _reassign(one, seat_id, to.seat_id, by=by, at=at)
        else:
            kept.append(Kept("incidents.PostMortem", one.pk, "cannot_see"))
    return Handed(given, tuple(kept))
