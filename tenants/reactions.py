"""What agencies hear of from above: how the networks took an account's credentials."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from core.actor import Actor
from ledger.models import Event
from ledger.subscriptions import on
from tenants.actions.accounts import note_health
from tenants.states import Health

BAD_CREDENTIALS = "bad_credentials"  # what a connector says when the network refused them


@on("post.published", "post.failed", reaction="tenants.note_health")
def hear_how_the_network_took_it(event: Event, at: datetime) -> None:
    """A post that went out shows that the credentials are good; a refusal for their sake shows the opposite."""
    refused = event.facts.get("reason") == BAD_CREDENTIALS
    if event.name == "post.published" or refused:
        note_health(
            account_id=UUID(event.facts["account_id"]),
            health=Health.REFUSED if refused else Health.OK,
            detail=BAD_CREDENTIALS if refused else "",
            by=Actor.rule("account health"),
            at=at,
        )
