"""Whether somebody would be reached: each step of the ladder, at each severity, at each minute of the next days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import pairwise
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from alerting.models import PersonalRules
from alerting.queries.recipients import policy_for
from alerting.queries.rules import heard_from, proven_ways, quiet_until, rules_by_seat
from alerting.queries.schedule import drawings, working
from alerting.shifts import DAY, Span, spans
from permissions.models import Grant
from permissions.needs import Need
from permissions.queries.holders import roles_known
from permissions.queries.matrix import held_by
from permissions.queries.picture import closing_walls, walls_now
from permissions.queries.twins import held_on
from tenants.models import Seat

SEVERITIES: Final = (1, 2, 3, 4)
OF_PEOPLE: Final = frozenset({"rota", "seat", "role"})


@dataclass(frozen=True, slots=True)
class Hole:
    """Nobody would be reached from one instant to another. `why`:

    `gap`, the rota has nobody; `nobody`, who is named is not here; `hours`, who is here does not keep the hours of the
    step; `quiet`, who does keeps quiet hours; `no_person`, the step names nobody who is known beforehand, but channels
    or the people of an incident.
    """

    starts_at: datetime
    ends_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class StepCoverage:
    """One step at one severity. `asked` is false where its conditions keep it out; such a step has no holes."""

    step: int
    asked: bool
    seats: tuple[UUID, ...]
    holes: tuple[Hole, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """`steps` by severity; `uncovered` are the stretches in which no step at all reaches anybody, by severity.

    `approvers` are the client's people who can agree to words in this time, and `unapproved` the stretches without
    any. `ways` says for everybody who is named whether a way of theirs is proved, or only their account's e-mail known.
    """

    policy: dict[str, Any]
    since: datetime
    until: datetime
    steps: dict[int, tuple[StepCoverage, ...]]
    uncovered: dict[int, tuple[Hole, ...]]
    approvers: tuple[UUID, ...]
    unapproved: tuple[Hole, ...]
    ways: dict[UUID, bool]

    @property
    def proved(self) -> bool:
        """Whether there is no hole at all: each step reaches somebody at each minute, and the client can agree."""
        return not self.unapproved and not any(
            step.holes for steps in self.steps.values() for step in steps if step.asked
        )


@dataclass(frozen=True, slots=True)
class _Term:
    """A role of a seat, from and until a time; None: ever since, for good."""

    seat: UUID
    starts_at: datetime | None
    ends_at: datetime | None

    def holds(self, at: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that is asked of the database, once, for a stretch of time."""

    since: datetime
    until: datetime
    rotas: Mapping[UUID, Sequence[Span]]
    terms: Mapping[str, Sequence[_Term]]
    here: frozenset[UUID]
    rules: Mapping[UUID, PersonalRules]


def coverage_of(brand_id: UUID, since: datetime, until: datetime) -> Coverage:
    """Who would be reached for pages of a brand between two instants, by everything that is planned now.

    The number of queries grows neither with the time nor with the policy.
    """
    policy = policy_for(brand_id)
    steps: list[dict[str, Any]] = policy["steps"]
    deciding = [name for name, role in roles_known().items() if Need.APPROVALS_DECIDE in role.needs]
    known = _known(steps, brand_id, since, until, deciding)
    found = [_step(number, step, known) for number, step in enumerate(steps)]
    by_severity = {severity: tuple(step[severity] for step in found) for severity in SEVERITIES}
    approvers, unapproved = _approvers(brand_id, [term for role in deciding for term in known.terms[role]], known)
    people = {seat for covered in by_severity.values() for step in covered for seat in step.seats} | set(approvers)
    proven = proven_ways(people)
    return Coverage(
        policy=policy,
        since=since,
        until=until,
        steps=by_severity,
        uncovered={severity: _in_all([step for step in all_ if step.asked], known)
                   for severity, all_ in by_severity.items()},
        approvers=approvers,
        unapproved=unapproved,
        ways={seat: seat in proven for seat in people},
    )  # fmt: skip


