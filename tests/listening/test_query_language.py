# ruff: noqa: RUF001 - letters of several scripts
"""The query language: what it finds, how it points at mistakes, and that nothing anybody types breaks it."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listening.query import BadQuery, Post, compile_query, watched_terms
from listening.query.folding import _fold_whole, cut, fold
from listening.query.watched import check_terms

SOME = settings(max_examples=200, deadline=None)
LETTERS = st.sampled_from("aAbéßİıøñчйЁёक्षाひがガ東京เมือง한글🙂👍🏽️‍'’`-_.*#@\"() ゙́̆ﬁ①ªﷺ")
TEXTS = st.one_of(st.text(max_size=60), st.text(LETTERS, max_size=60))


@pytest.mark.parametrize(
    ("query", "found", "not_found"),
    [
        ("acme strike", "The STRIKE at Acme", "acme only"),
        ("acme OR globex", "globex!", "neither"),
        ("acme NOT hiring", "acme fails", "Acme is hiring"),
        ("acme -hiring", "acme fails", "Acme is hiring"),
        ("acme -(hiring OR jobs)", "acme fails", "acme jobs"),
        ('"wage dispute"', "a Wage  dispute!", "dispute over wage"),
        ("boycot*", "BOYCOTTING them", "a boy"),
        ('"boycot* acme"', "boycotting Acme", "acme boycott"),
        ("acme NEAR/3 boycott", "boycott that awful acme", "boycott all of those awful acme"),
        ('acme NEAR/3 (boycott OR "walk out")', "walk out of acme", "walk slowly out of acme"),
        ("#acmefail", "so bad #AcmeFail", "acmefail"),
        ("acme", "I love #acme and @acme.example", "acmeish"),
        ("@acme", "hey @ACME@social.example", "hey acme"),
        ("café", "CAFE\u0301 closed", "caf"),
        ("ΑΘΗΝΑ", "στην αθήνα", "αθην"),
        ("мой", "Мой день", "мои"),
        ("елка", "Ёлка", "ель"),
        ("ｆｕｌｌ", "full width", "ful"),
        ("東京電力", "昨日の東京電力の会見", "東京の電力"),
        ("ソニー", "ソニーの新製品", "ソニ"),
        ("ห้าม", "เขาห้ามขาย", "เขาขาย"),
        ("बहिष्कार", "इसका बहिष्कार करो", "इसका"),
        ("مُقَاطَعة", "حملة مقاطعة جديدة", "حملة"),
        ("😡", "so bad 😡😡", "fine 🙂"),
        ("it's", "IT’S broken", "its broken"),
        ("a OR b c", "a", "b"),
        ("(a OR b) c", "b c", "a b"),
        ("NOT NOT a", "a", "b"),
    ],
)
def test_what_a_query_finds(query: str, found: str, not_found: str) -> None:
    compiled = compile_query(query)
    assert compiled.matches(Post(found))
    assert not compiled.matches(Post(not_found))


def test_who_said_it_and_in_what_language() -> None:
    said_by = compile_query("author:@Acme OR from:boss@social.example")
    assert said_by.matches(Post("hello", author="@acme"))
    assert said_by.matches(Post("hello", author="boss@social.example"))
    assert not said_by.matches(Post("@acme", author="other"))
    german = compile_query("acme lang:de")
    assert german.matches(Post("acme", language="de-AT"))
    assert german.matches(Post("acme ist nicht gut und das ist schlecht"))
    assert not german.matches(Post("acme", language="en"))


def test_lists_beside_the_expression() -> None:
    query = compile_query("acme", exclude=["#ad", "free gift", "@acme_jobs"], languages=["en", "fr"])
    assert query.matches(Post("acme breaks", language="en"))
    assert not query.matches(Post("acme breaks", language="de"))
    assert not query.matches(Post("acme breaks #AD", language="en"))
    assert not query.matches(Post("acme: a Free Gift!", language="fr"))
    assert not query.matches(Post("acme is great", author="acme_jobs", language="en"))


@pytest.mark.parametrize(
    ("query", "position", "length"),
    [
        ("", 0, 0),
        ("acme AND", 8, 0),
        ("OR acme", 0, 2),
        ("acme OR AND x", 8, 3),
        ("(acme", 0, 1),
        ("acme)", 4, 1),
        ('acme "never closed', 5, 1),
        ("acme NEAR/0 b", 5, 6),
        ("acme NEAR/101 b", 5, 8),
        ("a NEAR/2 b NEAR/2 c", 11, 6),
        ("lang:english x", 0, 12),
        ("author: x", 0, 7),
        ("a !!! b", 2, 3),
        ("ab* c", 0, 3),
        ("NOT acme", 0, 8),
        ("lang:en", 0, 7),
        ("acme OR lang:en", 0, 15),
        ("acme OR NOT b", 0, 13),
    ],
)
def test_a_mistake_is_pointed_at(query: str, position: int, length: int) -> None:
    with pytest.raises(BadQuery) as refused:
        compile_query(query)
    facts = refused.value.facts
    assert (facts["field"], facts["position"], facts["length"]) == ("expression", position, length)
    assert facts["expected"]
    line, carets = facts["pointer"].split("\n")
    assert line[carets.index("^") :].startswith(query[position:][:5])


@pytest.mark.parametrize(
    "query",
    ["x" * 4_001, " ".join(["x"] * 501), "(" * 21 + "a" + ")" * 21, "(" * 4_000, "NOT " * 900, '"' * 999, "-" * 4_000],
)
def test_hostile_queries_are_refused_at_once(query: str) -> None:
    begun = time.process_time()
    with pytest.raises(BadQuery):
        compile_query(query)
    assert time.process_time() - begun < 1


def test_long_queries_are_read() -> None:
    assert compile_query(" OR ".join(f"w{n}" for n in range(450))).matches(Post("w449"))
    assert compile_query("(" * 20 + "a" + ")" * 20).canonical == "a"
    assert compile_query("NOT " * 998 + "a").canonical == "a"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('"' + "a " * 400 + '"', "a " * 5_000),
        (" AND ".join(['"' + "a " * 100 + 'b"'] * 4), "a " * 5_000),
        ("a NEAR/100 b", "a " * 4_000 + "b"),
        ("(a OR aaa*) NEAR/1 (b OR bbb*)", "a aaa " * 1_500),
        (" OR ".join(f"{'a' * n}*" for n in range(3, 60)), "a" * 10_000),
    ],
)
def test_hostile_texts_take_no_longer_than_they_are_long(query: str, text: str) -> None:
    compiled = compile_query(query)
    begun = time.process_time()
    compiled.matches(Post(text))
    assert time.process_time() - begun < 5


TERMS = st.one_of(
    st.sampled_from(
        ["acme", "boycot*", "#fail", "@acme", '"bad food"', "東京", "café", "author:@joe", "lang:en", "it's"]
    ),
    TEXTS.map(lambda said: '"' + said.replace('"', "") + '"'),
)
EXPRESSIONS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR ", " ", " NOT "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("NOT ({})".format),
        st.tuples(TERMS, TERMS).map(" NEAR/3 ".join),
    ),
    max_leaves=8,
)


@SOME
@given(EXPRESSIONS, st.lists(TEXTS, max_size=3))
def test_the_canonical_form_is_read_as_the_same_query(expression: str, texts: list[str]) -> None:
    try:
        query = compile_query(expression)
    except BadQuery:
        return
    again = compile_query(query.canonical)
    assert (again.tree, again.canonical) == (query.tree, query.canonical)
    for text in texts:
        assert query.matches(Post(text)) == again.matches(Post(text))


@SOME
@given(TEXTS, TEXTS)
def test_nothing_anybody_types_breaks_it(expression: str, text: str) -> None:
    try:
        query = compile_query(expression, exclude=[text])
    except BadQuery as refused:
        pointer: str = refused.facts["pointer"]
        line, carets = pointer.split("\n")
        assert len(carets) <= len(line) + 1 and carets.strip("^ ") == ""  # noqa: PT018 - of whatever is refused
        return
    query.matches(Post(text, author=text))
    query.explain(Post(text, author=text))
    assert query.warnings is not None
    watched_terms().hits(text)


@SOME
@given(TEXTS)
def test_folding_twice_changes_nothing_and_letter_by_letter_is_as_good(text: str) -> None:
    assert fold(text) == _fold_whole(text)
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)
    assert cut(fold(text)) == cut(fold(fold(text)))


@SOME
@given(TEXTS, TEXTS)
def test_words_are_found_wherever_they_stand(before: str, after: str) -> None:
    assert compile_query("acme").matches(Post(f"{before} acme {after}"))
    assert compile_query('"acme fails"').matches(Post(f"{before} Acme Fails! {after}"))


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("Boycott them, a data-breach!", {"boycot*", "data breach"}),
        ("бойкотируем", {"бойкот*"}),
        ("ma\u2019lumotlar sizib chiqdi", {"ma'lumotlar sizib chiqdi"}),
        ("lovely", set()),
        ("data is fine, no breach", set()),
    ],
)
def test_watched_terms(text: str, hits: set[str]) -> None:
    assert hits <= watched_terms().hits(text)
    assert watched_terms().holds(text) is bool(hits)


def test_a_brand_watches_for_words_of_its_own() -> None:
    mine = watched_terms(("glass in", "#aurorafail", "expl*"))
    assert mine.hits("There is GLASS in my soup #AuroraFail, it exploits") == {"glass in", "#aurorafail", "expl*"}
    assert mine.count(["glass in", "in glass", "racist"]) == 2


def test_a_term_that_cannot_be_watched_for_is_refused_to_people_and_left_out_of_deliveries() -> None:
    with pytest.raises(BadQuery) as refused:
        check_terms(["fine", "!!"])
    assert refused.value.facts["field"] == "watched_terms.1"
    with pytest.raises(BadQuery):
        check_terms(["bro* glas*"])
    assert watched_terms(("!!", "glass")).holds("glass")
