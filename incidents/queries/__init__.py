"""Questions about an incident that span several tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from alerting.models import Page
from alerting.queries import recipients
from core.files.contents import PICTURES
from incidents.models import Delivery, Duty, Incident, IncidentFile, Statement, StatementVersion
from incidents.states import UNSENT_STAGES
from incidents.variants import variants_of
from ledger.models import Event
from publishing.models import Pause, Post
from publishing.states import PostStage
from readiness.keeping import Objection, Said, objections
from readiness.models import Image
from readiness.plan_body import approval_stages_for
from tenants.models import SocialAccount, StoredFile

# What is asked when the brand had no plan: the agency's crisis lead, then the client.
DEFAULT_STAGES: list[dict[str, Any]] = [
    {"name": "Agency", "role": "crisis_lead", "side": "staff", "quorum": 1},
    {"name": "Client", "role": "client_approver", "side": "client", "quorum": 1},
]

# A post in one of these stages may or may not be public; somebody must find out.
UNKNOWN_STAGES = frozenset({PostStage.SENDING, PostStage.UNKNOWN, PostStage.NEEDS_HUMAN})


@dataclass(frozen=True, slots=True)
class Loose:
    """What keeps a crisis from ending: ids of pauses of its own that are on, statements unsent, posts in doubt."""

    pauses: list[UUID] = field(default_factory=list)
    statements: list[UUID] = field(default_factory=list)
    posts: list[UUID] = field(default_factory=list)

    def any(self) -> bool:
        return bool(self.pauses or self.statements or self.posts)

    def in_words(self) -> str:
        parts = [
            (self.pauses, "a pause of its own is on"),
            (self.statements, "a statement is unsent"),
            (self.posts, "the outcome of a post is unknown"),
        ]
        return f"This incident cannot be resolved: {', '.join(words for found, words in parts if found)}."


def loose_ends(incident: Incident) -> Loose:
    """What must be settled before the incident can be resolved; three queries."""
    return Loose(
        pauses=_ids(Pause.objects.filter(incident=incident, lifted_at=None)),
        statements=_ids(Statement.objects.filter(incident=incident, stage__in=UNSENT_STAGES)),
        posts=_ids(Post.objects.filter(incident=incident, stage__in=UNKNOWN_STAGES)),
    )


def _ids(rows: QuerySet[Any]) -> list[UUID]:
    return list(rows.order_by("pk").values_list("pk", flat=True))


def approval_stages(incident: Incident, *, networks: Collection[str], claims: Collection[str]) -> list[dict[str, Any]]:
    """Who must agree to words in this incident, in order: as the frozen plan says for its severity, the networks on
    which they would go out, and what they claim.
    """
    if not incident.plan.get("approval", {}).get("stages"):
        return DEFAULT_STAGES
    return approval_stages_for(incident.plan, severity=incident.severity, networks=networks, claims=claims)


def alerted_at(incident: Incident, stage: str) -> list[dict[str, str]]:
    """Whom the frozen plan alerts when the incident comes to a stage."""
    targets: list[dict[str, str]] = incident.plan.get("stages", {}).get(stage, {}).get("alert", [])
    return targets


def stage_list(page: Page, stage: str, at: datetime) -> list[UUID]:
    """The people whom the plan of a page's incident names for a stage."""
    incident = Incident.objects.filter(pk=page.incident_id).first() if page.incident_id else None
    return list(recipients(page, alerted_at(incident, stage), at).seats) if incident else []


def authors_of(statement: Statement) -> list[UUID]:
    """Everybody who wrote a version of it; none of them approves any version."""
    authors = StatementVersion.objects.filter(statement=statement, author_seat_id__isnull=False)
    return list(authors.order_by("author_seat_id").values_list("author_seat_id", flat=True).distinct())


def first_words_out(incident_id: UUID) -> datetime | None:
    """When the first post of a statement of this incident was published."""
    carried = Delivery.objects.filter(statement__incident_id=incident_id)
    first: datetime | None = carried.aggregate(first=Min("post__published_at"))["first"]
    return first


def last_statement_out(incident_id: UUID) -> datetime | None:
    """When the newest statement of this incident was out everywhere."""
    statements = Statement.objects.filter(incident_id=incident_id)
    last: datetime | None = statements.aggregate(last=Max("published_at"))["last"]
    return last


def timeline_of(incident: Incident) -> QuerySet[Event, Event]:
    """The incident's events, and those of what led to it: its cause and the pages about both; and the same of what was
    merged into it. Unordered.

    Who was let in, and why, is for the audit trail: clients read this one. So is who writes what in the review.
    """
    whole = [incident, *Incident.objects.filter(merged_into=incident)]
    about = [one.pk for one in whole] + [one.cause_id for one in whole if one.cause_id is not None]
    causes = Q(subject_id__in=about)
    pages = list(Page.objects.filter(cause_id__in=about).values_list("pk", flat=True))
    versions = StatementVersion.objects.filter(statement__incident__in=whole, approval__isnull=False)
    asked = list(versions.values_list("approval_id", flat=True))
    own = Q(incident_id__in=[one.pk for one in whole])
    told = Event.objects.filter(causes | own | Q(subject_id__in=[*pages, *asked]))
    return told.exclude(
        Q(name__startswith="role.") | Q(name__startswith="section.") | Q(name__startswith="improvement.")
    )


def holder_of_duty(page: Page, duty: str, _at: datetime) -> list[UUID]:
    """Who carries a duty in the incident that a page is about, or stands in where nobody does; else nobody."""
    about = Q(incident_id=page.incident_id) if page.incident_id else Q(incident__cause_id=page.cause_id)
    found = Duty.objects.filter(about, duty=duty).order_by("-incident_id").values_list("seat_id", "deputy_id").first()
    return [seat for seat in found or () if seat is not None][:1]


def sayings(version: StatementVersion) -> list[Said]:
    """The texts of a version, each with its network, language and pictures; one query."""
    said = variants_of(version.payload)
    accounts = SocialAccount.objects.filter(pk__in=[one.account_id for one in said])
    networks = dict(accounts.values_list("pk", "network"))
    language = version.payload.get("language")
    return [
        Said(
            f"deliveries.{place}",
            one.text,
            networks[one.account_id],
            one.language or language,
            tuple(medium.alt for medium in one.media),
        )
        for place, one in enumerate(said)
    ]


def objections_to(statement: Statement, version: StatementVersion, *, at: datetime) -> list[Objection]:
    """What the policies in force object to, if these words go out at an instant."""
    return objections(statement.brand_id, sayings(version), kind=statement.kind, at=at, claims=statement.claims)


def newest_version(statement: Statement) -> StatementVersion:
    """The words of the statement as they stand."""
    version: StatementVersion = StatementVersion.objects.get(statement=statement, number=statement.current_version)
    return version


def pictures_at_hand(
    digests: Collection[str], *, brand_id: UUID, incident_id: UUID, kept: Collection[str] = ()
) -> dict[str, str]:
    """The media types, by their digests, of the pictures that a statement may show: those of the brand's library and of
    the incident's files, and those that it shows already (`kept`). One query; none for nothing.
    """
    if not digests:
        return {}
    library = Image.objects.filter(brand_id=brand_id, removed_at=None).values("file_id")
    files = IncidentFile.objects.filter(incident_id=incident_id, removed_at=None).values("file_id")
    here = Q(pk__in=library) | Q(pk__in=files) | Q(sha256__in=[one for one in digests if one in kept])
    rows = StoredFile.objects.filter(here, sha256__in=digests, kind__in=PICTURES)
    return dict(rows.values_list("sha256", "kind"))
