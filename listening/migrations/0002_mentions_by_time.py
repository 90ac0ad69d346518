"""Mentions become partitions of time, buckets are told by source and language; what was stored before is kept."""

import core.ids
import core.wall
import django.db.models.deletion
import listening.models.base
from django.db import migrations, models

AGENCY = {
    "db_constraint": False, "db_index": False, "default": core.wall.standing_agency, "editable": False,
    "on_delete": django.db.models.deletion.PROTECT, "related_name": "+", "to": "tenants.agency",
}  # fmt: skip
KINDS = [
    ("post", "Post"), ("comment", "Comment"), ("reply", "Reply"), ("repost", "Repost"), ("quote", "Quote"),
    ("review", "Review"), ("article", "Article"),
]  # fmt: skip
MOODS = [("negative", "Negative"), ("neutral", "Neutral"), ("positive", "Positive"), ("unknown", "Unknown")]

# The owner of a table is bound by forced row-level security too; a migration belongs to no agency.
SET_ASIDE = """
ALTER TABLE listening_mention RENAME TO listening_mention_unsorted;
ALTER TABLE listening_mention_unsorted NO FORCE ROW LEVEL SECURITY;
ALTER TABLE listening_mention_unsorted DROP CONSTRAINT listening_mention_pkey CASCADE;
ALTER TABLE listening_mention_unsorted DROP CONSTRAINT a_source_delivers_a_mention_once;
DROP INDEX people_ask_for_newest_mentions;
"""

# The bound is the least id of 2026: its milliseconds, and zeros.
MAKE = """
CREATE TABLE listening_mention (
    id uuid NOT NULL PRIMARY KEY,
    agency_id uuid NOT NULL,
    brand_id uuid NOT NULL,
    source_id uuid NOT NULL,
    posted_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    edited_at timestamptz NULL,
    deleted_at timestamptz NULL,
    erased_at timestamptz NULL,
    author_followers bigint NOT NULL,
    mood_negative real NOT NULL,
    mood_neutral real NOT NULL,
    mood_positive real NOT NULL,
    clipped boolean NOT NULL,
    external_id varchar(200) NOT NULL,
    network varchar(20) NOT NULL,
    kind varchar(8) NOT NULL,
    author_handle varchar(200) NOT NULL,
    author_name varchar(200) NOT NULL,
    text text NOT NULL,
    language varchar(12) NOT NULL,
    country varchar(2) NOT NULL,
    url varchar(2000) NOT NULL,
    in_reply_to varchar(200) NOT NULL,
    mood varchar(8) NOT NULL,
    scorer varchar(60) NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX people_ask_for_newest_mentions ON listening_mention (brand_id, id DESC);
CREATE TABLE listening_mention_before_2026 PARTITION OF listening_mention
    FOR VALUES FROM (MINVALUE) TO ('019b76da-a800-0000-0000-000000000000');
ALTER TABLE listening_mention_before_2026 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    month timestamptz;
    name text;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', posted_at, 'UTC') FROM listening_mention_unsorted
         WHERE posted_at >= '2026-01-01T00:00:00Z'
    LOOP
        name := 'listening_mention_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF listening_mention FOR VALUES FROM (%L) TO (%L)', name,
            rpad(lpad(to_hex((extract(epoch FROM month) * 1000)::bigint), 12, '0'), 32, '0'),
            rpad(lpad(to_hex((extract(epoch FROM (month AT TIME ZONE 'UTC' + interval '1 month')
                 AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0'), 32, '0'));
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END $$;
"""

# Ids as `listening.partitions` makes them: the key is the head of a SHA-256, the rest of an id comes from the key.
SORT = """
CREATE TEMPORARY TABLE keyed ON COMMIT DROP AS
SELECT old.*, encode(substring(sha256(convert_to(source_id || ':' || external_id, 'UTF8')) FOR 16), 'hex') AS key
  FROM listening_mention_unsorted AS old;
INSERT INTO listening_mention (
       id, agency_id, brand_id, source_id, posted_at, received_at, edited_at, author_followers, mood_negative,
       mood_neutral, mood_positive, clipped, external_id, network, kind, author_handle, author_name, text, language,
       country, url, in_reply_to, mood, scorer)
SELECT (lpad(to_hex((floor(extract(epoch FROM posted_at) * 1000))::bigint), 12, '0') || '7' || substr(key, 14, 3)
        || to_hex(8 + ('x' || lpad(substr(key, 17, 1), 8, '0'))::bit(32)::int % 4) || substr(key, 18, 15))::uuid,
       agency_id, brand_id, source_id, posted_at, received_at, edited_at, author_followers, mood_negative,
       mood_neutral, mood_positive, clipped, external_id, '', kind, author_handle, author_name, text, language,
       '', url, in_reply_to, mood, scorer
  FROM keyed;
INSERT INTO listening_mentionkey (id, agency_id, mention_id)
SELECT encode(substring(sha256(convert_to(source_id || ':' || external_id, 'UTF8')) FOR 16), 'hex')::uuid,
       agency_id, id
  FROM listening_mention;
DROP TABLE listening_mention_unsorted;
"""

