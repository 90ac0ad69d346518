"""Every event there is: its name (`subject.verbed`) and the schema of its facts.

One list feeds the audit trail, timelines, reactions and everything that leaves the house. Facts hold ids and small
values; no text that a person wrote about a person belongs here.
"""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from ledger.chain import canonical

ID = {"type": "string", "format": "uuid"}
IDS = {"type": "array", "items": ID}
WORD = {"type": "string", "maxLength": 120}
WORDS = {"type": "array", "items": WORD}
LINE = {"type": "string", "maxLength": 500}  # a reason that staff gave, a title that staff chose
COUNT = {"type": "integer", "minimum": 0}
NUMBER = {"type": "number"}
FLAG = {"type": "boolean"}
INSTANT = {"type": "string", "maxLength": 40}
DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SEVERITY = {"type": "integer", "minimum": 1, "maximum": 4}  # 1 is the worst
COUNTS = {"type": "object", "additionalProperties": COUNT}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def facts(**properties: dict[str, Any]) -> dict[str, Any]:
    """A closed object in which every fact is required; an absent value is null, said aloud."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


CATALOGUE: dict[str, dict[str, Any]] = {
    # tenants
    "agency.created": facts(slug=WORD),
    "agency.changed": facts(fields=WORDS),
    "brand.created": facts(slug=WORD),
    "brand.changed": facts(fields=WORDS),
    "brand.archived": facts(reason=LINE),
    "brand.restored": facts(reason=LINE),
    "account.connected": facts(network=WORD, account_handle=WORD),
    "account.credentials_renewed": facts(network=WORD),
    "account.disconnected": facts(reason=LINE),
    "account.health_changed": facts(before=WORD, after=WORD),
    "invitation.sent": facts(role=WORD, side=WORD, brands=IDS),
    "invitation.accepted": facts(seat_id=ID),
    "invitation.voided": facts(reason=LINE),
    "seat.created": facts(side=WORD, role=WORD),
    "seat.changed": facts(fields=WORDS),
    "seat.suspended": facts(reason=LINE),
    "seat.resumed": facts(reason=LINE),
    "seat.revoked": facts(
        reason=WORD, ended=COUNTS, handed_over=COUNTS, successor_id=maybe(ID), revocation_id=ID, tasks=COUNT
    ),
    "seat.idle_warned": facts(idle_since=INSTANT, ends_at=maybe(INSTANT)),
    "seat.drift_found": facts(found=COUNTS, ended=COUNTS),
    "account.credentials_withdrawn": facts(network=WORD, reason=WORD),
    "account.access_revoked": facts(network=WORD, proof=WORD, seat_id=ID),
    "identity_provider.connected": facts(second_factor=FLAG),
    "identity_provider.changed": facts(fields=WORDS),
    "identity_provider.removed": facts(reason=LINE, identities=COUNT),
    "identity.linked": facts(provider_id=ID, seat_id=ID),
    "directory_token.issued": facts(prefix=WORD, expires_at=maybe(INSTANT)),
    "directory_token.revoked": facts(prefix=WORD, reason=LINE),
    "directory_user.created": facts(seat_id=maybe(ID), active=FLAG),
    "directory_user.changed": facts(fields=WORDS),
    "directory_user.activated": facts(seat_id=maybe(ID)),
    "directory_user.deactivated": facts(seat_id=maybe(ID)),
    "directory_user.deleted": facts(seat_id=maybe(ID)),
    "directory_group.created": facts(members=COUNT),
    "directory_group.changed": facts(fields=WORDS, added=IDS, removed=IDS),
    "directory_group.deleted": facts(members=COUNT),
    "directory_group.mapped": facts(role=WORD, brand_ids=IDS),
    "directory_group.unmapped": facts(role=WORD, reason=LINE),
    "event_transmitter.added": facts(name=WORD),
    "event_transmitter.removed": facts(reason=LINE),
    "security_event.taken": facts(kind=WORD, outcome=WORD, seat_id=maybe(ID)),
    # permissions
    "role.granted": facts(
        seat_id=ID, role=WORD, needs=WORDS, reason=LINE, starts_at=maybe(INSTANT), ends_at=maybe(INSTANT)
    ),
    "role.projected": facts(seat_id=ID, role=WORD, needs=WORDS),
    "role.withdrawn": facts(seat_id=ID, role=WORD, reason=LINE),
    "role.rescheduled": facts(seat_id=ID, role=WORD, before=maybe(INSTANT), ends_at=maybe(INSTANT), reason=LINE),
    "role.defined": facts(slug=WORD, side=WORD, needs=WORDS),
    "role.revised": facts(slug=WORD, needs=WORDS, grants=COUNT),
    "role.retired": facts(slug=WORD, needs=WORDS, reason=LINE),
    "separation_rule.created": facts(name=WORD, roles=WORDS, reason=LINE, accepted=COUNT),
    "separation_rule.lifted": facts(reason=LINE),
    # Which brands a deny rule names is kept from the trail: those whom it walls off may read the trail.
    "deny_rule.created": facts(seat_id=maybe(ID), brands=COUNT, ends_at=maybe(INSTANT)),
    "deny_rule.lifted": facts(reason=LINE),
    "incident.restricted": facts(restriction_id=ID, reason=LINE),
    "incident.restriction_lifted": facts(restriction_id=ID, reason=LINE),
    "review.opened": facts(items=COUNT, due_at=INSTANT, reason=LINE),
    "review.decided": facts(kept=IDS, removed=IDS, ended=IDS),
    "review.closed": facts(
        digest=DIGEST, reason=LINE, kept=COUNT, removed=COUNT, ended=COUNT, protected=COUNT, unanswered=COUNT
    ),
    "revocation.planned": facts(seat_id=ID, reason=WORD, due_at=INSTANT, successor_id=maybe(ID)),
    "revocation.cancelled": facts(seat_id=ID, reason=LINE),
    "revocation.blocked": facts(seat_id=ID, problem=WORD),
    "revocation.reported": facts(
        seat_id=ID, digest=DIGEST, complete=FLAG, confirmed=COUNT, unconfirmed=COUNT, human_task=COUNT
    ),
    "revocation.stuck": facts(seat_id=ID, lines=WORDS),
    "revocation.task_done": facts(seat_id=ID, task_id=ID),
    "revocation.overdue": facts(seat_id=ID, tasks=COUNT, lines=WORDS),
    "key.issued": facts(prefix=WORD, needs=WORDS, brand_ids=IDS, expires_at=maybe(INSTANT)),
    "key.revoked": facts(prefix=WORD, reason=LINE),
    "key.rotated": facts(prefix=WORD, successor_id=ID, expires_at=maybe(INSTANT)),
    "key.exposed": facts(prefix=WORD, where=WORD),
    # approvals
    "approval.requested": facts(about_kind=WORD, about_id=ID, digest=DIGEST, stages=WORDS),
    "approval.voices_carried": facts(about_id=ID, approval_id=ID, stages=WORDS, seats=IDS),
    # `link_id`: by which link the person came, null when they had signed in. `on_behalf_of`: for whom they spoke.
    "approval.decided": facts(
        about_id=ID, stage=WORD, verdict=WORD, digest=DIGEST, link_id=maybe(ID), on_behalf_of=maybe(ID)
    ),
    "approval.overdue": facts(step=WORD, on_deadline=WORD, severity=maybe(SEVERITY)),
    "approval.bypass_begun": facts(about_kind=WORD, about_id=ID, digest=DIGEST, reason=LINE, lapses_at=INSTANT),
    "approval.bypassed": facts(
        about_kind=WORD, about_id=ID, digest=DIGEST, reason=LINE, first_seat_id=ID, second_seat_id=ID
    ),
    "approval.commented": facts(approval_id=ID, shared_with_client=FLAG),
    # Why somebody is away is theirs, and stays out of the trail.
    "delegation.created": facts(seat_id=ID, deputy_id=ID, starts_at=INSTANT, ends_at=INSTANT),
    "delegation.ended": facts(seat_id=ID, deputy_id=ID),
    "delegation.handed_over": facts(seat_id=ID, deputy_id=ID),
    "approval.link_sent": facts(link_id=ID, seat_id=ID, expires_at=INSTANT),
    "approval.granted": facts(about_kind=WORD, about_id=ID, digest=DIGEST),
    "approval.rejected": facts(about_kind=WORD, about_id=ID, digest=DIGEST),
    "approval.changes_requested": facts(about_kind=WORD, about_id=ID, digest=DIGEST),
    "approval.voided": facts(about_kind=WORD, about_id=ID, digest=DIGEST, reason=LINE),
    "approval.spent": facts(about_kind=WORD, about_id=ID, digest=DIGEST, spent_on=ID),
    # alerting
    "rota.created": facts(name=WORD),
    "rota.revised": facts(version=COUNT, members=IDS),
    "rota.overridden": facts(override_id=ID, seat_id=ID, starts_at=INSTANT, ends_at=INSTANT),
    "rota.override_cancelled": facts(override_id=ID, seat_id=ID),
    "rota.imported": facts(rotation_id=ID, shifts=COUNT, until=INSTANT),
    "swap.offered": facts(rota_id=ID, seat_id=ID, starts_at=INSTANT, ends_at=INSTANT),
    "swap.taken": facts(rota_id=ID, seat_id=ID, taken_by=ID),
    "swap.given_back": facts(rota_id=ID, given_back_by=maybe(ID)),
    "swap.cancelled": facts(rota_id=ID),
    "swap.went_past_due": facts(rota_id=ID, seat_id=ID),
    "absence.added": facts(seat_id=ID, starts_at=INSTANT, ends_at=INSTANT),
    "absence.revised": facts(seat_id=ID, starts_at=INSTANT, ends_at=INSTANT),
    "absence.ended": facts(seat_id=ID),
    "calendar_feed.created": facts(seat_id=ID, rota_id=maybe(ID)),
    "calendar_feed.revoked": facts(seat_id=ID),
    "escalation_policy.created": facts(name=WORD, steps=COUNT),
    "escalation_policy.revised": facts(version=COUNT, steps=COUNT),
    "contact_method.added": facts(seat_id=ID, transport=WORD),
    "contact_method.removed": facts(seat_id=ID, transport=WORD),
    "contact_method.code_sent": facts(seat_id=ID, transport=WORD),
    "contact_method.verified": facts(seat_id=ID, transport=WORD),
    "contact_method.tested": facts(seat_id=ID, transport=WORD),
    "contact_method.unreachable": facts(seat_id=ID, transport=WORD),
    "contact_methods.ordered": facts(contacts=IDS),
    "personal_rules.changed": facts(seat_id=ID, version=COUNT),
    "channel.created": facts(name=WORD, transport=WORD),
    "channel.revised": facts(version=COUNT, moved=FLAG),
    "channel.removed": facts(name=WORD),
    "channel.tested": facts(),
    "channel.unreachable": facts(transport=WORD),
    "page.raised": facts(cause_kind=WORD, cause_id=ID, severity=SEVERITY, policy_id=maybe(ID)),
    "page.escalated": facts(step=COUNT, notified=IDS),
    "page.notification_sent": facts(notification_id=ID, seat_id=maybe(ID), transport=WORD),
    "page.notification_failed": facts(notification_id=ID, seat_id=maybe(ID), transport=WORD, permanent=FLAG),
    "page.step_coalesced": facts(step=COUNT, notified=IDS),
    "page.cause_joined": facts(cause_kind=WORD, cause_id=ID, suppressed=COUNT),
    "page.worsened": facts(was=SEVERITY, severity=SEVERITY),
    "page.silenced": facts(silence_id=ID),
    "page.acknowledged": facts(step=COUNT),
    "page.renewed": facts(lapses_at=maybe(INSTANT)),
    "page.snoozed": facts(until=INSTANT, reason=LINE),
    "hand_over.offered": facts(page_id=ID, to=ID),
    "hand_over.declined": facts(page_id=ID),
    "hand_over.lapsed": facts(page_id=ID),
    "page.handed_over": facts(seat_id=ID),
    "page.reopened": facts(cycle=COUNT, reason=WORD),
    "page.resolved": facts(reason=LINE),
    "page.exhausted": facts(steps=COUNT),
    "silence.planned": facts(
        kind=WORD, cause_kinds=WORDS, topics=WORDS, gravest=SEVERITY, reason=LINE, starts_at=INSTANT, ends_at=INSTANT
    ),
    "silence.started": facts(kind=WORD, ends_at=INSTANT),
    "silence.revised": facts(version=COUNT, reason=LINE, ends_at=INSTANT),
    "silence.reminded": facts(swallowed=COUNT),
    "silence.handed_over": facts(seat_id=ID),
    "silence.ended": facts(reason=WORD, swallowed=COUNT),
    "alarm.raised": facts(check=WORD, count=COUNT),
    # readiness
    "plan.created": facts(name=WORD, template_id=maybe(ID)),
    "plan.changed": facts(fields=WORDS),
    "plan.drafted": facts(draft_id=ID, base=COUNT, reason=LINE),
    "plan.submitted": facts(draft_id=ID, approval_id=ID),
    "plan.draft_sent_back": facts(draft_id=ID, approval_id=ID),
    "plan.draft_discarded": facts(draft_id=ID),
    "plan.published": facts(name=WORD, number=COUNT, approval_id=maybe(ID)),
    "plan.reviewed": facts(number=COUNT, due_at=INSTANT, note=LINE),
    "plan.went_stale": facts(number=COUNT, due_at=INSTANT),
    "plan_template.published": facts(name=WORD, number=COUNT),
    "message.added": facts(title=WORD, kind=WORD, digest=DIGEST),
    "message.approved": facts(digest=DIGEST, expires_at=INSTANT),
    "contact.added": facts(outside=FLAG, channels=COUNT, legal_basis=WORD),
    "contact.changed": facts(fields=WORDS),
    "contact.tried": facts(channel_id=ID, kind=WORD, reached=FLAG),
    "contact.asked": facts(),
    "contact.confirmed": facts(by_themselves=FLAG, due_at=INSTANT),
    "contact.disputed": facts(wants=WORD),
    "contact.removed": facts(reason=LINE),
    "contact.imported": facts(created=COUNT, changed=COUNT),
    "contact.exported": facts(form=WORD, contacts=COUNT),
    "drill.planned": facts(name=WORD, scenario=WORD, speed=COUNT, participants=IDS),
    "drill.changed": facts(fields=WORDS),
    "drill.started": facts(
        twin_id=ID, plan_version_id=ID, participants=IDS, speed=COUNT, ends_at=INSTANT, left_out=WORDS
    ),
    "drill.ended": facts(twin_id=ID, by_itself=FLAG),
    "drill.cancelled": facts(twin_id=maybe(ID), reason=LINE),
    "policy.created": facts(name=WORD),
    "policy.revised": facts(fields=WORDS),
    "policy.published": facts(name=WORD, number=COUNT, version_id=ID, asks_again=FLAG, rules=COUNT),
    "policy.retired": facts(reason=LINE),
    "policy.acknowledgement_asked": facts(number=COUNT, people=COUNT),
    "policy.reminded": facts(number=COUNT, people=COUNT),
    "policy.acknowledged": facts(number=COUNT, version_id=ID, late=FLAG),
    "message.ends_soon": facts(digest=DIGEST, expires_at=INSTANT),
    "image.added": facts(kind=WORD, size=COUNT, sha256=DIGEST),
    "image.changed": facts(fields=WORDS),
    "image.removed": facts(sha256=DIGEST),
    # What a fact says can be a person's name, and stays out of the trail.
    "fact.set": facts(fact=WORD, type=WORD, owner_id=maybe(ID), stale_since=INSTANT),
    "fact.confirmed": facts(fact=WORD, stale_since=INSTANT),
    "fact.handed_over": facts(fact=WORD, owner_id=ID),
    "fact.went_stale": facts(fact=WORD, stale_since=INSTANT),
    "fact.removed": facts(fact=WORD),
    # publishing
    "post.scheduled": facts(account_id=ID, scheduled_at=INSTANT, lane=WORD),
    "posts.imported": facts(count=COUNT, import_id=ID),
    "post.sending": facts(account_id=ID, attempt_id=ID, digest=DIGEST),
    "post.published": facts(account_id=ID, attempt_id=maybe(ID), external_id=WORD),
    "post.failed": facts(account_id=ID, attempt_id=ID, reason=WORD),
    "post.became_unknown": facts(account_id=ID, attempt_id=ID, reason=WORD),
    "post.needs_human": facts(account_id=ID, attempt_id=ID, reason=WORD),
    "post.held": facts(account_id=ID, reason=WORD),
    "post.released": facts(account_id=ID, scheduled_at=INSTANT),
    "post.rescheduled": facts(account_id=ID, scheduled_at=INSTANT),
    "post.rewritten": facts(account_id=ID, scheduled_at=INSTANT),
    "post.cancelled": facts(account_id=ID, reason=LINE),
    "post.takedown_requested": facts(account_id=ID, reason=LINE),
    "post.taken_down": facts(account_id=ID, attempts=COUNT),
    "post.takedown_failed": facts(account_id=ID, reason=WORD),
    "pause.started": facts(scope=WORD, scope_id=ID, kind=WORD, reason=LINE, epoch=COUNT),
    "pause.became_effective": facts(scope=WORD, epoch=COUNT),
    "pause.lifted": facts(scope=WORD, reason=LINE, held=COUNT),
    # incidents
    "incident.opened": facts(reference=WORD, kind=WORD, severity=SEVERITY, cause_kind=maybe(WORD), cause_id=maybe(ID)),
    "incident.activated": facts(severity=SEVERITY, plan_version_id=maybe(ID), pause_id=maybe(ID)),
    "incident.contained": facts(note=LINE),
    "incident.resolved": facts(note=LINE),
    "incident.reopened": facts(reason=LINE),
    "incident.stood_down": facts(reason=WORD, note=LINE),
    "incident.put_under_review": facts(postmortem_id=ID),
    "incident.closed": facts(note=LINE),
    "incident.severity_changed": facts(before=SEVERITY, after=SEVERITY, reason=LINE),
    "incident.noted": facts(note_id=ID),
    "incident.changed": facts(fields=WORDS),
    "incident.linked": facts(kind=WORD, target_id=maybe(ID), relation=WORD),
    "incident.unlinked": facts(kind=WORD, target_id=maybe(ID)),
    "incident.merged": facts(into_id=ID, reason=LINE),
    "incident.took_in": facts(merged_id=ID, reason=LINE),
    "incident.split": facts(part_id=ID, reason=LINE),
    "duty.offered": facts(offer_id=ID, duty=WORD, from_seat_id=maybe(ID), to_seat_id=ID),
    "duty.declined": facts(offer_id=ID, duty=WORD),
    "duty.offer_lapsed": facts(offer_id=ID, duty=WORD),
    "task.went_overdue": facts(title=WORD, due_at=INSTANT),
    "postmortem.waived": facts(reason=LINE),
    "duty.assigned": facts(duty=WORD, seat_id=maybe(ID)),
    "task.added": facts(title=WORD, due_at=maybe(INSTANT)),
    "task.completed": facts(title=WORD, outcome=WORD),
    "clock.started": facts(kind=WORD, due_at=INSTANT),
    "clock.met": facts(kind=WORD, seconds_left=NUMBER),
    "clock.breached": facts(kind=WORD),
    # What a file is called can be about a person, and stays with the file.
    "file.added": facts(kind=WORD, size=COUNT, sha256=DIGEST),
    "file.removed": facts(sha256=DIGEST, reason=LINE),
    "statement.drafted": facts(title=WORD, version=COUNT, digest=DIGEST),
    "statement.revised": facts(version=COUNT, digest=DIGEST),
    "statement.submitted": facts(version=COUNT, digest=DIGEST, approval_id=ID),
    "statement.approved": facts(version=COUNT, digest=DIGEST),
    "statement.sent_back": facts(version=COUNT, digest=DIGEST),
    "statement.released": facts(version=COUNT, digest=DIGEST, post_ids=IDS, fast_lane=FLAG),
    "statement.published": facts(version=COUNT, post_ids=IDS),
    "statement.withdrawn": facts(version=COUNT, reason=LINE),
    "postmortem.drafted": facts(events=COUNT, due_at=INSTANT, asked=COUNT),
    "postmortem.changed": facts(fields=WORDS),
    "postmortem.measured": facts(final=FLAG),
    "postmortem.reminded": facts(letters=COUNT),
    "postmortem.went_overdue": facts(due_at=INSTANT),
    # Who has answered is nobody's business: the actor is a rule, and no scores are here.
    "postmortem.rated": facts(answered=COUNT),
    "postmortem.released": facts(sections=COUNT, improvements=COUNT, answered=COUNT),
    "section.added": facts(postmortem_id=ID, section=WORD, side=WORD, seat_id=maybe(ID)),
    "section.asked": facts(section=WORD, side=WORD, seat_id=maybe(ID)),
    "section.written": facts(section=WORD, side=WORD),
    "section.handed_in": facts(section=WORD, side=WORD),
    "section.left_empty": facts(section=WORD, side=WORD),
    "section.taken_back": facts(section=WORD, side=WORD),
    "improvement.proposed": facts(postmortem_id=ID, kind=WORD, seat_id=maybe(ID), due_on=maybe(INSTANT)),
    "improvement.changed": facts(fields=WORDS),
    "improvement.accepted": facts(kind=WORD, made_id=maybe(ID)),
    "improvement.declined": facts(kind=WORD, reason=LINE),
    "improvement.given_back": facts(kind=WORD, reason=LINE),
    "improvement.done": facts(kind=WORD, note=LINE),
    "improvement.went_overdue": facts(kind=WORD, due_on=INSTANT),
    # listening
    "source.added": facts(kind=WORD, name=WORD),
    "source.changed": facts(fields=WORDS),
    "source.paused": facts(reason=LINE),
    "source.resumed": facts(),
    "source.ended": facts(reason=LINE),
    "source.asked": facts(),
    "source.secret_rotated": facts(old_until=INSTANT),
    "source.gap_found": facts(gaps=COUNT),
    "source.failing": facts(health=WORD, failures=COUNT, problem=LINE),
    "source.silent": facts(quiet_s=COUNT, allowed_s=COUNT, page_id=ID),
    "source.recovered": facts(before=WORD),
    "query.added": facts(name=WORD),
    "query.changed": facts(fields=WORDS),
    "query.removed": facts(name=WORD),
    "import.started": facts(source_id=ID, rows=COUNT, dry_run=FLAG),
    "import.finished": facts(
        dry_run=FLAG,
        rows=COUNT,
        new=COUNT,
        known=COUNT,
        edited=COUNT,
        deleted=COUNT,
        unmatched=COUNT,
        expired=COUNT,
        bad=COUNT,
    ),
    "import.failed": facts(problem=LINE, rows_done=COUNT),
    "import.cancelled": facts(reason=LINE, rows_done=COUNT),
    "mentions.ingested": facts(
        source_id=ID,
        new=COUNT,
        known=COUNT,
        edited=COUNT,
        deleted=COUNT,
        first_at=maybe(INSTANT),
        last_at=maybe(INSTANT),
    ),
    "mentions.erasure_requested": facts(),
    "mentions.erased": facts(mentions=COUNT, by_author=FLAG),
    "signal.raised": facts(kind=WORD, severity_hint=COUNT, observed=NUMBER, expected=NUMBER, starts_at=INSTANT),
    "signal.grew": facts(severity_hint=COUNT, observed=NUMBER, expected=NUMBER),
    "signal.watched": facts(reason=LINE),
    "signal.handled": facts(reason=LINE),
    "signal.activated": facts(reason=LINE, incident_id=ID),
    "signal.verdict_given": facts(verdict=WORD, reason=LINE, agreed=COUNT, needed=COUNT),
    "signal.escalated": facts(severity=SEVERITY, times=COUNT),
    "listening.changed": facts(changed=WORDS, monitor_only=FLAG),
    "listening.calibrated": facts(shift=NUMBER, reviewed=COUNT),
    "expected_event.planned": facts(starts_at=INSTANT, ends_at=INSTANT, factor=NUMBER),
    "expected_event.changed": facts(changed=WORDS),
    "expected_event.cancelled": facts(),
    "backtest.asked": facts(starts_at=INSTANT, ends_at=INSTANT),
    "signal.merged": facts(reason=LINE, into_id=ID),
    "contagion.raised": facts(brand_ids=IDS, stories=COUNT),
    "contagion.spread": facts(brand_ids=IDS),
    "contagion.closed": facts(reason=LINE),
    "story.merged": facts(reason=LINE, into_id=ID),
    "story.split": facts(reason=LINE, from_id=ID, mentions=COUNT),
    "signal.dismissed": facts(reason=LINE),
    "mood.corrected": facts(mention_id=ID, was=WORD, label=WORD),
    "mood.read_again": facts(mentions=COUNT, changed=COUNT, scorer=WORD),
    "lexicon.learned": facts(
        number=COUNT, corrections=COUNT, agreement_before=NUMBER, agreement_after=NUMBER, adopted=FLAG
    ),
    "lexicon.adopted": facts(number=COUNT, reason=LINE),
    "lexicon.retired": facts(number=COUNT, reason=LINE),
    # insights
    "report.shared": facts(expires_at=INSTANT),
    "job.replayed": facts(handler=WORD),
}

_VALIDATORS = {name: Draft202012Validator(schema) for name, schema in CATALOGUE.items()}


class UnknownEvent(KeyError):
    """No event of this name is in the catalogue."""


class WrongFacts(ValueError):
    """The facts do not fit the event's schema; a defect of the action that recorded it."""


def check_facts(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the facts as plain JSON values; raise UnknownEvent or WrongFacts."""
    if name not in _VALIDATORS:
        raise UnknownEvent(name)
    plain: dict[str, Any] = json.loads(canonical(given))
    problems = [error.message for error in _VALIDATORS[name].iter_errors(plain)]
    if problems:
        raise WrongFacts(f"{name}: {'; '.join(problems)}")
    return plain
