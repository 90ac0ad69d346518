"""Where mentions come from, and what people do with it: add, change, pause, resume, end, ask now.

Sources belong to the agency, whoever added them: nothing here ends with a seat.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from alerting.actions import resolve_page
from alerting.models import Page
from alerting.states import PAGE_LIFECYCLE
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Refusal
from core.wall import standing_agency
from jobs.actions import cancel, later
from ledger.actions import record
from listening.actions.firehose import wake
from listening.actions.ingest import SourceEnded
from listening.models import Source, SourceHealth
from listening.sources import KINDS
from listening.sources.secrets import OVERLAP, fresh_secret, rotated

POLL: Final = "listening.poll"
STREAM: Final = "listening.stream"
# What people may change of a source, and whether it begins anew then.
CHANGEABLE: Final = ("name", "query_id", "network", "place", "credentials", "every_s", "silent_after_s")


class SourceKnown(Refusal):
    code = "source_known"
    title = "The brand has a source of this name."


class SourceNotAsked(Refusal):
    code = "source_not_asked"
    title = "This source cannot be asked now: it delivers by itself, or is paused."


class NoSecret(Refusal):
    code = "no_secret"
    title = "Only sources that are delivered to by a webhook have a secret."


@transaction.atomic
def add_source(
    *,
    brand_id: UUID,
    kind: str,
    name: str,
    network: str = "",
    query_id: UUID | None = None,
    place: dict[str, Any] | None = None,
    credentials: dict[str, Any] | None = None,
    every_s: int | None = None,
    silent_after_s: int | None = None,
    by: Actor,
    at: datetime,
) -> Source:
    """Give a brand another source of mentions: deliveries name it, or it is asked from now on.

    A webhook gets its secret here; it can be read from `credentials` of the returned row, and is shown to people once.
    """
    known = KINDS[kind]
    _refuse_twin(brand_id, name)
    source = Source(
        id=uuid7(),
        brand_id=brand_id,
        kind=kind,
        name=name,
        network=network or known.network,
        query_id=query_id,
        place=place or {},
        credentials={"secret": fresh_secret()} if kind == "webhook" else credentials,
        every_s=(every_s or known.every_s) if known.every_s is not None else None,
        silent_after_s=silent_after_s,
        created_at=at,
        watched_from=at,
    )
    source.save(force_insert=True)
    record("source.added", on=source, by=by, at=at, kind=kind, name=name)
    ask_at(source, at)
    return source


@transaction.atomic
def change_source(*, source_id: UUID, changes: dict[str, Any], by: Actor, at: datetime) -> Source:
    """Change what a source is called, asks for, or asks with.

    Another place or query begins anew; another place, query or secret is tried at once, and past failures are
    forgotten.
    """
    source = _going(source_id)
    changed = sorted(field for field in CHANGEABLE if field in changes and changes[field] != getattr(source, field))
    if "name" in changed:
        _refuse_twin(source.brand_id, changes["name"])
    for field in changed:
        setattr(source, field, changes[field])
    anew = "place" in changed
    tried = anew or "credentials" in changed or "query_id" in changed
    if anew:
        source.cursor = None
    if tried:
        source.failures, source.problem, source.watched_from = 0, "", at
        if source.health in (SourceHealth.REFUSED, SourceHealth.FAILING):
            source.health = SourceHealth.NEW
    source.version += 1
    source.save(update_fields=[*changed, "cursor", "failures", "problem", "health", "watched_from", "version"])
    record("source.changed", on=source, by=by, at=at, fields=[field.removesuffix("_id") for field in changed])
    if tried or "every_s" in changed:
        ask_at(source, at)
    return source


@transaction.atomic
def pause_source(*, source_id: UUID, reason: str, by: Actor, at: datetime) -> Source:
    """Nothing of it is stored until it is resumed; pausing twice changes nothing."""
    source = _going(source_id)
    if source.paused_at is not None:
        return source
    source.paused_at = at
    source.version += 1
    source.save(update_fields=["paused_at", "version"])
    record("source.paused", on=source, by=by, at=at, reason=reason)
    _leave(source, by=by, at=at)
    return source


@transaction.atomic
def resume_source(*, source_id: UUID, by: Actor, at: datetime) -> Source:
    """It goes on from where it was; silence is measured from now."""
    source = _going(source_id)
    if source.paused_at is None:
        return source
    source.paused_at, source.watched_from = None, at
    source.failures, source.problem = 0, ""
    source.version += 1
    source.save(update_fields=["paused_at", "watched_from", "failures", "problem", "version"])
    record("source.resumed", on=source, by=by, at=at)
    ask_at(source, at)
    return source


@transaction.atomic
def end_source(*, source_id: UUID, reason: str, by: Actor, at: datetime) -> Source:
    """It is asked no more and takes nothing any more, its secrets are gone; its mentions stay. There is no way back."""
    source = _going(source_id)
    source.ended_at, source.credentials, source.cursor = at, None, None
    source.version += 1
    source.save(update_fields=["ended_at", "credentials", "cursor", "version"])
    record("source.ended", on=source, by=by, at=at, reason=reason)
    _leave(source, by=by, at=at)
    return source


@transaction.atomic
def ask_source(*, source_id: UUID, by: Actor, at: datetime) -> Source:
    """Ask a source now, whenever its turn would have been."""
    source = _going(source_id)
    if source.paused_at is not None or KINDS[source.kind].delivers:
        raise SourceNotAsked
    record("source.asked", on=source, by=by, at=at)
    ask_at(source, at)
    return source


@transaction.atomic
def rotate_secret(*, source_id: UUID, by: Actor, at: datetime) -> tuple[Source, str]:
    """Give a webhook a new secret, and return it; the old one is good for a day longer, others no more."""
    source = _going(source_id)
    if source.kind != "webhook":
        raise NoSecret
    source.credentials, secret = rotated(source.credentials, at=at)
    source.version += 1
    source.save(update_fields=["credentials", "version"])
    record("source.secret_rotated", on=source, by=by, at=at, old_until=(at + OVERLAP).isoformat())
    return source, secret


def ask_at(source: Source, at: datetime) -> None:
    """Set the timer of a source that is asked; one that is set already is moved. Called after `record()`."""
    kind = KINDS.get(source.kind)
    if kind is None or source.paused_at is not None or source.ended_at is not None:
        return
    if kind.shared:
        wake(at=at)
    if kind.delivers:
        return
    handler = POLL if kind.listen is None else STREAM
    key = str(source.pk)
    cancel(handler, key=key, at=at)
    later(handler, key=key, agency_id=standing_agency(), at=at, args={"source_id": key})


def _leave(source: Source, *, by: Actor, at: datetime) -> None:
    cancel(POLL, key=str(source.pk), at=at)
    cancel(STREAM, key=str(source.pk), at=at)
    if source.page_id is not None:
        close_page(source, reason="The source was paused or ended.", by=by, at=at)
        source.save(update_fields=["page"])


def close_page(source: Source, *, reason: str, by: Actor, at: datetime) -> None:
    """End the page that told of the source's silence or failure; the caller saves `page`."""
    page: Page = Page.objects.locked(source.page_id)
    if PAGE_LIFECYCLE.allows("resolve", from_=page.stage):
        resolve_page(page_id=page.pk, reason=reason, by=by, at=at)
    source.page = None


def _going(source_id: UUID) -> Source:
    source: Source = Source.objects.locked(source_id)
    if source.ended_at is not None:
        raise SourceEnded
    return source


def _refuse_twin(brand_id: UUID, name: str) -> None:
    if Source.objects.filter(brand_id=brand_id, name=name, ended_at=None).exists():
        raise SourceKnown(name=name)
