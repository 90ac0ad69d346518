"""A link to a report: signed, short-lived, bound to the seat of whoever made it; the page behind it runs nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.core import signing
from django.utils import timezone

from core.wall import inside
from incidents.models import Incident
from insights.actions import share_report
from insights.links import SALT
from permissions.actions.keys import revoke_key
from permissions.models import ApiKey
from permissions.needs import Need
from tenants.models import Seat
from tests.cast import Answer, Person, events_of, key_of, send
from tests.conftest import North
from tests.incidents.stage import draft

pytestmark = pytest.mark.django_db

NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\"'</title></svg>"


def link(person: Person, incident: Incident, **wish: object) -> Answer:
    answer = person.post(f"incidents/{incident.pk}/report-link", wish)
    assert answer.status == 201, answer.body
    return answer


def follow(answer: Answer) -> Answer:
    """Open the link as somebody who has nothing but the link."""
    return send("GET", urlsplit(answer.body["url"]).path)


def test_it_opens_without_signing_in(storm: Incident, lea: Person) -> None:
    shared = link(lea, storm)
    page = follow(shared)
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    html = page.body.decode()
    assert "A bad joke" in html
    assert html.count('<svg class="chart"') == 3
    name, actor, facts = events_of(storm)[-1]
    assert (name, actor) == ("report.shared", str(lea.actor))
    assert facts["expires_at"].startswith(shared.body["expires_at"][:19])


def test_it_lasts_a_day_at_most(storm: Incident, lea: Person) -> None:
    assert lea.post(f"incidents/{storm.pk}/report-link", {"hours": 25}).status == 400
    with inside(storm.agency_id):
        now = timezone.now()
        shared = share_report(incident_id=storm.pk, audience="client", lasts=timedelta(days=9), by=lea.actor, at=now)
        assert shared.expires_at <= now + timedelta(hours=24)
        old = share_report(
            incident_id=storm.pk,
            audience="client",
            lasts=timedelta(hours=1),
            by=lea.actor,
            at=now - timedelta(hours=2),
        )
    assert send("GET", urlsplit(old.url).path).status == 404


def test_a_link_that_somebody_bent_opens_nothing(storm: Incident, lea: Person) -> None:
    path = urlsplit(link(lea, storm).body["url"]).path
    head, token = path.rsplit("/", 1)
    said = signing.loads(token, salt=SALT)
    forged = signing.dumps([*said[:5], "staff", said[6]], salt="another.salt")
    for bent in (token[:-1] + ("A" if token[-1] != "A" else "B"), "x", forged, "a" * 2000, f"x{token}"):
        page = send("GET", f"{head}/{bent}")
        assert page.status == 404
        assert b"This link opens nothing" in page.body


def test_it_dies_with_the_seat_of_its_maker(north: North, storm: Incident, ana: Person, lea: Person) -> None:
    shared = link(lea, storm)
    assert follow(shared).status == 200
    assert ana.post(f"seats/{lea.seat.pk}/revoke", {"reason": "left"}).status == 200
    assert follow(shared).status == 404


def test_it_dies_with_the_epoch_of_its_maker(storm: Incident, lea: Person) -> None:
    shared = link(lea, storm)
    with inside(storm.agency_id):
        Seat.objects.filter(pk=lea.seat.pk).update(auth_epoch=2)
    assert follow(shared).status == 404


def test_it_dies_with_the_key_that_made_it(storm: Incident, lea: Person) -> None:
    robot = key_of(lea, Need.REPORTS_READ, Need.REPORTS_SHARE)
    shared = link(robot, storm)
    assert follow(shared).status == 200
    with inside(storm.agency_id):
        key = ApiKey.objects.get()
        revoke_key(key_id=key.pk, reason="lost", by=lea.actor, at=timezone.now())
    assert follow(shared).status == 404


def test_the_page_runs_nothing_and_loads_nothing(storm: Incident, lea: Person) -> None:
    page = follow(link(lea, storm))
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in page.headers["Cache-Control"]
    html = page.body.decode()
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    assert f'<style nonce="{nonce[1]}">' in html
    assert re.search(r"<script|\sstyle=|\son\w+=|https?://(?!www\.w3\.org/2000/svg)|@import|url\((?!#)", html) is None


def test_every_word_of_a_person_is_shown_as_text(north: North, storm: Incident, bo: Person, lea: Person) -> None:
    with inside(north.agency.pk):
        Incident.objects.filter(pk=storm.pk).update(title=NASTY)
        bo.user.name = NASTY
        bo.user.save()
    bo.post(f"incidents/{storm.pk}/notes", {"kind": "decision", "text": NASTY})
    draft(bo, storm, north, NASTY)
    lea.post(f"incidents/{storm.pk}/tasks", {"title": NASTY})
    lea.post(f"incidents/{storm.pk}/duties", {"duty": NASTY[:80], "seat": str(bo.seat.pk)})
    html = follow(link(lea, storm, audience="staff")).body.decode()
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6
    assert "<script" not in html
    assert "<img" not in html
    assert "{{7*7}}" in html, "nobody's words are a template"


def test_what_is_internal_stays_inside(north: North, storm: Incident, bo: Person, lea: Person) -> None:
    bo.post(f"incidents/{storm.pk}/notes", {"text": "The client is nervous."})
    for_the_client, for_us = link(lea, storm), link(lea, storm, audience="staff")
    assert b"nervous" not in follow(for_the_client).body
    assert b"nervous" in follow(for_us).body


def test_only_who_may_share_makes_one(storm: Incident, bo: Person, cy: Person) -> None:
    for person in (bo, cy):
        assert person.post(f"incidents/{storm.pk}/report-link", {}).code == "not_allowed"


def test_nothing_is_written_to_a_page_that_is_only_read(storm: Incident, lea: Person) -> None:
    shared = link(lea, storm)
    assert send("POST", urlsplit(shared.body["url"]).path, {}).status == 405
