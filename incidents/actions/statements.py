"""Writing a statement and getting it agreed: draft, revise, submit, approve, send back, withdraw."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.actions import request_approval, void_approval
from approvals.models import Approval
from approvals.payload import deliveries_payload, digest_of, media_payload
from connectors.network import not_taken
from core.actor import Actor
from core.failpoints import failpoint
from core.refusals import Invalid, Refusal
from incidents.actions.work import lock_open
from incidents.models import Delivery, Incident, Statement, StatementMedium, StatementVersion
from incidents.queries import approval_stages, authors_of, pictures_at_hand, sayings
from incidents.states import GRAVE, STATEMENT_LIFECYCLE, StatementStage
from incidents.variants import Variants, variants_of
from ledger.actions import record
from publishing.actions import cancel_post
from publishing.models import Post
from publishing.states import PostStage
from readiness.filling import still_said
from readiness.keeping import refuse_against_policy
from tenants.models import SocialAccount, StoredFile

ABOUT = "incidents.statement_version"
Facts = Mapping[str, dict[str, str]]  # {slot: {"fact": id, "value": what the words say}}
WAITING = frozenset({PostStage.SCHEDULED, PostStage.HELD, PostStage.FAILED})  # posts that can still be cancelled
NEVER_OUT = WAITING | {PostStage.CANCELLED}


class AlreadyOut(Refusal):
    """Some of it may be public already; take the posts down instead."""

    code = "already_out"
    title = "This statement is out, or may be: take its posts down instead."


@transaction.atomic
def draft_statement(
    *,
    incident_id: UUID,
    title: str,
    language: str,
    deliveries: Variants,
    claims: Sequence[str] = (),
    message_id: UUID | None = None,
    facts: Facts | None = None,
    by: Actor,
    at: datetime,
) -> Statement:
    """Begin a statement: `deliveries` has a variant for every account of the brand that is to say it.

    `message_id` and `facts` say which message of the library the words were made of, and what filled its slots
    (see `incidents.actions.filling`). `claims` are words of the plan for what it says (an apology, a recall): they
    choose who must agree.
    """
    incident = lock_open(incident_id)
    payload = payload_for(incident.brand_id, language, deliveries, incident_id=incident.pk)
    statement = Statement(
        brand_id=incident.brand_id,
        incident=incident,
        title=title,
        claims=sorted(set(claims)),
        message_id=message_id,
        created_at=at,
    )
    statement.save(force_insert=True)
    version = write_version(statement, payload, facts or {}, by=by, at=at)
    record("statement.drafted", on=statement, by=by, at=at, title=title, version=1, digest=version.digest)
    return statement


def payload_for(
    brand_id: UUID, language: str, deliveries: Variants, *, incident_id: UUID, kept: Collection[str] = ()
) -> dict[str, Any]:
    """Exactly what would be sent. `kept` are digests of pictures that an earlier version goes out with already.

    Raises Invalid (400) with the path of what cannot be sent: an account that is not the brand's, a picture that is
    neither in the brand's library nor among the incident's files, or has no words beside it, and what a network does
    not take.
    """
    accounts = {
        account.pk: account
        for account in SocialAccount.objects.filter(brand_id=brand_id, pk__in=[one.account_id for one in deliveries])
    }
    wanted = {medium.sha256 for one in deliveries for medium in one.media}
    kinds = pictures_at_hand(wanted, brand_id=brand_id, incident_id=incident_id, kept=kept)
    errors: list[dict[str, str]] = []
    for place, one in enumerate(deliveries):
        path = f"deliveries.{place}."
        if one.account_id not in accounts:
            errors.append(_error(f"{path}account", "does_not_exist", "The brand has no such account."))
            continue
        for at, medium in enumerate(one.media):
            if medium.sha256 not in kinds:
                errors.append(_error(f"{path}media.{at}.sha256", "does_not_exist", "There is no such picture here."))
        media = [{"type": kinds[one.sha256], "alt": one.alt} for one in one.media if one.sha256 in kinds]
        errors += not_taken(accounts[one.account_id].network, length=len(one.text), media=media, path=path)
        if media and not one.text.strip():
            errors.append(_error(f"{path}text", "blank", "There is no text to send."))
    if errors:
        raise Invalid("The deliveries cannot be sent.", errors=errors)
    languages = {one.language or language for one in deliveries} or {language}
    if not wanted and len(languages) == 1:
        plain = [(one.account_id, one.text) for one in deliveries]
        return deliveries_payload(brand_id=brand_id, language=languages.pop(), deliveries=plain)
    return media_payload(
        brand_id=brand_id,
        deliveries=[
            {
                "account": one.account_id,
                "language": one.language or language,
                "text": one.text,
                "media": [
                    {"sha256": medium.sha256, "type": kinds[medium.sha256], "alt": medium.alt} for medium in one.media
                ],
            }
            for one in deliveries
        ],
    )


def _error(field: str, code: str, detail: str) -> dict[str, str]:
    return {"field": field, "code": code, "detail": detail}


def write_version(
    statement: Statement, payload: dict[str, Any], facts: Facts, *, by: Actor, at: datetime
) -> StatementVersion:
    version = StatementVersion(
        brand_id=statement.brand_id,
        statement=statement,
        number=statement.current_version,
        payload=payload,
        digest=digest_of(payload),
        facts=dict(facts),
        author_seat_id=by.seat_id,
        written_at=at,
    )
    version.save(force_insert=True)
    _keep_pictures(version)
    return version


def _keep_pictures(version: StatementVersion) -> None:
    """Their content stays as long as the version does, whatever becomes of the library and of the incident's files."""
    wanted = {medium.sha256 for one in variants_of(version.payload) for medium in one.media}
    if not wanted:
        return
    files = StoredFile.objects.filter(sha256__in=wanted).select_for_update(of=("self",), no_key=True).order_by("pk")
    StatementMedium.objects.bulk_create(
        StatementMedium(agency_id=version.agency_id, brand_id=version.brand_id, version=version, file=file)
        for file in files
    )


