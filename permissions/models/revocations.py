"""Goodbyes: what was asked, what each line of the checklist found, and what a person still has to do."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantRow
from permissions.states import REVOCATION_LIFECYCLE, Finding, RevocationStage

# Whatever the program believes: complete is what has lines, all of them confirmed, and no task left.
REFUSE_COMPLETE = """
IF NOT EXISTS (SELECT 1 FROM permissions_revocationline WHERE revocation_id = NEW.id)
   OR EXISTS (SELECT 1 FROM permissions_revocationline WHERE revocation_id = NEW.id AND finding <> 'confirmed')
   OR EXISTS (SELECT 1 FROM permissions_revocationtask WHERE revocation_id = NEW.id AND done_at IS NULL)
THEN RAISE EXCEPTION 'A goodbye is complete when each of its lines is confirmed.' USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


class Revocation(TenantRow):
    """The end of one seat: planned for an instant or done at once, then verified line by line until complete."""

    seat = TenantKey("tenants.Seat")
    reason = models.CharField(max_length=20)
    successor = TenantKey("tenants.Seat", null=True)  # who takes over; a move must name one
    stage = models.CharField(max_length=9, choices=RevocationStage.choices)
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=60)  # an actor, as the ledger writes it
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)  # the commit that ended the seat
    completed_at = models.DateTimeField(null=True)
    report_sha256 = models.CharField(max_length=64, default="", blank=True)
    checks = models.PositiveIntegerField(default=0, db_default=0)  # how often its lines were asked since it last stood
    alarmed_at = models.DateTimeField(null=True)  # when people were told that it does not get on
    # Why a planned goodbye could not be carried out: the code of the refusal.
    problem = models.CharField(max_length=40, default="", db_default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seat"], condition=Q(stage="SCHEDULED"), name="a_seat_has_one_planned_goodbye"
            ),
            models.CheckConstraint(
                name="a_complete_goodbye_says_when",
                condition=~Q(stage="COMPLETE") | Q(done_at__isnull=False, completed_at__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.FSM(name="revocation_moves", field="stage", transitions=REVOCATION_LIFECYCLE.pairs()),
            pgtrigger.Trigger(
                name="only_the_confirmed_is_complete",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__stage="COMPLETE"),
                func=REFUSE_COMPLETE,
            ),
        ]


class RevocationLine(TenantRow):
    """One line of the checklist: how much it ended, how much its probe still found, and what that comes to."""

    revocation = TenantKey(Revocation)
    name = models.CharField(max_length=60)
    ended = models.PositiveIntegerField(default=0)
    handed_over = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)
    finding = models.CharField(max_length=11, choices=Finding.choices, default=Finding.UNCONFIRMED)
    detail = models.CharField(max_length=500, default="", blank=True)
    checked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["revocation", "name"], name="a_goodbye_has_a_line_once"),
        ]


class RevocationTask(TenantRow):
    """What only a person can do about a goodbye, with a deadline: change a shared password, leave a page's admins."""

    revocation = TenantKey(Revocation)
    line = models.CharField(max_length=60)
    title = models.CharField(max_length=300)
    owner = TenantKey("tenants.Seat", null=True)  # who has to see to it; null: any owner of the agency
    due_at = models.DateTimeField()
    overdue_at = models.DateTimeField(null=True)  # when people were told that it is late
    done_at = models.DateTimeField(null=True)
    done_by_id = models.UUIDField(null=True)  # a seat
    note = models.CharField(max_length=500, default="", blank=True)
    version = models.PositiveIntegerField(default=1)
