"""Files of mentions read into a source: kept in parts, and read part by part, each in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.failpoints import failpoint
from core.ids import uuid7
from core.refusals import Invalid
from core.wall import standing_agency
from jobs.actions import cancel, later
from jobs.models import Job, JobState
from ledger.actions import record
from listening.actions.ingest import SourceEnded, SourcePaused, ingest_mentions
from listening.models import Import, ImportPart, ImportStage, Source
from listening.models.sources import IMPORT_LIFECYCLE, UNFINISHED
from listening.sources.rows import MOST_ERRORS, Part, ReadPart, read_part

READ: Final = "listening.read_import"
PARTS_AT_ONCE: Final = 8
COUNTED: Final = ("new", "known", "edited", "deleted", "unmatched", "expired")


@transaction.atomic
def start_import(
    *,
    source_id: UUID,
    format: str,
    columns: dict[str, str],
    parts: Iterable[Part],
    dry_run: bool,
    by: Actor,
    at: datetime,
) -> Import:
    """Keep a file's parts, and have them read one after the other; a dry run reads them and stores nothing."""
    source: Source = Source.objects.found(source_id)
    if source.ended_at is not None:
        raise SourceEnded(source=str(source.pk))
    begun = Import(
        id=uuid7(),
        brand_id=source.brand_id,
        source=source,
        format=format,
        columns=columns,
        dry_run=dry_run,
        created_at=at,
    )
    begun.save(force_insert=True)
    for some in _portions(parts):
        kept = [
            ImportPart(of=begun, number=begun.parts + place, first_row=part.first_row, body=part.body)
            for place, part in enumerate(some)
        ]
        ImportPart.objects.bulk_create(kept)
        begun.parts += len(kept)
        begun.rows += sum(part.rows for part in some)
    if not begun.rows:
        raise Invalid(
            "The file holds no rows.", errors=[{"field": "", "code": "empty", "detail": "There is nothing to read."}]
        )
    begun.save(update_fields=["parts", "rows"])
    record("import.started", on=begun, by=by, at=at, source_id=source.pk, rows=begun.rows, dry_run=dry_run)
    _read_on(begun, at)
    return begun


@transaction.atomic
def read_import_part(*, import_id: UUID, by: Actor, at: datetime) -> Import:
    """Read the next part: store its good rows, count them and the bad ones, and forget the part."""
    import_: Import = Import.objects.locked(import_id)
    if import_.stage not in UNFINISHED:
        return import_
    if import_.stage == ImportStage.WAITING:
        import_.stage = IMPORT_LIFECYCLE.step("start", from_=import_.stage)
        import_.save(update_fields=["stage"])
    part: ImportPart | None = ImportPart.objects.filter(of=import_).order_by("number").first()
    if part is not None:
        said = read_part(bytes(part.body), first_row=part.first_row, at=at)
        try:
            _store(import_, said, by=by, at=at)
        except (SourceEnded, SourcePaused) as refused:
            return _fail(import_, refused.detail, by=by, at=at)
        failpoint("listening.import_stored")
        import_.parts_done += 1
        import_.rows_done += len(said.items) + said.bad
        import_.bad += said.bad
        import_.errors = [*import_.errors, *said.errors][:MOST_ERRORS]
        part.delete()
    import_.version += 1
    if import_.parts_done < import_.parts:
        import_.save()
        _read_on(import_, at)
        return import_
    import_.stage = IMPORT_LIFECYCLE.step("finish", from_=import_.stage)
    import_.finished_at = at
    import_.save()
    counts = {name: getattr(import_, name) for name in (*COUNTED, "bad")}
    record("import.finished", on=import_, by=by, at=at, dry_run=import_.dry_run, rows=import_.rows, **counts)
    return import_


@transaction.atomic
def cancel_import(*, import_id: UUID, reason: str, by: Actor, at: datetime) -> Import:
    """Read no further; what was stored stays."""
    import_: Import = Import.objects.locked(import_id)
    import_.stage = IMPORT_LIFECYCLE.step("cancel", from_=import_.stage)
    _close(import_, at)
    record("import.cancelled", on=import_, by=by, at=at, reason=reason, rows_done=import_.rows_done)
    return import_


@transaction.atomic
def give_up_lost_imports(*, by: Actor, at: datetime) -> int:
    """End the imports that nobody reads any more, because their job died of its last attempt; returns how many."""
    mine = Job.objects.filter(handler=READ, agency_id=standing_agency(), state=JobState.READY)
    waiting = set(mine.values_list("args__import_id", flat=True))
    lost = [
        import_
        for import_ in Import.objects.filter(stage__in=UNFINISHED).select_for_update(no_key=True, skip_locked=True)
        if str(import_.pk) not in waiting
    ]
    for import_ in lost:
        _fail(import_, "Reading failed again and again.", by=by, at=at)
    return len(lost)


def _store(import_: Import, said: ReadPart, *, by: Actor, at: datetime) -> None:
    if import_.dry_run or not said.items:
        return
    counts = ingest_mentions(source_id=import_.source_id, items=said.items, by=by, at=at)
    for name in COUNTED:
        setattr(import_, name, getattr(import_, name) + getattr(counts, name))


def _fail(import_: Import, problem: str, *, by: Actor, at: datetime) -> Import:
    import_.stage = IMPORT_LIFECYCLE.step("fail", from_=import_.stage)
    import_.problem = problem[:200]
    _close(import_, at)
    record("import.failed", on=import_, by=by, at=at, problem=import_.problem, rows_done=import_.rows_done)
    return import_


def _close(import_: Import, at: datetime) -> None:
    ImportPart.objects.filter(of=import_).delete()
    cancel(READ, key=str(import_.pk), at=at)
    import_.finished_at = at
    import_.version += 1
    import_.save()


def _read_on(import_: Import, at: datetime) -> None:
    key = str(import_.pk)
    later(READ, key=key, agency_id=standing_agency(), at=at, args={"import_id": key})


def _portions(parts: Iterable[Part]) -> Iterator[list[Any]]:
    """A few parts at a time, so that a large file is never whole in memory."""
    waiting = iter(parts)
    while some := list(islice(waiting, PARTS_AT_ONCE)):
        yield some
