"""Nobody overwrites what they have not seen."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from core.http.preconditions import BadPrecondition, PreconditionRequired, Stale, etag_of, require_match

ETAG = etag_of(SimpleNamespace(pk="018f", version=3))


def saying(if_match: str | None) -> HttpRequest:
    headers = {} if if_match is None else {"If-Match": if_match}
    return RequestFactory().patch("/", headers=headers)


def test_an_etag_is_strong_and_changes_with_the_version_and_the_row() -> None:
    assert ETAG == '"018f-3"'
    assert etag_of(SimpleNamespace(pk="018f", version=4)) != ETAG
    assert etag_of(SimpleNamespace(pk="0190", version=3)) != ETAG


@pytest.mark.parametrize("header", ['"018f-3"', '  "018f-3"  ', '"x", "018f-3"', '"a,b","018f-3"', '"018f-3",'])
def test_who_saw_the_present_version_may_go_on(header: str) -> None:
    require_match(saying(header), ETAG)


@pytest.mark.parametrize("header", ['"018f-2"', '"x","y"', 'W/"018f-3"', '""', '"018f-3-"'])
def test_who_saw_another_version_is_told_the_present_one(header: str) -> None:
    with pytest.raises(Stale) as refusal:
        require_match(saying(header), ETAG)
    assert refusal.value.status == 412
    assert refusal.value.facts == {"current_etag": ETAG}
    assert refusal.value.headers == {"ETag": ETAG}


def test_who_says_nothing_is_asked_to() -> None:
    with pytest.raises(PreconditionRequired) as refusal:
        require_match(saying(None), ETAG)
    assert refusal.value.status == 428


@pytest.mark.parametrize("header", ["*", '"018f-3", *', "018f-3", "", '"a" "b"', '"open', 'w/"a"', '"a\x7f"'])
def test_a_header_that_names_no_version_is_refused(header: str) -> None:
    with pytest.raises(BadPrecondition) as refusal:
        require_match(saying(header), ETAG)
    assert refusal.value.status == 400
