"""Pages of incidents at 100 000 incidents and 5 million events against 1 000 and 50 000; reports of 500 000 mentions.

Two agencies of a hundred brands each in one database, and in each somebody with a role on twenty of them. The list, an
incident, and timelines are asked over the whole stack, the large agency and the small one in turn; the same rows are
also fetched with SQL alone. Then two crises of the large agency are reported as JSON, PDF and CSV, one of 500 000
mentions and one of 50 000: the time, and how much memory the process took on the way. Makes agencies of its own and
leaves them behind. The large tables take some minutes to fill and about 3 GB of disk.
"""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import Figure
from core.actor import Actor
from core.ids import uuid7
from core.wall import inside
from ledger.actions import open_ledger
from listening.models import Signal
from listening.partitions import make_partitions
from permissions.actions.grants import Place, grant_role
from permissions.actions.keys import issue_key
from permissions.needs import Need
from tenants.models import Agency, Brand, Seat, User
from tenants.queries import caller_for

BRANDS, HELD = 100, 20
PAGE = 50
STORM_HOURS = 48
STORM_EVENTS = 5_000
GROWTH_GOAL = 1.5  # how much slower than at a hundredth of it
REPORT_GOAL_S = 10.0
MEMORY_GOAL_MB = 16.0  # that a report of ten times the mentions may take beyond the other
SETTING_UP = Actor.operator("bench")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of what, and how often each page is asked for."""

    incidents: int
    events: int
    few_incidents: int
    few_events: int
    mentions: int
    few_mentions: int
    rounds: int


FULL = Sizes(100_000, 5_000_000, 1_000, 50_000, 500_000, 50_000, rounds=60)

# One in a hundred is open; the older ones are closed. Ids and instants lie in the past, spread over two years.
INCIDENTS = """
INSERT INTO incidents_incident (id, agency_id, brand_id, reference, title, kind, severity, priority, urgency, stage,
    cause_kind, plan, assessment, opened_at, activated_at, version)
SELECT uuidv7(back), %(agency)s, (%(brands)s::uuid[])[1 + (n::bigint * 7919 %% %(many)s)],
    'INC-2026-' || n, 'Incident ' || n, (ARRAY['other', 'insensitive_post', 'product_failure'])[1 + n %% 3],
    n %% 4 + 1, n %% 4 + 1, 'high', CASE WHEN n %% 100 = 0 THEN 'ACTIVE' ELSE 'CLOSED' END, '', '{}', '{}',
    now() + back, now() + back, 1
  FROM generate_series(1, %(count)s) AS n,
       LATERAL (SELECT make_interval(secs => (n - %(count)s) * (730 * 86400.0 / %(count)s))) AS moved (back)
"""
PAGES = """
INSERT INTO alerting_page (id, agency_id, brand_id, incident_id, cause_kind, cause_id, severity, headline, policy,
    stage, cycle, step, raised_at, acknowledged_at, resolved_at, version)
SELECT uuidv7(), agency_id, brand_id, id, 'incidents.incident', id, severity, title, '{}', 'RESOLVED', 1, 1,
       opened_at, opened_at, opened_at, 1
  FROM incidents_incident WHERE agency_id = %(agency)s
"""
# Event n of the agency belongs to incident n modulo their number: the events of one lie far apart, each on a page of
# its own. No digest is computed: the chain is not what is measured.
EVENTS = """
INSERT INTO ledger_event (id, agency_id, seq, name, subject_kind, subject_id, brand_id, incident_id, actor_kind,
    actor_id, actor_name, at, facts, prev_hash, hash)
SELECT uuidv7(back), %(agency)s, %(after)s + n, (ARRAY['incident.changed', 'page.escalated', 'task.added'])[1 + n %% 3],
    'incidents.incident', i.id, i.brand_id, i.id, 'seat', %(seat)s, '', now() + back,
    CASE n %% 3 WHEN 0 THEN '{"fields": ["title"]}' WHEN 1 THEN '{"step": 2}' ELSE '{"title": "Call the client"}' END
    ::jsonb, repeat('0', 64), repeat('0', 64)
  FROM (SELECT id, brand_id, row_number() OVER (ORDER BY id) AS place FROM incidents_incident
         WHERE agency_id = %(agency)s AND (%(only)s::uuid IS NULL OR id = %(only)s)) AS i
  JOIN generate_series(1, %(count)s) AS n ON i.place = 1 + n %% %(incidents)s,
       LATERAL (SELECT make_interval(secs => (n - %(count)s) * (%(span)s / %(count)s))) AS moved (back)
 ORDER BY n
