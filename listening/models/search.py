"""Which words were said on which day, so that a search need not read every mention."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from listening.models.base import DenseRow


class SearchDay(DenseRow):
    """A day (UTC) on which a brand has mentions. `dirty`: its words are not written down, or not all of them.

    `starts` and `ends` are the least ids of mentions of this day and of the next one.
    """

    brand_id = models.UUIDField()
    day = models.DateField()
    starts = models.UUIDField()
    ends = models.UUIDField()
    dirty = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand_id", "day"], name="a_brand_has_a_day_of_mentions_once"),
        ]
        indexes = [
            models.Index(fields=["day"], condition=Q(dirty=True), name="indexing_asks_for_dirty_days"),
        ]


class Term(DenseRow):
    """The mentions of one day that hold a word, in the order of their ids.

    Postgres uses an inverted index for its own operators only where no wall stands before the rows; equality of
    words is what it trusts behind one.
    """

    brand_id = models.UUIDField()
    day = models.DateField()
    term = models.CharField(max_length=60, db_collation="C")
    mention_ids = ArrayField(models.UUIDField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand_id", "term", "day"], name="a_word_of_a_day_has_one_list"),
        ]
        indexes = [
            models.Index(fields=["brand_id", "day"], name="indexing_empties_a_day"),
        ]


class Word(DenseRow):
    """That a word was ever said about a brand: what parts of words and misspelt ones are looked up in."""

    brand_id = models.UUIDField()
    term = models.CharField(max_length=60, db_collation="C")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand_id", "term"], name="a_word_is_known_once"),
        ]
