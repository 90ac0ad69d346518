"""People, their seats, and the invitations that become seats."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from core.ids import uuid7
from core.sealed import SealedTextField
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from tenants.states import SEAT_LIFECYCLE, SeatStage


class People(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person, who may sit in several agencies. Global: holds nothing that belongs to one of them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField()
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField()
    # In how many agencies they sit, which the walls hide: a number and no names, kept by a trigger on seats.
    live_seats = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    # There are no superusers: guardian and Django ask, and the answer is always no.
    is_superuser: ClassVar[bool] = False
    is_staff: ClassVar[bool] = False

    objects: ClassVar[People] = People()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(Lower("email"), name="an_address_belongs_to_one_person")]

    def get_full_name(self) -> str:
        return self.name


class SeatQuerySet(TenantQuerySet["Seat"]):
    def active(self) -> SeatQuerySet:
        return self.filter(stage=SeatStage.ACTIVE)


COUNT_LIVE_SEATS = """
IF TG_OP <> 'INSERT' AND OLD.stage <> 'ENDED' AND (TG_OP = 'DELETE' OR NEW.stage = 'ENDED') THEN
    UPDATE tenants_user SET live_seats = live_seats - 1 WHERE id = OLD.user_id;
ELSIF TG_OP <> 'DELETE' AND NEW.stage <> 'ENDED' AND (TG_OP = 'INSERT' OR OLD.stage = 'ENDED') THEN
    UPDATE tenants_user SET live_seats = live_seats + 1 WHERE id = NEW.user_id;
END IF;
RETURN NULL;
"""


class Seat(TenantRow):
    """A person in an agency. `auth_epoch` is read on every request, so that revocation is immediate."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="seats")
    side = models.CharField(max_length=6, choices=[("staff", "Staff"), ("client", "Client")])
    stage = models.CharField(max_length=9, choices=SeatStage.choices, default=SeatStage.ACTIVE)
    auth_epoch = models.PositiveIntegerField(default=1)
    locale = models.CharField(max_length=12, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True)  # noted at most once an hour
    idle_warned_at = models.DateTimeField(null=True)
    # Sessions that signed in before this instant do not open this seat: it was given, or given back, after them.
    signed_in_after = models.DateTimeField(null=True)
    suspended_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=20, default="", blank=True)
    ended_counts = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1, db_default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(SeatQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "user"], condition=~Q(stage="ENDED"), name="a_person_sits_once_in_an_agency"
            ),
            models.CheckConstraint(
                name="an_ended_seat_says_when_and_why",
                condition=~Q(stage="ENDED") | (Q(ended_at__isnull=False) & ~Q(end_reason="")),
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="seat_moves", field="stage", transitions=SEAT_LIFECYCLE.pairs()),
            pgtrigger.Trigger(
                name="people_know_how_many_seats_they_have",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=COUNT_LIVE_SEATS,
            ),
        ]


class Invitation(TenantRow):
    """An offer of a seat, bound to an address, for 72 hours. The secret travels by e-mail and is stored hashed."""

    email = models.EmailField()
    side = models.CharField(max_length=6)
    role = models.CharField(max_length=40)
    brand_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    secret_sha256 = models.CharField(max_length=64)
    token_to_send = SealedTextField(null=True)  # until the e-mail is out
    inviter = TenantKey(Seat, null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