COUNT = """
INSERT INTO listening_bucket (
       id, agency_id, brand_id, minute, source_id, language, volume, negative, reach, authors, loudest, watched)
SELECT gen_random_uuid(), agency_id, brand_id, date_trunc('minute', posted_at), source_id, language, count(*),
       count(*) FILTER (WHERE mood = 'negative'), sum(author_followers),
       count(DISTINCT coalesce(nullif(author_handle, ''), external_id)), max(author_followers), 0
  FROM listening_mention
 GROUP BY agency_id, brand_id, date_trunc('minute', posted_at), source_id, language;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("listening", "0001_initial"),
        ("tenants", "0005_people_know_how_many_seats_they_have"),
    ]

    operations = [
        migrations.CreateModel(
            name="MentionKey",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("mention_id", models.UUIDField()),
                ("agency", models.ForeignKey(**AGENCY)),
            ],
            options={"abstract": False},
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(SET_ASIDE, elidable=False),
                migrations.RunSQL(MAKE, elidable=False),
                migrations.RunSQL(SORT, elidable=False),
            ],
            state_operations=[
                migrations.DeleteModel("Mention"),
                migrations.CreateModel(
                    name="Mention",
                    fields=[
                        (
                            "id",
                            models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                        ),
                        ("brand_id", models.UUIDField()),
                        ("source_id", models.UUIDField()),
                        ("external_id", models.CharField(max_length=200)),
                        ("network", models.CharField(blank=True, default="", max_length=20)),
                        ("kind", models.CharField(choices=KINDS, default="post", max_length=8)),
                        ("posted_at", models.DateTimeField()),
                        ("received_at", models.DateTimeField()),
                        ("edited_at", models.DateTimeField(null=True)),
                        ("deleted_at", models.DateTimeField(null=True)),
                        ("erased_at", models.DateTimeField(null=True)),
                        ("author_handle", models.CharField(blank=True, default="", max_length=200)),
                        ("author_name", models.CharField(blank=True, default="", max_length=200)),
                        ("author_followers", models.BigIntegerField(default=0)),
                        ("text", models.TextField()),
                        ("clipped", models.BooleanField(default=False)),
                        ("language", models.CharField(max_length=12)),
                        ("country", models.CharField(blank=True, default="", max_length=2)),
                        ("url", models.CharField(blank=True, default="", max_length=2000)),
                        ("in_reply_to", models.CharField(blank=True, default="", max_length=200)),
                        ("mood", models.CharField(choices=MOODS, max_length=8)),
                        ("mood_negative", listening.models.base.RealField()),
                        ("mood_neutral", listening.models.base.RealField()),
                        ("mood_positive", listening.models.base.RealField()),
                        ("scorer", models.CharField(max_length=60)),
                        ("agency", models.ForeignKey(**AGENCY)),
                    ],
                ),
                migrations.AddIndex(
                    model_name="mention",
                    index=models.Index(fields=["brand_id", "-id"], name="people_ask_for_newest_mentions"),
                ),
            ],
        ),
        migrations.DeleteModel("Bucket"),
        migrations.CreateModel(
            name="Bucket",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("minute", models.DateTimeField()),
                ("source_id", models.UUIDField()),
                ("language", models.CharField(max_length=12)),
                ("volume", models.IntegerField()),
                ("negative", models.IntegerField()),
                ("reach", models.BigIntegerField()),
                ("authors", models.IntegerField()),
                ("loudest", models.BigIntegerField(default=0)),
                ("watched", models.IntegerField(default=0)),
                ("agency", models.ForeignKey(**AGENCY)),
                (
                    "brand",
                    core.wall.TenantKey(
                        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT,
                        related_name="+", to="tenants.brand",
                    ),  # fmt: skip
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("brand", "minute", "source_id", "language"), name="a_minute_is_counted_in_one_bucket"
                    ),
                ],
            },
        ),
        migrations.RunSQL(COUNT, elidable=False),
    ]
