"""The library: messages that are ready before they are needed, the facts that fill their slots, and images."""

from __future__ import annotations

from datetime import datetime, timedelta

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from approvals.models import Approval
from core.wall import TenantKey, TenantRow
from readiness.states import FactDeed, FactType, MessageKind
from tenants.models import Brand, Seat, StoredFile


class Message(TenantRow):
    """A text of the library, ready for each account; with a live approval it is pre-approved and goes out in one call.

    `deliveries` is [{"account", "text"}] in the order of the account ids; text and digest never change. A better
    text is a new message. A text may have slots, written {so}, which facts fill when it goes out: `slots` is
    {name: {"type", "longest"}}, and what people agree to is every text that keeps to it.
    """

    brand_path = "brand_id"

    brand = TenantKey(Brand)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=8, choices=MessageKind.choices)
    crisis_kind = models.CharField(max_length=40)
    severity = models.PositiveSmallIntegerField(null=True)  # for crises of this severity; None for any
    language = models.CharField(max_length=12)
    deliveries = models.JSONField()
    slots = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    digest = models.CharField(max_length=64)
    author = TenantKey(Seat, null=True)
    created_at = models.DateTimeField()
    approval = TenantKey(Approval, null=True)  # the newest request
    approved_at = models.DateTimeField(null=True)  # when that request was granted
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["agency", "brand", "kind", "crisis_kind"], name="fast_lane_asks_the_library"),
            models.Index(fields=["agency", "approval"], name="grants_ask_for_their_message"),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="the_text_of_a_message_never_changes",
                fields=["agency", "brand", "language", "deliveries", "slots", "digest", "author"],
            ),
        ]


class Fact(TenantRow):
    """Something that is true for a while and that a message may say: how many, since when, where.

    It is good for `good_for_minutes` after it was last said to be true; then it is stale, and what needs it waits.
    """

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey(Brand)
    incident_id = models.UUIDField(null=True)  # a fact of one incident; a plain id, for incidents lie above
    name = models.CharField(max_length=40)
    type = models.CharField(max_length=6, choices=FactType.choices)
    value = models.CharField(max_length=200)
    owner = TenantKey(Seat, null=True)  # who keeps it true
    said_at = models.DateTimeField()
    good_for_minutes = models.PositiveIntegerField()
    removed_at = models.DateTimeField(null=True)  # nobody says it any more; what rested on it waits
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "incident_id", "name"],
                condition=Q(removed_at=None),
                nulls_distinct=False,
                name="a_fact_has_a_name_once",
            ),
        ]
        indexes = [models.Index(fields=["agency", "owner"], name="goodbye_asks_for_facts")]

    @property
    def stale_since(self) -> datetime:
        """From when on it is too old to be said; it may lie ahead."""
        return self.said_at + timedelta(minutes=self.good_for_minutes)


class FactRevision(TenantRow):
    """What a fact said from an instant on, or that somebody said then that it is still true. Never changed."""

    brand_path = "fact__brand_id"
    incident_path = "fact__incident_id"

    fact = TenantKey(Fact)
    number = models.PositiveIntegerField()  # the version of the fact that it made
    deed = models.CharField(max_length=9, choices=FactDeed.choices)
    type = models.CharField(max_length=6, choices=FactType.choices)
    value = models.CharField(max_length=200)
    good_for_minutes = models.PositiveIntegerField()
    owner = TenantKey(Seat, null=True)
    author_seat_id = models.UUIDField(null=True)  # None: a rule
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fact", "number"], name="a_fact_numbers_its_revisions_once"),
        ]
        triggers = [
            pgtrigger.Protect(name="what_was_said_was_said", operation=pgtrigger.Update | pgtrigger.Delete),
        ]


class Image(TenantRow):
    """A picture of a brand's library, with what it shows in words. Its content is kept until nobody needs it."""

    brand_path = "brand_id"

    brand = TenantKey(Brand)
    name = models.CharField(max_length=120)
    alt = models.CharField(max_length=1000)  # what somebody who does not see it is told
    file = TenantKey(StoredFile, null=True)  # None: it was removed
    sha256 = models.CharField(max_length=64)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    author = TenantKey(Seat, null=True)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "sha256"], condition=Q(removed_at=None), name="a_brand_has_an_image_once"
            ),
            models.CheckConstraint(
                name="an_image_has_its_content_until_it_is_removed",
                condition=Q(removed_at=None, file__isnull=False) | Q(removed_at__isnull=False, file=None),
            ),
        ]
        indexes = [models.Index(fields=["file"], name="forgetting_asks_for_images")]