"""
BUCKETS = """
INSERT INTO listening_bucket (id, agency_id, brand_id, minute, source_id, language, volume, negative, reach, authors,
    loudest, watched)
SELECT uuidv7(), %(agency)s, %(brand)s, date_trunc('minute', %(start)s) + m * interval '1 minute', source, language,
    %(each)s + (m %% 97 < %(rest)s)::int, %(each)s / 2, 1000 * %(each)s, %(each)s, 1000, 0
  FROM generate_series(0, %(minutes)s - 1) AS m, unnest(%(sources)s::uuid[]) AS source,
       unnest(ARRAY['en', 'de', 'ru', 'uz']) AS language
"""
BANDS = """
INSERT INTO listening_band (id, agency_id, brand_id, starts_at, minutes, expected, low, high, negative_share)
SELECT uuidv7(), %(agency)s, %(brand)s, date_bin('5 minutes', %(start)s, 'epoch') + n * interval '5 minutes',
       5, 40, 20, 70, 0.2
  FROM generate_series(0, %(minutes)s / 5) AS n
"""
MENTIONS = """
INSERT INTO listening_mention (id, agency_id, brand_id, source_id, external_id, network, kind, posted_at, received_at,
    author_handle, author_name, author_followers, text, clipped, language, country, url, in_reply_to, mood,
    mood_negative, mood_neutral, mood_positive, scorer)
SELECT uuidv7(said - now()), %(agency)s, %(brand)s, (%(sources)s::uuid[])[1], 'e' || n, 'mastodon', 'post', said, said,
    '@somebody' || n, 'Somebody', 100, repeat('How could they post this? ', 5), false, 'en', '', '', '', 'negative',
    0.8, 0.1, 0.1, 'bench'
  FROM generate_series(1, %(count)s) AS n,
       LATERAL (SELECT %(start)s + n * (%(minutes)s * interval '1 minute' / %(count)s)) AS spread (said)
