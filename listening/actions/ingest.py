"""Taking mentions in: each is stored once, scored, and counted in its minute, however often and in whatever order
it is delivered. Everything is set-based; a batch is one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from core.actor import Actor
from core.failpoints import failpoint
from core.refusals import Refusal
from jobs.actions import later_many
from ledger.actions import record
from listening.actions.count import A_MINUTE, Tallies, Tally, count, minute_at, tally
from listening.actions.look import looks
from listening.actions.mood import reader_for
from listening.actions.read_again import wish_second_reading
from listening.actions.redact import redact, remember_gone
from listening.actions.store import FEW, Row, store
from listening.ingest import Gone, Item, newest_versions, supersedes
from listening.models import ListeningSettings, Source
from listening.mood import Guarded, Mood, readable
from listening.mood.seam import CLIP_AT
from listening.partitions import key_digits, make_partitions, microseconds
from listening.query import WatchedTerms, watched_terms
from listening.query.live import matcher_for, post_of

# As long are mentions kept of a brand that has not said otherwise.
KEPT_FOR: Final = timedelta(days=395)
# So many mentions are scored while Postgres stores the ones before.
PART: Final = 1_000

KNOWN_KEYS = "SELECT id, mention_id FROM listening_mentionkey WHERE id = ANY(%s::uuid[])"
KNOWN = """
SELECT id, md5(text), edited_at, deleted_at IS NOT NULL OR erased_at IS NOT NULL FROM listening_mention
 WHERE id = ANY(%s::uuid[])
"""
TAKE_BACK = """
DELETE FROM listening_mentionkey AS key USING unnest(%s::uuid[], %s::uuid[]) AS gone (id, mention_id)
 WHERE key.id = gone.id AND key.mention_id = gone.mention_id
RETURNING key.id
"""
LOCK_EDITED = """
SELECT id, md5(text), edited_at, deleted_at IS NOT NULL OR erased_at IS NOT NULL, posted_at, language,
       mood = 'negative', text
  FROM listening_mention WHERE id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
# The language stays what the mention was counted under.
EDIT = """
UPDATE listening_mention AS stored
   SET text = new.text, clipped = new.clipped, edited_at = new.edited_at, mood = new.mood,
       mood_negative = new.mood_negative, mood_neutral = new.mood_neutral, mood_positive = new.mood_positive,
       scorer = %s
  FROM unnest(%s::uuid[], %s::text[], %s::bool[], %s::timestamptz[], %s::text[], %s::float4[], %s::float4[],
              %s::float4[])
       AS new (id, text, clipped, edited_at, mood, mood_negative, mood_neutral, mood_positive)
 WHERE stored.id = new.id AND stored.id = ANY(%s::uuid[])
"""


class SourcePaused(Refusal):
    """The source takes nothing in until it is resumed."""

    code = "source_paused"
    title = "This source is paused."


class SourceEnded(Refusal):
    """The source takes nothing in any more."""

    code = "source_ended"
    title = "This source was ended."


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a batch; together they are the items delivered.

    `known` was stored before or stands twice in the batch, `unmatched` is not what the source's query asks for,
    `expired` is older than the brand keeps mentions.
    """

    new: int
    known: int
    edited: int = 0
    deleted: int = 0
    unmatched: int = 0
    expired: int = 0

    @property
    def matched(self) -> int:
        """Items that are stored, now or before."""
        return self.new + self.known + self.edited


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a mention: the MD5 of its text, the instant of its version. Without a digest only the key is
    there, since the mention was deleted before it came.
    """

    mention_id: UUID
    digest: str | None = None
    edited_at: datetime | None = None
    redacted: bool = False


@dataclass(slots=True)
class Batch:
    """One delivery on its way: for whom, who reads the moods, what is watched for, what it adds to which minute."""

    source: Source
    reader: Guarded
    watched: WatchedTerms
    keep_from: datetime
    at: datetime
    tallies: Tallies = field(default_factory=dict)

    @property
    def scorer(self) -> str:
        return f"{self.reader.name}/{self.reader.version}"


