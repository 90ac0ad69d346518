"""What belongs together: links to other things, incidents that are one, and one that was two."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from alerting.actions import resolve_page
from alerting.models import Page
from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from incidents.actions.clocks import stop_clocks
from incidents.actions.opening import open_incident
from incidents.actions.work import lock_open
from incidents.models import Incident, IncidentLink, Task
from incidents.queries import loose_ends
from incidents.states import INCIDENT_LIFECYCLE, LinkKind, Relation, TaskStage
from ledger.actions import record
from publishing.models import Pause


class LinkKnown(Refusal):
    """Fact `link_id`."""

    code = "link_known"
    title = "This is linked already."


class CannotMerge(Refusal):
    """Facts `statements` and `posts`: what must be settled before; empty for incidents that do not go together."""

    code = "cannot_merge"
    title = "These incidents cannot be merged."


@transaction.atomic
def link_thing(
    *,
    incident_id: UUID,
    kind: str,
    target_id: UUID | None,
    url: str,
    relation: str,
    note: str,
    by: Actor,
    at: datetime,
) -> IncidentLink:
    """Say what the incident has to do with. The caller has checked that the thing is there and may be seen."""
    incident: Incident = Incident.objects.locked(incident_id)
    if target_id == incident.pk:
        raise Invalid(errors=[{"field": "target", "code": "itself", "detail": "This is the incident itself."}])
    standing = IncidentLink.objects.filter(
        incident=incident, kind=kind, target_id=target_id, url=url, unlinked_at=None
    ).first()
    if standing is not None:
        raise LinkKnown(link_id=standing.pk)
    link = IncidentLink(
        id=uuid7(),
        brand_id=incident.brand_id,
        incident=incident,
        kind=kind,
        target_id=target_id,
        url=url,
        relation=relation,
        note=note,
        author_seat_id=by.seat_id,
        linked_at=at,
    )
    link.save(force_insert=True)
    record("incident.linked", on=link, by=by, at=at, kind=kind, target_id=target_id, relation=relation)
    return link


@transaction.atomic
def unlink_thing(*, link_id: UUID, by: Actor, at: datetime) -> IncidentLink:
    """They have nothing to do with one another after all; repeating changes nothing."""
    link: IncidentLink = IncidentLink.objects.locked(link_id)
    if link.unlinked_at is None:
        link.unlinked_at = at
        link.save(update_fields=["unlinked_at"])
        record("incident.unlinked", on=link, by=by, at=at, kind=link.kind, target_id=link.target_id)
    return link


@transaction.atomic
def merge_incident(*, incident_id: UUID, into_id: UUID, reason: str, by: Actor, at: datetime) -> Incident:
    """Two are one: this one ends, and the other goes on with its open tasks and its pause, and tells its story too.

    Both are of one brand and worked on; raises CannotMerge (409) while words of this one are on their way.
    """
    if incident_id == into_id:
        raise Invalid(errors=[{"field": "into", "code": "itself", "detail": "This is the incident itself."}])
    held = {one.pk: one for one in (lock_open(pk) for pk in sorted((incident_id, into_id)))}
    incident, into = held[incident_id], held[into_id]
    loose = loose_ends(incident)
    if incident.brand_id != into.brand_id or loose.statements or loose.posts:
        raise CannotMerge(statements=loose.statements, posts=loose.posts)
    incident.stage = INCIDENT_LIFECYCLE.step("merge", from_=incident.stage)
    incident.merged_into, incident.merged_at = into, at
    incident.version += 1
    incident.save(update_fields=["stage", "merged_into", "merged_at", "version"])
    stop_clocks(incident, by=by, at=at)
    Task.objects.filter(incident=incident, stage=TaskStage.OPEN).update(incident=into)
    Pause.objects.filter(incident=incident, lifted_at=None).update(incident=into)
    if into.pause_id is None and incident.pause_id is not None:
        into.pause_id = incident.pause_id
    into.severity = min(into.severity, incident.severity)
    into.version += 1
    into.save(update_fields=["pause", "severity", "version"])
    for page_id in Page.objects.all().climbing().filter(incident=incident).order_by("pk").values_list("pk", flat=True):
        resolve_page(page_id=page_id, reason=f"{incident.reference} is part of {into.reference}", by=by, at=at)
    record("incident.merged", on=incident, by=by, at=at, into_id=into.pk, reason=reason)
    record("incident.took_in", on=into, by=by, at=at, merged_id=incident.pk, reason=reason)
    return incident


@transaction.atomic
def split_incident(
    *, incident_id: UUID, title: str, kind: str, severity: int, reason: str, by: Actor, at: datetime
) -> Incident:
    """A part of it is another story: a new incident is opened for that, and the two are linked."""
    incident = lock_open(incident_id)
    part = open_incident(
        brand_id=incident.brand_id,
        title=title,
        kind=kind,
        severity=severity,
        cause_kind="",
        cause_id=None,
        by=by,
        at=at,
    )
    part.split_from = incident
    part.save(update_fields=["split_from"])
    link_thing(
        incident_id=part.pk, kind=LinkKind.INCIDENT, target_id=incident.pk, url="", relation=Relation.FOLLOWS,
        note=reason[:500], by=by, at=at,
    )  # fmt: skip
    record("incident.split", on=incident, by=by, at=at, part_id=part.pk, reason=reason)
    return part
