"""The page behind a link: no script, no cookie, every word escaped, and a form that works."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from approvals.models import Approval
from tests.approvals.conftest import CLIENT, Asking
from tests.approvals.links.conftest import Mailing, look, path_of
from tests.cast import Answer, Person, events_of, send

pytestmark = pytest.mark.django_db
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FORM = "application/x-www-form-urlencoded"
NASTY = "<script>alert(1)</script>\n<img src=x onerror=alert(1)>{{7*7}}\"'</p></form>"


def send_form(token: str, **fields: str) -> Answer:
    return send("POST", path_of(token), urlencode(fields), Content_Type=FORM, **BROWSER)


def html_of(answer: Answer) -> str:
    assert answer.headers["Content-Type"].startswith("text/html")
    return str(answer.body.decode())


def test_a_browser_gets_a_page_with_the_exact_text(cy: Person, ask: Asking, mail_link: Mailing) -> None:
    approval = ask(stages=[CLIENT], text=NASTY)
    page = look(mail_link(approval, cy), **BROWSER)
    assert page.status == 200
    html = html_of(page)
    shown = re.search(r'<p class="text"[^>]*>(.*?)</p>', html, re.DOTALL)
    assert shown is not None
    assert unescape(shown[1]) == NASTY
    assert "<script" not in html
    assert "<img" not in html
    assert f'value="{approval.digest}"' in html


def test_the_page_runs_and_loads_nothing_and_leaves_no_trace(
    cy: Person, for_the_client: Approval, mail_link: Mailing
) -> None:
    token = mail_link(for_the_client, cy)
    asked, refused, decided = look(token, **BROWSER), look("csl_x_y_z", **BROWSER), send_form(token, verdict="approve")
    for page in (asked, refused, decided):
        html = html_of(page)
        policy = page.headers["Content-Security-Policy"]
        nonce = re.search(r"style-src 'nonce-([^']+)'", policy)
        assert nonce is not None
        assert policy.startswith("default-src 'none'")
        sends = "'self'" if page is asked else "'none'"
        assert f"form-action {sends}; frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert f'<style nonce="{nonce[1]}">' in html
        assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
        assert "Set-Cookie" not in page.headers
        assert not re.search(r"\bon\w+=|javascript:|https?://", html)


def test_the_form_of_the_page_decides(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    token = mail_link(for_the_client, cy)
    html = html_of(look(token, **BROWSER))
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html))
    page = send_form(token, verdict="approve", comment="Ja, gern: «gut».", **fields)
    assert page.status == 200
    assert "You agreed to the text." in html_of(page)
    assert [name for name, *_ in events_of(for_the_client)][-1] == "approval.granted"
    assert send_form(token, verdict="approve", **fields).status == 404


def test_a_browser_is_told_in_words_what_was_wrong(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    token = mail_link(for_the_client, cy)
    gone = look(token[:-2], **BROWSER)
    assert (gone.status, "This link opens nothing" in html_of(gone)) == (404, True)
    other = send_form(token, verdict="approve", digest="0" * 64)
    assert (other.status, "The text is another one" in html_of(other)) == (412, True)
    assert send_form(token, verdict="").status == 400
    assert look(token).status == 200


def test_every_dead_link_has_the_same_page(cy: Person, for_the_client: Approval, mail_link: Mailing) -> None:
    token = mail_link(for_the_client, cy)
    send_form(token, verdict="reject", digest=for_the_client.digest)
    pages = [html_of(look(dead, **BROWSER)) for dead in (token, token[:-1], "csl_x_y_z")]
    assert len({re.sub(r'nonce="[^"]+"', "", page) for page in pages}) == 1
