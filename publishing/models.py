"""What is to be said in public, each attempt to say it, and the pauses that forbid it."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import pgtrigger
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from publishing.states import (
    ATTEMPT_LIFECYCLE,
    PAUSE_LIFECYCLE,
    POST_LIFECYCLE,
    WAS_OUT,
    AttemptStage,
    HeldReason,
    Lane,
    PauseKind,
    PauseScope,
    PauseStage,
    PostStage,
)


class PauseQuerySet(TenantQuerySet["Pause"]):
    def standing(self) -> PauseQuerySet:
        """Those that forbid something now, whether drained or not."""
        return self.filter(stage__in=[PauseStage.DRAINING, PauseStage.EFFECTIVE])

    def over(self, *, brand_id: UUID | None, account_id: UUID | None) -> PauseQuerySet:
        """Those whose scope holds this account of this brand; None asks for the wider scopes only."""
        return self.filter(
            Q(scope=PauseScope.AGENCY)
            | Q(scope=PauseScope.BRAND, scope_id=brand_id)
            | Q(scope=PauseScope.ACCOUNT, scope_id=account_id)
        )


class Pause(TenantRow):
    """While it stands, no scheduled post in its scope is sent. Pauses overlap as a set; each is lifted by itself.

    `epoch` numbers the agency's pauses in the order in which they were started.
    """

    brand_path = "brand_id"

    scope = models.CharField(max_length=8, choices=PauseScope.choices)
    scope_id = models.UUIDField()
    brand = TenantKey("tenants.Brand", null=True)  # null: the whole agency
    account = TenantKey("tenants.SocialAccount", null=True)
    incident = TenantKey("incidents.Incident", null=True)
    kind = models.CharField(max_length=8, choices=PauseKind.choices)
    reason = models.CharField(max_length=500)
    allow_statements = models.BooleanField(default=False)
    epoch = models.PositiveBigIntegerField()
    stage = models.CharField(max_length=9, choices=PauseStage.choices, default=PauseStage.DRAINING)
    started_by_seat_id = models.UUIDField(null=True)  # null: a rule or the operator
    started_by_side = models.CharField(max_length=6, default="", blank=True)
    started_at = models.DateTimeField()
    effective_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lift_reason = models.CharField(max_length=500, default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(PauseQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agency", "epoch"], name="an_agency_numbers_its_pauses_once"),
            models.CheckConstraint(
                name="a_pause_names_what_its_scope_says",
                condition=Q(scope=PauseScope.AGENCY, brand=None, account=None)
                | Q(scope=PauseScope.BRAND, brand=models.F("scope_id"), account=None)
                | Q(scope=PauseScope.ACCOUNT, brand__isnull=False, account=models.F("scope_id")),
            ),
            models.CheckConstraint(
                name="a_lifted_pause_says_when",
                condition=Q(stage=PauseStage.LIFTED, lifted_at__isnull=False)
                | (~Q(stage=PauseStage.LIFTED) & Q(lifted_at=None)),
            ),
            models.CheckConstraint(
                name="an_effective_pause_says_since_when",
                condition=~Q(stage=PauseStage.EFFECTIVE) | Q(effective_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["agency", "scope", "scope_id"],
                condition=Q(stage__in=["DRAINING", "EFFECTIVE"]),
                name="gate_asks_what_pauses_stand",
            ),
            models.Index(fields=["agency", "brand", "-id"], name="pause_list_asks_by_brand"),
        ]
        triggers = [pgtrigger.FSM(name="pause_moves", field="stage", transitions=PAUSE_LIFECYCLE.pairs())]

    @property
    def standing(self) -> bool:
        return self.stage != PauseStage.LIFTED

    @property
    def effective(self) -> bool:
        """Nothing covered can start, and nothing is in flight."""
        return self.stage == PauseStage.EFFECTIVE

    @property
    def lanes(self) -> list[str]:
        """The lanes that it closes."""
        return [Lane.ROUTINE.value] if self.allow_statements else [Lane.ROUTINE.value, Lane.STATEMENT.value]


class PostQuerySet(TenantQuerySet["Post"]):
    def under(self, pause: Pause) -> PostQuerySet:
        """Those that this pause forbids while it stands."""
        rows = self.filter(lane__in=pause.lanes)
        if pause.scope == PauseScope.BRAND:
            return rows.filter(brand_id=pause.scope_id)
        return rows.filter(account_id=pause.scope_id) if pause.scope == PauseScope.ACCOUNT else rows


class Post(TenantRow):
    """One text for one account. What goes out is bound by `digest`; whoever decided last that it goes out answers.

    With an approval, `digest` is that of the approved payload; without one, of this delivery alone. A text that was
    taken down stays here as evidence.
    """

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    account = TenantKey("tenants.SocialAccount")
    text = models.TextField()
    media = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField())
    )  # [{"sha256", "type", "alt"}]
    lane = models.CharField(max_length=9, choices=Lane.choices, default=Lane.ROUTINE)
    scheduled_at = models.DateTimeField()
    stage = models.CharField(max_length=15, choices=PostStage.choices, default=PostStage.SCHEDULED)
    held_reason = models.CharField(max_length=20, choices=HeldReason.choices, default="", blank=True)
    trouble = models.CharField(max_length=120, default="", blank=True)  # why it failed or nobody knows; a short word
    digest = models.CharField(max_length=64)
    # The facts of the library that the text rests on: {slot: {"fact": id, "value": what the text says}}.
    facts = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    approval = TenantKey("approvals.Approval", null=True)
    incident = TenantKey("incidents.Incident", null=True)
    author_seat_id = models.UUIDField()
    author_key_id = models.UUIDField(null=True)  # the API key by which they decided it; null: they did it themselves
    import_id = models.UUIDField(null=True)
    external_id = models.CharField(max_length=120, default="", blank=True)
    url = models.CharField(max_length=500, default="", blank=True)
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    taken_down_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(PostQuerySet)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="a_held_post_says_why",
                condition=(Q(stage=PostStage.HELD) & ~Q(held_reason=""))
                | (~Q(stage=PostStage.HELD) & Q(held_reason="")),
            ),
            models.CheckConstraint(
                name="a_post_that_was_out_says_when",
                condition=~Q(stage__in=WAS_OUT) | Q(published_at__isnull=False),
            ),
            models.CheckConstraint(name="a_post_says_something", condition=~Q(text="")),
        ]
        indexes = [
            models.Index(fields=["agency", "brand", "-id"], name="post_list_asks_by_brand"),
            models.Index(fields=["agency", "stage", "-id"], name="post_list_asks_by_stage"),
            models.Index(fields=["agency", "incident"], name="incident_asks_for_its_posts"),
            # The next three are small: few posts are due, in flight or held at any time.
            models.Index(
                fields=["agency", "scheduled_at"],
                condition=Q(stage="SCHEDULED"),
                name="lift_asks_what_came_due",
            ),
            models.Index(
                fields=["agency", "brand"],
                condition=Q(stage__in=["SENDING", "UNKNOWN"]),
                name="pause_asks_what_is_in_flight",
            ),
            models.Index(
                fields=["agency", "author_seat_id"],
                condition=Q(stage="SCHEDULED"),
                name="goodbye_asks_for_posts",
            ),
        ]
        triggers = [pgtrigger.FSM(name="post_moves", field="stage", transitions=POST_LIFECYCLE.pairs())]


class Attempt(TenantRow):
    """One call to a network, committed before it is made. `epoch` is that of the agency's newest pause at the time.

    `fence_held` says whether the pause lock was still held when the outcome was written: without it, the call may have
    overlapped with a pause that was told to be effective.
    """

    brand_path = "post__brand_id"
    incident_path = "post__incident_id"

    post = TenantKey(Post)
    account = TenantKey("tenants.SocialAccount")
    stage = models.CharField(max_length=9, choices=AttemptStage.choices, default=AttemptStage.SENDING)
    reason = models.CharField(max_length=120, default="", blank=True)
    idempotency_key = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    epoch = models.PositiveBigIntegerField()
    fence_held = models.BooleanField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["post"],
                condition=Q(stage__in=["SENDING", "UNKNOWN"]),
                name="a_post_is_attempted_once_at_a_time",
            ),
            models.UniqueConstraint(fields=["agency", "idempotency_key"], name="a_network_hears_a_key_once"),
        ]
        triggers = [pgtrigger.FSM(name="attempt_moves", field="stage", transitions=ATTEMPT_LIFECYCLE.pairs())]