def locked_statement(statement_id: UUID) -> tuple[Incident, Statement, StatementVersion]:
    """The statement, its incident and its newest version, held together: always in this order."""
    statement: Statement = Statement.objects.locked(statement_id)
    incident: Incident = Incident.objects.locked(statement.incident_id)
    newest: StatementVersion = StatementVersion.objects.select_for_update(of=("self",), no_key=True).get(
        statement=statement, number=statement.current_version
    )
    return incident, statement, newest


@transaction.atomic
def revise_statement(
    *,
    statement_id: UUID,
    title: str,
    language: str,
    deliveries: Variants,
    claims: Sequence[str] | None = None,
    facts: Facts | None = None,
    by: Actor,
    at: datetime,
) -> Statement:
    """Change the words: a new version, which nobody has agreed to yet. The approval of the old words is void.

    `facts` fill its slots now; None keeps those that the words still say. Where only the title changes, the words and
    their approval stay; other claims may ask other people.
    """
    _, statement, old = locked_statement(statement_id)
    revised = STATEMENT_LIFECYCLE.step("revise", from_=statement.stage)
    said = {medium.sha256 for one in variants_of(old.payload) for medium in one.media}
    payload = payload_for(statement.brand_id, language, deliveries, incident_id=statement.incident_id, kept=said)
    statement.title = title
    claimed = statement.claims if claims is None else sorted(set(claims))
    newest = old
    refilled = facts is not None and facts != old.facts
    if digest_of(payload) != old.digest or claimed != statement.claims or refilled:
        statement.claims = claimed
        statement.stage = revised
        statement.current_version += 1
        texts = [delivery["text"] for delivery in payload["deliveries"]]
        resting = still_said(old.facts, texts) if facts is None else facts
        newest = write_version(statement, payload, resting, by=by, at=at)
        approval = live_approval(old)
        if approval is not None:
            void_approval(approval_id=approval.pk, reason="The text was changed.", by=by, at=at)
    statement.version += 1
    statement.save(update_fields=["title", "claims", "stage", "current_version", "version"])
    record("statement.revised", on=statement, by=by, at=at, version=newest.number, digest=newest.digest)
    return statement


