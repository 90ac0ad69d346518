"""What becomes of a person's ways to decide, and of what waits for their voice, when they go."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from approvals.actions.links import void_links_of
from approvals.models import Approval, AskedStep, Decision, DecisionLink
from approvals.states import ApprovalStage
from core.actor import Actor
from permissions.gate import Caller
from permissions.models import Grant
from permissions.queries.holders import seats_with_role
from permissions.revocation import Handed, Kept, Todo, Tried, counted, handing_over, human_line, line, trying
from tenants.models import Seat
from tenants.queries import caller_in_office

WAITING = "decisions that wait for them"
AT_ONCE = timedelta(hours=4)


def links_left(seat_ids: Collection[UUID], at: datetime) -> Mapping[UUID, int]:
    unused = DecisionLink.objects.filter(used_at=None, voided_at=None, expires_at__gt=at)
    return counted(unused.filter(seat_id__in=seat_ids), "seat_id")


@line("decision links", left=links_left, covers={"approvals.DecisionLink.seat"})
def end_links(seat_id: UUID, _by: Actor, at: datetime) -> int:
    """The letters in their mailbox open nothing any more."""
    return void_links_of(seat_id, at)


@trying("decision links")
def try_links(seat_id: UUID, at: datetime) -> Tried:
    """A link speaks for a person in office, and is asked for one whenever it is opened."""
    links = list(DecisionLink.objects.filter(seat_id=seat_id))
    speaks = caller_in_office(seat_id, at=at) is not None
    return Tried(len(links), sum(speaks and not link.over(at) for link in links))


def _only_they_can_decide(seat_id: UUID, at: datetime) -> Iterator[Approval]:
    """Requests with an open step that nobody else could complete: who holds its role, or one of its hats, wrote none
    of it, and was not heard.
    """
    roles = set(Grant.objects.all().counting(at).filter(seat_id=seat_id, incident=None).values_list("role", flat=True))
    theirs = Q(roles__overlap=sorted(roles)) | Q(deputy_seat_ids__contains=[seat_id])
    pending = Q(approval__expires_at=None) | Q(approval__expires_at__gt=at)
    rows: list[AskedStep] = list(
        AskedStep.objects.filter(theirs, pending, closed_at=None, approval__stage=ApprovalStage.PENDING)
        .select_related("approval")
        .order_by("approval_id", "place")
    )
    if not rows:
        return
    heard: dict[UUID, set[UUID | None]] = {}
    said = Decision.objects.filter(approval__in=[row.approval_id for row in rows])
    for approval, *voices in said.values_list("approval_id", "seat_id", "on_behalf_of_id"):
        heard.setdefault(approval, set()).update(voices)
    grounds = {(role, row.approval.brand_id) for row in rows for role in row.roles}
    holders = {ground: set(seats_with_role(role=ground[0], brand_id=ground[1], at=at)) for ground in grounds}
    named = {seat for row in rows for seat in row.deputy_seat_ids}
    everybody = named.union(*holders.values())
    in_office = set(Seat.objects.all().active().filter(pk__in=everybody).values_list("pk", flat=True))
    told: set[UUID] = set()
    for row in rows:
        one = row.approval
        silent = {*one.author_seat_ids, *heard.get(one.pk, ())}
        able = {role: (holders[role, one.brand_id] & in_office) - silent for role in row.roles}
        deputies = (set(row.deputy_seat_ids) & in_office) - silent
        anybody = deputies.union(*able.values())
        # After a deputising deadline anybody who is let in may wear a hat.
        hats = [] if row.deputised_at else one.stages[row.place].get("hats", [])
        if one.pk not in told and any(pool == {seat_id} for pool in (anybody, *(able[hat] for hat in hats))):
            told.add(one.pk)
            yield one


@human_line(WAITING)
def tell_of_waiting_decisions(seat_id: UUID, at: datetime) -> list[Todo]:
    """A request that only they could decide would wait for ever."""
    return [
        Todo(f"Find somebody who can decide on request {one.pk}, or withdraw it.", AT_ONCE)
        for one in _only_they_can_decide(seat_id, at)
    ]


@handing_over(WAITING)
def refuse_waiting_decisions(seat_id: UUID, to: Caller, _by: Actor, at: datetime) -> Handed:
    """Had the successor a voice there, the request would not wait for the leaver alone."""
    return Handed(
        kept=tuple(
            Kept("approvals.Approval", one.pk, "wrote_it" if to.seat_id in one.author_seat_ids else "has_no_voice")
            for one in _only_they_can_decide(seat_id, at)
        )
    )
