"""How people and groups of people are reached."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from core.sealed import SealedTextField
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow


class Transport(models.TextChoices):
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"
    CHAT = "chat", "Chat or push"
    SMS = "sms", "Text message"
    VOICE = "voice", "Phone call"


class ContactMethodQuerySet(TenantQuerySet["ContactMethod"]):
    def live(self) -> ContactMethodQuerySet:
        return self.filter(removed_at=None)

    def proven(self) -> ContactMethodQuerySet:
        """Those whose owner has shown that they read there."""
        return self.filter(removed_at=None, verified_at__isnull=False)


class ContactMethod(TenantRow):
    """One way to reach a person. The address is sealed, and gone once the way is removed.

    Nothing but a code goes there before its owner has sent the code back.
    """

    seat = TenantKey("tenants.Seat")
    transport = models.CharField(max_length=8, choices=Transport.choices)
    address = SealedTextField(null=True)
    position = models.PositiveSmallIntegerField()  # the person's own order; without rules all of them are used
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    proved_at = models.DateTimeField(null=True)  # when its owner was last seen to read there
    code = SealedTextField(null=True)  # until it has been sent back
    code_ends_at = models.DateTimeField(null=True)
    code_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    codes_sent = models.PositiveSmallIntegerField(default=0, db_default=0)  # so that nobody floods a stranger's phone
    version = models.PositiveIntegerField(default=1, db_default=1)

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


class PersonalRules(TenantRow):
    """How a person wants to be told: by which ways, in which order, and when not.

    `usual` and `important` are [{"contacts": [id, …], "wait_minutes": n}, …]: each step goes out its wait after the one
    before, while nobody has taken the page. None, or an empty list, means all ways at once. Quiet hours are
    {"days": [0 … 6], "starts": "22:00", "ends": "07:00"}, …, on the clock of `time_zone`; severity 1 and 2 pass them.
    """

    seat = TenantKey("tenants.Seat")
    language = models.CharField(max_length=8, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    usual = models.JSONField(default=list)
    important = models.JSONField(default=list)
    quiet_hours = models.JSONField(default=list)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seat"], name="a_person_has_one_set_of_rules")]


class Channel(TenantRow):
    """A place where a team reads: a chat room, a list, a webhook; of one brand, or of the agency."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand", null=True)
    name = models.CharField(max_length=120)
    transport = models.CharField(max_length=8, choices=Transport.choices)
    address = SealedTextField(null=True)
    language = models.CharField(max_length=8, default="en")
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "name"], condition=Q(removed_at=None), name="a_name_means_one_channel"
            ),
            models.CheckConstraint(
                name="only_a_removed_channel_has_no_address",
                condition=Q(removed_at=None, address__isnull=False) | Q(removed_at__isnull=False, address__isnull=True),
            ),
        ]
