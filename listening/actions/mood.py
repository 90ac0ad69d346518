"""People correct a mood; a brand's lexicon learns from them, is measured, adopted, and taken back.

A lexicon never changes: every lesson makes a new number. A score names the scorer's version and the lexicon's number,
and can so be made again at any time.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from core.actor import Actor
from core.refusals import Refusal
from core.wall import standing_agency
from jobs.actions import later
from ledger.actions import record
from listening.models import BrandLexicon, Mention, MoodCorrection
from listening.mood import Adjusted, Guarded, Label, Lexicon, Linear, learn_lesson, scorer
from listening.queries import SETTLES_AFTER
from tenants.models import Brand

BY_PEOPLE: Final = "people"
# Corrections often come several at a time; a lesson waits for so long after the first.
LESSON_AFTER: Final = timedelta(minutes=5)
_KEPT_READERS: Final = 500

# The minute stays as it was counted but for this one; a correction moves it by at most one.
RECOUNT = """
UPDATE listening_bucket SET negative = negative + %s
 WHERE brand_id = %s AND minute = date_trunc('minute', %s::timestamptz) AND source_id = %s AND language = %s
"""


class NothingToCorrect(Refusal):
    """The mention is empty: it was deleted at its network, or its author asked to be forgotten."""

    code = "mention_is_empty"
    title = "This mention has no text any more."


class LexiconInUse(Refusal):
    """The lexicon is what the brand uses already."""

    code = "lexicon_in_use"
    title = "The brand uses this lexicon already."


class LexiconNotInUse(Refusal):
    """The lexicon is not what the brand uses."""

    code = "lexicon_not_in_use"
    title = "The brand does not use this lexicon."


class LexiconOfAnotherScorer(Refusal):
    """The lexicon was learned on top of another version of the scorer, where its numbers mean something else."""

    code = "lexicon_of_another_scorer"
    title = "This lexicon was made for another version of the scorer."


_readers: OrderedDict[tuple[UUID, str], Guarded] = OrderedDict()
_readers_lock = Lock()


def reader_for(brand_id: UUID) -> Guarded:
    """What reads the moods of a brand now: the scorer of the settings, with the lexicon that the brand uses on top.

    One small query inside the wall; the lexicon itself is loaded once for each process. One that was made for another
    version of the scorer is passed over.
    """
    reader = scorer(settings.MOOD_SCORER)
    base = f"{reader.name}/{reader.version}"
    in_use = BrandLexicon.objects.filter(brand_id=brand_id, adopted_at__isnull=False, retired_at=None, base=base)
    lexicon_id = in_use.values_list("pk", flat=True).first()
    if lexicon_id is None or not isinstance(reader.inner, Linear):
        return reader
    with _readers_lock:
        if (lexicon_id, base) in _readers:
            _readers.move_to_end((lexicon_id, base))
            return _readers[lexicon_id, base]
    row = BrandLexicon.objects.only("number", "weights").get(pk=lexicon_id)
    adjusted = Guarded(Adjusted(reader.inner, Lexicon(row.number, row.weights, reader.inner.weights)))
    with _readers_lock:
        _readers[lexicon_id, base] = adjusted
        while len(_readers) > _KEPT_READERS:
            _readers.popitem(last=False)
    return adjusted


@transaction.atomic
def correct_mood(*, mention_id: UUID, label: Label, by: Actor, at: datetime) -> MoodCorrection:
    """The mention has the mood that a person says, its minute is counted so, and the brand's lexicon will learn of it.

    Said again, the last word counts. Raises NotFound (404) and NothingToCorrect (409).
    """
    mention: Mention = Mention.objects.locked(mention_id)
    if mention.deleted_at is not None or mention.erased_at is not None:
        raise NothingToCorrect(mention=str(mention_id))
    correction = MoodCorrection.objects.filter(brand_id=mention.brand_id, mention_id=mention_id).first()
    if correction is None or mention.scorer != BY_PEOPLE:
        # A new version of a text is read anew, and corrected anew.
        correction = correction or MoodCorrection(brand_id=mention.brand_id, mention_id=mention_id)
        correction.was, correction.scorer = mention.mood, mention.scorer
    before = mention.mood
    correction.label, correction.language, correction.text = label, mention.language, mention.text
    correction.seat_id, correction.corrected_at = by.seat_id, at
    correction.save()
    mention.mood, mention.scorer = label, BY_PEOPLE
    mention.mood_negative, mention.mood_neutral, mention.mood_positive = (
        float(label == one) for one in ("negative", "neutral", "positive")
    )
    mention.save(update_fields=["mood", "scorer", "mood_negative", "mood_neutral", "mood_positive"])
    changes = (label == "negative") - (before == "negative")
    recount(mention, changes)
    record("mood.corrected", on=correction, by=by, at=at, mention_id=mention_id, was=before, label=label)
    if changes:
        look_again(mention.brand_id, said_at=mention.posted_at, at=at)
    brand = str(mention.brand_id)
    later(
        "listening.learn_lexicon",
        key=brand,
        agency_id=standing_agency(),
        at=at + LESSON_AFTER,
        args={"brand_id": brand},
    )
    return correction


def recount(mention: Mention, changes: int) -> None:
    """Count the minute of a mention whose mood has become negative (1), or is no longer (-1)."""
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT, [changes, mention.brand_id, mention.posted_at, mention.source_id, mention.language])


def look_again(brand_id: UUID, *, said_at: datetime, at: datetime) -> None:
    """Have the detector look at minutes that were counted anew."""
    brand = str(brand_id)
    handler = "listening.relearn" if said_at < at - SETTLES_AFTER else "listening.detect"
    later(handler, key=brand, agency_id=standing_agency(), at=at, args={"brand_id": brand})


@transaction.atomic
def learn_lexicon(*, brand_id: UUID, by: Actor, at: datetime) -> BrandLexicon | None:
    """A new lexicon of the brand holds what its corrections teach, and is used if texts that it has not seen come out
    no worse with it; None when there is nothing new to learn.

    Raises NotFound (404). A scorer without additions of its own, such as VADER, learns nothing.
    """
    brand: Brand = Brand.objects.locked(brand_id)
    reader = scorer(settings.MOOD_SCORER)
    if not isinstance(reader.inner, Linear):
        return None
    said = MoodCorrection.objects.filter(brand_id=brand.pk).exclude(text="")
    corrections = list(said.order_by("corrected_at", "pk").values_list("text", "label"))
    lesson = learn_lesson(reader.inner, [text for text, _ in corrections], [label for _, label in corrections])
    if lesson is None:
        return None
    weights = {token: list(added) for token, added in lesson.additions.items()}
    base = f"{reader.name}/{reader.version}"
    newest = BrandLexicon.objects.filter(brand_id=brand.pk).order_by("-number").first()
    if newest is not None and (newest.base, newest.weights) == (base, weights):
        return None
    lexicon = BrandLexicon(
        brand_id=brand.pk,
        number=1 if newest is None else newest.number + 1,
        base=base,
        weights=weights,
        corrections=lesson.corrections,
        agreement_before=lesson.agreement_before,
        agreement_after=lesson.agreement_after,
        made_at=at,
    )
    if lesson.helps:
        _retire_current(brand.pk, because=f"Number {lexicon.number} took its place.", at=at)
        lexicon.adopted_at = at
    lexicon.save(force_insert=True)
    record(
        "lexicon.learned",
        on=lexicon,
        by=by,
        at=at,
        number=lexicon.number,
        corrections=lexicon.corrections,
        agreement_before=lesson.agreement_before,
        agreement_after=lesson.agreement_after,
        adopted=lesson.helps,
    )
    return lexicon


@transaction.atomic
def adopt_lexicon(*, lexicon_id: UUID, reason: str, by: Actor, at: datetime) -> BrandLexicon:
    """The brand uses this lexicon from now on; the one before is retired.

    Raises NotFound (404), LexiconInUse and LexiconOfAnotherScorer (409).
    """
    lexicon = _held(lexicon_id)
    if lexicon.adopted_at is not None and lexicon.retired_at is None:
        raise LexiconInUse(number=lexicon.number)
    reader = scorer(settings.MOOD_SCORER)
    if lexicon.base != f"{reader.name}/{reader.version}":
        raise LexiconOfAnotherScorer(base=lexicon.base, scorer=f"{reader.name}/{reader.version}")
    _retire_current(lexicon.brand_id, because=f"Number {lexicon.number} took its place: {reason}"[:200], at=at)
    lexicon.adopted_at, lexicon.retired_at, lexicon.retired_because = at, None, ""
    lexicon.save(update_fields=["adopted_at", "retired_at", "retired_because"])
    record("lexicon.adopted", on=lexicon, by=by, at=at, number=lexicon.number, reason=reason)
    return lexicon


@transaction.atomic
def retire_lexicon(*, lexicon_id: UUID, reason: str, by: Actor, at: datetime) -> BrandLexicon:
    """The brand's moods are read by the scorer alone again, until a lexicon is learned or adopted.

    Raises NotFound (404) and LexiconNotInUse (409).
    """
    lexicon = _held(lexicon_id)
    if lexicon.adopted_at is None or lexicon.retired_at is not None:
        raise LexiconNotInUse(number=lexicon.number)
    lexicon.retired_at, lexicon.retired_because = at, reason
    lexicon.save(update_fields=["retired_at", "retired_because"])
    record("lexicon.retired", on=lexicon, by=by, at=at, number=lexicon.number, reason=reason)
    return lexicon


def _held(lexicon_id: UUID) -> BrandLexicon:
    """The lexicon, read again once its brand is held: whoever changes what a brand uses holds the brand."""
    found: Any = BrandLexicon.objects.found(lexicon_id)
    Brand.objects.locked(found.brand_id)
    lexicon: BrandLexicon = BrandLexicon.objects.locked(lexicon_id)
    return lexicon


def _retire_current(brand_id: UUID, *, because: str, at: datetime) -> None:
    in_use = BrandLexicon.objects.filter(brand_id=brand_id, adopted_at__isnull=False, retired_at=None)
    in_use.update(retired_at=at, retired_because=because)
