"""So many requests a minute, counted in Redis by all processes together; and all pass when Redis is not there."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Thread
from uuid import uuid4

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from core.breaker import Breaker
from core.http import rates
from core.http.rates import Allowance, ask
from crisisapi.service_urls import ROOT
from tests.cast import Answer, Person, send
from tests.conftest import North
from tests.permissions.keys.conftest import issue


@pytest.fixture(autouse=True)
def counting(unhurried: None, settings: Settings) -> Iterator[None]:
    settings.RATE_LIMITS = True
    settings.TRUSTED_PROXIES = 1
    rates.breaker.close()
    yield
    rates.breaker.close()


def mine(per_minute: int = 5) -> Allowance:
    return Allowance("test", uuid4().hex, per_minute)


def no_address() -> dict[str, str]:
    """Headers of somebody whom nobody has counted yet."""
    return {"X_Forwarded_For": str(uuid4().int % 2**32 >> 8 & 0xFF) + f".0.{uuid4().int % 250}.{uuid4().int % 250}"}


def test_what_is_left_goes_down_and_then_nothing_passes() -> None:
    allowance = mine(3)
    verdicts = [ask(allowance) for _ in range(5)]
    assert [verdict.admitted for verdict in verdicts] == [True, True, True, False, False]
    assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0, 0]
    assert all(1 <= verdict.seconds <= 60 for verdict in verdicts)
    assert ask(mine(3)).remaining == 2


def test_the_window_slides_and_gives_back_bit_by_bit() -> None:
    """No waiting: the window's age is set in Redis."""
    allowance = mine(4)
    for _ in range(4):
        ask(allowance)
    assert not ask(allowance).admitted
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    with closing(client):
        (current,) = (key for key in client.scan_iter(f"rates:*{allowance.whose}*") if not key.endswith(b"/-1"))
        client.pexpire(current, 90_000)  # thirty seconds of its minute are over; it counts for another thirty
        assert not ask(allowance).admitted
        client.pexpire(current, 29_000)  # and then it is the minute before, of which less than half still counts
        assert [ask(allowance).admitted for _ in range(4)] == [True, True, True, False]


def test_two_processes_share_the_count() -> None:
    allowance = mine(10)
    program = (
        "import django; django.setup();"
        "from core.http.rates import Allowance, ask;"
        f"print(sum(ask(Allowance('test', '{allowance.whose}', 10)).admitted for _ in range(8)))"
    )
    others = [
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
        for _ in range(2)
    ]
    admitted = [int(other.communicate(timeout=60)[0]) for other in others]
    assert sum(admitted) == 10
    assert not ask(allowance).admitted


# -- over HTTP ----------------------------------------------------------------------------------------------


def told(answer: Answer) -> tuple[int, str | None, str, str]:
    said = answer.headers
    return answer.status, answer.code, said["RateLimit-Policy"], said["RateLimit"].partition(";t=")[0]


@pytest.mark.django_db
def test_a_key_has_its_own_rate(ana: Person) -> None:
    key, other = issue(ana, rate_per_minute=2), issue(ana, rate_per_minute=2)
    assert [told(key.get("brands")) for _ in range(3)] == [
        (200, None, '"key";q=2;w=60', '"key";r=1'),
        (200, None, '"key";q=2;w=60', '"key";r=0'),
        (429, "rate_limited", '"key";q=2;w=60', '"key";r=0'),
    ]
    assert other.get("brands").status == 200
    refused = key.get("brands")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert int(refused.headers["Retry-After"]) == refused.body["facts"]["retry_after"] > 0
    assert ana.get("brands").status == 200


@pytest.mark.django_db
def test_a_refused_request_changes_nothing(north: North, ana: Person) -> None:
    key = issue(ana, "incidents.open", "brands.read", "incidents.read", rate_per_minute=1)
    wish = {"brand": str(north.aurora.pk), "title": "A leak", "kind": "leak", "severity": 3}
    assert [key.post("incidents", wish).status for _ in range(2)] == [201, 429]
    assert len(ana.get("incidents").body["items"]) == 1


@pytest.mark.django_db
def test_a_person_has_one_rate_whatever_the_session(ana: Person, settings: Settings) -> None:
    settings.RATE_LIMIT_PERSON = 3
    answers = [told(ana.get("brands", **no_address())) for _ in range(4)]
    assert [answer[0] for answer in answers] == [200, 200, 200, 429]
    assert answers[0][2:] == ('"person";q=3;w=60', '"person";r=2')


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/agencies/north/brands", 401),
        ("/v1/agencies/nowhere/brands", 401),
        ("/v1/nothing", 404),
        ("/v1/reports/x", 404),
        ("/v1/decisions/csl_x", 404),
        ("/v1/openapi.json", 200),
        ("/v1/agencies/north/brands?k=csk_" + "0" * 32 + "_" + "0" * 12 + "_x", 401),
    ],
)
def test_nobody_is_counted_by_address_on_every_route_of_the_api(
    north: North, settings: Settings, path: str, status: int
) -> None:
    settings.RATE_LIMIT_ADDRESS = 60
    answer = send("GET", path, **no_address())
    assert answer.status == status
    assert told(answer)[2:] == ('"address";q=60;w=60', '"address";r=59')


@pytest.mark.django_db
def test_wrong_credentials_are_counted_by_address_and_good_ones_are_not(ana: Person, settings: Settings) -> None:
    settings.RATE_LIMIT_ADDRESS = 2
    here = no_address()
    wrong = {"Authorization": "Bearer csk_x", **here}
    assert [send("GET", "/v1/agencies/north/brands", **wrong).status for _ in range(3)] == [401, 401, 429]
    assert ana.get("brands", **here).status == 200


@pytest.mark.django_db
def test_what_is_no_api_is_not_counted() -> None:
    assert "RateLimit-Policy" not in send("GET", "/healthz").headers


# -- Redis is only the doorbell -----------------------------------------------------------------------------


@pytest.fixture
def nowhere(settings: Settings) -> None:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"


@pytest.fixture
def hung(settings: Settings) -> Iterator[None]:
    """Something that takes connections and never says a word."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(silent.accept()[0])
                except OSError:
                    return

        thread = Thread(target=take, daemon=True)
        thread.start()
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        yield
        silent.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for connection in held:
            connection.close()


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", ["nowhere", "hung"])
def test_everything_passes_without_redis_and_soon(
    ana: Person, trouble: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    key = issue(ana, rate_per_minute=1)
    request.getfixturevalue(trouble)
    started = time.monotonic()
    answers = [key.get("brands") for _ in range(10)]
    assert [answer.status for answer in answers] == [200] * 10
    # Two tries of a tenth of a second, and then the breaker is open.
    assert time.monotonic() - started < 3
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=1;w=60'
    assert "RateLimit" not in answers[0].headers
    warnings = [record for record in caplog.records if "rates_not_counted" in str(record.msg)]
    assert len(warnings) == 2


def test_a_breaker_opens_after_some_failures_in_a_row_and_closes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("core.breaker.time.monotonic", lambda: now)
    breaker = Breaker(failures=2, seconds=10)
    breaker.note(worked=False)
    breaker.note(worked=True)
    breaker.note(worked=False)
    assert breaker.closed()
    breaker.note(worked=False)
    assert not breaker.closed()
    now = 10.0
    assert breaker.closed()