def live_approval(version: StatementVersion) -> Approval | None:
    """The request about these words that waits for voices or was granted, locked; None when there is none."""
    approval: Approval | None = (
        Approval.objects.all()
        .live()
        .filter(pk=version.approval_id)
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    return approval


def networks_of(version: StatementVersion) -> set[str]:
    """The networks on which these words would go out."""
    accounts = [delivery["account"] for delivery in version.payload["deliveries"]]
    return set(SocialAccount.objects.filter(pk__in=accounts).values_list("network", flat=True))


def refuse_forbidden(statement: Statement, version: StatementVersion, *, at: datetime) -> None:
    """Raise AgainstPolicy (409) for words that may not be said now, where they would appear, with what they claim."""
    said = sayings(version)
    refuse_against_policy(statement.brand_id, said, kind=statement.kind, at=at, claims=statement.claims)


def _asked_before(newest: StatementVersion) -> UUID | None:
    """The request about the version before that people were asked about: its voices count where nothing changed."""
    before = StatementVersion.objects.filter(
        statement_id=newest.statement_id, number__lt=newest.number, approval__isnull=False
    )
    found: UUID | None = before.order_by("-number").values_list("approval_id", flat=True).first()
    return found


@transaction.atomic
def submit_statement(*, statement_id: UUID, by: Actor, at: datetime) -> Statement:
    """Ask for approval of exactly these words, by the stages of the incident's frozen plan.

    Whoever wrote any version of the statement may not approve it. Raises AgainstPolicy (409).
    """
    incident, statement, newest = locked_statement(statement_id)
    statement.stage = STATEMENT_LIFECYCLE.step("submit", from_=statement.stage)
    lock_open(incident.pk)
    refuse_forbidden(statement, newest, at=at)
    newest.approval = request_approval(
        brand_id=statement.brand_id,
        about_kind=ABOUT,
        about_id=newest.pk,
        incident_id=incident.pk,
        payload=newest.payload,
        stages=approval_stages(incident, networks=networks_of(newest), claims=statement.claims),
        author_seat_ids=authors_of(statement),
        expires_at=None,
        needs_step_up=incident.severity <= GRAVE,
        severity=incident.severity,
        carries_from=_asked_before(newest),
        by=by,
        at=at,
    )
    newest.save(update_fields=["approval"])
    statement.version += 1
    statement.save(update_fields=["stage", "version"])
    failpoint("incidents.statement_submitted")
    record(
        "statement.submitted",
        on=statement,
        by=by,
        at=at,
        version=newest.number,
        digest=newest.digest,
        approval_id=newest.approval_id,
    )
    return statement


@transaction.atomic
def approve_statement(*, version_id: UUID, by: Actor, at: datetime) -> Statement:
    """The words were agreed to. Safe to repeat; a version that is no longer the newest changes nothing."""
    _, statement, newest = locked_statement(StatementVersion.objects.found(version_id).statement_id)
    if newest.pk == version_id and statement.stage == StatementStage.IN_APPROVAL:
        mark_approved(statement, newest, by=by, at=at)
    return statement


def mark_approved(statement: Statement, newest: StatementVersion, *, by: Actor, at: datetime) -> None:
    statement.stage = STATEMENT_LIFECYCLE.step("approve", from_=statement.stage)
    statement.version += 1
    statement.save(update_fields=["stage", "version"])
    record("statement.approved", on=statement, by=by, at=at, version=newest.number, digest=newest.digest)


@transaction.atomic
def send_statement_back(*, version_id: UUID, approval_id: UUID, by: Actor, at: datetime) -> Statement:
    """Its approval was rejected, or voided because an approver left: the words need another round. Safe to repeat."""
    _, statement, newest = locked_statement(StatementVersion.objects.found(version_id).statement_id)
    current = newest.pk == version_id and newest.approval_id == approval_id
    if current and STATEMENT_LIFECYCLE.allows("send_back", from_=statement.stage):
        statement.stage = STATEMENT_LIFECYCLE.step("send_back", from_=statement.stage)
        statement.version += 1
        statement.save(update_fields=["stage", "version"])
        record("statement.sent_back", on=statement, by=by, at=at, version=newest.number, digest=newest.digest)
    return statement


@transaction.atomic
def withdraw_statement(*, statement_id: UUID, reason: str, by: Actor, at: datetime) -> Statement:
    """Decide not to say it. Refused once any of it is public or may be; posts still waiting are cancelled."""
    _, statement, newest = locked_statement(statement_id)
    statement.stage = STATEMENT_LIFECYCLE.step("withdraw", from_=statement.stage)
    approval = live_approval(newest)
    carried = Delivery.objects.filter(statement=statement).values("post_id")
    posts = list(Post.objects.filter(pk__in=carried).order_by("pk").select_for_update(of=("self",), no_key=True))
    out = [post.pk for post in posts if post.stage not in NEVER_OUT]
    if out:
        raise AlreadyOut(posts=out)
    for post in posts:
        if post.stage in WAITING:
            cancel_post(post_id=post.pk, reason="The statement was withdrawn.", by=by, at=at)
    if approval is not None:
        void_approval(approval_id=approval.pk, reason="The statement was withdrawn.", by=by, at=at)
    statement.withdrawn_at = at
    statement.version += 1
    statement.save(update_fields=["stage", "withdrawn_at", "version"])
    record("statement.withdrawn", on=statement, by=by, at=at, version=newest.number, reason=reason)
    return statement
