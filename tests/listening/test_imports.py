"""Files of mentions: sent once, read part by part, told row by row."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.wall import inside
from crisisapi.service_urls import ROOT
from jobs.models import Job
from listening.actions.imports import give_up_lost_imports
from listening.actions.polls import SOURCES
from listening.models import Import, ImportPart, Source
from listening.sources import rows
from tests.cast import Answer, Person, events_of, run_due_jobs
from tests.listening.mentions import lines, mention, mentions_of

pytestmark = pytest.mark.django_db

READ = "listening.read_import"
NDJSON = "application/x-ndjson"


def send(person: Person, source: Source, body: bytes, *, kind: str = NDJSON, **said: Any) -> Answer:
    headers = {"Content-Type": kind}
    if "gzip" in said:
        headers["Content_Encoding"] = said.pop("gzip")
    query = "".join(f"&{name}={quote(str(value))}" for name, value in said.items())
    return person.post(f"imports?source={source.pk}{query}", body, **headers)


def as_csv(header: Iterable[str], *records: Iterable[Any], delimiter: str = ",") -> bytes:
    said = io.StringIO()
    writer = csv.writer(said, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows(records)
    return said.getvalue().encode()


def read_all(person: Person, begun: Answer) -> dict[str, Any]:
    assert begun.status == 202, begun.body
    run_due_jobs(READ)
    return dict(person.get(f"imports/{begun.body['id']}").body)


def counts(body: dict[str, Any]) -> dict[str, int]:
    names = ("rows", "rows_done", "new", "known", "edited", "deleted", "unmatched", "expired", "bad")
    return {name: body[name] for name in names if body[name]}


def test_a_file_is_read_in_the_background(lea: Person, source: Source) -> None:
    begun = send(lea, source, lines(mention(n) for n in range(2_500)))
    assert (begun.status, begun.body["stage"], begun.body["rows"]) == (202, "WAITING", 2_500)
    done = read_all(lea, begun)
    assert (done["stage"], counts(done)) == ("DONE", {"rows": 2_500, "rows_done": 2_500, "new": 2_500})
    assert len(mentions_of(source)) == 2_500
    with inside(source.agency_id):
        assert not ImportPart.objects.exists()
        import_ = Import.objects.get()
    assert [name for name, _, _ in events_of(import_)] == ["import.started", "import.finished"]
    assert import_.parts == import_.parts_done == 3


def test_progress_is_told_part_by_part(lea: Person, source: Source) -> None:
    begun = send(lea, source, lines(mention(n) for n in range(2_500)))
    for wanted in (1_000, 2_000):
        assert run_due_jobs_once(READ)
        told = lea.get(f"imports/{begun.body['id']}").body
        assert (told["stage"], told["rows_done"]) == ("RUNNING", wanted)


def run_due_jobs_once(handler: str) -> bool:
    from_now = Job.objects.filter(handler=handler, state="READY").order_by("id").first()
    assert from_now is not None
    with pytest.raises(AssertionError, match="feeds itself"):
        run_due_jobs(handler, limit=1)
    return True


def test_a_bad_row_is_passed_over_and_told(lea: Person, source: Source) -> None:
    said = [
        json.dumps(mention(1)),
        '{"external_id": "x"}',
        "",
        "not json",
        json.dumps(mention(2, author={"handle": 5})),
        json.dumps(mention(3, posted_at="2026-03-02T12:00:00")),
        json.dumps(mention(4)),
        json.dumps(mention(5, nonsense=1)),
    ]
    done = read_all(lea, send(lea, source, "\n".join(said).encode()))
    assert counts(done) == {"rows": 7, "rows_done": 7, "new": 2, "bad": 5}
    assert [(e["row"], e["field"], e["code"]) for e in done["errors"]] == [
        (2, "posted_at", "required"),
        (3, "", "malformed_json"),
        (4, "author.handle", "wrong_type"),
        (5, "posted_at", "no_time_zone"),
        (7, "nonsense", "unknown_field"),
    ]
    assert [m.external_id for m in mentions_of(source)] == ["m-1", "m-4"]


def test_a_dry_run_finds_the_same_and_stores_nothing(lea: Person, source: Source) -> None:
    said = lines([mention(1), mention(2, text=5), mention(3)])
    dry = read_all(lea, send(lea, source, said, dry_run="true"))
    assert (dry["stage"], counts(dry)) == ("DONE", {"rows": 3, "rows_done": 3, "bad": 1})
    assert mentions_of(source) == []
    wet = read_all(lea, send(lea, source, said))
    assert (wet["errors"], wet["bad"], wet["new"]) == (dry["errors"], 1, 2)


def test_of_many_errors_a_hundred_are_told(lea: Person, source: Source) -> None:
    done = read_all(lea, send(lea, source, b"{}\n" * 1_500))
    assert (done["bad"], len(done["errors"])) == (1_500, 100)


def test_the_same_file_again_is_known(lea: Person, source: Source) -> None:
    said = lines(mention(n) for n in range(20))
    read_all(lea, send(lea, source, said))
    done = read_all(
        lea, send(lea, source, said + lines([mention(3, text="Edited.", edited_at="2026-03-02T13:00:00Z")]))
    )
    assert counts(done) == {"rows": 21, "rows_done": 21, "known": 20, "edited": 1}


def test_deletions_empty_what_was_stored(lea: Person, source: Source) -> None:
    read_all(lea, send(lea, source, lines([mention(1), mention(2)])))
    done = read_all(lea, send(lea, source, lines([{"external_id": "m-1", "deleted": True}])))
    assert counts(done) == {"rows": 1, "rows_done": 1, "deleted": 1}


@pytest.mark.parametrize("delimiter", ["comma", "semicolon", "tab"])
def test_columns_of_a_csv_file_are_fields_of_a_mention(lea: Person, source: Source, delimiter: str) -> None:
    said = as_csv(
        ["Post ID", "When", "Said", "Who", "Fans", "url", "ignored"],
        ["c-1", "2026-03-02T12:00:00Z", 'A "quoted"\nline; with, all\tof it', "pat", "12", "https://x.example/1", "?"],
        ["c-2", "2026-03-02T12:00:01Z", "Grüße", "", "", "", ""],
        ["", "", "", "", "", "", ""],
        ["c-3", "2026-03-02T12:00:02Z", "x", "kim", "many", "", ""],
        delimiter=rows.DELIMITERS[delimiter],
    )
    columns = {
        "external_id": "Post ID",
        "posted_at": "When",
        "text": "Said",
        "author_handle": "Who",
        "author_followers": "Fans",
    }
    done = read_all(
        lea,
        send(lea, source, b"\xef\xbb\xbf" + said, kind="text/csv", columns=json.dumps(columns), delimiter=delimiter),
    )
    assert counts(done) == {"rows": 3, "rows_done": 3, "new": 2, "bad": 1}
    assert [(e["row"], e["field"], e["code"]) for e in done["errors"]] == [(3, "author.followers", "wrong_type")]
    first, second = mentions_of(source)
    assert first.text == 'A "quoted"\nline; with, all\tof it'
    assert (first.author_handle, first.author_followers, first.url) == ("pat", 12, "https://x.example/1")
    assert (second.text, second.author_handle) == ("Grüße", "")
    assert (done["format"], done["columns"]) == ("csv", columns)


def test_a_csv_file_that_names_its_columns_as_we_do_needs_no_mapping(lea: Person, source: Source) -> None:
    said = as_csv(["text", "external_id", "posted_at", "country"], ["hello", "c-1", "2026-03-02T12:00:00Z", "DE"])
    assert read_all(lea, send(lea, source, said, kind="text/csv"))["new"] == 1


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({}, "columns.posted_at", "no_such_column"),
        ({"columns": '{"posted_at": "When"}'}, "columns.When", "no_such_column"),
        ({"columns": "[]"}, "columns", "wrong_type"),
        ({"columns": '{"x": "y"}'}, "columns", "unknown_field"),
        ({"columns": '{"text": ""}'}, "columns", "invalid"),
        ({"delimiter": "|"}, "delimiter", "invalid_choice"),
        ({"dry_run": "yes"}, "dry_run", "invalid_choice"),
        ({"surprise": "1"}, "surprise", "unknown_field"),
    ],
)
def test_a_wrong_mapping_is_refused_before_anything_is_kept(
    lea: Person, source: Source, query: dict[str, str], field: str, code: str
) -> None:
    said = as_csv(["external_id", "text"], ["1", "2"])
    answer = send(lea, source, said, kind="text/csv", **query)
    assert (answer.status, [(e["field"], e["code"]) for e in answer.body["errors"]]) == (400, [(field, code)])
    with inside(source.agency_id):
        assert not Import.objects.exists()


def test_what_is_not_utf8_or_too_long_is_a_bad_row(lea: Person, source: Source) -> None:
    good = json.dumps(mention(1)).encode()
    said = b"\n".join([good, b'{"external_id": "\xff"}', b'{"text": "' + b"x" * 600_000 + b'"}', good])
    done = read_all(lea, send(lea, source, said))
    assert counts(done) == {"rows": 4, "rows_done": 4, "new": 1, "known": 1, "bad": 2}
    assert [(e["row"], e["code"]) for e in done["errors"]] == [(2, "malformed_json"), (3, "too_long")]
    latin = "external_id,posted_at,text\nc-1,2026-03-02T12:00:00Z,Gr\xfc\xdfe\n".encode("latin-1")
    done = read_all(lea, send(lea, source, latin, kind="text/csv"))
    assert [(e["row"], e["code"]) for e in done["errors"]] == [(1, "not_utf8")]


def test_gzip_is_unpacked_as_it_comes(lea: Person, source: Source) -> None:
    packed = gzip.compress(lines(mention(n) for n in range(5)))
    assert read_all(lea, send(lea, source, packed, gzip="gzip"))["new"] == 5
    assert send(lea, source, packed[:-9], gzip="gzip").code == "malformed_file"
    assert send(lea, source, b"plain", gzip="gzip").code == "malformed_file"
    bomb = gzip.compress(bytes(60_000_000))
    assert (len(bomb) < 100_000, send(lea, source, bomb, gzip="gzip").status) == (True, 413)
    assert send(lea, source, packed, gzip="br").status == 415


def test_more_than_fifty_megabytes_and_nothing_at_all_are_refused(
    lea: Person, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(lea, source, b"").code == "invalid"
    assert send(lea, source, b"\n \n\n").code == "invalid"
    monkeypatch.setattr("listening.api.imports.MOST_BYTES", 100)
    assert send(lea, source, b"x" * 101).status == 413
    assert send(lea, source, b"{}", kind="application/json").status == 415


def test_reading_is_stopped_by_a_person(lea: Person, source: Source) -> None:
    begun = send(lea, source, lines(mention(n) for n in range(2_500)))
    run_due_jobs_once(READ)
    stopped = lea.post(f"imports/{begun.body['id']}/cancel", {"reason": "the wrong file"})
    assert (stopped.status, stopped.body["stage"], stopped.body["rows_done"]) == (200, "CANCELLED", 1_000)
    assert run_due_jobs(READ) == 0
    assert len(mentions_of(source)) == 1_000
    assert lea.post(f"imports/{begun.body['id']}/cancel", {"reason": "again"}).code == "cannot_move"
    with inside(source.agency_id):
        assert not ImportPart.objects.exists()


def test_a_source_that_ends_meanwhile_ends_the_import(lea: Person, source: Source) -> None:
    begun = send(lea, source, lines(mention(n) for n in range(2_500)))
    run_due_jobs_once(READ)
    assert lea.post(f"sources/{source.pk}/end", {"reason": "x"}).status == 200
    run_due_jobs(READ)
    told = lea.get(f"imports/{begun.body['id']}").body
    assert (told["stage"], told["problem"]) == ("FAILED", "This source was ended.")
    assert send(lea, source, lines([mention(1)])).code == "source_ended"


def test_an_import_whose_job_died_is_given_up(lea: Person, source: Source) -> None:
    begun = send(lea, source, lines([mention(1)]))
    with inside(source.agency_id):
        assert give_up_lost_imports(by=SOURCES, at=timezone.now()) == 0
    Job.objects.filter(handler=READ).update(state="DEAD", finished_at=timezone.now())
    with inside(source.agency_id):
        assert give_up_lost_imports(by=SOURCES, at=timezone.now()) == 1
    assert lea.get(f"imports/{begun.body['id']}").body["stage"] == "FAILED"


def test_a_repeated_request_starts_one_import(lea: Person, source: Source) -> None:
    said = lines([mention(1)])
    send_keyed = lambda body: lea.post(  # noqa: E731 - said twice below
        f"imports?source={source.pk}", body, **{"Content-Type": NDJSON, "Idempotency_Key": "k-1"}
    )
    first, again = send_keyed(said), send_keyed(said)
    assert (again.status, again.body["id"]) == (202, first.body["id"])
    assert send_keyed(lines([mention(2)])).code == "key_reused"


def test_imports_are_listed_with_as_many_questions_for_many_as_for_one(lea: Person, source: Source) -> None:
    asked = []
    for number in range(2):
        for name in range(1 + 2 * number):
            send(lea, source, lines([mention(10 * number + name)]))
        with CaptureQueriesContext(connection) as queries:
            told = lea.get(f"imports?source={source.pk}").body["items"]
        asked.append(len(queries))
    assert len(told) == 4
    assert asked[0] == asked[1]
    assert lea.get("imports?stage=DONE").body["items"] == []


def test_who_may_not_deliver_imports_nothing(dee: Person, bo: Person, lea: Person, borealis_source: Source) -> None:
    said = lines([mention(1)])
    assert send(dee, borealis_source, said).status == 403
    assert send(bo, borealis_source, said).status == 404
    begun = send(lea, borealis_source, said)
    assert bo.get(f"imports/{begun.body['id']}").status == 404
    assert dee.post(f"imports/{begun.body['id']}/cancel", {"reason": "x"}).status == 403


def test_another_agency_finds_no_import(eve: Person, lea: Person, source: Source) -> None:
    begun = send(lea, source, lines([mention(1)]))
    where = f"imports/{begun.body['id']}"
    assert eve.get(where).status == 404
    assert eve.post(f"{where}/cancel", {"reason": "x"}).status == 404
    assert eve.get("imports").body["items"] == []
    assert send(eve, source, lines([mention(1)])).status == 404
    assert eve.get(f"/v1/agencies/north/{where}").status == 404


WORKER = """
import sys, django
django.setup()
from django.utils import timezone
from jobs.actions import run_job
run_job(job_id=sys.argv[1], handler_name="listening.read_import", at=timezone.now())
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_in_a_part_has_read_none_of_it(lea: Person, source: Source) -> None:
    begun = send(lea, source, lines(mention(n) for n in range(1_500)))
    job = Job.objects.get(handler=READ, state="READY")
    url = urlsplit(os.environ["DATABASE_URL"])
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", WORKER, str(job.pk)],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}")),
            "DJANGO_SETTINGS_MODULE": "crisisapi.settings",
            "CRISISAPI_FAILPOINTS": "listening.import_stored=kill",
        },
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert mentions_of(source) == []
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert counts(read_all(lea, begun)) == {"rows": 1_500, "rows_done": 1_500, "new": 1_500}
    assert len({m.external_id for m in mentions_of(source)}) == len(mentions_of(source)) == 1_500
