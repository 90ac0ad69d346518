"""Every column that names a seat is answered for by a line of the goodbye, or stands here with the reason why not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models

from core.wall import TenantKey
from core.walls import walled_models
from permissions.revocation import LINES, Line, handing_over, human_line, line
from tenants.models import Seat

HISTORY = "says who did something; nothing is reached through it"
EXEMPT = {
    "alerting.HandOver.from_seat": "the page that they held climbs again, and what they offered ends with that",
    "approvals.AskedStep.deputy_seat_ids": "whether a deputy is in office is asked when they decide",
    "approvals.Comment.author_seat": HISTORY,
    "approvals.DecisionLink.created_by_id": HISTORY,
    "incidents.Improvement.decided_by_id": HISTORY,
    "incidents.IncidentFile.author_seat_id": HISTORY,
    "incidents.IncidentLink.author_seat_id": HISTORY,
    "incidents.Note.author_seat_id": HISTORY,
    "incidents.PostMortem.waived_by_id": HISTORY,
    "incidents.StatementVersion.author_seat_id": "authorship remains; the release gate asks who answers for the post",
    "listening.ContagionWarning.seat": "whether they may see all of it is asked again when the letter is posted",
    "listening.MoodCorrection.seat": HISTORY,
    "listening.Verdict.seat": "counts only while its person may review: asked again when verdicts are counted",
    "permissions.AccessReview.opened_by_id": "anybody with the need decides in a review, and its deadline closes it",
    "permissions.DenyRule.seat": "keeps somebody out; it gives nothing",
    "permissions.Grant.sponsor_id": "what was granted on their word was within their rights then; reviews ask again",
    "permissions.ReviewItem.decided_by_id": HISTORY,
    "permissions.Revocation.seat": "the goodbye itself",
    "permissions.Revocation.successor": "asked again when the time has come: a successor who is gone blocks the plan",
    "permissions.RevocationTask.done_by_id": HISTORY,
    "readiness.ContactChannel.proved_by_id": HISTORY,
    "readiness.FactRevision.author_seat_id": HISTORY,
    "readiness.FactRevision.owner": HISTORY,
    "readiness.Drill.author": HISTORY,
    "readiness.Image.author": HISTORY,
    "readiness.PlanDraft.author_seat_id": "authorship remains; anybody with the need goes on with the draft",
    "readiness.PlanTemplateVersion.publisher": HISTORY,
    "readiness.PolicyVersion.publisher": HISTORY,
    "publishing.Pause.started_by_seat_id": "a pause protects the brand; whoever may lift it, lifts it",
    "readiness.Message.author": "authorship remains; what was agreed upon lives by those who agreed",
    "readiness.PlanVersion.publisher": HISTORY,
    "tenants.DirectoryGroup.mapped_by_id": "the mapper's own rights were asked for when it was mapped",
    "tenants.SecurityEvent.seat": "what was told about them",
}


def columns_that_name_seats() -> Iterator[str]:
    for model in walled_models():
        for column in model._meta.concrete_fields:
            if isinstance(column, TenantKey):
                names = column.related_model is Seat
            else:
                plain = isinstance(column, models.UUIDField)
                many = isinstance(column, ArrayField) and isinstance(column.base_field, models.UUIDField)
                words = column.name.split("_")
                names = (plain and ("seat" in words or "by" in words or "sponsor" in words)) or (
                    many and ("seat" in words or "members" in words)
                )
            if names:
                yield f"{model._meta.label}.{column.name}"


def test_every_column_that_names_a_seat_has_a_line_or_a_reason() -> None:
    covered = {column for found in LINES.values() for column in found.covers}
    named = set(columns_that_name_seats())
    assert named - covered - set(EXEMPT) == set(), "nobody answers for these when their person goes"
    assert covered & set(EXEMPT) == set()
    assert len(named) > 25


def test_what_lines_cover_and_what_is_exempt_exists() -> None:
    covered = {column for found in LINES.values() for column in found.covers}
    known = {f"{model._meta.label}.{c.name}" for model in walled_models() for c in model._meta.concrete_fields}
    assert covered | set(EXEMPT) <= known
    assert all(apps.get_model(*name.split(".")[:2]) for name in covered)


def test_a_line_is_undone_and_probed_or_worked_off_by_people() -> None:
    for found in LINES.values():
        by_itself = found.undo is not None and found.left is not None
        by_people = found.todos is not None and found.undo is None and found.left is None
        assert by_itself != by_people, found.name
        assert found.tries is None or by_itself, found.name


def test_a_line_without_a_probe_cannot_be_registered() -> None:
    with pytest.raises(TypeError, match="left"):
        line("hats")  # type: ignore[call-arg]
    assert "hats" not in LINES


def test_a_line_is_registered_once_and_only_lines_hand_over() -> None:
    with pytest.raises(ValueError, match="twice"):
        human_line("shared log-ins")(lambda _seat, _at: [])
    with pytest.raises(KeyError):
        handing_over("hats")
    assert isinstance(LINES["shared log-ins"], Line)
