"""The review of an incident as a report tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from incidents.models import Improvement, PostMortem
from incidents.queries.reviews import ratings_of, shown_to, words_of
from incidents.states import ImprovementStage, PostMortemStage


def changes_of(postmortem: PostMortem | None) -> list[Improvement]:
    """What the review proposes and nobody has declined."""
    if postmortem is None:
        return []
    proposed = Improvement.objects.filter(postmortem=postmortem).exclude(stage=ImprovementStage.DECLINED)
    return list(proposed.order_by("pk"))


def review_told(
    postmortem: PostMortem | None,
    changes: Iterable[Improvement],
    names: Mapping[UUID | None, str],
    *,
    audience: str,
) -> dict[str, Any] | None:
    """A review in a report for staff or a client. What the client has not handed in is in neither: the agency can open
    the client's report, too.
    """
    if postmortem is None:
        return None
    parts = shown_to(audience).filter(postmortem=postmortem).order_by("position", "pk")
    texts = {part.name: words_of(part, side="staff") for part in parts}
    return {
        "stage": postmortem.stage,
        "released_at": postmortem.released_at,
        "sections": {name: text for name, text in texts.items() if text},
        "ratings": postmortem.ratings or ratings_of(postmortem),
        "lessons": [
            {
                "text": change.title,
                "owner": names.get(change.owner_id),
                "due_on": change.due_on.isoformat() if change.due_on else None,
            }
            for change in changes
        ],
    }


def frozen_numbers(postmortem: PostMortem | None) -> dict[str, Any] | None:
    """The figures of a released review, once they are written down."""
    if postmortem is None or postmortem.stage != PostMortemStage.RELEASED:
        return None
    return postmortem.numbers if postmortem.numbers_at == postmortem.released_at else None
