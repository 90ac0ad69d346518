"""A request that several people agree to one exact text, and what each of them said."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from approvals.counting import BYPASS_WITHIN
from approvals.states import APPROVAL_LIFECYCLE, ApprovalStage, Verdict
from core.sealed import SealedTextField
from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from tenants.models import Brand, Seat


class ApprovalQuerySet(TenantQuerySet["Approval"]):
    def live(self) -> ApprovalQuerySet:
        """Those that wait for voices, or that are granted and not yet used."""
        return self.filter(stage__in=[ApprovalStage.PENDING, ApprovalStage.GRANTED])

    def about(self, kind: str, thing_id: UUID) -> ApprovalQuerySet:
        return self.filter(about_kind=kind, about_id=thing_id)


class Approval(TenantRow):
    """Do these people agree to exactly this payload? What is asked never changes; another text is another request.

    `stages` is the frozen process (`approvals.process.Step`). Which of its steps are asked now is told by the rows of
    `AskedStep` that are not closed; `stage_index` is the first of their places, and the number of steps when all are
    complete. `digest` binds the payload. A granted approval is good for one use, until it expires.
    """

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey(Brand)
    about_kind = models.CharField(max_length=60)  # what the text belongs to, e.g. "incidents.statement_version"
    about_id = models.UUIDField()
    incident_id = models.UUIDField(null=True)  # whose timeline tells of it; a plain id, for incidents lie above
    payload = models.JSONField()
    digest = models.CharField(max_length=64)
    stages = models.JSONField()
    stage_index = models.PositiveSmallIntegerField(default=0)
    stage = models.CharField(max_length=17, choices=ApprovalStage.choices, default=ApprovalStage.PENDING)
    author_seat_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    # Whoever decides has proved shortly before who they are; set by whoever asks, who knows how grave the matter is.
    needs_step_up = models.BooleanField(default=False, db_default=False)
    # How grave the matter is, 1 the worst: who is woken at a deadline, and whether two people may bypass the process.
    severity = models.PositiveSmallIntegerField(null=True)
    carries_from = TenantKey("self", null=True)  # the request whose voices were taken over where nothing changed
    requested_at = models.DateTimeField()
    granted_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    bypassed_at = models.DateTimeField(null=True)  # granted by two people in place of the process (`Bypass`)
    spent_at = models.DateTimeField(null=True)
    spent_on = models.UUIDField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(ApprovalQuerySet)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["agency", "about_kind", "about_id"],
                condition=Q(stage__in=["PENDING", "GRANTED"]),
                name="a_thing_has_one_live_approval",
            ),
            models.CheckConstraint(
                name="a_granted_approval_says_when",
                condition=~Q(stage__in=["GRANTED", "SPENT"]) | Q(granted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="a_spent_approval_says_when_and_on_what",
                condition=Q(stage="SPENT", spent_at__isnull=False, spent_on__isnull=False)
                | (~Q(stage="SPENT") & Q(spent_at=None, spent_on=None)),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "brand", "stage", "-id"], name="inbox_asks_brand_and_stage"),
            models.Index(fields=["agency", "about_id"], name="history_asks_about_what"),
        ]
        triggers = [
            pgtrigger.FSM(name="approval_moves", field="stage", transitions=APPROVAL_LIFECYCLE.pairs()),
            pgtrigger.ReadOnly(
                name="what_was_asked_never_changes",
                fields=[
                    "agency", "brand", "about_kind", "about_id", "payload", "digest", "stages", "author_seat_ids",
                    "expires_at", "needs_step_up", "severity", "carries_from",
                ],
            ),
        ]  # fmt: skip

    def expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at


class DecisionLink(TenantRow):
    """One person's way to one decision: sent by e-mail, short, good once, and only for the text it was made for."""

    brand_path = "approval__brand_id"
    incident_path = "approval__incident_id"

    approval = TenantKey(Approval)
    seat = TenantKey(Seat)
    digest = models.CharField(max_length=64)
    secret_sha256 = models.CharField(max_length=64)
    token_to_send = SealedTextField(null=True)  # until the e-mail is out
    created_at = models.DateTimeField()
    created_by_id = models.UUIDField(null=True)  # a seat
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["agency", "seat"], name="goodbye_asks_for_links")]

    def over(self, at: datetime) -> bool:
        return self.used_at is not None or self.voided_at is not None or self.expires_at <= at


class AskedStep(TenantRow):
    """One step of an approval, from when its voices were asked for until it has them or the approval has ended.

    `roles` and `deputy_seat_ids` say whose voices are wanted: the holders of the step's role and hats, and after a
    deputising deadline the deputies, too.
    """

    brand_path = "approval__brand_id"
    incident_path = "approval__incident_id"

    approval = TenantKey(Approval, related_name="asked_steps")
    place = models.PositiveSmallIntegerField()
    roles = ArrayField(models.CharField(max_length=40))
    deputy_seat_ids = ArrayField(models.UUIDField(), default=list)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)  # when its deadline was dealt with
    deputised_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["approval", "place"], name="a_step_is_asked_once")]
        indexes = [
            models.Index(fields=["agency", "approval"], condition=Q(closed_at=None), name="inbox_asks_for_open_steps")
        ]


