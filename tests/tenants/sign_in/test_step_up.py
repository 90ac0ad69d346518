"""Proof that is fresh enough, and seats that ask for a newer one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from time_machine import travel

from permissions.gate import Caller
from permissions.needs import Need
from permissions.step_up import StepUpRequired, require_step_up
from tenants.key_sign_in import KeyAuthentication
from tenants.models import Agency, Seat
from tenants.sign_in import SessionTokenAuthentication
from tests.cast import Person, key_of, open_session, walled
from tests.conftest import North
from tests.tenants.sign_in.conftest import App

pytestmark = pytest.mark.django_db


def caller_of(headers: dict[str, str], sign_in: Any = SessionTokenAuthentication) -> Caller:
    """Who a request with these headers comes from, as the API's views learn it."""
    plain = APIRequestFactory().get("/v1/agencies/north/agency", headers=headers)
    request = Request(plain, parser_context={"kwargs": {"agency": "north"}})
    caller: Caller = sign_in().authenticate(request)[0]
    return caller


def step_up(headers: dict[str, str], **options: Any) -> None:
    caller = caller_of(headers, **options)
    with walled(Agency.objects.get(slug="north")):
        require_step_up(caller)


def test_signing_in_is_a_proof_for_fifteen_minutes(pat: Person, app: App) -> None:
    with travel("2026-03-02T08:00:00Z", tick=False) as clock:
        app.sign_in(pat)
        headers = {"X-Session-Token": str(app.token)}
        clock.shift(timedelta(minutes=15))
        step_up(headers)
        clock.shift(timedelta(seconds=1))
        with pytest.raises(StepUpRequired) as refused:
            step_up(headers)
        assert refused.value.facts == {"max_age_seconds": 900, "second_factor": False}
        assert (refused.value.status, refused.value.code) == (403, "step_up_required")
        assert app.reauthenticate("a-wrong-long-password").status == 400
        with pytest.raises(StepUpRequired):
            step_up({"X-Session-Token": str(app.token)})
        assert app.reauthenticate().status == 200
        step_up({"X-Session-Token": str(app.token)})


def test_a_key_proves_nothing(pat: Person) -> None:
    key = key_of(pat, Need.INCIDENTS_READ)
    assert caller_of(key.headers, KeyAuthentication).proved_at is None
    with pytest.raises(StepUpRequired):
        step_up(key.headers, sign_in=KeyAuthentication)


def test_where_a_second_factor_is_asked_for_a_password_is_no_step_up(north: North, pat: Person) -> None:
    caller = caller_of(pat.headers)
    with walled(north.agency):
        Agency.objects.filter(pk=north.agency.pk).update(requires_second_factor=True)
        with pytest.raises(StepUpRequired) as refused:
            require_step_up(caller)
    assert refused.value.facts["second_factor"] is True
    step_up({"X-Session-Token": open_session(pat.user, second_factor=True)})


def test_an_agency_that_asks_for_a_second_factor_refuses_sessions_without_one(
    north: North, pat: Person, eve: Person
) -> None:
    key = key_of(pat, Need.AGENCY_READ)
    Agency.objects.filter(pk=north.agency.pk).update(requires_second_factor=True)
    answer = pat.get("agency")
    assert (answer.status, answer.code) == (403, "second_factor_required")
    assert set(answer.body["facts"]) == {"add", "prove"}
    assert pat.get("brands").code == "second_factor_required"
    assert eve.get("/v1/agencies/north/agency").status == 404
    assert key.get("agency").status == 200
    pat.headers["X-Session-Token"] = open_session(pat.user, second_factor=True)
    assert pat.get("agency").status == 200


def test_a_session_from_before_the_seat_was_given_back_does_not_open_it(
    north: North, pat: Person, now: datetime
) -> None:
    old = open_session(pat.user, at=now)
    with walled(north.agency):
        Seat.objects.filter(pk=pat.seat.pk).update(signed_in_after=now + timedelta(seconds=1))
    nowhere = pat.get("/v1/agencies/nowhere/agency", **{"X-Session-Token": old})
    assert pat.get("agency", **{"X-Session-Token": old}).alike == nowhere.alike
    with travel(now + timedelta(seconds=2)):
        pat.headers["X-Session-Token"] = open_session(pat.user)
        assert pat.get("agency").status == 200


def test_proving_again_does_not_make_an_old_session_young(north: North, pat: Person, app: App, now: datetime) -> None:
    app.sign_in(pat)
    with walled(north.agency):
        Seat.objects.filter(pk=pat.seat.pk).update(signed_in_after=now + timedelta(minutes=1))
    with travel(now + timedelta(minutes=2)):
        assert app.reauthenticate().status == 200
        assert app.opens() == 404


def test_a_seat_tells_when_it_was_last_seen_to_the_hour(
    north: North, pat: Person, now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    def seen_after(minutes: int) -> datetime | None:
        with travel(now + timedelta(minutes=minutes), tick=False), django_capture_on_commit_callbacks(execute=True):
            assert pat.get("agency").status == 200
        with walled(north.agency):
            return Seat.objects.get(pk=pat.seat.pk).last_seen_at

    first = now.replace(microsecond=0)
    assert [seen_after(minutes).replace(microsecond=0) - first for minutes in (0, 59, 60)] == [
        timedelta(0), timedelta(0), timedelta(hours=1),
    ]  # fmt: skip


def test_a_refused_request_is_no_sign_of_life(
    north: North, pat: Person, eve: Person, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert eve.get("/v1/agencies/north/agency").status == 404
    with walled(north.agency):
        assert Seat.objects.get(pk=pat.seat.pk).last_seen_at is None
