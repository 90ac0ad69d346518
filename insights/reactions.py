"""What insights do about news from below; safe to hear twice."""

from __future__ import annotations

from datetime import datetime

from core.actor import Actor
from incidents.actions import measure_postmortem
from incidents.models import Incident, PostMortem
from insights.measures import measured
from ledger.models import Event
from ledger.subscriptions import on


@on("postmortem.drafted", "postmortem.released", reaction="insights.measure", queue="bulk")
def measure(event: Event, at: datetime) -> None:
    """The review gets its figures when it opens, and those that stay when it is released."""
    postmortem: PostMortem = PostMortem.objects.found(event.subject_id)
    incident: Incident = Incident.objects.found(postmortem.incident_id)
    measure_postmortem(
        postmortem_id=postmortem.pk,
        numbers=measured(incident, at=event.at),
        of=event.at,
        by=Actor.rule("insights"),
        at=at,
    )
