"""Who is on call, how a page climbs, and what was sent to whom."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from alerting.states import NOTIFICATION_LIFECYCLE, PAGE_LIFECYCLE, NotificationStage, PageStage
from core.sealed import SealedTextField
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow


class Transport(models.TextChoices):
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"
    CHAT = "chat", "Chat or push"


class ContactMethodQuerySet(TenantQuerySet["ContactMethod"]):
    def live(self) -> ContactMethodQuerySet:
        return self.filter(removed_at=None)


class ContactMethod(TenantRow):
    """One way to reach a person. The address is sealed, and gone once the way is removed."""

    seat = TenantKey("tenants.Seat")
    transport = models.CharField(max_length=8, choices=Transport.choices)
    address = SealedTextField(null=True)
    position = models.PositiveSmallIntegerField()  # the person's own order; all of them are used
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(ContactMethodQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "seat", "position"],
                condition=Q(removed_at=None),
                name="a_persons_ways_stand_in_one_order",
            ),
            models.CheckConstraint(
                name="only_a_removed_way_has_no_address",
                condition=Q(removed_at=None, address__isnull=False) | Q(removed_at__isnull=False, address__isnull=True),
            ),
        ]


class Rota(TenantRow):
    """People take turns. A turn begins at a time on the clock of `time_zone`, whatever daylight saving does to it."""

    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64)
    members = ArrayField(models.UUIDField())  # seats, in the order of their turns; a person may stand in it twice
    starts_at = models.DateTimeField()
    shift_hours = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "name"], name="a_name_means_one_rota"),
            models.CheckConstraint(name="a_turn_lasts_an_hour_at_least", condition=Q(shift_hours__gte=1)),
        ]


class RotaOverrideQuerySet(TenantQuerySet["RotaOverride"]):
    def live(self) -> RotaOverrideQuerySet:
        return self.filter(cancelled_at=None)

    def covering(self, at: datetime) -> RotaOverrideQuerySet:
        return self.filter(cancelled_at=None, starts_at__lte=at, ends_at__gt=at)


class RotaOverride(TenantRow):
    """Somebody takes over for a while; where two overlap, the one made later counts."""

    rota = TenantKey(Rota)
    seat = TenantKey("tenants.Seat")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(RotaOverrideQuerySet)

    class Meta:
        constraints = [
            models.CheckConstraint(name="an_override_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
        ]
        indexes = [
            models.Index(
                fields=["agency", "rota", "ends_at"],
                condition=Q(cancelled_at=None),
                name="on_call_asks_for_overrides",
            ),
        ]


class EscalationPolicy(TenantRow):
    """Who is told first, who next, and after how long. One for a brand; one for the agency, for all other brands.

    `steps` is [{"notify": [{"rota": id} | {"seat": id} | {"role": name}, …], "wait_minutes": n}, …].
    """

    brand_path = "brand_id"

    name = models.CharField(max_length=120)
    brand = TenantKey("tenants.Brand", null=True)
    steps = models.JSONField()
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "brand"], nulls_distinct=False, name="a_brand_has_one_escalation_policy"
            ),
        ]


class PageQuerySet(TenantQuerySet["Page"]):
    def climbing(self) -> PageQuerySet:
        return self.filter(stage=PageStage.OPEN)


class Page(TenantRow):
    """Something that a person must see now. It climbs its frozen policy until somebody takes it.

    `step` is the last step that fired, 0 before the first. `cycle` counts how often the climb began.
    """

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", null=True)
    incident = TenantKey("incidents.Incident", null=True)
    cause_kind = models.CharField(max_length=48)
    cause_id = models.UUIDField()
    severity = models.PositiveSmallIntegerField()  # 1 to 4, 1 the worst
    headline = models.CharField(max_length=200)  # ours; never what a member of the public wrote
    policy = models.JSONField()  # frozen: {"policy_id": id or null, "name": …, "steps": […]}
    stage = models.CharField(max_length=12, choices=PageStage.choices, default=PageStage.OPEN)
    cycle = models.PositiveSmallIntegerField(default=1)
    step = models.PositiveSmallIntegerField(default=0)
    next_step_at = models.DateTimeField(null=True)  # what the timer is set to, for people; the job is the timer
    raised_at = models.DateTimeField()
    acknowledged_by = TenantKey("tenants.Seat", null=True)  # nobody, when a rule did it
    acknowledged_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(PageQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "cause_kind", "cause_id"], name="a_cause_raises_one_page"),
            models.CheckConstraint(name="a_page_is_of_severity_1_to_4", condition=Q(severity__gte=1, severity__lte=4)),
            models.CheckConstraint(
                name="an_acknowledged_page_says_when",
                condition=~Q(stage="ACKNOWLEDGED") | Q(acknowledged_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "id"], condition=Q(stage="OPEN"), name="auditor_asks_for_open_pages"),
        ]
        triggers = [pgtrigger.FSM(name="page_moves", field="stage", transitions=PAGE_LIFECYCLE.pairs())]

    @property
    def steps(self) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = self.policy["steps"]
        return steps


class NotificationQuerySet(TenantQuerySet["Notification"]):
    def queued(self) -> NotificationQuerySet:
        return self.filter(stage=NotificationStage.QUEUED)


class Notification(TenantRow):
    """One message about a page to one person by one way. No contact method means: by e-mail to the person's account."""

    brand_path = "page__brand_id"

    page = TenantKey(Page)
    cycle = models.PositiveSmallIntegerField()
    step = models.PositiveSmallIntegerField()
    seat = TenantKey("tenants.Seat")
    contact = TenantKey(ContactMethod, null=True)
    transport = models.CharField(max_length=8, choices=Transport.choices)
    stage = models.CharField(max_length=8, choices=NotificationStage.choices, default=NotificationStage.QUEUED)
    problem = models.CharField(max_length=200, default="", blank=True)
    queued_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(NotificationQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "page", "cycle", "step", "seat", "contact"],
                nulls_distinct=False,
                name="a_step_tells_a_person_once_by_each_way",
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "seat"], condition=Q(stage="QUEUED"), name="goodbye_asks_what_is_queued"),
        ]
        triggers = [pgtrigger.FSM(name="notification_moves", field="stage", transitions=NOTIFICATION_LIFECYCLE.pairs())]

    @property
    def reference(self) -> str:
        """What the recipient sees, as in K7QF-2XMA: the same on every repeat, and short enough to say aloud."""
        text = base64.b32encode(self.id.bytes[-5:]).decode()
        return f"{text[:4]}-{text[4:]}"


class Alarm(TenantRow):
    """The auditor found that something has not moved: one row for each check and hour."""

    check_name = models.CharField(max_length=60)
    hour = models.DateTimeField()
    count = models.PositiveIntegerField()
    raised_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "check_name", "hour"], name="an_alarm_sounds_once_an_hour"),
        ]
