"""Turns that are offered and taken."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from alerting.actions import take_swap
from alerting.models import Rota, ShiftSwap
from alerting.queries import on_call
from core.refusals import Refusal
from core.wall import inside
from jobs.models import Job
from permissions.needs import Need
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import home_of, rota_of
from tests.cast import Answer, Person, events_of, key_of, run_due_jobs, seat_person, walled
from tests.conftest import North

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def ivy(north: North, now: datetime) -> Person:
    return seat_person(north.agency, "ivy", "responder", at=now)


@pytest.fixture
def rota(dee: Person, ivy: Person, now: datetime) -> Rota:
    """Dee has today, Ivy tomorrow, Dee the day after."""
    return rota_of(dee, ivy, at=now)


def offer(person: Person, rota: Rota, since: datetime, until: datetime, **more: object) -> Answer:
    body = {"rota": str(rota.pk), "starts_at": since.isoformat(), "ends_at": until.isoformat(), **more}
    return person.post("shift-swaps", body)


def who_answers(rota: Rota, at: datetime) -> object:
    with inside(home_of(rota)):
        return on_call(rota, at)


def swap_of(answer: Answer, rota: Rota) -> ShiftSwap:
    with inside(home_of(rota)):
        found: ShiftSwap = ShiftSwap.objects.get(pk=answer.body["id"])
        return found


def test_whoever_takes_a_turn_answers_for_it_and_for_nothing_else(
    rota: Rota, dee: Person, ivy: Person, lea: Person, eve: Person, now: datetime
) -> None:
    made = offer(ivy, rota, now + DAY, now + 2 * DAY, note="A wedding.")
    assert (made.status, made.body["state"], made.body["seat"]) == (201, "open", str(ivy.seat.pk)), made.body
    noon = now + 1.5 * DAY
    assert who_answers(rota, noon) == ivy.seat.pk, "until somebody takes it, she answers"
    path = f"shift-swaps/{made.body['id']}"
    assert ivy.post(f"{path}/take").status == 403
    assert eve.post(f"/v1/agencies/north/{path}/take").status == 404
    assert eve.post(f"{path}/take").status == 404
    taken = lea.post(f"{path}/take")
    assert (taken.body["state"], taken.body["taken_by"]) == ("taken", str(lea.seat.pk))
    assert who_answers(rota, noon) == lea.seat.pk
    assert who_answers(rota, now + 3.5 * DAY) == ivy.seat.pk
    assert dee.post(f"{path}/take").code == "cannot_move"
    shown = dee.get(f"rotas/{rota.pk}/on-call?at={noon.isoformat().replace('+', '%2B')}").body
    assert (shown["why"], shown["source"]) == ("swap", made.body["id"])
    assert [name for name, _, _ in events_of(swap_of(made, rota))] == ["swap.offered", "swap.taken"]
    assert dee.get("shift-swaps?state=open").body["items"] == []


def test_it_can_be_given_back_before_it_begins_and_cancelled(
    rota: Rota, ivy: Person, dee: Person, lea: Person, bo: Person, now: datetime
) -> None:
    made = offer(ivy, rota, now + DAY, now + 2 * DAY)
    path = f"shift-swaps/{made.body['id']}"
    dee.post(f"{path}/take")
    seen = dee.get(path).etag
    assert bo.post(f"{path}/give-back", If_Match=seen).code == "not_allowed"
    assert dee.post(f"{path}/give-back").status == 428
    back = dee.post(f"{path}/give-back", If_Match=seen)
    assert (back.body["state"], back.body["taken_by"]) == ("open", None)
    assert [one["id"] for one in bo.get("shift-swaps?state=open").body["items"]] == [made.body["id"]]
    assert bo.post(f"{path}/cancel", If_Match=back.etag).code == "not_allowed"
    assert lea.post(f"{path}/cancel", If_Match=back.etag).body["state"] == "cancelled", "who writes rotas may"
    assert dee.post(f"{path}/take").code == "cannot_move"


def test_only_ones_own_turns_are_offered_and_only_ahead(
    rota: Rota, dee: Person, ivy: Person, lea: Person, bo: Person, now: datetime
) -> None:
    assert offer(bo, rota, now + DAY, now + 2 * DAY).code == "nothing_to_swap"
    assert offer(bo, rota, now + DAY, now + 2 * DAY, seat=str(ivy.seat.pk)).code == "not_allowed"
    assert offer(lea, rota, now + DAY, now + 2 * DAY, seat=str(ivy.seat.pk)).status == 201
    begun = offer(dee, rota, now - timedelta(hours=1), now + timedelta(hours=1))
    assert begun.body["errors"][0] | {"detail": ""} == {"field": "starts_at", "code": "too_early", "detail": ""}
    assert offer(dee, rota, now + 3 * DAY, now + 2 * DAY).body["errors"][0]["field"] == "ends_at"


def test_standing_in_is_no_turn_that_could_be_offered(
    rota: Rota, bo: Person, ivy: Person, lea: Person, now: datetime
) -> None:
    times = {"starts_at": (now + DAY).isoformat(), "ends_at": (now + 2 * DAY).isoformat()}
    assert lea.post(f"rotas/{rota.pk}/overrides", {"seat": str(bo.seat.pk), **times}).status == 201
    assert offer(bo, rota, now + DAY, now + 2 * DAY).code == "nothing_to_swap"
    assert offer(ivy, rota, now + DAY, now + 1.9 * DAY).code == "nothing_to_swap", "somebody stands in for her"


def test_what_was_taken_can_be_offered_on(rota: Rota, ivy: Person, bo: Person, lea: Person, now: datetime) -> None:
    first = offer(ivy, rota, now + DAY, now + 2 * DAY)
    assert bo.post(f"shift-swaps/{first.body['id']}/take").status == 200
    second = offer(bo, rota, now + DAY, now + 1.5 * DAY)
    assert lea.post(f"shift-swaps/{second.body['id']}/take").status == 200
    assert who_answers(rota, now + 1.2 * DAY) == lea.seat.pk
    assert who_answers(rota, now + 1.8 * DAY) == bo.seat.pk
    away = {"starts_at": (now + DAY).isoformat(), "ends_at": (now + 2 * DAY).isoformat()}
    assert lea.post("absences", away).status == 201
    assert who_answers(rota, now + 1.2 * DAY) == bo.seat.pk, "it falls back, hand by hand"
    assert bo.post("absences", away).status == 201
    assert who_answers(rota, now + 1.2 * DAY) == ivy.seat.pk


def test_two_who_take_each_others_turns_have_exchanged_them(
    rota: Rota, dee: Person, ivy: Person, now: datetime
) -> None:
    tomorrow, after = (now + DAY, now + 2 * DAY), (now + 2 * DAY, now + 3 * DAY)
    assert (who_answers(rota, now + 1.5 * DAY), who_answers(rota, now + 2.5 * DAY)) == (ivy.seat.pk, dee.seat.pk)
    offered = [offer(ivy, rota, tomorrow[0], after[1]), offer(dee, rota, tomorrow[0], after[1])]
    assert dee.post(f"shift-swaps/{offered[0].body['id']}/take").status == 200
    assert ivy.post(f"shift-swaps/{offered[1].body['id']}/take").status == 200
    assert (who_answers(rota, now + 1.5 * DAY), who_answers(rota, now + 2.5 * DAY)) == (dee.seat.pk, ivy.seat.pk)


def test_a_turn_that_was_offered_twice_is_taken_once(
    rota: Rota, ivy: Person, dee: Person, lea: Person, now: datetime
) -> None:
    twice = [offer(ivy, rota, now + DAY, now + 2 * DAY) for _ in range(2)]
    assert dee.post(f"shift-swaps/{twice[0].body['id']}/take").status == 200
    assert lea.post(f"shift-swaps/{twice[1].body['id']}/take").code == "nothing_to_swap"
    assert who_answers(rota, now + 1.5 * DAY) == dee.seat.pk


def test_a_key_speaks_for_nobody_that_its_issuer_could_not_speak_for(
    rota: Rota, ivy: Person, dee: Person, lea: Person, now: datetime
) -> None:
    made = offer(ivy, rota, now + DAY, now + 2 * DAY)
    key = key_of(dee, Need.ROTAS_READ)
    assert key.post(f"shift-swaps/{made.body['id']}/take").code == "not_allowed"
    assert offer(key, rota, now + 2 * DAY, now + 3 * DAY).code == "not_allowed"
    assert key.post("calendar-feeds", {}).code == "not_allowed", "the address would outlive the key"
    writer = key_of(lea, Need.ROTAS_READ, Need.ROTAS_WRITE)
    assert offer(writer, rota, now + 2 * DAY, now + 3 * DAY, seat=str(dee.seat.pk)).status == 201
    assert writer.post("calendar-feeds", {}).code == "not_allowed"


def test_a_body_with_something_in_it_is_refused(rota: Rota, ivy: Person, dee: Person, now: datetime) -> None:
    path = f"shift-swaps/{offer(ivy, rota, now + DAY, now + 2 * DAY).body['id']}"
    refused = dee.post(f"{path}/take", {"seat": str(ivy.seat.pk)})
    assert (refused.status, refused.body["errors"][0]["field"]) == (400, "seat")
    seen = ivy.get(path).etag
    assert ivy.post(f"{path}/cancel", {"reason": "?"}, If_Match=seen).status == 400
    assert ivy.get(path).body["state"] == "open"


def test_an_offer_that_nobody_took_is_past_due_and_its_owner_hears_of_it(
    rota: Rota, ivy: Person, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    made = offer(ivy, rota, now + DAY, now + 2 * DAY)
    with inside(home_of(rota)):
        ShiftSwap.objects.filter(pk=made.body["id"]).update(starts_at=now - timedelta(minutes=1))
    path = f"shift-swaps/{made.body['id']}"
    assert dee.get(path).body["state"] == "past_due", "the clock alone says so"
    assert dee.post(f"{path}/take").code == "swap_past_due"
    assert run_past_due(made)
    run_due_jobs()
    assert [address for address, _ in mailbox.mails] == [ivy.user.email]
    assert "You answer for First line yourself" in mailbox.texts[0]
    assert [name for name, _, _ in events_of(swap_of(made, rota))] == ["swap.offered", "swap.went_past_due"]


def run_past_due(made: Answer) -> bool:
    return bool(
        Job.objects.filter(handler="alerting.swap_past_due", key=made.body["id"], state="READY").update(
            due_at=datetime.fromisoformat("2020-01-01T00:00:00+00:00")
        )
    )


def test_who_goes_swaps_nothing_any_more(
    rota: Rota, ana: Person, ivy: Person, dee: Person, lea: Person, now: datetime
) -> None:
    taken = offer(ivy, rota, now + DAY, now + 2 * DAY)
    dee.post(f"shift-swaps/{taken.body['id']}/take")
    offered = offer(dee, rota, now + 2 * DAY, now + 3 * DAY)
    assert ana.post(f"seats/{dee.seat.pk}/revoke", {"reason": "left"}).status == 200
    assert lea.get(f"shift-swaps/{taken.body['id']}").body["state"] == "open"
    assert lea.get(f"shift-swaps/{offered.body['id']}").body["state"] == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_it_one_does(north: North, dee: Person, now: datetime) -> None:
    takers = [seat_person(north.agency, f"t{number}", "responder", at=now) for number in range(6)]
    rota = rota_of(dee, takers[0], at=now)
    made = offer(dee, rota, now + 2 * DAY, now + 2.5 * DAY)
    assert made.status == 201, made.body
    barrier, said = Barrier(len(takers)), list[str]()

    def take(person: Person) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            with walled(north.agency):
                try:
                    take_swap(swap_id=made.body["id"], by=person.actor, at=now)
                    said.append("taken")
                except Refusal as refused:
                    said.append(refused.code)
        finally:
            connection.close()

    threads = [Thread(target=take, args=(person,)) for person in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert Counter(said) == {"taken": 1, "cannot_move": len(takers) - 1}
