"""Whatever happens on the way in, the minutes hold as many mentions as there are: deliveries in any order, twice, in
part, at the same time, with clocks that jump, and by servers that die in the middle.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from signal import Signals
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from django.db import connection, transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.wall import inside
from crisisapi.embedded.processes import end, spawn
from listening.actions import ingest_mentions
from listening.models import Bucket, Mention, MentionKey, Source
from permissions.needs import Need
from tests.cast import SETTING_THE_STAGE, Person, key_of
from tests.listening.conftest import source  # noqa: F401 - a fixture
from tests.listening.mentions import NOON, deliver, items, lines, mention

GOOD, BAD = "I love this, wonderful!", "I hate this, disgusting and horrible!"
LATEST = 4  # versions of a mention
WAIT_S = 180.0  # several lives of a server, each of which takes seconds to begin


def check(of: Source) -> dict[str, int]:
    """The oracle: counts in minutes are those of distinct mentions. Stands inside the wall."""
    stored = Mention.objects.filter(source_id=of.pk).aggregate(
        all=Count("pk"),
        ids=Count("external_id", distinct=True),
        negative=Count("pk", filter=Q(mood="negative")),
    )
    counted = Bucket.objects.filter(source_id=of.pk).aggregate(
        volume=Sum("volume", default=0), negative=Sum("negative", default=0), authors=Sum("authors", default=0)
    )
    assert stored["all"] == stored["ids"] == counted["volume"], (stored, counted)
    assert stored["negative"] == counted["negative"], (stored, counted)
    assert counted["authors"] <= counted["volume"]
    assert MentionKey.objects.filter(mention_id__in=Mention.objects.values("pk")).count() == stored["all"]
    return {**stored, **counted}


# -- any order --------------------------------------------------------------------------------------------------


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Versions of a few mentions and deletions of some, shuffled, doubled, and cut into batches."""
    events: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 8))):
        versions = draw(st.integers(1, LATEST))
        for version in range(versions):
            text = BAD if (number + version) % 2 else GOOD
            # A network that tells the time differently each time; the first that arrives is believed.
            posted_at = NOON + timedelta(minutes=draw(st.integers(0, 3)))
            edited_at = None if version == 0 else (NOON + timedelta(minutes=10 + version)).isoformat()
            said = mention(number, text=text, posted_at=posted_at.isoformat(), edited_at=edited_at)
            events += [said] * draw(st.integers(1, 2))
        if draw(st.booleans()):
            events.append({"external_id": f"m-{number}", "deleted": True})
    events = draw(st.permutations(events))
    cuts = sorted(draw(st.sets(st.integers(1, len(events)), max_size=4)))
    return [part for start, stop in zip([0, *cuts], [*cuts, len(events)], strict=True) if (part := events[start:stop])]


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=deliveries())
def test_any_order_leaves_the_same_mentions_counted_once(
    source: Source,  # noqa: F811
    now: datetime,
    batches: list[list[dict[str, Any]]],
) -> None:
    with transaction.atomic():
        with inside(source.agency_id):
            for batch in batches:
                counts = ingest_mentions(source_id=source.pk, items=items(batch, now), by=SETTING_THE_STAGE, at=now)
                told = (counts.new, counts.known, counts.edited, counts.deleted, counts.unmatched, counts.expired)
                assert sum(told) == len(batch)
                assert min(told) >= 0
                check(source)
            said = [one for batch in batches for one in batch]
            for stored in Mention.objects.filter(source_id=source.pk):
                versions = [one for one in said if one["external_id"] == stored.external_id]
                if any(one.get("deleted") for one in versions):
                    assert (stored.text, stored.author_handle, stored.deleted_at is None) == ("", "", False)
                else:
                    latest = max(versions, key=lambda one: one["edited_at"] or "")
                    assert stored.text == latest["text"]
            posted = {one["external_id"] for one in said if "text" in one}
            assert set(Mention.objects.filter(source_id=source.pk).values_list("external_id", flat=True)) == posted
        transaction.set_rollback(True)


