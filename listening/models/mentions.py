"""What was said, once for each brand that it is about."""

from __future__ import annotations

from django.db import models

from listening.models.base import DenseRow, RealField


class MentionKind(models.TextChoices):
    POST = "post", "Post"
    COMMENT = "comment", "Comment"
    REPLY = "reply", "Reply"
    REPOST = "repost", "Repost"
    QUOTE = "quote", "Quote"
    REVIEW = "review", "Review"
    ARTICLE = "article", "Article"


class MoodLabel(models.TextChoices):
    NEGATIVE = "negative", "Negative"
    NEUTRAL = "neutral", "Neutral"
    POSITIVE = "positive", "Positive"
    UNKNOWN = "unknown", "Unknown"


class Mention(DenseRow):
    """One thing that somebody said about a brand, as a source delivered it. The table is partitioned by time.

    The id is a UUIDv7 of `posted_at` and of what the source calls the mention (`listening.partitions.mention_id`), so
    that ids sort by time, a partition is a range of ids, and two deliveries of the same post make the same id.
    `posted_at` never changes once stored: a mention is counted in one minute for ever. Brand and source are checked
    by the action that stores it, which holds the source; checking them again for each row would cost a fifth of the
    ingest. What one post says about two brands is two rows, so that neither brand ever sees the other's.
    """

    brand_id = models.UUIDField()
    source_id = models.UUIDField()
    external_id = models.CharField(max_length=200)
    network = models.CharField(max_length=20, default="", blank=True)  # "mastodon", "news"; empty: not known
    kind = models.CharField(max_length=8, choices=MentionKind.choices, default=MentionKind.POST)
    posted_at = models.DateTimeField()
    received_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)  # the network's own instant of the version that is stored
    deleted_at = models.DateTimeField(null=True)  # gone at the network: text and author are no longer kept
    erased_at = models.DateTimeField(null=True)  # its author asked to be forgotten
    author_handle = models.CharField(max_length=200, default="", blank=True)
    author_name = models.CharField(max_length=200, default="", blank=True)
    author_followers = models.BigIntegerField(default=0)
    text = models.TextField()
    clipped = models.BooleanField(default=False)
    language = models.CharField(max_length=12)
    country = models.CharField(max_length=2, default="", blank=True)  # ISO 3166-1, where the source tells
    url = models.CharField(max_length=2000, default="", blank=True)
    in_reply_to = models.CharField(max_length=200, default="", blank=True)  # another external id of the source
    mood = models.CharField(max_length=8, choices=MoodLabel.choices)
    mood_negative = RealField()
    mood_neutral = RealField()
    mood_positive = RealField()
    scorer = models.CharField(max_length=60)  # name and version, so that the score can be reproduced

    class Meta:
        # The table itself is made by hand in the migration: Django knows no partitions.
        indexes = [
            models.Index(fields=["brand_id", "-id"], name="people_ask_for_newest_mentions"),
        ]


class MentionKey(DenseRow):
    """That a source delivered a mention: what the database promises to hold once, whatever its time is said to be.

    A unique index of the partitioned table would have to hold the time, which a network may tell differently on
    Tuesday. The id is the head of the SHA-256 of the source and the external id (`listening.partitions.key_of`).
    """

    brand_path = None

    mention_id = models.UUIDField()
