"""Webhooks that deliver mentions: signed as Standard Webhooks has it, or told nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from core.ids import uuid7
from core.wall import inside
from listening.models import Mention, Source
from listening.sources.webhook import signature
from tests.cast import Answer, Person, send
from tests.conftest import North
from tests.listening.mentions import lines, mention

pytestmark = pytest.mark.django_db


@pytest.fixture
def hook(bo: Person, north: North) -> dict[str, Any]:
    """A webhook source as its maker sees it: with its secret."""
    answer = bo.post("sources", {"brand": str(north.aurora.pk), "kind": "webhook", "name": "listening tool"})
    assert answer.status == 201, answer.body
    return dict(answer.body)


def path_of(url: str) -> str:
    return url[url.index("/v1/") :]


def deliver(
    hook: dict[str, Any],
    said: Any,
    *,
    message_id: str = "msg_1",
    secret: str = "",
    at: datetime | None = None,
    kind: str = "application/json",
    path: str = "",
    **headers: str,
) -> Answer:
    """POST what the library signs."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    when = at or timezone.now()
    signed = Webhook(secret or hook["secret"]).sign(message_id, when, body.decode())
    named = {
        "webhook_id": message_id,
        "webhook_timestamp": str(int(when.timestamp())),
        "webhook_signature": signed,
        **headers,
    }
    return send("POST", path or path_of(hook["delivery_url"]), body, **{"Content-Type": kind, **named})


def stored(north: North) -> list[str]:
    with inside(north.agency.pk):
        return sorted(Mention.objects.values_list("external_id", flat=True))


def test_a_signed_delivery_is_stored(hook: dict[str, Any], north: North) -> None:
    answer = deliver(hook, [mention(1), mention(2)])
    assert (answer.status, answer.body["new"]) == (200, 2)
    assert stored(north) == ["m-1", "m-2"]
    more = deliver(hook, lines([mention(2), mention(3)]), message_id="msg_2", kind="application/x-ndjson")
    assert (more.status, more.body["new"], more.body["known"]) == (200, 1, 1)


def test_the_library_verifies_what_we_sign_and_we_what_it_signs() -> None:
    now = timezone.now()
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"a": 1}'
    mine = signature(body, message_id="m", timestamp=str(int(now.timestamp())), secret=secret)
    assert mine == Webhook(secret).sign("m", now, body.decode())
    headers = {"webhook-id": "m", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": mine}
    assert Webhook(secret).verify(body, headers) == {"a": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b'{"a": 2}', headers)


def test_a_message_that_comes_again_is_answered_as_it_was(hook: dict[str, Any], north: North) -> None:
    first = deliver(hook, [mention(1, text="before")])
    again = deliver(hook, [mention(1, text="before")])
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    deliver(hook, [mention(1, text="after")], message_id="msg_2")
    deliver(hook, [mention(1, text="before")])
    with inside(north.agency.pk):
        assert Mention.objects.get().text == "after"
    assert deliver(hook, [mention(2)]).code == "key_reused"


def strangers(hook: dict[str, Any]) -> list[Answer]:
    """The same delivery, each time with another thing wrong."""
    said = [mention(1)]
    good = path_of(hook["delivery_url"])
    other = "whsec_" + "A" * 32
    return [
        deliver(hook, said, secret=other),
        deliver(hook, said, webhook_signature="v1,AAAA"),
        deliver(hook, said, webhook_signature=""),
        deliver(hook, said, webhook_id="another"),
        deliver(hook, said, webhook_id=""),
        deliver(hook, said, webhook_timestamp="0"),
        deliver(hook, said, webhook_timestamp="x"),
        deliver(hook, said, at=timezone.now() - timedelta(minutes=6)),
        deliver(hook, said, at=timezone.now() + timedelta(minutes=6)),
        deliver(hook, said, path=good.replace("/north/", "/south/")),
        deliver(hook, said, path=good.replace("/north/", "/nowhere/")),
        deliver(hook, said, path=good.replace(hook["id"], str(uuid7()))),
        send("POST", good, b"not json", **{"Content-Type": "application/json"}),
        send("POST", good, b"", **{"Content-Type": "application/json"}),
    ]


def test_whoever_does_not_sign_well_learns_nothing(hook: dict[str, Any], north: North, eve: Person) -> None:
    answers = strangers(hook)
    assert {answer.status for answer in answers} == {401}
    assert len({str(answer.alike) for answer in answers}) == 1
    assert answers[0].code == "not_signed"
    assert stored(north) == []


def test_a_push_source_is_no_address_for_webhooks(source: Source, north: North) -> None:
    answer = deliver({"secret": "whsec_" + "A" * 32}, [mention(1)], path=f"/v1/inbound/north/{source.pk}")
    assert (answer.status, answer.code) == (401, "not_signed")


def test_a_secret_is_shown_once_and_turns_with_an_overlap(hook: dict[str, Any], bo: Person, north: North) -> None:
    where = f"sources/{hook['id']}"
    assert "secret" not in bo.get(where).body
    turned = bo.post(f"{where}/rotate-secret")
    assert (turned.status, turned.body["secret"] != hook["secret"]) == (200, True)
    assert deliver(hook, [mention(1)], message_id="old").status == 200
    assert deliver(hook, [mention(2)], message_id="new", secret=turned.body["secret"]).status == 200
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=True):
        assert deliver(hook, [mention(3)], message_id="late").status == 401
        assert deliver(hook, [mention(3)], message_id="late", secret=turned.body["secret"]).status == 200
    assert turned.body["secret"] not in str(bo.get(where).body)


def test_only_webhooks_have_secrets_to_turn(source: Source, bo: Person) -> None:
    assert bo.post(f"sources/{source.pk}/rotate-secret").code == "no_secret"


def test_a_paused_webhook_refuses_and_an_ended_one_is_a_stranger(hook: dict[str, Any], bo: Person) -> None:
    bo.post(f"sources/{hook['id']}/pause", {"reason": "x"})
    assert deliver(hook, [mention(1)]).code == "source_paused"
    bo.post(f"sources/{hook['id']}/resume")
    assert deliver(hook, [mention(1)]).status == 200
    bo.post(f"sources/{hook['id']}/end", {"reason": "x"})
    assert deliver(hook, [mention(2)], message_id="m2").status == 401


def test_a_bad_item_refuses_the_batch_and_frees_the_message_id(hook: dict[str, Any], north: North) -> None:
    bad = deliver(hook, [mention(1), {"external_id": "x"}])
    assert (bad.status, bad.body["errors"][0]["field"]) == (400, "1.posted_at")
    assert stored(north) == []
    assert deliver(hook, [mention(1)]).status == 200


def test_what_is_too_large_is_refused_before_it_is_read(hook: dict[str, Any]) -> None:
    assert deliver(hook, b"[" + b" " * (5 * 1024 * 1024) + b"]").status == 413


def test_deliveries_are_counted_by_address(
    hook: dict[str, Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMITS = True
    monkeypatch.setattr("listening.api.inbound.InboundWebhook.address_rate", 3)
    answers = [deliver(hook, [mention(n)], message_id=f"m{n}") for n in range(5)]
    assert [answer.status for answer in answers][-1] == 429
