"""Taking a published post away. Deleting twice does no harm, so this is tried again until it is done or refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from connectors.network import NeverSent, OutcomeUnknown, network_of
from core.actor import Actor
from core.refusals import Refusal
from core.wall import inside
from jobs.actions import later
from jobs.handlers import TryAgain
from ledger.actions import record
from publishing.models import Post
from publishing.states import POST_LIFECYCLE, PostStage
from tenants.models import SocialAccount

DEADLINE_S = 8.0


class NoExternalId(Refusal):
    """It went out by a person's word, who did not say what the network calls it."""

    code = "no_external_id"
    title = "Nobody knows what the network calls this post."


@transaction.atomic
def request_takedown(*, post_id: UUID, reason: str, incident_id: UUID | None = None, by: Actor, at: datetime) -> Post:
    """Have a published post deleted from its network. Its text stays here as evidence.

    `incident_id` is the crisis that it caused, whose timeline tells of it from now on.
    """
    post: Post = Post.objects.locked(post_id)
    stage = POST_LIFECYCLE.step("request_takedown", from_=post.stage)
    if not post.external_id:
        raise NoExternalId
    post.stage, post.trouble = stage, ""
    post.incident_id = post.incident_id or incident_id
    post.version += 1
    post.save(update_fields=["stage", "trouble", "incident", "version"])
    later(
        "publishing.take_down_post",
        key=str(post.pk),
        agency_id=post.agency_id,
        at=at,
        args={"post_id": str(post.pk)},
    )
    record("post.takedown_requested", on=post, by=by, at=at, account_id=post.account_id, reason=reason)
    return post


def take_down_post(*, post_id: UUID, agency_id: UUID, attempt: int, last_try: bool, by: Actor, at: datetime) -> None:
    """Delete a post from its network; what is gone there already is done. Called outside any transaction.

    Raises TryAgain when the network did not do it, unless this is the last try: then the takedown has failed.
    """
    with inside(agency_id):
        post: Post = Post.objects.found(post_id)
        account = SocialAccount.objects.select_related("brand").get(pk=post.account_id)
    if post.stage != PostStage.TAKING_DOWN:
        return
    try:
        network_of(account).delete(account, post.external_id, DEADLINE_S)
    except (NeverSent, OutcomeUnknown) as problem:
        if not last_try:
            raise TryAgain(f"not deleted: {problem.reason}", after=timedelta(seconds=2)) from problem
        with inside(agency_id):
            _move(post_id, "fail_takedown", problem.reason, attempt=attempt, by=by, at=at)
        return
    with inside(agency_id):
        _move(post_id, "take_down", "", attempt=attempt, by=by, at=at)


def _move(post_id: UUID, verb: str, trouble: str, *, attempt: int, by: Actor, at: datetime) -> None:
    post: Post = Post.objects.locked(post_id)
    if post.stage != PostStage.TAKING_DOWN:
        return
    post.stage = POST_LIFECYCLE.step(verb, from_=post.stage)
    post.trouble = trouble[:120]
    post.taken_down_at = None if trouble else at
    post.save(update_fields=["stage", "trouble", "taken_down_at"])
    if trouble:
        record("post.takedown_failed", on=post, by=by, at=at, account_id=post.account_id, reason=post.trouble)
    else:
        record("post.taken_down", on=post, by=by, at=at, account_id=post.account_id, attempts=attempt)