# -- clocks and garbage -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_clocks_that_jump_change_no_count(bo: Person, source: Source) -> None:  # noqa: F811
    now = timezone.now()
    for posted_at in (now, now - timedelta(days=200), now + timedelta(minutes=5)):
        assert deliver(bo, source, [mention(n, posted_at=posted_at.isoformat()) for n in range(100)]).status == 200
    for posted_at, code in (
        (now + timedelta(days=1), "in_future"),
        (datetime(1970, 1, 1, tzinfo=now.tzinfo), "out_of_range"),
    ):
        answer = deliver(bo, source, [mention(7, posted_at=posted_at.isoformat()), mention(101)])
        assert (answer.status, answer.body["errors"][0]["code"]) == (400, code)
    with inside(source.agency_id):
        assert check(source)["all"] == 100
        [minute] = Bucket.objects.filter(source_id=source.pk).values_list("minute", flat=True)
    assert minute == now.replace(second=0, microsecond=0)


@pytest.mark.django_db
def test_texts_of_ten_megabytes_and_garbage_are_refused_and_change_nothing(
    bo: Person,
    source: Source,  # noqa: F811
) -> None:
    deliver(bo, source, [mention(0)])
    drawn = random.Random(5)
    assert deliver(bo, source, [mention(1, text="x" * 10_000_000)]).code == "too_large"
    for size in (1, 10, 1000, 100_000):
        assert deliver(bo, source, drawn.randbytes(size)).status == 400
        garbled = bytearray(lines(mention(n) for n in range(2, 30)))
        garbled[drawn.randrange(len(garbled))] = 0xFF
        assert deliver(bo, source, bytes(garbled), Content_Type="application/x-ndjson").status == 400
    with inside(source.agency_id):
        assert check(source)["all"] == 1


# -- servers that die -------------------------------------------------------------------------------------------


@contextmanager
def server(**environment: str) -> Iterator[str]:
    """A web server of one process on the tests' own database, which starts its worker again when that has died."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (
        f"--interface wsgi --host 127.0.0.1 --port {port} --workers 1 --no-ws --respawn-failed-workers "
        "--respawn-interval 0.1"
    )
    words = [sys.executable, "-m", "granian", *options.split(), "--log-level", "error", "crisisapi.wsgi:application"]
    named = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}"))
    told = {**os.environ, "DATABASE_URL": named, "RATE_LIMITS": "0", **environment}
    process = spawn(words, death_signal=Signals.SIGKILL, environment=told, output=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process, ((Signals.SIGTERM, 10.0), (Signals.SIGKILL, 5.0)))


def bring(url: str, person: Person, path: str, batches: Sequence[list[dict[str, Any]]]) -> int:
    """Deliver each batch until it is answered, as any patient integration does; returns how often nobody answered."""
    unanswered = 0
    for batch in batches:
        deadline = monotonic() + WAIT_S
        while True:
            assert monotonic() < deadline, "The server does not answer."
            try:
                answer = httpx.post(f"{url}{path}", json=batch, headers=person.headers, timeout=30)
            except httpx.TransportError:
                unanswered += 1
                continue
            assert answer.status_code == 200, answer.text
            break
    return unanswered


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["listening.after_store", "listening.before_count"])
def test_a_server_that_is_killed_in_the_middle_loses_and_doubles_nothing(
    bo: Person,
    source: Source,  # noqa: F811
    place: str,
) -> None:
    """Four integrations deliver overlapping parts of the same mentions, in orders of their own."""
    key = key_of(bo, Need.MENTIONS_INGEST)
    said = [mention(n, posted_at=(NOON + timedelta(seconds=n)).isoformat()) for n in range(400)]
    path = f"/v1/agencies/north/ingest/mentions?source={source.pk}"
    unanswered: list[int] = []

    def task(seed: int) -> None:
        drawn = random.Random(seed)
        mine = drawn.sample(said, 300) + drawn.sample(said, 30)
        unanswered.append(bring(url, key, path, [mine[start : start + 110] for start in range(0, 330, 110)]))

    with server(CRISISAPI_FAILPOINTS=f"{place}=kill@5") as url:
        threads = [Thread(target=task, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=4 * WAIT_S)
        bring(url, key, path, [said])
    assert len(unanswered) == 4
    assert sum(unanswered) > 0, "nobody was killed"
    with inside(source.agency_id):
        assert check(source)["all"] == 400
