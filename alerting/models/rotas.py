"""Turns at being on call: rotations in layers, and what changes them for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from alerting.states import SWAP_LIFECYCLE, SwapStage
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow


class TurnUnit(models.TextChoices):
    HOURS = "hours", "Hours"
    DAYS = "days", "Days"
    WEEKS = "weeks", "Weeks"


class Rota(TenantRow):
    """Who answers, at each minute: the first of its rotations that has somebody on duty, unless an override stands."""

    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64)  # in which it is drawn; each rotation has its own
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "name"], name="a_name_means_one_rota"),
        ]


class Rotation(TenantRow):
    """People take turns. A turn begins at a time on the clock of `time_zone`, whatever daylight saving does to it.

    `windows` are the hours of the week in which it is on duty, on the same clock; none means always:
    [{"days": [0 … 6, Monday is 0], "starts": "09:00", "ends": "17:00"}, …]. A window that does not end later than it
    starts ends on the next day. A rotation that was read from a calendar has shifts instead of turns.
    """

    rota = TenantKey(Rota, related_name="rotations")
    position = models.PositiveSmallIntegerField()  # 1 answers first
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64)
    members = ArrayField(models.UUIDField(), default=list)  # seats, in the order of turns; one may stand in it twice
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    turn_unit = models.CharField(max_length=5, choices=TurnUnit.choices, default=TurnUnit.DAYS)
    turn_length = models.PositiveSmallIntegerField(default=1)
    windows = models.JSONField(default=list)
    from_calendar = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rota", "position"], name="rotations_stand_in_one_order", deferrable=models.Deferrable.DEFERRED
            ),
            models.CheckConstraint(name="a_turn_lasts_an_hour_at_least", condition=Q(turn_length__gte=1)),
        ]


class ImportedShift(TenantRow):
    """A stretch of duty that a calendar said."""

    rotation = TenantKey(Rotation, db_index=False)
    seat = TenantKey("tenants.Seat")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="a_shift_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
        ]
        indexes = [models.Index(fields=["rotation", "ends_at"], name="on_call_asks_for_shifts")]


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


class ShiftSwap(TenantRow):
    """Somebody offers their turns of a while to others; whoever takes them answers for them then.

    An offer that nobody took before it begins is past due: the person who made it still answers.
    """

    rota = TenantKey(Rota)
    seat = TenantKey("tenants.Seat")
    taken_by = TenantKey("tenants.Seat", null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    note = models.CharField(max_length=300, default="", blank=True)
    stage = models.CharField(max_length=9, choices=SwapStage.choices, default=SwapStage.OFFERED)
    offered_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(name="a_swap_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(
                name="a_taken_swap_says_by_whom_and_since_when",
                condition=Q(taken_by__isnull=False, settled_at__isnull=False) | ~Q(stage="TAKEN"),
            ),
        ]
        indexes = [models.Index(fields=["agency", "rota", "ends_at"], name="on_call_asks_for_swaps")]
        triggers = [pgtrigger.FSM(name="swap_moves", field="stage", transitions=SWAP_LIFECYCLE.pairs())]


class Absence(TenantRow):
    """Somebody is away and answers for no rota: the next in order does. It does not say why."""

    seat = TenantKey("tenants.Seat")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    added_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(name="an_absence_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at"))),
        ]
        indexes = [
            models.Index(fields=["agency", "ends_at"], condition=Q(cancelled_at=None), name="on_call_asks_who_is_away"),
        ]


class CalendarFeed(TenantRow):
    """An address at which a calendar program reads one person's duty, or one rota. Only its digest is kept."""

    seat = TenantKey("tenants.Seat")  # whose it is; with them it ends
    rota = TenantKey(Rota, null=True)  # None: every duty of the person
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest"], name="an_address_is_of_one_feed")]
