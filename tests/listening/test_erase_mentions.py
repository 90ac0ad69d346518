"""Forgetting: mentions by their ids at once, authors in a job; what was counted stays counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from core.ids import uuid7
from core.wall import inside
from jobs.models import Job
from listening.actions import erase as erasing
from listening.actions.index import index_words
from listening.models import Erasure, Mention, MoodCorrection, Source, Term
from permissions.needs import Need
from tests.cast import Person, events_of, key_of, run_due_jobs
from tests.listening.mentions import NOON, buckets_of, deliver, mention, mentions_of

pytestmark = pytest.mark.django_db


def say(person: Person, source: Source, count: int = 6) -> list[dict[str, object]]:
    """Mentions on as many days, every other one by Ann."""
    batch = [
        mention(
            n,
            text=f"secret{n} words",
            posted_at=(NOON + timedelta(days=n)).isoformat(),
            author={"handle": "Ann" if n % 2 else "bob", "name": "Somebody", "followers": 10},
            network="mastodon" if n < 4 else "bluesky",
            url="https://example.org/ann/1",
            in_reply_to="m-0",
        )
        for n in range(count)
    ]
    assert deliver(person, source, batch).body["new"] == count
    return batch


def emptied(source: Source) -> list[int]:
    """The mentions that nothing is left of, by the words that they once held."""
    rows = [row for row in mentions_of(source) if row.erased_at is not None]
    for row in rows:
        told = (row.text, row.author_handle, row.author_name, row.author_followers, row.url, row.in_reply_to)
        assert told == ("", "", "", 0, "", "")
        assert row.external_id.startswith("erased:")
    return sorted((row.posted_at - NOON).days for row in rows)


def test_mentions_are_emptied_by_their_ids(ana: Person, source: Source) -> None:
    batch = say(ana, source)
    before = buckets_of(source)
    wanted = mentions_of(source)[:2]
    with inside(source.agency_id):
        index_words(at=NOON + timedelta(days=30))
        MoodCorrection.objects.create(
            brand_id=source.brand_id, mention_id=wanted[0].pk, was="neutral", label="negative", scorer="x/1",
            language="en", text=wanted[0].text, corrected_at=NOON,
        )  # fmt: skip
    answer = ana.post("mentions/erase", {"mentions": [str(row.pk) for row in wanted]})
    assert (answer.status, answer.body["erased"]) == (200, 2)
    assert emptied(source) == [0, 1]
    assert buckets_of(source) == before
    with inside(source.agency_id):
        [erasure] = Erasure.objects.all()
        assert set(MoodCorrection.objects.values_list("text", flat=True)) == {""}
        assert not Term.objects.filter(term__in=["secret0", "secret1"]).exists()
        assert Term.objects.filter(term="secret2").exists()
    assert events_of(erasure) == [("mentions.erased", str(ana.actor), {"mentions": 2, "by_author": False})]
    again = deliver(ana, source, batch)
    assert (again.body["new"], again.body["known"]) == (0, 6)
    assert emptied(source) == [0, 1]
    assert buckets_of(source) == before
    assert ana.post("mentions/erase", {"mentions": [str(wanted[0].pk)]}).body["erased"] == 0
    shown = ana.get(f"mentions/{wanted[0].pk}").body
    assert (shown["text"], shown["author"]["handle"]) == ("", "")
    assert shown["erased_at"] is not None


@pytest.mark.parametrize(
    ("asked", "days"),
    [
        ({"author_handle": "ann"}, [1, 3, 5]),
        ({"author_handle": "@ANN", "network": "mastodon"}, [1, 3]),
        ({"author_handle": "an"}, []),
    ],
)
def test_an_author_is_forgotten_by_a_job(
    ana: Person, source: Source, asked: dict[str, str], days: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "MOST_DAYS", 2)
    say(ana, source)
    before = buckets_of(source)
    answer = ana.post("mentions/erase", asked)
    assert (answer.status, answer.body["finished_at"]) == (202, None)
    assert emptied(source) == []
    assert run_due_jobs("listening.erase") == 4
    assert emptied(source) == days
    assert buckets_of(source) == before
    done = ana.get(f"erasures/{answer.body['id']}").body
    assert (done["erased"], done["finished_at"] is None) == (len(days), False)
    with inside(source.agency_id):
        [erasure] = Erasure.objects.all()
    assert erasure.handle is None
    assert [name for name, _, _ in events_of(erasure)] == ["mentions.erasure_requested", "mentions.erased"]
    assert "ann" not in str(list(Job.objects.values_list("args", "key"))).lower()
    assert "ann" not in str(events_of(erasure)).lower()


def test_one_brand_is_gone_through_when_one_is_named(ana: Person, source: Source, borealis_source: Source) -> None:
    say(ana, source, 2)
    say(ana, borealis_source, 2)
    assert ana.post("mentions/erase", {"author_handle": "ann", "brand": str(source.brand_id)}).status == 202
    run_due_jobs("listening.erase")
    assert (emptied(source), emptied(borealis_source)) == ([1], [])


def test_a_worker_that_dies_while_forgetting_begins_that_step_again(
    ana: Person, source: Source, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(ana, source)
    ana.post("mentions/erase", {"author_handle": "ann"})
    with monkeypatch.context() as armed:
        armed.setattr("core.failpoints.ARMED", {"listening.while_erasing": "raise"})
        run_due_jobs("listening.erase")
    assert emptied(source) == []
    Job.objects.filter(handler="listening.erase").update(due_at=now)
    run_due_jobs("listening.erase")
    assert emptied(source) == [1, 3, 5]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"author_handle": ""},
        {"author_handle": "ann", "mentions": [str(uuid7())]},
        {"mentions": []},
        {"mentions": [str(uuid7())], "network": "mastodon"},
        {"author_handle": "ann", "brand": str(uuid7())},
    ],
)
def test_what_names_nobody_or_both_is_refused(ana: Person, source: Source, asked: dict[str, object]) -> None:
    assert ana.post("mentions/erase", asked).status == 400


def test_who_may_forget(ana: Person, bo: Person, eve: Person, lea: Person, source: Source) -> None:
    say(ana, source)
    named = {"mentions": [str(mentions_of(source)[0].pk)]}
    for person in (bo, lea, key_of(ana, Need.MENTIONS_READ)):
        assert (person.post("mentions/erase", named).status, person.get("erasures").status) == (403, 403)
    assert eve.post("/v1/agencies/north/mentions/erase", named).status == 404
    assert eve.post("mentions/erase", named).status == 404
    assert emptied(source) == []


def test_what_is_not_there_is_not_erased_in_part(ana: Person, source: Source) -> None:
    say(ana, source)
    ids = [str(mentions_of(source)[0].pk), str(uuid7())]
    assert ana.post("mentions/erase", {"mentions": ids}).status == 404
    assert emptied(source) == []


def test_a_deleted_mention_can_be_erased_too(ana: Person, source: Source) -> None:
    say(ana, source, 1)
    deliver(ana, source, [{"external_id": "m-0", "deleted": True}])
    ana.post("mentions/erase", {"mentions": [str(mentions_of(source)[0].pk)]})
    assert emptied(source) == [0]


def test_ids_of_mentions_stay_what_they_were(ana: Person, source: Source) -> None:
    say(ana, source, 2)
    before: set[UUID] = {row.pk for row in mentions_of(source)}
    ana.post("mentions/erase", {"mentions": [str(pk) for pk in before]})
    with inside(source.agency_id):
        assert set(Mention.objects.values_list("pk", flat=True)) == before
