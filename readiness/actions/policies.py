"""Social media policies: drafted, published version by version, retired."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from core.actor import Actor
from core.ids import uuid7
from core.refusals import Invalid, Refusal
from jobs.actions import later
from ledger.actions import record
from permissions.queries.holders import roles_known
from readiness.models import Policy, PolicyVersion
from readiness.policy_body import check_policy
from readiness.queries.audience import open_acknowledgements

ASK_AUDIENCE: Final = "readiness.ask_audience"


class PolicyExists(Refusal):
    """Fact `policy_id`."""

    code = "policy_exists"
    title = "There is a policy of this name."


class PolicyRetired(Refusal):
    """It is history."""

    code = "policy_retired"
    title = "This policy is retired."


class NothingDrafted(Refusal):
    """There is no draft that could be published."""

    code = "nothing_drafted"
    title = "This policy has no draft: write one first."


@transaction.atomic
def create_policy(
    *, brand_id: UUID | None, name: str, draft: dict[str, Any] | None = None, by: Actor, at: datetime
) -> Policy:
    """Begin a policy of a brand or, without one, of the agency. It holds when its first version is published.

    `draft` is described at `readiness.policy_body`. Raises Invalid (400) and PolicyExists (409).
    """
    _refuse_twice(brand_id, name)
    said = None if draft is None else whole_policy(draft)
    policy = Policy(id=uuid7(), brand_id=brand_id, name=name, draft=said, created_at=at)
    policy.save(force_insert=True)
    record("policy.created", on=policy, by=by, at=at, name=name)
    return policy


@transaction.atomic
def revise_policy(
    *,
    policy_id: UUID,
    name: str | None = None,
    draft: dict[str, Any] | None = None,
    forget_draft: bool = False,
    by: Actor,
    at: datetime,
) -> Policy:
    """Change a policy's name, write its next version (all of it), or drop what was written; what is None stays.

    Raises Invalid (400), PolicyExists and PolicyRetired (409).
    """
    policy = _held(policy_id)
    fields = []
    if name is not None and name != policy.name:
        _refuse_twice(policy.brand_id, name)
        policy.name = name
        fields.append("name")
    if draft is not None or forget_draft:
        policy.draft = None if draft is None else whole_policy(draft)
        fields.append("draft")
    if fields:
        policy.version += 1
        policy.save(update_fields=[*fields, "version"])
        record("policy.revised", on=policy, by=by, at=at, fields=fields)
    return policy


@transaction.atomic
def publish_policy(*, policy_id: UUID, asks_again: bool, by: Actor, at: datetime) -> PolicyVersion:
    """What is drafted holds from now on, and its audience is asked to acknowledge it.

    With `asks_again` False those who have acknowledged the version before need not say so again. Whoever still owes an
    acknowledgement of an older version is excused from that. Refusals (409): NothingDrafted, PolicyRetired.
    """
    policy = _held(policy_id)
    if policy.draft is None:
        raise NothingDrafted
    # Roles may have gone since it was drafted.
    said = whole_policy(policy.draft)
    policy.number += 1
    policy.version += 1
    policy.draft = None
    policy.save(update_fields=["number", "version", "draft"])
    version = PolicyVersion(
        id=uuid7(),
        policy=policy,
        number=policy.number,
        chapters=said["chapters"],
        rules=said["rules"],
        audience=said["audience"],
        asks_again=asks_again,
        published_at=at,
        publisher_id=by.seat_id,
    )
    version.save(force_insert=True)
    open_acknowledgements().filter(version__policy_id=policy.pk).update(excused_at=at)
    record(
        "policy.published", on=policy, by=by, at=at, name=policy.name, number=version.number, version_id=version.pk,
        asks_again=asks_again, rules=len(said["rules"]),
    )  # fmt: skip
    later(ASK_AUDIENCE, key=str(version.pk), agency_id=policy.agency_id, at=at, args={"version_id": str(version.pk)})
    return version


@transaction.atomic
def retire_policy(*, policy_id: UUID, reason: str, by: Actor, at: datetime) -> Policy:
    """The policy holds no more; nobody is asked to acknowledge it any more. Its versions can be read for ever."""
    policy = _held(policy_id)
    policy.retired_at, policy.draft = at, None
    policy.version += 1
    policy.save(update_fields=["retired_at", "draft", "version"])
    open_acknowledgements().filter(version__policy_id=policy.pk).update(excused_at=at)
    record("policy.retired", on=policy, by=by, at=at, reason=reason)
    return policy


def whole_policy(draft: Any) -> dict[str, Any]:
    """The draft in full form; raises Invalid (400) with each mistake's path."""
    said = check_policy(draft)
    known = roles_known()
    missing = [
        f"draft.audience.who.{place}.role"
        for place, entry in enumerate(said["audience"]["who"])
        if entry.get("role") is not None and entry["role"] not in known
    ]
    if missing:
        raise Invalid(
            "The audience names a role that is not here.",
            errors=[{"field": f, "code": "does_not_exist", "detail": "There is no such role."} for f in missing],
        )
    return said


def _held(policy_id: UUID) -> Policy:
    policy: Policy = Policy.objects.locked(policy_id)
    if policy.retired_at is not None:
        raise PolicyRetired
    return policy


def _refuse_twice(brand_id: UUID | None, name: str) -> None:
    if known := Policy.objects.filter(brand_id=brand_id, name=name, retired_at=None).first():
        raise PolicyExists(policy_id=known.pk)
