"""The contact book: who is called when it burns, inside and outside, and when they were last reached."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.sealed import SealedTextField
from core.wall import TenantKey, TenantRow
from readiness.states import ChannelKind, LegalBasis
from tenants.models import Brand, Seat


class Contact(TenantRow):
    """Somebody to be called, of one brand or, without one, of all.

    `hours` are when they are reached on their own clock, none meaning always: [{"days": [0 ... 6, Monday is 0],
    "starts": "09:00", "ends": "17:00"}, ...]. `confirmed_at` is when somebody last said that all this is right.
    """

    brand_path = "brand_id"

    brand = TenantKey(Brand, null=True)
    name = models.CharField(max_length=120)
    organisation = models.CharField(max_length=120, default="", blank=True)
    department = models.CharField(max_length=80, default="", blank=True)
    job_title = models.CharField(max_length=120, default="", blank=True)
    outside = models.BooleanField(default=False)  # neither of the agency nor of the client
    seat = TenantKey(Seat, null=True)  # whoever of them signs in here
    language = models.CharField(max_length=12, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    hours = models.JSONField(default=list)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    note = SealedTextField(null=True)
    legal_basis = models.CharField(max_length=20, choices=LegalBasis.choices, default=LegalBasis.INTEREST)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    confirm_days = models.PositiveSmallIntegerField(default=180)
    confirm_due_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)  # when they were last asked to confirm
    removed_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["agency", "brand", "name", "id"], name="contact_list_asks_by_name"),
            models.Index(
                fields=["agency", "confirm_due_at"], condition=Q(removed_at=None), name="reminders_ask_who_is_due"
            ),
            models.Index(fields=["agency", "seat"], name="goodbye_asks_for_contacts"),
        ]

    @property
    def in_order(self) -> list[ContactChannel]:
        """Their channels, as they are tried one after the other."""
        return sorted(self.channels.all(), key=lambda channel: channel.position)


class ContactChannel(TenantRow):
    """One way to reach a contact. It is proved by an answer: a link that was opened, or a person who reached them."""

    brand_path = "contact__brand_id"

    contact = TenantKey(Contact, related_name="channels")
    kind = models.CharField(max_length=8, choices=ChannelKind.choices)
    address = SealedTextField()
    position = models.PositiveSmallIntegerField()  # 1 is tried first
    created_at = models.DateTimeField()
    proved_at = models.DateTimeField(null=True)  # last time that it led to them
    proved_by_id = models.UUIDField(null=True)  # the seat that reached them; None when they answered themselves
    failed_at = models.DateTimeField(null=True)  # last time that it did not

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["contact", "position"],
                name="a_contacts_channels_stand_in_one_order",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]
