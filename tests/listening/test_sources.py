"""Sources of mentions: added by those who may, listed to those who see the brand, changed as they were seen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.ids import uuid7
from core.wall import inside
from jobs.models import Job
from listening.models import Query, Source, SourceHealth
from tests.cast import Answer, Person, events_of
from tests.conftest import North

pytestmark = pytest.mark.django_db

FEED = {"kind": "rss", "name": "The Daily", "place": {"url": "https://news.example/feed.xml"}}
TAG = {
    "kind": "mastodon_hashtag",
    "name": "#aurora",
    "place": {"server": "https://social.example/", "hashtag": "#aurora"},
}
SEARCH = {
    "kind": "mastodon_search",
    "name": "search",
    "place": {"server": "https://social.example", "q": "aurora"},
    "credentials": {"token": "s3cret-t0ken"},
}


def add(person: Person, north: North, **said: Any) -> Answer:
    return person.post("sources", {"brand": str(north.aurora.pk), **said})


def timers(source_id: str) -> list[str]:
    jobs = Job.objects.filter(handler="listening.poll", key=source_id, state="READY")
    return list(jobs.values_list("handler", flat=True))


def stored(north: North, source_id: str) -> Source:
    with inside(north.agency.pk):
        found: Source = Source.objects.get(pk=source_id)
    return found


def test_a_source_is_added_and_told(bo: Person, north: North) -> None:
    answer = add(bo, north, name="Brandwatch")
    assert (answer.status, answer.body["kind"], answer.body["name"]) == (201, "push", "Brandwatch")
    with inside(north.agency.pk):
        [source] = Source.objects.all()
    assert (str(source.pk), source.brand_id) == (answer.body["id"], north.aurora.pk)
    assert events_of(source) == [("source.added", str(bo.actor), {"kind": "push", "name": "Brandwatch"})]
    secret = answer.body.pop("secret")
    assert secret is None
    assert bo.get(f"sources/{source.pk}").body == answer.body
    assert timers(answer.body["id"]) == []


@pytest.mark.parametrize("said", [FEED, TAG, SEARCH])
def test_what_is_asked_is_asked_at_once(bo: Person, north: North, said: dict[str, Any]) -> None:
    answer = add(bo, north, **said)
    assert (answer.status, answer.body["health"]) == (201, "new")
    assert answer.body["every_s"] > 0
    assert timers(answer.body["id"]) == ["listening.poll"]


def test_a_place_is_kept_as_it_will_be_asked(bo: Person, north: North) -> None:
    assert add(bo, north, **TAG).body["place"] == {"server": "https://social.example", "hashtag": "aurora"}


def test_credentials_go_in_and_never_come_out(bo: Person, north: North) -> None:
    answer = add(bo, north, **SEARCH)
    assert answer.body["has_credentials"] is True
    everything = str(answer.body) + str(bo.get("sources").body) + str(bo.get(f"sources/{answer.body['id']}").body)
    assert "s3cret" not in everything
    source = stored(north, answer.body["id"])
    assert source.credentials == {"token": "s3cret-t0ken"}
    assert "s3cret" not in str(events_of(source))
    with inside(north.agency.pk), connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM listening_source WHERE id = %s", [source.pk])
        assert b"s3cret" not in bytes(cursor.fetchone()[0])


def test_a_name_is_one_source_of_a_brand(lea: Person, source: Source, north: North) -> None:
    again = add(lea, north, name=source.name)
    assert (again.status, again.code) == (409, "source_known")
    assert lea.post("sources", {"brand": str(north.borealis.pk), "name": source.name}).status == 201
    assert lea.post(f"sources/{source.pk}/end", {"reason": "replaced"}).status == 200
    assert add(lea, north, name=source.name).status == 201


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "pull"}, "kind"),
        ({"name": ""}, "name"),
        ({"x": 1}, "x"),
        ({"place": {"url": "https://x.example"}}, "place.url"),
        ({"credentials": {"token": "x"}}, "credentials.token"),
        ({"every_s": 60}, "every_s"),
        ({**FEED, "place": {}}, "place.url"),
        ({**FEED, "place": {"url": "http://news.example/"}}, "place.url"),
        ({**FEED, "place": {"url": "https://10.0.0.1/"}}, "place.url"),
        ({**FEED, "place": {"url": "https://user:pw@news.example/"}}, "place.url"),
        ({**FEED, "place": {"url": "file:///etc/passwd"}}, "place.url"),
        ({**FEED, "every_s": 30}, "every_s"),
        ({**TAG, "place": {"server": "https://social.example/path", "hashtag": "a"}}, "place.server"),
        ({**TAG, "place": {"server": "https://social.example", "hashtag": "a/../b"}}, "place.hashtag"),
        ({**SEARCH, "credentials": None}, "credentials.token"),
        ({**SEARCH, "credentials": {"token": "a\nb"}}, "credentials.token"),
        ({"silent_after_s": 5}, "silent_after_s"),
        ({"query": str(uuid7())}, "query"),
    ],
)
def test_a_wrong_source_is_refused_with_its_field(
    bo: Person, north: North, wrong: dict[str, object], field: str, settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    answer = add(bo, north, **{"name": "n", **wrong})
    assert (answer.status, [e["field"] for e in answer.body["errors"]]) == (400, [field])


def test_a_query_is_one_of_the_same_brand(
    lea: Person, north: North, now: datetime, inside_north: Callable[[], AbstractContextManager[None]]
) -> None:
    with inside_north():
        mine = Query.objects.create(brand=north.aurora, name="q", expression="aurora", created_at=now)
        other = Query.objects.create(brand=north.borealis, name="q", expression="borealis", created_at=now)
    assert add(lea, north, name="a", query=str(mine.pk)).body["query"] == str(mine.pk)
    assert add(lea, north, name="b", query=str(other.pk)).status == 400


def test_a_manager_adds_sources_to_their_own_brand_only(bo: Person, dee: Person, north: North) -> None:
    answer = bo.post("sources", {"brand": str(north.borealis.pk), "name": "n"})
    assert (answer.status, answer.body["errors"][0]["field"]) == (400, "brand")
    assert add(dee, north, name="n").status == 403


def test_sources_are_listed_by_brand(lea: Person, bo: Person, source: Source, borealis_source: Source) -> None:
    assert len(lea.get("sources").body["items"]) == 2
    assert [s["id"] for s in lea.get(f"sources?brand={source.brand_id}").body["items"]] == [str(source.pk)]
    assert [s["id"] for s in bo.get("sources").body["items"]] == [str(source.pk)]
    assert bo.get(f"sources/{borealis_source.pk}").status == 404
    assert lea.get("sources?kind=rss").body["items"] == []
    assert len(lea.get("sources?health=new").body["items"]) == 2


def test_the_list_asks_as_many_questions_for_many_as_for_one(lea: Person, north: North) -> None:
    counts = []
    for names in (["a"], ["b", "c", "d"]):
        for name in names:
            assert add(lea, north, **{**FEED, "name": name}).status == 201
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert lea.get("sources").status == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_change_needs_to_have_seen_what_it_changes(bo: Person, north: North) -> None:
    made = add(bo, north, **FEED)
    where = f"sources/{made.body['id']}"
    assert bo.patch(where, {"name": "x"}).status == 428
    changed = bo.patch(where, {"name": "x", "every_s": 600, "silent_after_s": 3600}, If_Match=made.etag)
    assert (changed.status, changed.body["name"], changed.body["every_s"]) == (200, "x", 600)
    assert bo.patch(where, {"name": "y"}, If_Match=made.etag).status == 412
    source = stored(north, made.body["id"])
    assert events_of(source)[-1] == (
        "source.changed", str(bo.actor), {"fields": ["every_s", "name", "silent_after_s"]},
    )  # fmt: skip


def test_another_place_begins_anew_and_another_secret_goes_on(bo: Person, north: North) -> None:
    made = add(bo, north, **SEARCH)
    with inside(north.agency.pk):
        Source.objects.filter(pk=made.body["id"]).update(
            cursor={"since": "7"}, failures=4, health=SourceHealth.REFUSED, problem="The host answered 401."
        )
        Job.objects.filter(key=made.body["id"]).update(state="DONE")
    where = f"sources/{made.body['id']}"
    changed = bo.patch(where, {"credentials": {"token": "another"}}, If_Match=made.etag)
    assert (changed.status, changed.body["health"], changed.body["problem"]) == (200, "new", "")
    source = stored(north, made.body["id"])
    assert (source.cursor, source.credentials) == ({"since": "7"}, {"token": "another"})
    assert timers(made.body["id"]) == ["listening.poll"]
    changed = bo.patch(where, {"place": {"server": "https://other.example", "q": "x"}}, If_Match=changed.etag)
    assert stored(north, made.body["id"]).cursor is None


def test_a_source_pauses_goes_on_and_ends(bo: Person, north: North) -> None:
    made = add(bo, north, **FEED)
    where = f"sources/{made.body['id']}"
    assert bo.post(f"{where}/pause", {"reason": "a holiday"}).body["paused_at"] is not None
    assert timers(made.body["id"]) == []
    assert bo.post(f"{where}/ask").code == "source_not_asked"
    assert bo.post(f"{where}/resume").body["paused_at"] is None
    assert timers(made.body["id"]) == ["listening.poll"]
    assert bo.post(f"{where}/end", {"reason": "no more"}).body["ended_at"] is not None
    assert timers(made.body["id"]) == []
    for verb, body in (("pause", {"reason": "x"}), ("resume", {}), ("ask", {}), ("end", {"reason": "x"})):
        assert bo.post(f"{where}/{verb}", body).code == "source_ended"
    source = stored(north, made.body["id"])
    assert [name for name, _, _ in events_of(source)] == [
        "source.added", "source.paused", "source.resumed", "source.ended",
    ]  # fmt: skip


def test_the_credentials_of_what_has_ended_are_gone(bo: Person, north: North) -> None:
    made = add(bo, north, **SEARCH)
    bo.post(f"sources/{made.body['id']}/end", {"reason": "no more"})
    assert stored(north, made.body["id"]).credentials is None


def test_a_source_is_asked_when_somebody_wants_it(bo: Person, source: Source, north: North) -> None:
    made = add(bo, north, **FEED)
    Job.objects.filter(key=made.body["id"]).update(state="DONE")
    assert bo.post(f"sources/{made.body['id']}/ask").status == 200
    assert timers(made.body["id"]) == ["listening.poll"]
    assert bo.post(f"sources/{source.pk}/ask").code == "source_not_asked"


VERBS = ["pause", "resume", "end", "ask", "rotate-secret"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_colleague_without_the_need_changes_nothing(dee: Person, source: Source, verb: str) -> None:
    assert dee.post(f"sources/{source.pk}/{verb}", {"reason": "x"}).status == 403
    assert dee.patch(f"sources/{source.pk}", {"name": "x"}, If_Match='"x"').status == 403


def test_another_agency_finds_no_source(eve: Person, source: Source, north: North) -> None:
    assert eve.get(f"sources/{source.pk}").status == 404
    assert eve.get("sources").body["items"] == []
    for verb in VERBS:
        assert eve.post(f"sources/{source.pk}/{verb}", {"reason": "x"}).status == 404
        assert eve.post(f"/v1/agencies/north/sources/{source.pk}/{verb}", {"reason": "x"}).status == 404
    assert eve.patch(f"sources/{source.pk}", {"name": "x"}, If_Match='"x"').status == 404
    assert eve.post("/v1/agencies/north/sources", {"brand": str(north.aurora.pk), "name": "n"}).status == 404
    assert eve.post("sources", {"brand": str(north.aurora.pk), "name": "n"}).status == 400
    assert eve.post("sources", {"brand": str(uuid7()), "name": "n"}).status == 400
