"""The kinds of sources, one module each, and the registry of those that an agency may choose."""

from __future__ import annotations

from typing import Final

from listening.sources import bluesky, firehose, mastodon, mastodon_stream, rss, webhook
from listening.sources.seam import (
    Asked,
    Fetched,
    Garbage,
    RefusedByHost,
    SourceFailed,
    SourceKindOf,
    Temporary,
)

KINDS: Final[dict[str, SourceKindOf]] = {
    kind.name: kind
    for kind in (
        SourceKindOf(name="push", network=""),
        webhook.KIND,
        SourceKindOf(name="import", network=""),
        rss.KIND,
        mastodon.SEARCH,
        mastodon.HASHTAG,
        mastodon_stream.KIND,
        bluesky.SEARCH,
        firehose.KIND,
    )
}

__all__ = [
    "KINDS",
    "Asked",
    "Fetched",
    "Garbage",
    "RefusedByHost",
    "SourceFailed",
    "SourceKindOf",
    "Temporary",
]
