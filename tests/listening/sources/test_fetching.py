"""One call to a host: what its answer means, and what is never done whatever it says."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.core.cache import cache
from pytest_django import Settings

from listening.sources import fetching
from listening.sources.fetching import fetch, fetch_json, seconds_of
from listening.sources.seam import Garbage, RefusedByHost, SourceFailed, Temporary
from tests.listening.sources.host import Host, Said

pytestmark = pytest.mark.django_db


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def other() -> Iterator[Host]:
    with Host() as running:
        yield running


def test_an_answer_is_an_answer(host: Host) -> None:
    host.answers["/a"] = Said(b'{"x": 1}')
    assert fetch_json(f"{host.url}/a", query={"q": "a b"}, until=soon())[0] == {"x": 1}
    assert host.seen[0][1] == {"q": "a b"}


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, RefusedByHost), (401, RefusedByHost), (403, RefusedByHost), (404, RefusedByHost), (410, RefusedByHost),
        (422, RefusedByHost), (408, Temporary), (429, Temporary), (500, Temporary), (502, Temporary), (503, Temporary),
    ],
)  # fmt: skip
def test_a_status_is_read_as_what_may_be_done_next(host: Host, status: int, failure: type[SourceFailed]) -> None:
    host.answers["/a"] = Said(b"secret words of the host", status=status)
    with pytest.raises(failure) as raised:
        fetch(f"{host.url}/a", until=soon())
    assert str(status) in raised.value.problem
    assert "secret" not in raised.value.problem


def test_retry_after_is_obeyed_by_everybody_who_asks_that_host(host: Host) -> None:
    host.answers["/a"] = Said(status=429, headers={"Retry-After": "120"})
    with pytest.raises(Temporary) as first:
        fetch(f"{host.url}/a", until=soon())
    assert (first.value.retry_after, first.value.ours) == (120.0, False)
    with pytest.raises(Temporary) as second:
        fetch(f"{host.url}/b", until=soon())
    assert second.value.ours
    assert 100 < second.value.retry_after <= 120
    assert len(host.seen) == 1


def test_retry_after_may_be_a_date() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < seconds_of(then) <= 90
    assert seconds_of("soon") is None
    assert seconds_of(None) is None
    assert seconds_of("99999999999999999999") == fetching.LONGEST_REST_S


def test_a_host_is_asked_so_often_a_minute_and_no_more(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST_PER_MINUTE", 3)
    host.answers["/a"] = Said(b"ok")
    for _ in range(3):
        fetch(f"{host.url}/a", until=soon())
    with pytest.raises(Temporary) as held:
        fetch(f"{host.url}/a", until=soon())
    assert held.value.ours
    assert len(host.seen) == 3


def test_a_redirect_is_followed_and_secrets_stay_at_home(host: Host, other: Host) -> None:
    host.answers["/a"] = Said(status=302, headers={"Location": "/b"})
    host.answers["/b"] = Said(status=301, headers={"Location": f"{other.url}/c"})
    other.answers["/c"] = Said(b"there")
    assert fetch(f"{host.url}/a", until=soon(), secrets={"Authorization": "Bearer s3cret"}).body == b"there"
    assert [seen[2].get("authorization") for seen in host.seen] == ["Bearer s3cret"] * 2
    assert "authorization" not in other.seen[0][2]


def test_a_redirect_goes_round_only_so_often(host: Host) -> None:
    host.answers["/a"] = Said(status=302, headers={"Location": "/b"})
    host.answers["/b"] = Said(status=302, headers={"Location": "/a"})
    with pytest.raises(Garbage):
        fetch(f"{host.url}/a", until=soon())
    assert len(host.seen) == fetching.MOST_REDIRECTS + 1


@pytest.mark.parametrize(
    "inside", ["http://169.254.169.254/latest", "http://10.0.0.1/", "file:///etc/passwd", "http://[::ffff:7f00:1]/", "gopher://x/"]
)  # fmt: skip
def test_a_redirect_to_the_inside_is_not_followed(host: Host, inside: str) -> None:
    host.answers["/a"] = Said(status=302, headers={"Location": inside})
    with pytest.raises(SourceFailed):
        fetch(f"{host.url}/a", until=soon())
    assert len(host.seen) == 1


def test_loopback_is_the_inside_unless_the_operator_says_otherwise(host: Host, settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with pytest.raises(Temporary):
        fetch(f"{host.url}/a", until=soon())
    assert host.seen == []


def test_a_host_that_drips_is_left_at_the_deadline(host: Host) -> None:
    host.answers["/a"] = Said(b"x" * 1_000, pace=1)
    started = time.monotonic()
    with pytest.raises(Temporary):
        fetch(f"{host.url}/a", until=soon(0.5))
    assert time.monotonic() - started < 2.0


def test_an_answer_that_is_cut_off_is_none(host: Host) -> None:
    host.answers["/a"] = Said(b'{"x": 1}', cut=True)
    with pytest.raises(SourceFailed):
        fetch_json(f"{host.url}/a", until=soon())


def test_what_is_too_long_is_not_read(host: Host) -> None:
    host.answers["/a"] = Said(b"x" * 2_000)
    with pytest.raises(Garbage):
        fetch(f"{host.url}/a", until=soon(), most_bytes=1_000)


def test_gzip_that_nobody_asked_for_is_unpacked_and_a_bomb_is_not(host: Host) -> None:
    packed = {"Content-Encoding": "gzip"}
    host.answers["/a"] = Said(gzip.compress(b'{"x": 1}'), headers=packed)
    assert fetch_json(f"{host.url}/a", until=soon())[0] == {"x": 1}
    host.answers["/a"] = Said(gzip.compress(bytes(50_000_000)), headers=packed)
    with pytest.raises(Garbage):
        fetch(f"{host.url}/a", until=soon())
    host.answers["/a"] = Said(gzip.compress(b'{"x": 1}')[:-6], headers=packed)
    with pytest.raises(Garbage):
        fetch(f"{host.url}/a", until=soon())
    host.answers["/a"] = Said(b"not gzip", headers=packed)
    with pytest.raises(Garbage):
        fetch(f"{host.url}/a", until=soon())


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000, b"\xff\xfe", b"{"])
def test_what_is_not_json_is_garbage(host: Host, body: bytes) -> None:
    host.answers["/a"] = Said(body)
    with pytest.raises(Garbage):
        fetch_json(f"{host.url}/a", until=soon())


def test_a_host_that_is_not_there_is_tried_another_time() -> None:
    cache.clear()
    with Host() as gone:
        url = gone.url
    with pytest.raises(Temporary) as raised:
        fetch(f"{url}/a", until=soon())
    assert raised.value.problem == "The host could not be reached."