@transaction.atomic
def ingest_mentions(*, source_id: UUID, items: Sequence[Item | Gone], by: Actor, at: datetime) -> Counts:
    """Store, score and count a batch of mentions, and have the detector look at what they changed.

    A mention is known by its source and external id. Delivered again it changes nothing, unless its text differs and
    its version is not older than the stored one: then text and mood are replaced, and the count of its minute follows.
    A deletion empties it and leaves it counted, in whichever order the two come. `items` come from
    `listening.ingest.read_items`. Raises NotFound (404), SourcePaused and SourceEnded (409).
    """
    source: Source = Source.objects.all().select_related("query").found(source_id)
    if source.ended_at is not None:
        raise SourceEnded(source=str(source.pk))
    if source.paused_at is not None:
        raise SourcePaused(source=str(source.pk))
    kept_for, own_terms = _as_the_brand_wants(source)
    batch = Batch(source, reader_for(source.brand_id), watched_terms(own_terms), at - kept_for, at)
    mine = str(source.pk)
    newest = newest_versions(item for item in items if isinstance(item, Item))
    keyed = {key_digits(mine, external_id): item for external_id, item in newest.items()}
    gone = {UUID(hex=key_digits(mine, item.external_id)): item for item in items if isinstance(item, Gone)}

    known = _known(keyed) if len(keyed) > FEW else {}
    fresh = {key: item for key, item in keyed.items() if key not in known}
    young = {key: item for key, item in fresh.items() if item.posted_at >= batch.keep_from}
    kept = _asked_for(source, young)
    stored = _store(batch, kept)
    if len(stored) < len(fresh):
        # Known all the time, or another delivery was quicker with them; by now it has committed.
        known |= _known([key for key in fresh if key not in stored])
    late = _come_after_deletion(batch, keyed, known)
    edited = _edit(batch, keyed, known)
    deleted = _delete(batch, gone)
    failpoint("listening.before_count")
    count(source, batch.tallies, at=at)

    expired = sum(1 for key in fresh if key not in young and key not in known)
    unmatched = sum(1 for key in young if key not in kept and key not in known)
    new = len(stored) + late
    counts = Counts(
        new=new,
        known=len(items) - new - edited - deleted - expired - unmatched,
        edited=edited,
        deleted=deleted,
        unmatched=unmatched,
        expired=expired,
    )
    if new or edited or deleted:
        _tell(batch, counts, by=by)
    return counts


def _as_the_brand_wants(source: Source) -> tuple[timedelta, tuple[str, ...]]:
    """How long the brand keeps mentions, and the terms it watches for beside the built-in ones."""
    rows = ListeningSettings.objects.filter(brand_id=source.brand_id)
    row = rows.values_list("retention_days", "watched_terms").first()
    return (KEPT_FOR, ()) if row is None else (timedelta(days=row[0]), tuple(row[1]))


def _asked_for(source: Source, items: dict[str, Item]) -> dict[str, Item]:
    """Those that the source's query matches; all of them where it has none."""
    if source.query is None:
        return items
    matcher = matcher_for(source.query)
    return {key: item for key, item in items.items() if matcher.matches(post_of(item, network=source.network))}


