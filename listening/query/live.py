"""Queries as they are stored, ready to match: one by one for what is delivered, all at once for a shared stream."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import structlog

from core.wall import every_agency, inside
from listening.ingest import Item
from listening.models import Query, Source
from listening.query.compiled import CompiledQuery, compile_query
from listening.query.matching import Post
from listening.query.parsing import BadQuery
from listening.query.percolator import Percolator

log = structlog.get_logger(__name__)

MOST_KEPT: Final = 20_000

Place = tuple[UUID, UUID]  # agency and source
State = tuple[UUID, int]  # query and its version


class _Kept:
    """Compiled queries by id and version, the least used forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._compiled: OrderedDict[State, CompiledQuery] = OrderedDict()

    def get(self, query: Query) -> CompiledQuery:
        key = (query.pk, query.version)
        with self._lock:
            found = self._compiled.get(key)
            if found is not None:
                self._compiled.move_to_end(key)
                return found
        made = compile_query(query.expression, exclude=query.exclude, languages=query.languages)
        with self._lock:
            self._compiled[key] = made
            while len(self._compiled) > MOST_KEPT:
                self._compiled.popitem(last=False)
        return made


_kept: Final = _Kept()


def matcher_for(query: Query) -> CompiledQuery:
    """The stored query, ready to match; made once in a process for each version."""
    return _kept.get(query)


def post_of(item: Item, *, network: str = "") -> Post:
    """What queries look at of a delivered mention; `network` is that of the source, where the item names none."""
    return Post(item.text, item.author.handle, item.language or "", item.kind, item.network or network)


class Streams:
    """Who asked for what in a stream that all brands share: the sources that listen, of all agencies.

    The queries lie in one percolator, which knows nothing of them but a key. A post is handed on to each
    (agency, source) that it names and stored inside that agency's wall; nothing else leaves this object.
    """

    def __init__(self, *, kinds: Iterable[str]) -> None:
        self._kinds = tuple(kinds)
        self._percolator: Percolator[Place] = Percolator()
        self._read: dict[Place, State] = {}  # the query and version that each source is matched by

    def __len__(self) -> int:
        """How many sources listen."""
        return len(self._percolator)

    def refresh(self) -> bool:
        """Read anew which sources listen to what; whether anything has changed.

        Opens each agency's wall, one after the other: call it outside of any. Paused and ended sources, sources
        without a query and those of brands that were put away do not listen.
        """
        known = self._read
        self._read = {}
        changed = False
        for agency_id in every_agency():
            with inside(agency_id):
                changed = self._refresh_agency(agency_id, known) or changed
        for key in known.keys() - self._read.keys():
            self._percolator.remove(key)
            changed = True
        return changed

    def match(self, post: Post) -> list[Place]:
        """The (agency, source) pairs that asked for this post, each once."""
        return self._percolator.match(post)

    def _refresh_agency(self, agency_id: UUID, known: dict[Place, State]) -> bool:
        listening = Source.objects.filter(
            kind__in=self._kinds, paused_at=None, ended_at=None, brand__archived_at=None, query__isnull=False
        )
        asked = {
            (agency_id, source_id): (query_id, version)
            for source_id, query_id, version in listening.values_list("pk", "query_id", "query__version")
        }
        fresh = {key: reads[0] for key, reads in asked.items() if known.get(key) != reads}
        rows = {row.pk: row for row in Query.objects.filter(pk__in=set(fresh.values()))} if fresh else {}
        self._read |= asked
        for key, query_id in fresh.items():
            try:
                self._percolator.add(key, matcher_for(rows[query_id]))
            except BadQuery as refused:
                # One brand's alone: everybody else goes on being listened for.
                log.exception("stream_query_unreadable", agency=str(key[0]), source=str(key[1]), detail=refused.detail)
                self._percolator.remove(key)
        return bool(fresh)