class Delegation(TenantRow):
    """For a while, `deputy` may speak for `seat` in approvals: of one brand, or of all of them.

    It gives a voice and nothing else: what the deputy may see and do is theirs already.
    """

    seat = TenantKey(Seat)
    deputy = TenantKey(Seat)
    brand = TenantKey(Brand, null=True)
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # taken back before its time
    ended_reason = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="a_delegation_ends_after_it_starts", condition=Q(ends_at__gt=F("starts_at")))
        ]
        indexes = [
            models.Index(
                fields=["agency", "deputy"], condition=Q(ended_at=None), name="inbox_asks_who_speaks_for_whom"
            ),
            models.Index(fields=["agency", "seat"], condition=Q(ended_at=None), name="goodbye_asks_for_delegations"),
        ]

    def holds(self, at: datetime) -> bool:
        return self.ended_at is None and self.starts_at <= at < self.ends_at


class Decision(TenantRow):
    """What one person said, once, about exactly the text with this digest. Never changed, never taken away."""

    brand_path = "approval__brand_id"
    incident_path = "approval__incident_id"

    approval = TenantKey(Approval)
    stage_index = models.PositiveSmallIntegerField()
    seat = TenantKey(Seat)
    # The human behind the seat: whoever comes back in a new seat is still the same person.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    digest = models.CharField(max_length=64)
    comment = models.CharField(max_length=2000, default="", blank=True)
    at = models.DateTimeField()
    # Those of the step's roles that the voice stands for: held by the person then, or by whom they spoke for.
    hats = ArrayField(models.CharField(max_length=40), default=list, db_default=[])
    on_behalf_of = TenantKey(Seat, null=True)
    delegation = TenantKey(Delegation, null=True)
    as_deputy = models.BooleanField(default=False, db_default=False)  # named for after the step's deadline
    carried_from = TenantKey("self", null=True)  # what the person said themselves, of an earlier request

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["approval", "seat"], name="a_seat_decides_once"),
            models.UniqueConstraint(fields=["approval", "person"], name="a_person_decides_once"),
            models.UniqueConstraint(fields=["approval", "on_behalf_of"], name="a_seat_is_spoken_for_once"),
        ]
        indexes = [models.Index(fields=["agency", "seat"], name="goodbye_asks_who_decided_what")]
        triggers = [
            pgtrigger.Protect(name="decisions_are_never_changed", operation=pgtrigger.Update | pgtrigger.Delete),
        ]


class Comment(TenantRow):
    """A word in the thread beside an approval; the client reads those that are shared. Never changed."""

    brand_path = "approval__brand_id"
    incident_path = "approval__incident_id"

    approval = TenantKey(Approval)
    author_seat = TenantKey(Seat)
    text = models.CharField(max_length=4000)
    shared_with_client = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["agency", "approval", "id"], name="thread_asks_in_order")]
        triggers = [
            pgtrigger.Protect(name="comments_are_never_changed", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    # Where the ledger tells of it: the client reads the incident's timeline, and not even that staff have talked.
    @property
    def brand_id(self) -> UUID:
        return UUID(str(self.approval.brand_id))

    @property
    def incident_id(self) -> UUID | None:
        return self.approval.incident_id if self.shared_with_client else None


class Bypass(TenantRow):
    """Two people take it upon themselves, within minutes, that words go out which the process has not agreed to."""

    brand_path = "approval__brand_id"
    incident_path = "approval__incident_id"

    approval = TenantKey(Approval)
    digest = models.CharField(max_length=64)
    first_seat = TenantKey(Seat)
    first_person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    first_reason = models.CharField(max_length=500)
    first_at = models.DateTimeField()
    second_seat = TenantKey(Seat, null=True)
    second_person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    second_reason = models.CharField(max_length=500, default="", blank=True)
    second_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["approval"], condition=Q(second_at__isnull=False), name="an_approval_is_bypassed_once"
            ),
            models.CheckConstraint(
                name="a_bypass_takes_two_people_within_minutes",
                condition=Q(second_at=None, second_seat=None, second_person=None)
                | (
                    Q(second_at__isnull=False, second_seat__isnull=False, second_person__isnull=False)
                    & ~Q(second_person=F("first_person"))
                    & Q(second_at__gte=F("first_at"), second_at__lte=F("first_at") + BYPASS_WITHIN)
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["agency", "first_seat"], name="goodbye_asks_who_began"),
            models.Index(fields=["agency", "second_seat"], name="goodbye_asks_who_joined"),
        ]
        triggers = [
            pgtrigger.Protect(name="bypasses_are_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="a_bypass_is_completed_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__second_at__isnull=False),
            ),
            pgtrigger.ReadOnly(
                name="who_began_a_bypass_never_changes",
                fields=["agency", "approval", "digest", "first_seat", "first_person", "first_reason", "first_at"],
            ),
        ]
