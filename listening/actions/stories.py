"""Telling stories: which mentions belong together, and what people say about that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from alerting.actions import resolve_page
from alerting.models import Page
from alerting.states import PAGE_LIFECYCLE
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from ledger.actions import record
from listening.models import Mention, Signal, Story, StoryMention
from listening.queries import MOST_TERMS, Said, normal_terms
from listening.states import SIGNAL_LIFECYCLE
from listening.stories import SAME_STORY, Cluster, cluster, resemblance
from listening.terms import Term, top_terms

# A story carries a departure when this share of its mentions tells it.
CARRIES: Final = 0.3
# A story of which nothing was heard for so long is told anew.
REMEMBERED: Final = timedelta(days=14)
RECENT_STORIES: Final = 200


@dataclass(frozen=True, slots=True)
class Telling:
    """What a window tells: the story that carries it (None for many voices), how many mentions tell it, those nearest
    to its centre, and the share of the window that are copies of one another.
    """

    story: Story | None
    mentions: int
    centre: tuple[UUID, ...]
    copied: float


class StoryMerged(Refusal):
    code = "story_merged"
    title = "This story lives on in another one."


def tell_story(*, brand_id: UUID, said: Sequence[Said], start: datetime) -> Telling:
    """Cluster a window's mentions, keep which of them tell which story, and name the story that carries them.

    A cluster is the story to which most of its mentions belong already, or else the one that it resembles most, or
    else a new one. The caller holds the brand's detector, so that nobody else is telling stories of it.
    """
    texts = [one.text for one in said]
    telling = top_terms(texts, normal_terms(brand_id, before=start), MOST_TERMS)
    found = cluster(texts, [term.term for term in telling])
    own = [one for one in said if not one.repost]
    copied = cluster([one.text for one in own]).copied / len(own) if own else 0.0
    if not found.stories or len(found.stories[0].members) < max(3, CARRIES * len(said)):
        return Telling(None, 0, (), copied)
    first = found.stories[0]
    story = _story_of(brand_id, first, said, telling)
    _keep(story, [said[place] for place in first.members])
    return Telling(story, len(first.members), tuple(said[place].id for place in first.centre), copied)


def _story_of(brand_id: UUID, found: Cluster, said: Sequence[Said], telling: Sequence[Term]) -> Story:
    members = [said[place] for place in found.members]
    known = StoryMention.objects.filter(brand_id=brand_id, mention_id__in=[one.id for one in members])
    counts: dict[UUID, int] = {}
    for story_id in known.values_list("story_id", flat=True):
        counts[story_id] = counts.get(story_id, 0) + 1
    if counts:
        most = max(counts, key=lambda story_id: (counts[story_id], story_id))
        if counts[most] >= len(members) * CARRIES:
            return _living(most)
    since = members[-1].posted_at - REMEMBERED
    recent = Story.objects.filter(brand_id=brand_id, merged_into=None, last_at__gte=since).order_by("-last_at", "-id")
    like = [(resemblance(story.sketch, found.sketch), story) for story in recent[:RECENT_STORIES]]
    best = max(like, key=lambda pair: (pair[0], pair[1].pk), default=None)
    if best is not None and best[0] >= SAME_STORY:
        return _living(best[1].pk)
    texts = [one.text for one in members]
    # What this story says and the rest of the window does not; names of people are not part of a title.
    words = telling or top_terms(texts, {}, MOST_TERMS)
    spoken = [term.term for term in words if not term.term.startswith("@")]
    here = [term for term in spoken if sum(term.split()[0] in text.casefold() for text in texts) * 2 >= len(texts)]
    terms = (here or spoken)[:5]
    story = Story(
        id=uuid7(),
        brand_id=brand_id,
        title=" · ".join(terms)[:200] or "Without words",
        terms=terms,
        sketch=list(found.sketch),
        first_at=min(one.posted_at for one in members),
        last_at=max(one.posted_at for one in members),
    )
    story.save(force_insert=True)
    return story


def _living(story_id: UUID) -> Story:
    """The story, or the one in which it lives on."""
    story: Story = Story.objects.locked(story_id)
    while story.merged_into_id is not None:
        story = Story.objects.locked(story.merged_into_id)
    return story


def _keep(story: Story, members: Sequence[Said]) -> None:
    """Note that these mentions tell the story, those excepted that tell another one by now."""
    before = StoryMention.objects.filter(story=story).count()
    StoryMention.objects.bulk_create(
        [StoryMention(brand_id=story.brand_id, story=story, mention_id=one.id) for one in members],
        ignore_conflicts=True,
    )
    added = StoryMention.objects.filter(story=story).count() - before
    story.first_at = min([story.first_at, *(one.posted_at for one in members)])
    story.last_at = max([story.last_at, *(one.posted_at for one in members)])
    story.mentions += added
    story.save(update_fields=["first_at", "last_at", "mentions"])


@transaction.atomic
def merge_stories(*, story_id: UUID, into_id: UUID, reason: str, by: Actor, at: datetime) -> Story:
    """Two stories are one: mentions and what is undecided move into `into_id`, and its signal takes the other's in.

    Returns the story that remains. Raises Invalid for stories of two brands, or of a story with itself, StoryMerged
    (409) for one that lives on in another already.
    """
    locked: dict[UUID, Story] = {
        found.pk: found for found in (Story.objects.locked(each) for each in sorted({story_id, into_id}))
    }
    story, into = locked[story_id], locked[into_id]
    if story.pk == into.pk or story.brand_id != into.brand_id:
        raise Invalid(
            errors=[{"field": "into", "code": "invalid_choice", "detail": "Name another story of the brand."}]
        )
    for each in (story, into):
        if each.merged_into_id is not None:
            raise StoryMerged(into=each.merged_into_id)
    StoryMention.objects.filter(story=story).update(story=into)
    into.first_at, into.last_at = min(story.first_at, into.first_at), max(story.last_at, into.last_at)
    into.mentions += story.mentions
    into.version += 1
    into.save(update_fields=["first_at", "last_at", "mentions", "version"])
    story.merged_into = into
    story.mentions = 0
    story.version += 1
    story.save(update_fields=["merged_into", "mentions", "version"])
    _merge_signals(story, into, reason=reason, by=by, at=at)
    record("story.merged", on=story, by=by, at=at, into_id=into.pk, reason=reason)
    return into


def _merge_signals(story: Story, into: Story, *, reason: str, by: Actor, at: datetime) -> None:
    undecided = Signal.objects.all().undecided().select_for_update(of=("self",), no_key=True).order_by("pk")
    theirs, ours = undecided.filter(story=story).first(), undecided.filter(story=into).first()
    if theirs is None:
        return
    if ours is None:
        theirs.story = into
        theirs.version += 1
        theirs.save(update_fields=["story", "version"])
        return
    page = None if theirs.page_id is None else Page.objects.locked(theirs.page_id)
    theirs.stage = SIGNAL_LIFECYCLE.step("merge", from_=theirs.stage)
    theirs.merged_into, theirs.reason, theirs.reviewed_at = ours, reason, at
    theirs.version += 1
    theirs.save(update_fields=["stage", "merged_into", "reason", "reviewed_at", "version"])
    Signal.objects.filter(pk=ours.pk).update(
        starts_at=min(ours.starts_at, theirs.starts_at),
        seen_at=max(ours.seen_at, theirs.seen_at),
        severity_hint=max(ours.severity_hint, theirs.severity_hint),
        kinds=sorted({*ours.kinds, *theirs.kinds}),
        version=F("version") + 1,
    )
    if page is not None and PAGE_LIFECYCLE.allows("resolve", from_=page.stage):
        resolve_page(page_id=page.pk, reason="The signal is merged into another.", by=by, at=at)
    record("signal.merged", on=theirs, by=by, at=at, into_id=ours.pk, reason=reason)


@transaction.atomic
def split_story(
    *, story_id: UUID, mention_ids: Sequence[UUID], title: str, reason: str, by: Actor, at: datetime
) -> Story:
    """Some mentions tell another story than the one they are in: they become a story of their own, which is returned.

    Raises Invalid when one of the mentions is not in the story, or when all of them are.
    """
    story: Story = Story.objects.locked(story_id)
    if story.merged_into_id is not None:
        raise StoryMerged(into=story.merged_into_id)
    wanted = set(mention_ids)
    links = StoryMention.objects.filter(story=story)
    told = set(links.filter(mention_id__in=wanted).values_list("mention_id", flat=True))
    if told != wanted:
        detail = "Every mention must be one of this story."
        raise Invalid(errors=[{"field": "mentions", "code": "invalid_choice", "detail": detail}])
    if not links.exclude(mention_id__in=wanted).exists():
        raise Invalid(errors=[{"field": "mentions", "code": "all_of_them", "detail": "Some must stay in the story."}])
    mentions = list(Mention.objects.filter(pk__in=wanted).order_by("id"))
    texts = [mention.text for mention in mentions]
    clusters = cluster(texts, [term.term for term in top_terms(texts, {}, MOST_TERMS)]).stories
    split = Story(
        id=uuid7(),
        brand_id=story.brand_id,
        title=title,
        terms=[term.term for term in top_terms(texts, {}, MOST_TERMS)][:5],
        sketch=list(clusters[0].sketch) if clusters else [],
        mentions=len(wanted),
        first_at=mentions[0].posted_at if mentions else story.first_at,
        last_at=mentions[-1].posted_at if mentions else story.last_at,
        split_from=story,
    )
    split.save(force_insert=True)
    links.filter(mention_id__in=wanted).update(story=split)
    story.mentions -= len(wanted)
    story.version += 1
    story.save(update_fields=["mentions", "version"])
    record("story.split", on=split, by=by, at=at, from_id=story.pk, mentions=len(wanted), reason=reason)
    return split
