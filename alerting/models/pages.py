"""Pages, and every message about them."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from alerting.models.contacts import Channel, ContactMethod, Transport
from alerting.models.silences import Silence
from alerting.states import (
    HAND_OVER_LIFECYCLE,
    LIVE,
    NOTIFICATION_LIFECYCLE,
    PAGE_LIFECYCLE,
    HandOverStage,
    NotificationStage,
    PageStage,
)
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow


class PageQuerySet(TenantQuerySet["Page"]):
    def climbing(self) -> PageQuerySet:
        return self.filter(stage=PageStage.OPEN)

    def live(self) -> PageQuerySet:
        """Those that take in further causes of their group."""
        return self.filter(stage__in=LIVE)


class Page(TenantRow):
    """Something that a person must see now. It climbs its frozen policy until somebody takes it.

    `step` is the last step that fired, 0 before the first. `cycle` counts how often the climb began. Causes of one
    `topic` of a brand share a page while it lives: `suppressed` counts those that came after the first.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", null=True)
    incident = TenantKey("incidents.Incident", null=True)
    cause_kind = models.CharField(max_length=48)
    cause_id = models.UUIDField()
    topic = models.CharField(max_length=80, null=True)  # noqa: DJ001 - null: it shares with nobody
    suppressed = models.PositiveIntegerField(default=0, db_default=0)
    severity = models.PositiveSmallIntegerField()  # 1 to 4, 1 the worst
    headline = models.CharField(max_length=200)  # ours; never what a member of the public wrote
    policy = models.JSONField()  # frozen: {"policy_id": id or null, "name": …, "steps": […], …}
    stage = models.CharField(max_length=12, choices=PageStage.choices, default=PageStage.OPEN)
    cycle = models.PositiveSmallIntegerField(default=1)
    step = models.PositiveSmallIntegerField(default=0)
    repeated = models.PositiveSmallIntegerField(default=0, db_default=0)  # climbs done again in this cycle
    next_step_at = models.DateTimeField(null=True)  # what the timer is set to, for people; the job is the timer
    raised_at = models.DateTimeField()
    acknowledged_by = TenantKey("tenants.Seat", null=True)  # nobody, when a rule did it
    acknowledged_at = models.DateTimeField(null=True)
    lapses_at = models.DateTimeField(null=True)  # when an acknowledgement ends by itself, unless it is renewed
    snoozed_by = TenantKey("tenants.Seat", null=True)
    snoozed_until = models.DateTimeField(null=True)
    silence = TenantKey(Silence, null=True)  # the one that swallowed it
    resolved_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(PageQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "cause_kind", "cause_id"], name="a_cause_raises_one_page"),
            models.UniqueConstraint(
                fields=["agency", "brand", "topic"],
                condition=Q(topic__isnull=False, stage__in=LIVE),
                nulls_distinct=False,
                name="a_topic_has_one_live_page",
            ),
            models.CheckConstraint(name="a_page_is_of_severity_1_to_4", condition=Q(severity__gte=1, severity__lte=4)),
            models.CheckConstraint(
                name="an_acknowledged_page_says_when",
                condition=~Q(stage="ACKNOWLEDGED") | Q(acknowledged_at__isnull=False),
            ),
            models.CheckConstraint(
                name="a_snoozed_page_says_until_when",
                condition=~Q(stage="SNOOZED") | Q(snoozed_until__isnull=False),
            ),
            models.CheckConstraint(
                name="the_gravest_sleep_never",
                condition=~Q(stage__in=["SNOOZED", "SILENCED"]) | Q(severity__gte=2),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "id"], condition=Q(stage="OPEN"), name="auditor_asks_for_open_pages"),
            models.Index(
                fields=["agency", "next_step_at"], condition=Q(stage="OPEN"), name="auditor_asks_what_is_late"
            ),
            models.Index(
                fields=["agency", "snoozed_until"], condition=Q(stage="SNOOZED"), name="auditor_asks_who_sleeps"
            ),
            models.Index(
                fields=["agency", "lapses_at"],
                condition=Q(stage="ACKNOWLEDGED", lapses_at__isnull=False),
                name="auditor_asks_what_lapses",
            ),
            models.Index(
                fields=["agency", "raised_at"], condition=Q(stage="EXHAUSTED"), name="auditor_asks_for_exhausted"
            ),
            models.Index(
                fields=["agency", "silence"],
                condition=Q(silence__isnull=False),
                name="silences_ask_what_they_swallow",
            ),
        ]
        triggers = [pgtrigger.FSM(name="page_moves", field="stage", transitions=PAGE_LIFECYCLE.pairs())]

    @property
    def steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.policy["steps"]
        return steps


