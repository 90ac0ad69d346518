"""Social media policies: their versions, and who has acknowledged which."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantRow
from tenants.models import Brand, Seat


class Policy(TenantRow):
    """A social media policy, of one brand or, without one, of the agency. `version` is the newest version's number.

    `draft` is the next version while it is written: {"chapters", "rules", "audience"}; None when nobody writes one.
    """

    brand_path = "brand_id"

    brand = TenantKey(Brand, null=True)
    name = models.CharField(max_length=120)
    draft = models.JSONField(null=True)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)
    number = models.PositiveIntegerField(default=0)  # of the newest version
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "brand", "name"],
                condition=Q(retired_at=None),
                nulls_distinct=False,
                name="a_name_is_one_policy",
            ),
        ]


class PolicyVersion(TenantRow):
    """What a policy said from an instant on. Never changed.

    `chapters` is [{"chapter": copyright|privacy|confidentiality|brand_voice|free, "title", "text"}], `rules` what a
    draft is checked against, `audience` who acknowledges it.
    """

    brand_path = "policy__brand_id"

    policy = TenantKey(Policy)
    number = models.PositiveIntegerField()
    chapters = models.JSONField()
    rules = models.JSONField()
    audience = models.JSONField()
    asks_again = models.BooleanField(default=True)  # whether those who acknowledged the one before are asked again
    published_at = models.DateTimeField()
    publisher = TenantKey(Seat, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="a_policy_numbers_its_versions_once"),
        ]
        triggers = [
            pgtrigger.Protect(name="policy_versions_never_change", operation=pgtrigger.Update | pgtrigger.Delete),
        ]


class Acknowledgement(TenantRow):
    """A person is asked to acknowledge a version of a policy, and does."""

    brand_path = "version__policy__brand_id"

    version = TenantKey(PolicyVersion)
    seat = TenantKey(Seat)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    reminders = models.PositiveSmallIntegerField(default=0)
    acknowledged_at = models.DateTimeField(null=True)
    excused_at = models.DateTimeField(null=True)  # a newer version was published, or they left the audience

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "seat"], name="a_person_is_asked_once_about_a_version"),
        ]
        indexes = [
            models.Index(fields=["agency", "seat", "acknowledged_at"], name="ask_what_to_acknowledge"),
        ]