def _known(
    steps: Sequence[Mapping[str, Any]], brand_id: UUID, since: datetime, until: datetime, deciding: Iterable[str]
) -> _Known:
    targets = [target for step in steps for target in step["notify"]]
    rotas = {UUID(target["rota"]) for target in targets if "rota" in target}
    drawn = {rota: spans(drawing, since, until) for rota, drawing in drawings(rotas, since, until).items()}
    roles = {target["role"] for target in targets if "role" in target}
    terms = _terms({*roles, *deciding}, brand_id, since, until)
    named = {UUID(target["seat"]) for target in targets if "seat" in target}
    named |= {term.seat for role in roles for term in terms[role]}
    named |= {span.duty.seat for drawing in drawn.values() for span in drawing if span.duty.seat}
    here = frozenset(working(named))
    return _Known(since, until, drawn, terms, here, rules_by_seat(here))


def _terms(roles: Iterable[str], brand_id: UUID, since: datetime, until: datetime) -> dict[str, list[_Term]]:
    """Who holds each of the roles on a brand, by grants on it or on the whole agency, at some time in between."""
    terms: dict[str, list[_Term]] = {role: [] for role in roles}
    here = held_on(brand_id)
    then = Q(starts_at=None) | Q(starts_at__lt=until)
    grants = Grant.objects.all().lasting(since).filter(here, then, role__in=terms, incident=None)
    for role, *term in grants.order_by("granted_at", "pk").values_list("role", "seat_id", "starts_at", "ends_at"):
        terms[role].append(_Term(*term))
    return terms


def _approvers(brand_id: UUID, terms: Sequence[_Term], known: _Known) -> tuple[tuple[UUID, ...], tuple[Hole, ...]]:
    """The client's people who can agree to words, and when there is none. Whom a deny rule keeps away is none."""
    seats = {term.seat for term in terms}
    clients = set(Seat.objects.all().active().filter(pk__in=seats, side="client").values_list("pk", flat=True))
    held, walls = held_by(clients, at=known.since), walls_now()

    def able(at: datetime) -> list[UUID]:
        return [
            term.seat
            for term in terms
            if term.seat in clients
            and term.holds(at)
            and brand_id not in closing_walls(held.get(term.seat, ()), walls, seat_id=term.seat, at=at)
        ]

    cuts = {*_cuts_of(terms), *(wall.ends_at for wall in walls if wall.ends_at)}
    found: dict[UUID, None] = {}
    holes: list[Hole] = []
    for begin, end in _pieces(cuts, known):
        here = able(begin)
        found |= dict.fromkeys(here)
        if not here:
            _add(holes, Hole(begin, end, "nobody"))
    return tuple(found), tuple(holes)


def _cuts_of(terms: Iterable[_Term]) -> set[datetime]:
    return {cut for term in terms for cut in (term.starts_at, term.ends_at) if cut is not None}


def _step(number: int, step: Mapping[str, Any], known: _Known) -> dict[int, StepCoverage]:
    """A step at each severity. Conditions and targets mean what they mean to a page (`recipients.told_by`)."""
    when = step.get("when", {})
    hours = when.get("local_hours")
    targets: Sequence[Mapping[str, str]] = step["notify"]
    rotas = [known.rotas.get(UUID(target["rota"]), ()) for target in targets if "rota" in target]
    terms = [term for target in targets if "role" in target for term in known.terms[target["role"]]]
    named = [UUID(target["seat"]) for target in targets if "seat" in target]
    people = {*named, *(term.seat for term in terms), *(span.duty.seat for rota in rotas for span in rota)}
    cuts = {span.starts_at for rota in rotas for span in rota} | _cuts_of(terms)
    cuts |= _clock_cuts(hours, [known.rules.get(seat) for seat in people if seat in known.here], known)
    pieces = [
        (begin, end, [seat for seat in (*named, *_holding(terms, begin), *_answering(rotas, begin))
                      if seat in known.here])
        for begin, end in _pieces(cuts, known)
    ]  # fmt: skip
    absent = "gap" if rotas else "nobody" if any(OF_PEOPLE & target.keys() for target in targets) else "no_person"
    found = {}
    for severity in SEVERITIES:
        # The first cause of a page is one; who asks for more asks for a page that has grown.
        if severity > when.get("severity_at_least", 4) or when.get("volume_at_least", 1) > 1:
            found[severity] = StepCoverage(number, asked=False, seats=(), holes=())
            continue
        reached: set[UUID] = set()
        holes: list[Hole] = []
        for begin, end, meant in pieces:
            at_work = [seat for seat in meant if not hours or _keeps(hours, known.rules.get(seat), begin)]
            hearing = [seat for seat in at_work if _hears(known.rules.get(seat), severity, begin)]
            reached.update(hearing)
            if not hearing:
                _add(holes, Hole(begin, end, "quiet" if at_work else "hours" if meant else absent))
        found[severity] = StepCoverage(number, asked=True, seats=tuple(sorted(reached)), holes=tuple(holes))
    return found


