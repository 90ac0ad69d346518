"""Where mentions come from, and what a brand listens for."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from core.lifecycle import Lifecycle
from core.sealed import SealedJSONField
from core.wall import TenantKey, TenantRow


class Query(TenantRow):
    """What a brand listens for, in the query language of `listening.query`.

    `exclude` is a list of words, phrases, handles and hashtags that silence a match, `languages` a list of codes that
    alone may match; empty lists do neither.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    name = models.CharField(max_length=120)
    expression = models.CharField(max_length=4_000)
    exclude = models.JSONField(default=list, blank=True)
    languages = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "name"], name="a_name_is_one_query_of_a_brand"),
        ]


class SourceKind(models.TextChoices):
    PUSH = "push", "Delivered to the ingest route"
    WEBHOOK = "webhook", "Delivered by a signed webhook"
    IMPORT = "import", "Imported from files"
    RSS = "rss", "RSS or Atom feed"
    MASTODON_SEARCH = "mastodon_search", "Mastodon search"
    MASTODON_HASHTAG = "mastodon_hashtag", "Mastodon hashtag"
    MASTODON_STREAM = "mastodon_stream", "Mastodon stream"
    BLUESKY_SEARCH = "bluesky_search", "Bluesky search"
    BLUESKY_FIREHOSE = "bluesky_firehose", "Bluesky firehose"


class SourceHealth(models.TextChoices):
    NEW = "new", "Nothing was heard yet"
    OK = "ok", "It delivers"
    FAILING = "failing", "The last tries failed"
    SILENT = "silent", "It has been quiet for too long"
    REFUSED = "refused", "The network refuses the credentials or the query"


class Source(TenantRow):
    """Where mentions of one brand come from.

    `push`, `webhook` and `import` are delivered to; the others are asked in jobs, or read as streams. With a `query`,
    only what matches it is stored. `place` is what the kind needs to know (the address of a feed, a server, a
    hashtag), `cursor` how far it has been read. `lag_s` is the age of the newest mention when it came in. Silence and
    failure are measured from `watched_from` at the earliest.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    kind = models.CharField(max_length=20, choices=SourceKind.choices, default=SourceKind.PUSH)
    name = models.CharField(max_length=120)
    network = models.CharField(max_length=20, default="", db_default="", blank=True)
    query = TenantKey(Query, null=True)
    place = models.JSONField(default=dict, db_default={}, blank=True)
    credentials = SealedJSONField(null=True)
    created_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    every_s = models.PositiveIntegerField(null=True)  # how often it is asked; null for what delivers by itself
    cursor = models.JSONField(null=True)
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)  # when it was last asked with success
    watched_from = models.DateTimeField(null=True)  # added, resumed or changed last; null: added before this was kept
    heard_at = models.DateTimeField(null=True)  # when mentions last came in
    newest_at = models.DateTimeField(null=True)  # the newest mention's own time
    lag_s = models.PositiveIntegerField(null=True)
    health = models.CharField(max_length=8, choices=SourceHealth.choices, default=SourceHealth.NEW, db_default="new")
    problem = models.CharField(max_length=200, default="", db_default="", blank=True)
    failures = models.PositiveIntegerField(default=0, db_default=0)  # in a row
    gaps = models.PositiveIntegerField(default=0, db_default=0)  # times that something may have been missed
    silent_after_s = models.PositiveIntegerField(null=True)  # null: as its own past tells
    page = TenantKey("alerting.Page", null=True)  # of the silence or failure that people were told of
    version = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "name"], condition=Q(ended_at=None), name="a_name_is_one_source_of_a_brand"
            ),
        ]


class ImportStage(models.TextChoices):
    WAITING = "WAITING", "Waiting for its turn"
    RUNNING = "RUNNING", "Being read"
    DONE = "DONE", "Read to the end"
    FAILED = "FAILED", "Given up"
    CANCELLED = "CANCELLED", "Stopped by a person"


UNFINISHED = (ImportStage.WAITING, ImportStage.RUNNING)

IMPORT_LIFECYCLE = Lifecycle(
    start=({ImportStage.WAITING}, ImportStage.RUNNING),
    finish=({ImportStage.RUNNING}, ImportStage.DONE),
    fail=({ImportStage.WAITING, ImportStage.RUNNING}, ImportStage.FAILED),
    cancel=({ImportStage.WAITING, ImportStage.RUNNING}, ImportStage.CANCELLED),
)


class Import(TenantRow):
    """A file of mentions being read into a source, part by part; a part is stored and counted in one transaction."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    source = TenantKey(Source)
    stage = models.CharField(max_length=10, choices=ImportStage.choices, default=ImportStage.WAITING)
    format = models.CharField(max_length=8, choices=[("ndjson", "NDJSON"), ("csv", "CSV")])
    columns = models.JSONField(default=dict, blank=True)  # of a CSV file: field of a mention -> column
    dry_run = models.BooleanField(default=False)
    parts = models.PositiveIntegerField(default=0)
    parts_done = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    edited = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0, db_default=0)
    unmatched = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0, db_default=0)
    bad = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list, blank=True)  # the first hundred: row, field, code, detail
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=200, default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        triggers = [pgtrigger.FSM(name="import_moves", field="stage", transitions=IMPORT_LIFECYCLE.pairs())]


class ImportPart(TenantRow):
    """Some rows of a file, kept until they are read."""

    brand_path = "of__brand_id"

    of = TenantKey(Import)
    number = models.PositiveIntegerField()
    first_row = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["of", "number"], name="a_part_of_a_file_is_kept_once"),
        ]
