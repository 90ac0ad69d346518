"""The same request twice has one effect and one answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory

from core.http.idempotency import (
    BadIdempotencyKey,
    InFlight,
    KeyedRequest,
    KeyReused,
    begin,
    digest_of,
    finish,
    key_of,
    purge,
    replayed,
)
from core.models import IdempotentAnswer
from core.wall import inside
from tests.conftest import North

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ASKED = KeyedRequest(
    agency_id=None,
    principal="seat:1",
    method="POST",
    route="/v1/agencies/north/posts/1/publish",
    key="abc",
    body_sha256=digest_of({"a": 1}),
)


def answer(request: KeyedRequest, *, status: int = 201) -> None:
    assert begin(request) is None
    finish(request, status=status, headers={"Location": "/v1/x"}, body={"id": UUID(int=7)}, at=NOW)


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_the_second_request_gets_the_first_answer_marked_as_such(self) -> None:
        answer(ASKED)
        stored = begin(ASKED)
        assert stored is not None
        again = replayed(stored)
        assert (again.status_code, again.data) == (201, {"id": str(UUID(int=7))})
        assert (again["Location"], again["Idempotent-Replayed"]) == ("/v1/x", "true")

    def test_an_answer_without_a_body_is_given_again_without_one(self) -> None:
        finish(ASKED, status=204, headers={}, body=None, at=NOW)
        stored = begin(ASKED)
        assert stored is not None
        assert (stored.status, stored.body) == (204, None)

    def test_another_body_under_the_same_key_is_refused(self) -> None:
        answer(ASKED)
        with pytest.raises(KeyReused) as refusal:
            begin(replace(ASKED, body_sha256=digest_of({"a": 2})))
        assert refusal.value.status == 422

    @pytest.mark.parametrize(
        "other",
        [
            replace(ASKED, principal="seat:2"),
            replace(ASKED, method="DELETE"),
            replace(ASKED, route="/v1/agencies/north/posts/2/publish"),
            replace(ASKED, key="abd"),
        ],
    )
    def test_another_caller_thing_or_key_is_another_request(self, other: KeyedRequest) -> None:
        answer(ASKED)
        answer(other)
        assert IdempotentAnswer.objects.count() == 2

    @pytest.mark.parametrize("status", [302, 400, 409, 422, 500, 503])
    def test_only_success_is_kept(self, status: int) -> None:
        answer(ASKED, status=status)
        assert begin(ASKED) is None
        assert not IdempotentAnswer.objects.exists()

    def test_a_request_that_fails_leaves_the_key_free(self) -> None:
        with transaction.atomic():
            answer(ASKED)
            transaction.set_rollback(True)
        assert begin(ASKED) is None

    def test_the_table_itself_keeps_one_answer_for_a_key_of_no_agency(self) -> None:
        answer(ASKED)
        with pytest.raises(IntegrityError, match="a_key_has_one_answer"), transaction.atomic():
            finish(ASKED, status=201, headers={}, body={}, at=NOW)

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "ä", "\x7f", "\x00"])
    def test_a_key_that_is_not_short_plain_text_is_refused(self, key: str) -> None:
        with pytest.raises(BadIdempotencyKey) as refusal:
            begin(replace(ASKED, key=key))
        assert refusal.value.status == 400
        with pytest.raises(BadIdempotencyKey):
            key_of(RequestFactory().post("/", headers={"Idempotency-Key": key}))

    def test_the_key_is_read_from_its_header(self) -> None:
        assert key_of(RequestFactory().post("/", headers={"Idempotency-Key": "x" * 255})) == "x" * 255
        assert key_of(RequestFactory().post("/")) is None

    def test_the_digest_ignores_how_json_is_written_and_nothing_else(self) -> None:
        assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
        different = [{"a": 1}, {"a": "1"}, {"a": [1]}, {"a": None}, {}, b'{"a": 1}', b'{"a":1} ']
        assert len({digest_of(body) for body in different}) == len(different)


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    @pytest.fixture
    def first(self) -> Iterator[tuple[Event, Thread]]:
        """Another connection that holds the key until it is told to finish."""
        begun, may_finish = Event(), Event()

        def work() -> None:
            try:
                with transaction.atomic():
                    assert begin(ASKED) is None
                    begun.set()
                    assert may_finish.wait(10)
                    finish(ASKED, status=201, headers={}, body={"by": "the first"}, at=NOW)
            finally:
                connection.close()

        thread = Thread(target=work)
        thread.start()
        assert begun.wait(10)
        yield may_finish, thread
        may_finish.set()
        thread.join(10)

    def test_the_second_is_told_to_come_back_and_then_gets_the_firsts_answer(self, first: tuple[Event, Thread]) -> None:
        may_finish, thread = first
        with pytest.raises(InFlight) as refusal, transaction.atomic():
            begin(ASKED)
        assert (refusal.value.status, refusal.value.headers) == (409, {"Retry-After": "1"})
        with transaction.atomic():
            assert begin(replace(ASKED, key="another")) is None
        may_finish.set()
        thread.join(10)
        with transaction.atomic():
            stored = begin(ASKED)
        assert stored is not None
        assert stored.body == {"by": "the first"}

    def test_outside_a_transaction_nothing_could_be_held(self) -> None:
        with pytest.raises(transaction.TransactionManagementError):
            begin(ASKED)


@pytest.mark.django_db
class TestWalls:
    def test_an_agency_sees_its_own_answers_only(self, north: North) -> None:
        own = replace(ASKED, agency_id=north.agency.pk)
        with inside(north.agency.pk):
            answer(own)
            assert begin(own) is not None
            assert IdempotentAnswer.objects.count() == 1
        assert IdempotentAnswer.objects.count() == 0
        with inside(uuid4()):
            assert IdempotentAnswer.objects.count() == 0

    def test_an_answer_cannot_be_slipped_into_another_agency(self, north: North) -> None:
        for slipped in (uuid4(), None):
            with pytest.raises(Exception, match="row-level security"), inside(north.agency.pk):
                answer(replace(ASKED, agency_id=slipped))

    def test_purging_forgets_the_old_answers_of_every_agency_and_of_none(self, north: North) -> None:
        own = replace(ASKED, agency_id=north.agency.pk)
        answer(ASKED)
        finish(replace(ASKED, key="young"), status=200, headers={}, body=1, at=NOW + timedelta(hours=1))
        with inside(north.agency.pk):
            answer(own)
        assert purge(before=NOW + timedelta(seconds=1)) == 2
        assert [stored.key for stored in IdempotentAnswer.objects.all()] == ["young"]
        with inside(north.agency.pk):
            assert begin(own) is None
