"""Whether somebody would be reached: each step of the ladder, at each severity, at each minute of the next days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from alerting.models import PersonalRules
from alerting.queries.recipients import policy_for
from alerting.queries.rules import proven_ways, quiet_until, rules_by_seat
from alerting.queries.schedule import drawings, working
from alerting.shifts import Span, spans
from permissions.needs import Need
from permissions.queries.holders import seats_with_need, seats_with_role
from tenants.models import Seat

SEVERITIES: Final = (1, 2, 3, 4)
# Hours of a step are on the clock of its reader; zones differ by quarters of an hour.
GRAIN: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Hole:
    """Nobody would be reached from one instant to another. `why`: `gap` in a rota, `hours` that nobody keeps, or
    `nobody` who is named is here.
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

    `ways` says for each seat whether a way of theirs is proved (True), or only their account's e-mail is known.
    `approvers` are the client's people who can agree to words; there should be one.
    """

    policy: dict[str, Any]
    since: datetime
    until: datetime
    steps: dict[int, tuple[StepCoverage, ...]]
    uncovered: dict[int, tuple[Hole, ...]]
    ways: dict[UUID, bool]
    approvers: tuple[UUID, ...]

    @property
    def proved(self) -> bool:
        """Whether there is no hole at all: each step reaches somebody at each minute, and the client can agree."""
        return bool(self.approvers) and not any(
            step.holes for steps in self.steps.values() for step in steps if step.asked
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that is asked of the database, once, for a stretch of time."""

    since: datetime
    until: datetime
    rotas: Mapping[UUID, Sequence[Span]]
    roles: Mapping[str, Sequence[UUID]]
    here: frozenset[UUID]
    rules: Mapping[UUID, PersonalRules]


def coverage_of(brand_id: UUID, since: datetime, until: datetime, *, at: datetime) -> Coverage:
    """Who would be reached for pages of a brand between two instants, by everything that is planned at `at`.

    The number of queries does not grow with the time, but with the roles that the policy names.
    """
    policy = policy_for(brand_id)
    steps: list[dict[str, Any]] = policy["steps"]
    known = _known(steps, brand_id, since, until, at)
    found = {
        severity: tuple(_step(number, step, severity, known) for number, step in enumerate(steps))
        for severity in SEVERITIES
    }
    seats = {seat for covered in found.values() for step in covered for seat in step.seats}
    proven = proven_ways(seats)
    approvers = seats_with_need(need=Need.APPROVALS_DECIDE, brand_id=brand_id, at=at)
    clients = set(Seat.objects.all().active().filter(pk__in=approvers, side="client").values_list("pk", flat=True))
    return Coverage(
        policy=policy,
        since=since,
        until=until,
        steps=found,
        uncovered={
            severity: _in_all([s for s in covered if s.asked], since, until) for severity, covered in found.items()
        },
        ways={seat: seat in proven for seat in seats},
        approvers=tuple(seat for seat in approvers if seat in clients),
    )


def _known(
    steps: Sequence[Mapping[str, Any]], brand_id: UUID, since: datetime, until: datetime, at: datetime
) -> _Known:
    targets = [target for step in steps for target in step["notify"]]
    rotas = {UUID(target["rota"]) for target in targets if "rota" in target}
    drawn = {rota: spans(drawing, since, until) for rota, drawing in drawings(rotas, since, until).items()}
    roles = {
        role: seats_with_role(role=role, brand_id=brand_id, at=at)
        for role in sorted({target["role"] for target in targets if "role" in target})
    }
    named = {UUID(target["seat"]) for target in targets if "seat" in target}
    named |= {seat for seats in roles.values() for seat in seats}
    named |= {span.duty.seat for drawing in drawn.values() for span in drawing if span.duty.seat}
    here = frozenset(working(named))
    return _Known(since, until, drawn, roles, here, rules_by_seat(here))


def _step(number: int, step: Mapping[str, Any], severity: int, known: _Known) -> StepCoverage:
    when = step.get("when", {})
    if severity > when.get("severity_at_least", 4) or when.get("volume_at_least", 1) > 1:
        return StepCoverage(number, asked=False, seats=(), holes=())
    always = {
        seat
        for target in step["notify"]
        for seat in ([UUID(target["seat"])] if "seat" in target else known.roles.get(target.get("role", ""), ()))
        if seat in known.here
    }
    rotas = [known.rotas.get(UUID(target["rota"]), ()) for target in step["notify"] if "rota" in target]
    hours = when.get("local_hours")
    seats: set[UUID] = set()
    holes: list[Hole] = []
    for begin, end in _pieces(rotas, known.since, known.until, fine=bool(hours)):
        meant = always | {seat for rota in rotas for seat in _answering(rota, begin) if seat in known.here}
        reached = {seat for seat in meant if not hours or _keeps(hours, known.rules.get(seat), begin)}
        seats |= reached
        if not reached:
            why = "hours" if meant else "gap" if rotas else "nobody"
            _add(holes, Hole(begin, end, why))
    return StepCoverage(number, asked=True, seats=tuple(sorted(seats)), holes=tuple(holes))


def _pieces(
    rotas: Sequence[Sequence[Span]], since: datetime, until: datetime, *, fine: bool
) -> Iterator[tuple[datetime, datetime]]:
    """Stretches in which the answer does not change."""
    cuts = {since, until} | {span.starts_at for rota in rotas for span in rota}
    if fine:
        cut = since.replace(minute=0, second=0, microsecond=0)
        while cut < until:
            cut += GRAIN
            cuts.add(min(cut, until))
    yield from pairwise(sorted(cuts))


def _answering(rota: Sequence[Span], at: datetime) -> list[UUID]:
    low, high = 0, len(rota)
    while low < high:
        middle = (low + high) // 2
        if rota[middle].ends_at <= at:
            low = middle + 1
        else:
            high = middle
    seat = rota[low].duty.seat if low < len(rota) else None
    return [seat] if seat else []


def _keeps(hours: Mapping[str, Any], rules: PersonalRules | None, at: datetime) -> bool:
    return quiet_until([hours], rules.time_zone if rules else "UTC", at) is not None


def _add(holes: list[Hole], hole: Hole) -> None:
    if holes and holes[-1].ends_at == hole.starts_at and holes[-1].why == hole.why:
        holes[-1] = Hole(holes[-1].starts_at, hole.ends_at, hole.why)
    else:
        holes.append(hole)


def _in_all(steps: Sequence[StepCoverage], since: datetime, until: datetime) -> tuple[Hole, ...]:
    """Where every step has a hole."""
    cuts = {since, until} | {cut for step in steps for hole in step.holes for cut in (hole.starts_at, hole.ends_at)}
    holes: list[Hole] = []
    for begin, end in pairwise(sorted(cuts)):
        if all(any(hole.starts_at <= begin < hole.ends_at for hole in step.holes) for step in steps):
            _add(holes, Hole(begin, end, "nobody"))
    return tuple(holes)
