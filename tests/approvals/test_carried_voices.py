"""A material change voids only the steps that looked at what has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from approvals.actions import create_delegation, void_approval
from approvals.models import Approval, Decision
from approvals.payload import media_payload
from approvals.queries import flaw
from core.refusals import Invalid, NotFound
from tenants.models import Seat
from tests.approvals.conftest import CLIENT, LEAD, Asking, asked_now, say
from tests.cast import Person, events_of, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
Reading = Callable[[Approval], Approval]
PICTURE = {"sha256": "ab" * 32, "type": "image/png", "alt": "A red kettle"}
WORDS = LEAD | {"looks_at": ["text", "language"]}
ALL = CLIENT


@pytest.fixture
def made(north: North) -> Callable[..., dict[str, Any]]:
    def payload(text: str = "Sorry.", media: list[Any] | None = None, language: str = "en") -> dict[str, Any]:
        delivery = {"account": north.aurora_account.pk, "language": language, "text": text, "media": media or []}
        return media_payload(brand_id=north.aurora.pk, deliveries=[delivery])

    return payload


Made = Callable[..., dict[str, Any]]


def voided(north: North, bo: Person, approval: Approval, now: datetime) -> Approval:
    with walled(north.agency):
        return void_approval(approval_id=approval.pk, reason="revised", by=bo.actor, at=now)


def test_a_new_picture_leaves_those_who_looked_at_the_words(
    north: North, bo: Person, lea: Person, cy: Person, ask: Asking, made: Made, reread: Reading, now: datetime
) -> None:
    first = ask(stages=[WORDS, ALL], payload=made())
    say(lea, "approve", first, "Fine words.")
    say(cy, "approve", first)
    voided(north, bo, first, now)
    second = ask(stages=[WORDS, ALL], payload=made(media=[PICTURE]), carries_from=first.pk)
    assert (asked_now(second), reread(second).stage_index) == ([1], 1)
    shown = lea.get(f"approvals/{second.pk}").body
    assert [(d["seat"], d["comment"], d["digest"] == first.digest) for d in shown["decisions"]] == [
        (str(lea.seat.pk), "Fine words.", True)
    ]
    with walled(north.agency):
        original = Decision.objects.get(approval_id=first.pk, seat_id=lea.seat.pk)
        row = Decision.objects.get(approval_id=second.pk)
        assert (row.carried_from_id, row.at) == (original.pk, original.at)
    carried = [fact for fact in events_of(second) if fact[0] == "approval.voices_carried"]
    assert carried == [
        (
            "approval.voices_carried",
            str(bo.actor),
            {
                "about_id": str(second.about_id),
                "approval_id": str(first.pk),
                "stages": ["lead"],
                "seats": [str(lea.seat.pk)],
            },
        )
    ]
    assert say(cy, "approve", second).body["stage"] == "GRANTED"
    assert say(lea, "approve", second).code == "already_decided"
    with walled(north.agency):
        assert flaw(reread(second), digest=second.digest, at=timezone.now()) is None


@pytest.mark.parametrize("change", [{"text": "So sorry."}, {"language": "uz"}])
def test_what_they_looked_at_is_asked_again(lea: Person, ask: Asking, made: Made, change: dict[str, str]) -> None:
    first = ask(stages=[WORDS, ALL], payload=made())
    say(lea, "approve", first)
    second = ask(stages=[WORDS, ALL], payload=made(**change), carries_from=first.pk)
    assert asked_now(second) == [0]
    assert [name for name, *_ in events_of(second)] == ["approval.requested"]


@pytest.mark.parametrize(
    "other",
    [
        WORDS | {"quorum": 2},
        WORDS | {"name": "leader"},
        WORDS | {"looks_at": ["text"]},
        WORDS | {"order": 0},
        WORDS | {"role": "owner"},
    ],
)
def test_a_step_that_stands_differently_is_asked_again(
    lea: Person, ask: Asking, made: Made, other: dict[str, Any]
) -> None:
    first = ask(stages=[WORDS, ALL], payload=made())
    say(lea, "approve", first)
    assert asked_now(ask(stages=[other, ALL], payload=made(media=[PICTURE]), carries_from=first.pk)) == [0]


def test_a_step_that_was_not_complete_is_asked_from_the_start(
    north: North, lea: Person, now: datetime, ask: Asking, made: Made
) -> None:
    two = [WORDS | {"quorum": 2}, ALL]
    first = ask(stages=two, payload=made())
    say(lea, "approve", first)
    second = ask(stages=two, payload=made(media=[PICTURE]), carries_from=first.pk)
    assert lea.get(f"approvals/{second.pk}").body["decisions"] == []


def test_somebody_is_always_asked(lea: Person, cy: Person, ask: Asking, made: Made) -> None:
    """Otherwise a picture would go out that nobody has looked at."""
    both = [WORDS, CLIENT | {"looks_at": ["text"]}]
    first = ask(stages=both, payload=made())
    say(lea, "approve", first)
    say(cy, "approve", first)
    for payload in (made(media=[PICTURE]), made()):
        again = ask(stages=both, payload=payload, carries_from=first.pk)
        assert (asked_now(again), again.stage) == ([0], "PENDING")


def test_a_step_ahead_is_asked_before_one_that_was_taken_over_behind_it(
    north: North, lea: Person, cy: Person, ask: Asking, made: Made, reread: Reading
) -> None:
    steps = [LEAD, CLIENT | {"looks_at": ["text"]}]
    first = ask(stages=steps, payload=made())
    say(lea, "approve", first)
    say(cy, "approve", first)
    second = ask(stages=steps, payload=made(media=[PICTURE]), carries_from=first.pk)
    assert asked_now(second) == [0]
    done = say(lea, "approve", second)
    assert (done.body["stage"], done.body["stage_index"]) == ("GRANTED", 2)
    with walled(north.agency):
        assert flaw(reread(second), digest=second.digest, at=timezone.now()) is None


def test_voices_go_on_from_version_to_version_and_point_at_what_was_said(
    north: North, lea: Person, cy: Person, ask: Asking, made: Made, reread: Reading
) -> None:
    versions = [ask(stages=[WORDS, ALL], payload=made())]
    say(lea, "approve", versions[0])
    for number in range(1, 4):
        picture = PICTURE | {"alt": f"Kettle {number}"}
        versions.append(ask(stages=[WORDS, ALL], payload=made(media=[picture]), carries_from=versions[-1].pk))
    last = versions[-1]
    with walled(north.agency):
        row = Decision.objects.select_related("carried_from").get(approval_id=last.pk)
        assert row.carried_from is not None
        assert (row.carried_from.approval_id, row.digest) == (versions[0].pk, versions[0].digest)
    assert say(cy, "approve", last).body["stage"] == "GRANTED"
    with walled(north.agency):
        assert flaw(reread(last), digest=last.digest, at=timezone.now()) is None
    back = ask(stages=[WORDS, ALL], payload=made(text="Other."), carries_from=last.pk)
    assert asked_now(back) == [0]


@pytest.mark.parametrize("why", ["left", "suspended", "role", "author"])
def test_the_voice_of_somebody_who_could_not_speak_now_is_not_taken_over(
    north: North, ana: Person, lea: Person, ask: Asking, made: Made, now: datetime, why: str
) -> None:
    first = ask(stages=[WORDS, ALL], payload=made())
    say(lea, "approve", first)
    if why == "left":
        ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    elif why == "suspended":
        with walled(north.agency):
            Seat.objects.filter(pk=lea.seat.pk).update(stage="SUSPENDED")
    elif why == "role":
        grant = next(g for g in ana.get("grants").body["items"] if g["seat"] == str(lea.seat.pk))
        assert ana.post(f"grants/{grant['id']}/withdraw", {"reason": "moved"}).status == 200
    authors = [lea.seat.pk] if why == "author" else None
    second = ask(stages=[WORDS, ALL], payload=made(media=[PICTURE]), carries_from=first.pk, authors=authors)
    assert asked_now(second) == [0]


def test_what_a_deputy_said_is_taken_over_with_whom_they_spoke_for(
    north: North, lea: Person, cy: Person, now: datetime, ask: Asking, made: Made, reread: Reading
) -> None:
    mo = seat_person(north.agency, "mo", "account_manager", brands=[north.aurora], at=now)
    with walled(north.agency):
        create_delegation(
            deputy_id=mo.seat.pk,
            brand_id=None,
            starts_at=now,
            ends_at=now + timedelta(days=1),
            reason="away",
            caller=lea.caller(now),
            at=now,
        )
    first = ask(stages=[WORDS, ALL], payload=made())
    say(mo, "approve", first)
    second = ask(stages=[WORDS, ALL], payload=made(media=[PICTURE]), carries_from=first.pk)
    (voice,) = cy.get(f"approvals/{second.pk}").body["decisions"]
    assert (voice["seat"], voice["on_behalf_of"]) == (str(mo.seat.pk), str(lea.seat.pk))
    say(cy, "approve", second)
    with walled(north.agency):
        assert flaw(reread(second), digest=second.digest, at=timezone.now()) is None


def test_a_leaver_takes_voices_along_that_were_taken_over(
    north: North, ana: Person, lea: Person, cy: Person, ask: Asking, made: Made, reread: Reading
) -> None:
    first = ask(stages=[WORDS, ALL], payload=made())
    say(lea, "approve", first)
    second = ask(stages=[WORDS, ALL], payload=made(media=[PICTURE]), carries_from=first.pk)
    ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"})
    assert reread(second).stage == "VOIDED"


def test_only_an_earlier_request_about_the_same_fits(
    north: North, bo: Person, ask: Asking, made: Made, now: datetime
) -> None:
    first = ask(stages=[WORDS, ALL], payload=made())
    with pytest.raises(NotFound):
        ask(carries_from=uuid4())
    with walled(north.agency):
        Approval.objects.bulk_create([_elsewhere(north, first)])
        elsewhere: UUID = Approval.objects.get(brand=north.borealis).pk
    with pytest.raises(Invalid) as refused:
        ask(carries_from=elsewhere)
    assert refused.value.facts["errors"][0]["field"] == "carries_from"


def _elsewhere(north: North, like: Approval) -> Approval:
    return Approval(
        brand=north.borealis,
        about_kind=like.about_kind,
        about_id=uuid4(),
        payload=like.payload,
        digest=like.digest,
        stages=like.stages,
        requested_at=like.requested_at,
    )


@pytest.mark.parametrize("lie", ["digest", "hats", "seat", "step", "none"])
def test_the_gate_compares_what_was_said_with_what_is_claimed(
    north: North, lea: Person, ana: Person, ask: Asking, made: Made, reread: Reading, now: datetime, lie: str
) -> None:
    """A carried voice written by hand, past every action."""
    first = ask(stages=[WORDS, LEAD | {"name": "second"}], payload=made())
    say(lea, "approve", first)
    second = ask(stages=[WORDS], payload=made(media=[PICTURE]))
    claim: dict[str, Any] = {"digest": first.digest, "hats": ["crisis_lead"], "seat_id": lea.seat.pk}
    lies: dict[str, dict[str, Any]] = {
        "digest": {"digest": second.digest},
        "hats": {"hats": ["owner"]},
        "seat": {"seat_id": ana.seat.pk},
    }
    claim |= lies.get(lie, {})
    with walled(north.agency):
        origin = Decision.objects.get(approval_id=first.pk)
        if lie == "step":
            second = _asked_by_hand(north, second, now)
        Decision(
            approval_id=second.pk,
            stage_index=0,
            person_id=lea.user.pk,
            verdict="approve",
            at=now,
            carried_from=origin,
            **claim,
        ).save(force_insert=True)
        Approval.objects.filter(pk=second.pk).update(stage="GRANTED", granted_at=now)
        found = flaw(reread(second), digest=second.digest, at=now)
    assert found == (None if lie == "none" else "not_approved")


def _asked_by_hand(north: North, like: Approval, now: datetime) -> Approval:
    other = _elsewhere(north, like)
    other.brand, other.stages = north.aurora, [WORDS | {"quorum": 1, "looks_at": ["text"]}]
    other.save(force_insert=True)
    return other


def test_the_gate_asks_one_question_for_carried_voices_too(
    north: North,
    lea: Person,
    cy: Person,
    ask: Asking,
    made: Made,
    reread: Reading,
    django_assert_num_queries: Callable[..., object],
) -> None:
    first = ask(stages=[WORDS, ALL], payload=made())
    say(lea, "approve", first)
    second = ask(stages=[WORDS, ALL], payload=made(media=[PICTURE]), carries_from=first.pk)
    say(cy, "approve", second)
    row = reread(second)
    with walled(north.agency), django_assert_num_queries(1, connection=connection):  # type: ignore[attr-defined]
        assert flaw(row, digest=row.digest, at=timezone.now()) is None
