"""Requests that were open when steps came to be asked at once."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from approvals.models import AskedStep
from tenants.models import Agency
from tests.approvals.conftest import Asking, say, steps_of
from tests.cast import Person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
UPGRADE = import_module("approvals.migrations.0005_open_requests_know_their_step")


def test_each_open_request_learns_which_step_is_asked(
    north: North, south: Agency, lea: Person, cy: Person, ask: Asking
) -> None:
    first, second, over = ask(), ask(), ask()
    say(lea, "approve", second)
    say(lea, "reject", over)
    with walled(north.agency):
        AskedStep.objects.all().delete()
    assert say(lea, "approve", first).code == "not_an_approver"
    with connection.schema_editor() as editor:
        UPGRADE.open_the_step_that_is_asked(apps, editor)
        UPGRADE.open_the_step_that_is_asked(apps, editor)
    assert {place: (row.roles, row.closed_at) for place, row in steps_of(first).items()} == {0: (["crisis_lead"], None)}
    assert {place: row.roles for place, row in steps_of(second).items()} == {1: ["client_approver"]}
    assert steps_of(over) == {}
    assert say(lea, "approve", first).status == 200
    assert say(cy, "approve", second).body["stage"] == "GRANTED"
