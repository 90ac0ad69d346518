"""Many queries at once find what each of them finds alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from listening.query import BadQuery, CompiledQuery, Percolator, Post, compile_query

WORDS = [
    "acme",
    "bank",
    "acmebank",
    "boy",
    "boycott",
    "boycotting",
    "東",
    "京",
    "都",
    "#acme",
    "@acme",
    "café",
    "the",
    "😡",
]
WORD = st.sampled_from(WORDS)
PHRASE = st.lists(WORD, min_size=1, max_size=3).map(lambda words: '"' + " ".join(words) + '"')
TERM = st.one_of(
    WORD,
    PHRASE,
    st.sampled_from(["boy*", "boycott*", '"acme ban*"', "author:joe", "lang:en", "kind:reply", "東京", "京都"]),
    st.tuples(WORD, WORD).map(lambda pair: f"{pair[0]} NEAR/2 ({pair[1]} OR boycot*)"),
)
EXPRESSION = st.recursive(
    TERM,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR ", " NOT "]), inner).map("".join),
        inner.map("({})".format),
        inner.map("NOT ({})".format),
    ),
    max_leaves=6,
)
SAID = st.lists(
    st.one_of(WORD, st.sampled_from(["Boycotted", "CAFE\u0301", "東京都", "x", "@acme.example"])), max_size=8
)
POST = st.builds(
    Post,
    SAID.map(" ".join),
    author=st.sampled_from(["", "@Joe", "joe@social.example", "ann"]),
    language=st.sampled_from(["", "en", "de-AT"]),
    kind=st.sampled_from(["post", "reply"]),
)


def compiled(expressions: list[str]) -> dict[int, CompiledQuery]:
    queries = {}
    for key, expression in enumerate(expressions):
        try:
            queries[key] = compile_query(expression, exclude=["the"] if key % 3 == 0 else [])
        except BadQuery:
            continue
    return queries


@settings(max_examples=300, deadline=None)
@given(st.lists(EXPRESSION, max_size=12), st.lists(POST, min_size=1, max_size=6), st.sets(st.integers(0, 11)))
def test_it_finds_what_each_query_finds_alone(expressions: list[str], posts: list[Post], gone: set[int]) -> None:
    queries = compiled(expressions)
    at_once, one_by_one = Percolator(queries.items()), Percolator[int]()
    for key, query in queries.items():
        one_by_one.add(key, query)
    for key in gone:
        at_once.remove(key)
        one_by_one.remove(key)
    left = {key: query for key, query in queries.items() if key not in gone}
    assert len(at_once) == len(left)
    for post in posts:
        wanted = [key for key, query in left.items() if query.matches(post)]
        assert sorted(at_once.match(post)) == wanted
        assert sorted(one_by_one.match(post)) == wanted


def test_a_query_is_replaced_under_its_key() -> None:
    percolator = Percolator([("a", compile_query("acme"))])
    percolator.add("a", compile_query("globex"))
    assert percolator.match(Post("acme")) == []
    assert percolator.match(Post("globex")) == ["a"]
    percolator.remove("a")
    percolator.remove("a")
    assert (percolator.match(Post("globex")), len(percolator), "a" in percolator) == ([], 0, False)


def test_few_queries_are_asked_of_a_post_however_many_share_a_word() -> None:
    """Each query is kept under the word that is its own, not under the one that a thousand share."""
    asked = 0

    class Counted(CompiledQuery):
        def takes(self, reading: object) -> bool:  # noqa: ARG002 - the signature of a query
            nonlocal asked
            asked += 1
            return False

    queries = [compile_query(f'"brand{number} bank" AND (boycott OR strike)') for number in range(1_000)]
    for query in queries:
        query.__class__ = Counted
    Percolator(enumerate(queries)).match(Post("boycott and strike at the brand7 bank"))
    assert asked == 1