def _holding(terms: Iterable[_Term], at: datetime) -> list[UUID]:
    return [term.seat for term in terms if term.holds(at)]


def _answering(rotas: Iterable[Sequence[Span]], at: datetime) -> Iterator[UUID]:
    for rota in rotas:
        low, high = 0, len(rota)
        while low < high:
            middle = (low + high) // 2
            if rota[middle].ends_at <= at:
                low = middle + 1
            else:
                high = middle
        seat = rota[low].duty.seat if low < len(rota) else None
        if seat is not None:
            yield seat


def _keeps(hours: Mapping[str, Any], rules: PersonalRules | None, at: datetime) -> bool:
    return quiet_until([hours], rules.time_zone if rules else "UTC", at) is not None


def _hears(rules: PersonalRules | None, severity: int, at: datetime) -> bool:
    return heard_from(rules, severity=severity, due=at) == at


def _clock_cuts(
    hours: Mapping[str, Any] | None, readers: Iterable[PersonalRules | None], known: _Known
) -> set[datetime]:
    """When the hours of a step, and quiet hours, begin and end on the clocks of those who read."""
    clocks = [(rules.time_zone if rules else "UTC", rules.quiet_hours if rules else []) for rules in readers]
    windows = {
        (zone, tuple(window["days"]), window["starts"], window["ends"])
        for zone, quiet in clocks
        for window in ([*quiet, hours] if hours else quiet)
    }
    cuts = set()
    for name, days, starts, ends in windows:
        zone, begins, stops = ZoneInfo(name), time.fromisoformat(starts), time.fromisoformat(ends)
        day, last = known.since.astimezone(zone).date() - DAY, known.until.astimezone(zone).date()
        while day <= last:
            if day.weekday() in days:
                closing = day if stops > begins else day + DAY
                cuts.add(datetime.combine(day, begins, zone).astimezone(UTC))
                cuts.add(datetime.combine(closing, stops, zone).astimezone(UTC))
            day += DAY
    return cuts


def _pieces(cuts: Iterable[datetime], known: _Known) -> Iterator[tuple[datetime, datetime]]:
    """Stretches in which the answer does not change."""
    within = {cut for cut in cuts if known.since < cut < known.until}
    yield from pairwise(sorted(within | {known.since, known.until}))


def _add(holes: list[Hole], hole: Hole) -> None:
    """Neighbours of one kind are one hole."""
    if holes and holes[-1].ends_at == hole.starts_at and holes[-1].why == hole.why:
        holes[-1] = Hole(holes[-1].starts_at, hole.ends_at, hole.why)
    else:
        holes.append(hole)


def _in_all(steps: Sequence[StepCoverage], known: _Known) -> tuple[Hole, ...]:
    """Where every step has a hole."""
    holes: list[Hole] = []
    for begin, end in _pieces({cut for step in steps for one in step.holes for cut in (one.starts_at, one.ends_at)},
                              known):  # fmt: skip
        if all(any(hole.starts_at <= begin < hole.ends_at for hole in step.holes) for step in steps):
            _add(holes, Hole(begin, end, "nobody"))
    return tuple(holes)
