"""What the sandbox network remembers: the posts that are out there, and every call that reached it."""

from __future__ import annotations

from django.db import models

from core.wall import TenantKey, TenantRow


class SandboxPost(TenantRow):
    """A post on the sandbox network. Made once for each idempotency key, as a good network does."""

    brand_path = "brand_id"

    brand = TenantKey("tenants.Brand")
    account = TenantKey("tenants.SocialAccount")
    text = models.TextField()
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
    verb = models.CharField(max_length=8, choices=[("publish", "Publish"), ("delete", "Delete")])
    idempotency_key = models.CharField(max_length=120, default="", blank=True)
    external_id = models.CharField(max_length=120, default="", blank=True)
    text = models.TextField(default="", blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["agency", "account", "-id"], name="sandbox_calls_of_an_account")]