def _known(keys: Iterable[str]) -> dict[str, Known]:
    """The stored ones among these."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_KEYS, [list(keys)])
        ids = {key.hex: mention_id for key, mention_id in cursor.fetchall()}
        if not ids:
            return {}
        cursor.execute(KNOWN, [list(ids.values())])
        rows = {row[0]: Known(*row) for row in cursor.fetchall()}
    return {key: rows.get(mention_id) or Known(mention_id) for key, mention_id in ids.items()}


def _store(batch: Batch, items: Mapping[str, Item]) -> set[str]:
    """Insert those that nobody else has inserted meanwhile, and count them; returns their keys."""
    if not items:
        return set()
    # In the order of the keys, over all parts: two deliveries of the same mentions never wait in a circle.
    said = [(key, items[key], microseconds(items[key].posted_at)) for key in sorted(items)]
    make_partitions(minute_at(minute) for minute in {at // A_MINUTE for _, _, at in said})
    stored = store(batch.source, _parts(batch, said), scorer=batch.scorer, at=batch.at)
    failpoint("listening.after_store")
    tally(batch.tallies, stored)
    return {row.key for row in stored}


def _parts(batch: Batch, said: Sequence[tuple[str, Item, int]]) -> Iterator[list[Row]]:
    """The rows to be stored, some at a time, each with its mood."""
    for start in range(0, len(said), PART):
        part = said[start : start + PART]
        moods = _moods(batch, [item for _, item, _ in part])
        yield [
            Row(key, item, mood, at, batch.watched.holds(item.text))
            for (key, item, at), mood in zip(part, moods, strict=True)
        ]


def _come_after_deletion(batch: Batch, keyed: Mapping[str, Item], known: Mapping[str, Known]) -> int:
    """Store mentions whose deletion was quicker: counted like others, and empty; returns how many."""
    early = {key: there for key, there in known.items() if there.digest is None}
    if not early:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(TAKE_BACK, [list(early), [there.mention_id for there in early.values()]])
        taken = {row[0].hex for row in cursor.fetchall()}
    stored = _store(batch, {key: keyed[key] for key in taken if keyed[key].posted_at >= batch.keep_from})
    with_mention = _known(stored)
    redact(batch.source, [there.mention_id for there in with_mention.values()], at=batch.at)
    return len(stored)


def _changes(item: Item, there: Known) -> bool:
    """Whether the item takes the place of the stored version and says something else, or says it later."""
    if there.redacted or there.digest is None or not supersedes(item.edited_at, there.edited_at):
        return False
    said_later = item.edited_at is not None and item.edited_at != there.edited_at
    return said_later or _digest(item) != there.digest


def _edit(batch: Batch, keyed: Mapping[str, Item], known: Mapping[str, Known]) -> int:
    """Replace text and mood of stored mentions; returns how many changed, now that nobody else can change them."""
    wanted = {there.mention_id: keyed[key] for key, there in known.items() if _changes(keyed[key], there)}
    if not wanted:
        return 0
    rows = []
    with connection.cursor() as cursor:
        cursor.execute(LOCK_EDITED, [list(wanted)])
        locked = [row for row in cursor.fetchall() if _changes(wanted[row[0]], Known(*row[:4]))]
        moods = _moods(batch, [wanted[row[0]] for row in locked])
        for (mention_id, _, _, _, posted_at, language, was_negative, was_said), mood in zip(locked, moods, strict=True):
            item = wanted[mention_id]
            rows.append(
                (
                    mention_id, readable(item.text), len(item.text) > CLIP_AT, item.edited_at, mood.label,
                    mood.negative, mood.neutral, mood.positive,
                )
            )  # fmt: skip
            # The mention stays in the minute that counted it, whatever the new version says of its time.
            one = batch.tallies.setdefault((microseconds(posted_at) // A_MINUTE, language), Tally())
            one.negative += (mood.label == "negative") - was_negative
            one.watched += batch.watched.holds(item.text) - batch.watched.holds(was_said)
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(EDIT, [batch.scorer, *columns, columns[0]])
    return len(rows)


def _delete(batch: Batch, gone: Mapping[UUID, Gone]) -> int:
    """Empty what is gone at the network, and remember what was not here yet; returns how many were news."""
    if not gone:
        return 0
    unheard = remember_gone(gone, at=batch.at)
    with connection.cursor() as cursor:
        cursor.execute(KNOWN_KEYS, [[key for key in gone if key not in unheard]])
        ids = [mention_id for _, mention_id in cursor.fetchall()]
    return len(unheard) + len(redact(batch.source, ids, at=batch.at))


def _tell(batch: Batch, counts: Counts, *, by: Actor) -> None:
    """Record the delivery, and have the detector look: now at what is over, and at the end of each bin that is not."""
    minutes = sorted(minute_at(number) for number, _ in batch.tallies)
    record(
        "mentions.ingested",
        on=batch.source,
        by=by,
        at=batch.at,
        source_id=batch.source.pk,
        new=counts.new,
        known=counts.known,
        edited=counts.edited,
        deleted=counts.deleted,
        first_at=minutes[0] if minutes else None,
        last_at=minutes[-1] if minutes else None,
    )
    # After the event, against the custom: writing the job may wait for a detector that is about to finish, and that
    # detector may be waiting for the agency's head.
    if minutes:
        wishes = looks(batch.source.brand_id, minutes, at=batch.at)
        later_many([*wishes, *wish_second_reading(batch.source.brand_id, at=batch.at)])


def _moods(batch: Batch, items: Iterable[Item]) -> list[Mood]:
    said = list(items)
    return batch.reader.score([item.text for item in said], languages=[item.language for item in said])


def _digest(item: Item) -> str:
    """As Postgres makes it of the stored text; it tells texts apart and protects nothing."""
    return hashlib.md5(readable(item.text).encode(), usedforsecurity=False).hexdigest()
