"""HTML becomes text, whatever is in it, in a time that its length alone decides."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listening.sources.markup import LONGEST, text_of


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("<p>One</p><p>two<br>three</p>", "One\ntwo\nthree"),
        ("a &lt;b&gt; &amp; c &eacute; &#x1F600;", "a <b> & c é 😀"),
        ('<a href="https://x.example"><span class="invisible">https://</span>x.example</a>', "https://x.example"),
        ("<script>alert('<b>')</script>seen<style>p{}</style>", "seen"),
        ("<script>never closed", ""),
        ("<svg/>seen", "seen"),
        ("2 < 3 and 4 > 1", "2 < 3 and 4 > 1"),
        ("<p>  many \t spaces </p>\n\n<p>and lines</p>", "many spaces\nand lines"),
        ("<img src=x onerror=alert(1)>", ""),
        ("&#99999999999999999999999;", "\N{REPLACEMENT CHARACTER}"),
        ("&#" + "9" * 5000 + ";", "\N{REPLACEMENT CHARACTER}"),
        ("<!-- a comment -->b", "b"),
    ],
)
def test_words_are_kept_and_markup_is_not(markup: str, text: str) -> None:
    assert text_of(markup) == text


@pytest.mark.parametrize("bomb", ["<", "<a", "<!--", "<script>", "&", "&#", "<p", "</", " \n ", "<b>" * 3])
def test_no_bomb_takes_longer_than_its_length(bomb: str) -> None:
    started = time.process_time()
    text_of(bomb * (2 * LONGEST // len(bomb)))
    assert time.process_time() - started < 2.0


@given(st.text(alphabet="<>&/#;aA!-'\" \nxp&", max_size=300))
def test_anything_is_read_and_no_tag_is_left(markup: str) -> None:
    assert isinstance(text_of(markup), str)