class PageCause(TenantRow):
    """A further cause that a page has taken in, so that nobody is woken twice for one thing."""

    brand_path = "page__brand_id"

    page = TenantKey(Page)
    cause_kind = models.CharField(max_length=48)
    cause_id = models.UUIDField()
    severity = models.PositiveSmallIntegerField()
    headline = models.CharField(max_length=200)
    joined_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "cause_kind", "cause_id"], name="a_cause_joins_one_page"),
        ]


class HandOver(TenantRow):
    """Whoever holds a page asks somebody else to take it; it stays theirs until the other says yes."""

    brand_path = "page__brand_id"

    page = TenantKey(Page)
    from_seat = TenantKey("tenants.Seat", null=True)
    to_seat = TenantKey("tenants.Seat")
    note = models.CharField(max_length=500, default="", blank=True)
    stage = models.CharField(max_length=9, choices=HandOverStage.choices, default=HandOverStage.OFFERED)
    offered_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["page"], condition=Q(stage="OFFERED"), name="a_page_is_offered_to_one_person_at_a_time"
            ),
        ]
        triggers = [pgtrigger.FSM(name="hand_over_moves", field="stage", transitions=HAND_OVER_LIFECYCLE.pairs())]


class NotificationQuerySet(TenantQuerySet["Notification"]):
    def queued(self) -> NotificationQuerySet:
        return self.filter(stage=NotificationStage.QUEUED)


class Notification(TenantRow):
    """One message about a page, to one person by one way, or to a channel.

    A person and no contact method means: by e-mail to the person's account.
    """

    brand_path = "page__brand_id"

    page = TenantKey(Page)
    cycle = models.PositiveSmallIntegerField()
    step = models.PositiveSmallIntegerField()
    repeated = models.PositiveSmallIntegerField(default=0, db_default=0)
    seat = TenantKey("tenants.Seat", null=True)
    contact = TenantKey(ContactMethod, null=True)
    channel = TenantKey(Channel, null=True)
    transport = models.CharField(max_length=8, choices=Transport.choices)
    stage = models.CharField(max_length=9, choices=NotificationStage.choices, default=NotificationStage.QUEUED)
    problem = models.CharField(max_length=200, default="", blank=True)
    receipt = models.CharField(max_length=120, default="", db_default="", blank=True)  # the provider's own id
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)  # later than queued: the person wants other ways tried first
    settled_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)  # where the provider says so
    answered_at = models.DateTimeField(null=True)  # when its link or a reply to it took the page

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(NotificationQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "page", "cycle", "repeated", "step", "seat", "contact", "channel"],
                nulls_distinct=False,
                name="a_step_tells_a_person_once_by_each_way",
            ),
            models.CheckConstraint(
                name="a_notification_is_for_a_person_or_a_channel",
                condition=Q(seat__isnull=False, channel__isnull=True) | Q(seat__isnull=True, channel__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "seat"], condition=Q(stage="QUEUED"), name="goodbye_asks_what_is_queued"),
            models.Index(
                "agency",
                Coalesce("due_at", "queued_at"),
                condition=Q(stage="QUEUED"),
                name="auditor_asks_what_is_queued",
            ),
            models.Index(
                fields=["agency", "transport", "receipt"],
                condition=~Q(receipt=""),
                name="receipts_ask_for_their_message",
            ),
        ]
        triggers = [pgtrigger.FSM(name="notification_moves", field="stage", transitions=NOTIFICATION_LIFECYCLE.pairs())]

    @property
    def reference(self) -> str:
        """What the recipient sees, as in K7QF-2XMA: the same on every repeat, and short enough to say aloud."""
        text = base64.b32encode(self.id.bytes[-5:]).decode()
        return f"{text[:4]}-{text[4:]}"
