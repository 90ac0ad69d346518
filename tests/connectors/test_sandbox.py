"""The sandbox keeps the promises of a good network, and misbehaves exactly as it is told."""

from __future__ import annotations

import time

import pytest
from django.db import transaction

from connectors.models import SandboxCall, SandboxPost
from connectors.network import NeverSent, OutcomeUnknown, Outgoing, network
from core.wall import inside
from tenants.models import SocialAccount
from tests.cast import Person
from tests.conftest import North

pytestmark = pytest.mark.django_db
KEY = Outgoing("Fresh rolls today.", "key-1")


@pytest.fixture
def account(north: North) -> SocialAccount:
    return north.aurora_account


def behaving(account: SocialAccount, **credentials: str) -> SocialAccount:
    account.credentials = credentials
    return account


def posts(account: SocialAccount) -> list[SandboxPost]:
    with inside(account.agency_id):
        return list(SandboxPost.objects.filter(account_id=account.pk).order_by("id"))


def calls(account: SocialAccount) -> list[tuple[str, str, str]]:
    with inside(account.agency_id):
        return list(SandboxCall.objects.order_by("id").values_list("verb", "idempotency_key", "external_id"))


def test_it_publishes_once_for_a_key_and_remembers_every_call(account: SocialAccount) -> None:
    sandbox = network("sandbox")
    first = sandbox.publish(account, KEY, 1)
    assert sandbox.publish(account, KEY, 1) == first
    assert sandbox.find(account, "key-1", 1) == first
    assert sandbox.find(account, "key-2", 1) is None
    [post] = posts(account)
    assert (post.text, post.external_id, post.url) == ("Fresh rolls today.", first.external_id, first.url)
    assert calls(account) == [("publish", "key-1", ""), ("publish", "key-1", "")]


def test_deleting_what_is_gone_is_done_already(account: SocialAccount) -> None:
    sandbox = network("sandbox")
    receipt = sandbox.publish(account, KEY, 1)
    sandbox.delete(account, receipt.external_id, 1)
    [post] = posts(account)
    deleted_at = post.deleted_at
    assert deleted_at is not None
    sandbox.delete(account, receipt.external_id, 1)
    sandbox.delete(account, "never-was", 1)
    assert posts(account)[0].deleted_at == deleted_at


def test_it_refuses_for_certain(account: SocialAccount) -> None:
    with pytest.raises(NeverSent, match="refused"):
        network("sandbox").publish(behaving(account, behaviour="refuse"), KEY, 1)
    assert posts(account) == []


@pytest.mark.parametrize(("behaviour", "out"), [("accept_then_timeout", 1), ("never_answers", 0)])
def test_a_cut_line_leaves_the_outcome_unknown(account: SocialAccount, behaviour: str, out: int) -> None:
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="timeout"):
        network("sandbox").publish(behaving(account, behaviour=behaviour), KEY, 0.05)
    assert 0.05 <= time.monotonic() - started < 1
    assert len(posts(account)) == out
    assert len(calls(account)) == 1


def test_too_slow_an_answer_comes_after_the_deadline_and_the_post_is_out(account: SocialAccount) -> None:
    started = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        network("sandbox").publish(behaving(account, behaviour="ok", delay_ms="60000"), KEY, 0.05)
    assert time.monotonic() - started < 1
    assert len(posts(account)) == 1


@pytest.mark.parametrize("wrong", [{"behaviour": "dance"}, {"delay_ms": "soon"}])
def test_credentials_that_make_no_sense_never_reach_it(account: SocialAccount, wrong: dict[str, str]) -> None:
    with pytest.raises(NeverSent, match="bad_credentials"):
        network("sandbox").publish(behaving(account, **wrong), KEY, 1)
    assert calls(account) == []


def test_a_network_that_we_do_not_speak_is_never_reached() -> None:
    with pytest.raises(NeverSent, match="no_such_network"):
        network("telegraph")


@pytest.mark.django_db(transaction=True)
def test_nobody_calls_a_network_inside_a_transaction(account: SocialAccount) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        network("sandbox").publish(account, KEY, 1)


def test_people_see_what_is_out_there_on_their_brands(
    north: North, ana: Person, bo: Person, eve: Person, account: SocialAccount
) -> None:
    receipt = network("sandbox").publish(account, KEY, 1)
    network("sandbox").publish(north.borealis_account, KEY, 1)
    [item] = bo.get("sandbox/posts").body["items"]
    assert (item["text"], item["external_id"], item["deleted_at"]) == (KEY.text, receipt.external_id, None)
    assert len(ana.get("sandbox/posts").body["items"]) == 2
    assert len(ana.get(f"sandbox/posts?account={north.borealis_account.pk}").body["items"]) == 1
    assert ana.get(f"sandbox/posts/{item['id']}").body == item
    assert eve.get("/v1/agencies/north/sandbox/posts").status == 404
    assert eve.get(f"sandbox/posts/{item['id']}").status == 404
    assert eve.get("sandbox/posts").body["items"] == []
