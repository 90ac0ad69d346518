"""What the brand says in public: statements, and the exact text of each of their versions."""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.wall import TenantKey, TenantRow
from incidents.models.incident import Incident
from incidents.states import STATEMENT_LIFECYCLE, StatementKind, StatementStage


class Statement(TenantRow):
    """Something the brand wants to say in one incident. Its words are those of its newest version."""

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=StatementKind.choices, default=StatementKind.STATEMENT)
    stage = models.CharField(max_length=12, choices=StatementStage.choices, default=StatementStage.DRAFT)
    current_version = models.PositiveIntegerField(default=1)
    claims = ArrayField(models.CharField(max_length=80), default=list, db_default=[], blank=True)
    message = TenantKey("readiness.Message", null=True)  # the library's text that took the fast lane
    created_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [
            models.Index(fields=["incident", "stage"], name="resolve_asks_what_is_unsent"),
            models.Index(fields=["agency", "brand", "-id"], name="statement_list_asks_by_brand"),
        ]
        triggers = [pgtrigger.FSM(name="statement_moves", field="stage", transitions=STATEMENT_LIFECYCLE.pairs())]


class StatementVersion(TenantRow):
    """Exactly what is to be sent to which account, with its digest. Written once; a change is another version."""

    brand_path = "brand_id"
    incident_path = "statement__incident_id"

    brand = TenantKey("tenants.Brand")
    statement = TenantKey(Statement)
    number = models.PositiveIntegerField()
    payload = models.JSONField()
    digest = models.CharField(max_length=64)
    # The facts that fill its slots: {slot: {"fact": id, "value": what the words say}}.
    facts = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    approval = TenantKey("approvals.Approval", null=True)  # the newest request about these words
    author_seat_id = models.UUIDField(null=True)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["statement", "number"], name="a_statement_numbers_its_versions_once"),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="a_versions_words_never_change",
                fields=["statement", "number", "payload", "digest", "facts", "author_seat_id", "written_at"],
            ),
        ]


class Delivery(TenantRow):
    """Which post carries a released statement to which account."""

    brand_path = "brand_id"
    incident_path = "statement__incident_id"

    brand = TenantKey("tenants.Brand")
    statement = TenantKey(Statement)
    version = TenantKey(StatementVersion)
    account = TenantKey("tenants.SocialAccount")
    post = TenantKey("publishing.Post")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["statement", "account"], name="a_statement_goes_to_an_account_once"),
            models.UniqueConstraint(fields=["post"], name="a_post_carries_one_statement"),
        ]