"""
BARE = {
    "list": "SELECT id, reference, title FROM incidents_incident WHERE agency_id = %s AND brand_id = ANY(%s) "
    "ORDER BY id DESC LIMIT 51",
    "incident": "SELECT * FROM incidents_incident WHERE agency_id = %s AND id = %s",
    "timeline": "SELECT * FROM ledger_event WHERE agency_id = %s AND incident_id = %s ORDER BY seq LIMIT 51",
}


def run(sizes: Sizes = FULL) -> Iterator[Figure]:
    large = _Stage(sizes.incidents, sizes.events)
    small = _Stage(sizes.few_incidents, sizes.few_events)
    storm, squall = large.crisis(sizes.mentions), large.crisis(sizes.few_mentions)
    # Those of the small agency are as long as those of the large: it is the tables around them that differ.
    other = small.crisis(sizes.few_mentions)
    _settle()
    pages: dict[str, Callable[[_Stage], str]] = {
        "list": lambda _: "incidents",
        "list of open ones": lambda _: "incidents?stage=ACTIVE",
        "list of a brand": lambda stage: f"incidents?brand={stage.held[0]}",
        "incident": lambda stage: f"incidents/{stage.any()}",
        "timeline": lambda stage: f"incidents/{stage.any()}/timeline",
        "long timeline": lambda stage: f"incidents/{(storm if stage is large else other).incident}/timeline",
    }
    for name, path in pages.items():
        yield from _page(name, path, large, small, sizes)
    yield from _reports(large, storm, squall, sizes)


def _page(name: str, path: Callable[[_Stage], str], large: _Stage, small: _Stage, sizes: Sizes) -> Iterator[Figure]:
    taken: dict[str, list[float]] = {"large": [], "small": [], "bare": []}
    bare = BARE.get(name.rpartition(" ")[2] if name.endswith("timeline") else name)
    for number in range(sizes.rounds + 3):
        sides = {"large": large, "small": small}
        for side in list(sides) if number % 2 else reversed(list(sides)):
            asked = path(sides[side])
            taken[side].append(_seconds(lambda stage=sides[side], asked=asked: stage.ask(asked)))
        if bare is not None:
            wanted = large.held if name == "list" else UUID(re.findall(r"[0-9a-f-]{36}", path(large))[0])
            taken["bare"].append(_seconds(lambda wanted=wanted: large.fetch(bare, wanted)))
    median = {side: statistics.median(seconds[3:]) for side, seconds in taken.items() if seconds}
    ratio = median["large"] / median["small"]
    yield Figure(
        f"{name}, {sizes.incidents:,} incidents and {sizes.events:,} events, p50", median["large"] * 1000, "ms",
        f"{sizes.few_incidents:,} and {sizes.few_events:,} ({median['small'] * 1000:.1f} ms)", ratio,
        f"ratio at most {GROWTH_GOAL:g}", ratio <= GROWTH_GOAL,
    )  # fmt: skip
    if "bare" in median:
        yield Figure(
            f"{name}, request to answer, p50", median["large"] * 1000, "ms",
            f"its rows by SQL alone ({median['bare'] * 1000:.2f} ms)", median["large"] / median["bare"],
        )  # fmt: skip
    counts = [stage.queries(path(stage)) for stage in (large, small)]
    yield Figure(
        f"{name}, queries", counts[0], "queries", f"{counts[1]} in the small agency", counts[0] / counts[1], "the same",
        counts[0] == counts[1],
    )  # fmt: skip


def _reports(large: _Stage, storm: _Crisis, squall: _Crisis, sizes: Sizes) -> Iterator[Figure]:
    for said in ("format=json", "format=pdf", "format=csv&part=timeline", "format=csv&part=series"):
        name = said.replace("format=", "").replace("&part=", ", ")
        measured: dict[int, tuple[float, float]] = {}
        large.ask(f"incidents/{squall.incident}/report?{said}")  # modules are loaded, plans are made
        for crisis in (squall, storm):
            asked = f"incidents/{crisis.incident}/report?{said}"
            before = _forget_peak()
            seconds = min(_seconds(lambda asked=asked: large.ask(asked)) for _ in range(3))
            measured[crisis.mentions] = (seconds, _peak_mb() - before)
        seconds, grown = measured[sizes.mentions]
        few_seconds, few_grown = measured[sizes.few_mentions]
        yield Figure(
            f"report of {sizes.mentions:,} mentions, {name}", seconds, "s",
            f"{few_seconds:.3f} s of {sizes.few_mentions:,}", seconds / few_seconds, f"<= {REPORT_GOAL_S:g} s",
            seconds <= REPORT_GOAL_S,
        )  # fmt: skip
        yield Figure(
            f"memory of that report, {name}", grown, "MB", f"{few_grown:.1f} MB of {sizes.few_mentions:,}",
            goal=f"at most {MEMORY_GOAL_MB:g} MB more", passed=grown - few_grown <= MEMORY_GOAL_MB,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Crisis:
    incident: UUID
    mentions: int


class _Stage:
    """One agency with its brands, incidents and events, and a key of somebody with a role on some of the brands."""

    def __init__(self, incidents: int, events: int) -> None:
        self.now = datetime.now(UTC)
        self.dice = random.Random(incidents)
        self.agency = Agency.objects.create(slug=f"bench-{uuid4().hex[:12]}", name="Bench", created_at=self.now)
        with inside(self.agency.pk):
            open_ledger(agency_id=self.agency.pk)
            made = Brand.objects.bulk_create(
                [
                    Brand(id=uuid7(), slug=f"brand-{number}", name=f"Brand {number}", created_at=self.now)
                    for number in range(BRANDS)
                ]
            )
            self.brands: list[UUID] = [brand.pk for brand in made]
            self.held = self.brands[:: BRANDS // HELD]
            self.seat, self.token = self._reader()
            given: dict[str, Any] = {"agency": self.agency.pk, "brands": self.brands, "many": BRANDS}
            with connection.cursor() as cursor:
                cursor.execute(INCIDENTS, {**given, "count": incidents})
                cursor.execute(PAGES, given)
            self._tell(incidents, events, span=730 * 86_400.0)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT id FROM incidents_incident WHERE brand_id = ANY(%s) ORDER BY md5(id::text) LIMIT 500",
                    [self.held],
                )
                self.readable = [row[0] for row in cursor.fetchall()]

    def _reader(self) -> tuple[Seat, str]:
        user = User.objects.create(email=f"{uuid4().hex}@bench.example", name="Somebody", date_joined=self.now)
        seat = Seat(user=user, side="staff", created_at=self.now)
        seat.save(force_insert=True)
        grant_role(
            seat_id=seat.pk, role="account_manager", places=Place.each(self.held), reason="bench", starts_at=None,
            ends_at=None, sponsor=None, by=SETTING_UP, at=self.now,
        )  # fmt: skip
        issued = issue_key(
            issuer=caller_for(seat, at=self.now), name="bench", needs=[Need.INCIDENTS_READ, Need.REPORTS_READ],
            brand_ids=[], expires_at=None, by=SETTING_UP, at=self.now,
        )  # fmt: skip
        return seat, issued.token

    def _tell(self, incidents: int, events: int, *, span: float, only: UUID | None = None) -> None:
        """Write events, `span` seconds of them until now, after those that there are."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM ledger_head WHERE agency_id = %s", [self.agency.pk])
            after = cursor.fetchone()[0]
            given = {
                "agency": self.agency.pk, "seat": self.seat.pk, "after": after, "count": events,
                "incidents": incidents, "span": span, "only": only,
            }  # fmt: skip
            cursor.execute(EVENTS, given)
            cursor.execute("UPDATE ledger_head SET seq = seq + %s WHERE agency_id = %s", [events, self.agency.pk])

    def crisis(self, mentions: int) -> _Crisis:
        """Two days in which so much was said, with a signal, an incident and some thousand events."""
        start = self.now - timedelta(hours=STORM_HOURS)
        brand, minutes = self.held.pop(), STORM_HOURS * 60
        sources = [uuid7() for _ in range(3)]
        each, rest = divmod(mentions, minutes * len(sources) * 4)
        given: dict[str, Any] = {
            "agency": self.agency.pk, "brand": brand, "start": start, "minutes": minutes, "sources": sources,
            "each": each, "rest": round(97 * rest / (minutes * len(sources) * 4)), "count": mentions,
        }  # fmt: skip
        with inside(self.agency.pk):
            make_partitions([start, self.now])
            with connection.cursor() as cursor:
                for statement in (BUCKETS, BANDS, MENTIONS):
                    cursor.execute(statement, given)
                signal = Signal(
                    brand_id=brand, kind="volume", severity_hint=8, starts_at=start, alarmed_at=start, seen_at=start,
                    raised_at=start, review_due_at=start, explanation={},
                )  # fmt: skip
                signal.save()
                cursor.execute(
                    "UPDATE incidents_incident SET cause_kind = 'listening.signal', cause_id = %s, opened_at = %s, "
                    "activated_at = %s WHERE id = (SELECT id FROM incidents_incident "
                    "WHERE brand_id = %s ORDER BY id DESC LIMIT 1) RETURNING id",
                    [signal.pk, start, start, brand],
                )
                incident = cursor.fetchone()[0]
            self._tell(1, min(STORM_EVENTS, mentions), span=STORM_HOURS * 3_600.0, only=incident)
        return _Crisis(incident, mentions)

    def any(self) -> UUID:
        chosen: UUID = self.dice.choice(self.readable)
        return chosen

    def ask(self, path: str) -> None:
        """One request over the whole stack, to the last byte of its answer."""
        answer = Client().get(
            f"/v1/agencies/{self.agency.slug}/{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if answer.status_code != 200 or not content:
            raise RuntimeError(f"{path} answered {answer.status_code}: {content[:300]!r}")

    def queries(self, path: str) -> int:
        with CaptureQueriesContext(connection) as counted:
            self.ask(path)
        return len(counted)

    def fetch(self, statement: str, wanted: Any) -> None:
        with inside(self.agency.pk), connection.cursor() as cursor:
            cursor.execute(statement, [self.agency.pk, wanted])
            cursor.fetchall()


def _settle() -> None:
    """What autovacuum would have done long ago."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _seconds(asked: Callable[[], None]) -> float:
    started = time.perf_counter()
    asked()
    return time.perf_counter() - started


def _forget_peak() -> float:
    """Let the process's peak begin anew; how much it holds now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak_mb() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    said = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if said is None:
        raise RuntimeError(f"/proc/self/status does not tell {name}.")
    return int(said[1]) / 1024
