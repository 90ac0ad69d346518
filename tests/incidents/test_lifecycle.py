"""The stages of incidents, statements, tasks and reviews: one table of moves in Python and in the database."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import ProgrammingError, connection, models, transaction

from core.lifecycle import Lifecycle
from core.wall import inside
from incidents.models import Incident, PostMortem, Statement, Task
from incidents.states import (
    INCIDENT_LIFECYCLE,
    POSTMORTEM_LIFECYCLE,
    STATEMENT_LIFECYCLE,
    TASK_LIFECYCLE,
    PostMortemStage,
    Stage,
    StatementStage,
    TaskStage,
)
from tests.cast import Person
from tests.conftest import North
from tests.incidents.stage import draft

pytestmark = pytest.mark.django_db


def database_accepts(row: models.Model, source: str, target: str) -> bool:
    """Whether the trigger lets a row move, whatever the actions think of it."""
    table = row._meta.db_table
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
            cursor.execute(f'UPDATE "{table}" SET stage = %s WHERE id = %s', [source, row.pk])  # noqa: S608
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
            cursor.execute(f'UPDATE "{table}" SET stage = %s WHERE id = %s', [target, row.pk])  # noqa: S608
            transaction.set_rollback(True)
    except ProgrammingError:
        return False
    return True


def agrees(row: models.Model, stages: type[models.TextChoices], lifecycle: Lifecycle) -> None:
    # Pending checks of deferred keys would keep Postgres from altering the table.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    moves = set(lifecycle.pairs())
    for source, target in product(stages.values, stages.values):
        if source != target:
            assert database_accepts(row, source, target) == ((source, target) in moves), f"{source} -> {target}"


def test_the_database_knows_the_moves_of_an_incident(crisis: Incident) -> None:
    with inside(crisis.agency_id):
        with connection.cursor() as cursor:  # which would speak before the trigger does
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE incidents_incident DROP CONSTRAINT only_a_merged_incident_says_into_which")
        agrees(crisis, Stage, INCIDENT_LIFECYCLE)


def test_the_database_knows_the_moves_of_a_statement(north: North, bo: Person, crisis: Incident) -> None:
    draft(bo, crisis, north)
    with inside(crisis.agency_id):
        agrees(Statement.objects.get(), StatementStage, STATEMENT_LIFECYCLE)


def test_the_database_knows_the_moves_of_a_task(crisis: Incident) -> None:
    with inside(crisis.agency_id):
        agrees(Task.objects.first(), TaskStage, TASK_LIFECYCLE)


def test_the_database_knows_the_moves_of_a_review(crisis: Incident) -> None:
    with inside(crisis.agency_id):
        review = PostMortem(
            brand_id=crisis.brand_id, incident=crisis, drafted_at=crisis.opened_at, due_at=crisis.opened_at
        )
        review.save()
        agrees(review, PostMortemStage, POSTMORTEM_LIFECYCLE)


def test_every_stage_of_an_incident_is_reached_by_a_move() -> None:
    reached = {target for _, target in INCIDENT_LIFECYCLE.pairs()}
    assert reached | {Stage.ASSESSING} == set(Stage)


def test_nothing_leads_out_of_a_closed_merged_or_stood_down_incident() -> None:
    assert {source for source, _ in INCIDENT_LIFECYCLE.pairs()} & {
        Stage.CLOSED,
        Stage.STOOD_DOWN,
        Stage.MERGED,
    } == set()
