"""What was learned: the review of an incident, its parts, and the changes that come of it."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from core.wall import TenantKey, TenantManager, TenantQuerySet, TenantRow
from incidents.models.incident import Incident
from incidents.states import (
    IMPROVEMENT_LIFECYCLE,
    POSTMORTEM_LIFECYCLE,
    SECTION_LIFECYCLE,
    ImprovementKind,
    ImprovementStage,
    PostMortemStage,
    SectionStage,
    Side,
)

MOST_POINTS = 5  # of a question that is rated


class PostMortem(TenantRow):
    """The review of one incident: the events that it looks at, its figures, and when it is to be done.

    `numbers` are written when it opens and again when it is released; from then on they stay. `ratings` are what
    people's answers came to when it was released.
    """

    brand_path = "brand_id"
    incident_path = "incident_id"

    brand = TenantKey("tenants.Brand")
    incident = TenantKey(Incident)
    stage = models.CharField(max_length=8, choices=PostMortemStage.choices, default=PostMortemStage.DRAFT)
    timeline = models.JSONField(default=list)  # ids of the incident's events, oldest first
    owner = TenantKey("tenants.Seat", null=True)  # who sees to it that it gets done
    drafted_at = models.DateTimeField()
    due_at = models.DateTimeField()
    overdue_at = models.DateTimeField(null=True)  # when it was found to be late
    reminders = models.PositiveSmallIntegerField(default=0)  # rounds of letters
    numbers = models.JSONField(null=True)
    numbers_at = models.DateTimeField(null=True)
    ratings = models.JSONField(null=True)
    released_at = models.DateTimeField(null=True)
    waived_at = models.DateTimeField(null=True)  # somebody said by name that there will be none
    waived_by_id = models.UUIDField(null=True)  # a seat
    waived_because = models.CharField(max_length=500, default="", db_default="", blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident"], name="an_incident_has_one_postmortem")]
        indexes = [models.Index(fields=["agency", "owner"], name="goodbye_asks_for_reviews")]
        triggers = [pgtrigger.FSM(name="postmortem_moves", field="stage", transitions=POSTMORTEM_LIFECYCLE.pairs())]


class ReviewSection(TenantRow):
    """One part of a review, and who is asked to write it.

    The client's parts are the client's alone until they are handed in; the agency's are hidden from the client until
    the review is released.
    """

    brand_path = "brand_id"
    incident_path = "postmortem__incident_id"

    brand = TenantKey("tenants.Brand")
    postmortem = TenantKey(PostMortem)
    name = models.CharField(max_length=80)  # a department of the plan, or a general part of every review
    side = models.CharField(max_length=6, choices=Side.choices)
    position = models.PositiveSmallIntegerField()
    asked = TenantKey("tenants.Seat", null=True)
    stage = models.CharField(max_length=11, choices=SectionStage.choices, default=SectionStage.ASKED)
    text = models.TextField(max_length=20_000, default="", blank=True)
    author_id = models.UUIDField(null=True)  # the seat that wrote last
    contributed_at = models.DateTimeField(null=True)  # when it was handed in, or said that there is nothing to say
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["postmortem", "side", "name"], name="a_review_has_a_section_once"),
            models.CheckConstraint(
                name="who_has_nothing_to_say_says_nothing", condition=~Q(stage="NONE_TO_SAY") | Q(text="")
            ),
        ]
        indexes = [models.Index(fields=["agency", "asked"], name="goodbye_asks_for_sections")]
        triggers = [pgtrigger.FSM(name="section_moves", field="stage", transitions=SECTION_LIFECYCLE.pairs())]


class ReviewParticipant(TenantRow):
    """Somebody who is asked for a review: to rate the crisis where they took part in it, and to be reminded.

    What one person answered is for that person alone; nothing else tells even who has answered.
    """

    brand_path = "brand_id"
    incident_path = "postmortem__incident_id"

    brand = TenantKey("tenants.Brand")
    postmortem = TenantKey(PostMortem)
    seat = TenantKey("tenants.Seat")
    side = models.CharField(max_length=6, choices=Side.choices)
    took_part = models.BooleanField()  # else only a section is asked of them
    asked_at = models.DateTimeField()
    reminders = models.PositiveSmallIntegerField(default=0)
    scores = models.JSONField(default=dict)  # question -> 1 to 5
    words = models.TextField(max_length=2_000, default="", blank=True)
    answered_at = models.DateTimeField(null=True)
    excused_at = models.DateTimeField(null=True)  # they went before they had answered
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["postmortem", "seat"], name="a_review_asks_a_person_once"),
        ]
        indexes = [models.Index(fields=["agency", "seat"], name="goodbye_asks_for_participants")]


class ImprovementQuerySet(TenantQuerySet["Improvement"]):
    def unsettled(self) -> ImprovementQuerySet:
        """Those that somebody still has to do something about."""
        return self.filter(stage__in=[ImprovementStage.PROPOSED, ImprovementStage.ACCEPTED])


class Improvement(TenantRow):
    """A change that a review proposes: what, why, who sees to it, and by when.

    `proposal` has the shape of its kind (`incidents.proposals`). `made_id` is what accepting it has made: the draft of
    a plan, a message of the library, or the policy in whose draft it stands.
    """

    brand_path = "brand_id"
    incident_path = "postmortem__incident_id"

    brand = TenantKey("tenants.Brand")
    postmortem = TenantKey(PostMortem)
    kind = models.CharField(max_length=9, choices=ImprovementKind.choices)
    title = models.CharField(max_length=200)
    reason = models.TextField(max_length=2_000, default="", blank=True)
    target_id = models.UUIDField(null=True)  # the plan, the policy; None where the kind needs none
    proposal = models.JSONField(default=dict)
    made_id = models.UUIDField(null=True)
    owner = TenantKey("tenants.Seat", null=True)
    due_on = models.DateField(null=True)
    overdue_at = models.DateTimeField(null=True)
    stage = models.CharField(max_length=8, choices=ImprovementStage.choices, default=ImprovementStage.PROPOSED)
    author_id = models.UUIDField(null=True)  # a seat
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.UUIDField(null=True)  # a seat
    decided_because = models.CharField(max_length=500, default="", blank=True)
    done_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[TenantManager[Any]] = TenantManager.of(ImprovementQuerySet)

    class Meta:
        indexes = [
            models.Index(fields=["agency", "owner"], name="goodbye_asks_for_improvements"),
            models.Index(fields=["agency", "brand", "-id"], name="improvements_ask_by_brand"),
            models.Index(fields=["postmortem", "id"], name="a_review_asks_its_changes"),
            models.Index(
                fields=["agency", "made_id"],
                condition=Q(stage="ACCEPTED"),
                name="news_asks_for_improvements",
            ),
        ]
        triggers = [pgtrigger.FSM(name="improvement_moves", field="stage", transitions=IMPROVEMENT_LIFECYCLE.pairs())]
