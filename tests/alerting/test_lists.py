"""A list costs the same number of queries however long it is."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.alerting.scene import page_in, reach, rota_of
from tests.cast import Person
from tests.conftest import North

pytestmark = pytest.mark.django_db


def queries_of(person: Person, path: str, items: int) -> int:
    with CaptureQueriesContext(connection) as asked:
        answer = person.get(path)
    assert len(answer.body["items"]) == items, answer.body
    return len(asked)


def test_the_lists_of_alerting_ask_as_often_for_many_as_for_one(north: North, lea: Person, now: datetime) -> None:
    counts: list[list[int]] = []
    for number in (1, 2, 3):
        page_in(north.agency.pk, brand_id=north.aurora.pk)
        rota_of(lea, at=now, name=f"Rota {number}")
        reach(lea, "email", f"lea{number}@north.example", at=now)
        counts.append([queries_of(lea, path, number) for path in ("pages", "rotas", "contact-methods")])
    assert counts[0] == counts[1] == counts[2]
