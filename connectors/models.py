"""Access that is being given back to the networks, and what the sandbox network remembers."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from core.sealed import SealedJSONField
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow


class WithdrawalQuerySet(TenantQuerySet["Withdrawal"]):
    def unproven(self) -> WithdrawalQuerySet:
        """Those of which no network has said yet that they open nothing any more."""
        return self.filter(proven_at=None)


class Withdrawal(TenantRow):
    """Access to a network by somebody's own log-in, to be revoked there. The credentials are kept until it is proven.

    `proof`: `network`, which confirmed it; `refused`, because it took the credentials no more; `by_hand`, when it
    could not be asked and a person has the task.
    """

    brand_path = "account__brand_id"

    account = TenantKey("tenants.SocialAccount")
    seat = TenantKey("tenants.Seat")
    credentials = SealedJSONField(null=True)
    credentials_set_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField()
    proven_at = models.DateTimeField(null=True)
    proof = models.CharField(max_length=8, default="", blank=True)
    problem = models.CharField(max_length=120, default="", blank=True)  # of the last try

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(WithdrawalQuerySet)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="a_proven_withdrawal_says_how",
                condition=Q(proven_at=None, proof="") | (Q(proven_at__isnull=False) & ~Q(proof="")),
            ),
        ]


class SandboxPost(TenantRow):
    """A post on the sandbox network. Made once for each idempotency key, as a good network does."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    account = TenantKey("tenants.SocialAccount")
    text = models.TextField()
    media = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField())
    )  # [{"sha256", "type", "alt"}]
    idempotency_key = models.CharField(max_length=120)
    external_id = models.CharField(max_length=120)
    url = models.CharField(max_length=500)
    published_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "account", "idempotency_key"], name="the_sandbox_posts_once_for_a_key"
            ),
            models.UniqueConstraint(fields=["agency", "external_id"], name="the_sandbox_names_a_post_once"),
        ]
        indexes = [models.Index(fields=["agency", "brand", "-id"], name="sandbox_list_asks_by_brand")]


class SandboxCall(TenantRow):
    """One call that reached the sandbox, kept whatever came of it: the witness that nothing was sent twice."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    account = TenantKey("tenants.SocialAccount")
    verb = models.CharField(max_length=8, choices=[("publish", "Publish"), ("delete", "Delete"), ("revoke", "Revoke")])
    idempotency_key = models.CharField(max_length=120, default="", blank=True)
    external_id = models.CharField(max_length=120, default="", blank=True)
    text = models.TextField(default="", blank=True)
    # Of a call that revokes: the credentials it was about, by the instant they were set, once the sandbox obeyed.
    revoked_of = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["agency", "account", "-id"], name="sandbox_calls_of_an_account")]
