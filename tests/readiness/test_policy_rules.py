"""What the rules of policies find in a text, where, and at what cost."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any
from unicodedata import normalize
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.refusals import Invalid
from readiness import links, matching, policy_rules
from readiness.links import links_in
from readiness.matching import Automaton, Name, Term, bones_of, breaks, fold
from readiness.policy_body import check_policy
from readiness.policy_rules import MOST_FINDINGS, Checked, Context, Finding, Media, PolicyRules

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
ANYWHERE = Context(at=NOW)
Rule = dict[str, Any]


def rules_of(*rules: Rule) -> PolicyRules:
    said = [{"id": f"r{place}", "severity": "block"} | rule for place, rule in enumerate(rules)]
    return PolicyRules([(uuid4(), check_policy({"rules": said})["rules"])])


def check(text: str, *rules: Rule, context: Context = ANYWHERE) -> Checked:
    return rules_of(*rules).check(text, context)


def pieces(text: str, *rules: Rule, context: Context = ANYWHERE) -> list[str | None]:
    """What was found, as it stands in the text; None for what is missing."""
    return [piece_of(text, finding) for finding in check(text, *rules, context=context).findings]


def piece_of(text: str, finding: Finding) -> str | None:
    return None if finding.start is None else text[finding.start : finding.end]


def banned(*words: str, **more: Any) -> Rule:
    return {"kind": "banned", "words": list(words), **more}


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("Our product is SAFE.", "safe", ["SAFE"]),
        ("It is unsafe.", "safe", []),
        ("It is unsafe.", "*safe", ["safe"]),
        ("We guarantee, guaranteed.", "guarantee*", ["guarantee", "guarantee"]),
        ("100% safe", "100% safe", ["100% safe"]),
        ("100%\u00a0 \n safe", "100% safe", ["100%\u00a0 \n safe"]),
        ("\uff33\uff41\uff46\uff45", "safe", ["\uff33\uff41\uff46\uff45"]),
        ("sa\u00adfe and s\u200bafe", "safe", ["sa\u00adfe", "s\u200bafe"]),
        ("cafe\u0301", "café", ["cafe\u0301"]),
        ("cafe\u0301", "cafe", []),
        ("el año", "ano", []),
        ("STRASSE", "Straße", ["STRASSE"]),
        ("ﬁsh", "fish", ["ﬁsh"]),
        ("don\u2019t", "don't", ["don\u2019t"]),
        ("#safe @safe safe_bet", "safe", ["safe", "safe", "safe"]),
        ("弊社は安全です", "安全", ["安全"]),
        ("회사는 안전", "회사", ["회사"]),
        ("ﾊﾞｸﾞ", "バグ", ["ﾊﾞｸﾞ"]),
        ("a한b", "한", ["한"]),
        (normalize("NFD", "안전"), "안전", [normalize("NFD", "안전")]),
        ("", "safe", []),
    ],
)
def test_words_are_found_however_they_are_written(text: str, word: str, found: list[str]) -> None:
    assert pieces(text, banned(word)) == found


def test_of_words_that_lie_in_each_other_the_longest_is_told() -> None:
    assert pieces("100% safe and safe", banned("safe", "100% safe", "100%")) == ["100% safe", "safe"]
    assert pieces("ab cd ef", banned("ab cd", "cd ef")) == ["ab cd", "cd ef"]


def test_a_half_of_a_character_is_no_reason_to_fail() -> None:
    assert pieces("\ud83d safe", banned("safe"), {"kind": "pattern", "pattern": "safe"}) == ["safe", "safe"]


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("About Project Falcon.", "Project Falcon", ["Project Falcon"]),
        ("#ProjectFalcon", "Project Falcon", ["ProjectFalcon"]),
        ("#projectfalcon", "Project Falcon", ["projectfalcon"]),
        ("#ProjectFalconLaunch", "Project Falcon", ["ProjectFalcon"]),
        ("project_falcon, project-falcon", "Project Falcon", ["project_falcon", "project-falcon"]),
        ("P.R.O.J.E.C.T F A L C O N", "Project Falcon", ["P.R.O.J.E.C.T F A L C O N"]),
        ("Falcon's wings", "Falcon", ["Falcon"]),
        ("projectfalcons", "Project Falcon", []),
        ("I dared", "Ida Red", []),
        ("Idared", "Ida Red", ["Idared"]),
        ("an apple", "Ana Pple", []),
    ],
)
def test_a_confidential_name_is_known_again_however_it_is_spaced(text: str, name: str, found: list[str]) -> None:
    assert pieces(text, {"kind": "confidential", "names": [name]}) == found


# -- the other kinds ------------------------------------------------------------------------------------------------


def test_what_must_be_said_is_missing() -> None:
    rule = {"kind": "required", "words": ["we are sorry", "#ad"]}
    checked = check("We are sorry.", rule)
    assert [(f.start, f.end, f.advice) for f in checked.findings] == [(None, None, "Say: #ad.")]
    assert pieces("We are sorry. #ad", rule) == []
    assert pieces("We are sorry.", rule | {"how": "any"}) == []
    assert pieces("Hello.", rule | {"how": "any"}) == [None]


def test_what_others_made_is_credited() -> None:
    rule = {"kind": "credit", "marks": ["photo:", "©"]}

    def with_media(*said: int) -> Context:
        return Context(at=NOW, media=Media(*said))

    assert pieces("Look", rule, context=with_media(2, 1)) == [None]
    assert pieces("Look. Photo: Ana", rule, context=with_media(2, 1)) == []
    assert pieces("Look", rule, context=with_media(2, 2)) == []
    assert [r for _, r in check("Look", rule).undecided] == ["r0"]


def test_a_disclaimer_stands_where_it_must() -> None:
    rule = {"kind": "disclaimer", "texts": ["Capital at risk.", "No advice."], "triggers": ["invest*"]}
    assert pieces("Start investing", rule) == ["invest"]
    assert pieces("Start investing. Capital at  risk.", rule) == []
    assert pieces("Good morning", rule) == []
    claimed = {"kind": "disclaimer", "texts": ["No advice."], "claims": ["finance"]}
    assert pieces("Good morning", claimed, context=Context(at=NOW, claims=frozenset({"finance"}))) == [None]
    assert pieces("Good morning", claimed, context=Context(at=NOW, claims=frozenset())) == []
    assert check("Good morning", claimed).undecided
    assert pieces("Good morning", {"kind": "disclaimer", "texts": ["No advice."]}) == [None]


def test_an_embargo_ends() -> None:
    rule = {"kind": "embargo", "until": "2030-01-01T13:00:00+01:00", "words": ["launch"]}
    assert pieces("The launch", rule, context=Context(at=NOW - timedelta(seconds=1))) == ["launch"]
    assert pieces("The launch", rule) == []
    del rule["words"]
    assert pieces("Anything", rule, context=Context(at=NOW - timedelta(seconds=1))) == [None]


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("See https://a@evil.example\\@good.org, ok", ["evil.example"]),
        ("(http://Good.org:8080/x).", ["good.org"]),
        ("www.foo.de! bar.com end.So on", ["www.foo.de", "bar.com"]),
        ("me@foo.com, e.g. this, 3.5 and 1.2.3", []),
        ("x.münchen.de/p?q=1.", ["x.xn--mnchen-3ya.de"]),
        ("http://[::1]/a http://", ["[::1]"]),
        ("EVIL.COM", ["evil.com"]),
        ("https://evil.com.", ["evil.com"]),
        ("a" * 300 + ".com", ["a" * 249 + ".com"]),
    ],
)
def test_links_are_read_as_a_browser_reads_them(text: str, hosts: list[str]) -> None:
    assert [link.host for link in links_in(text)] == hosts


def test_links_lead_where_they_may() -> None:
    allowed = {"kind": "links", "allowed": ["Acme.org"]}
    text = "https://acme.org/a http://shop.acme.org https://evilacme.org https://acme.org.evil.com"
    assert pieces(text, allowed) == ["https://evilacme.org", "https://acme.org.evil.com"]
    assert pieces(text, allowed | {"secure": True})[0] == "http://shop.acme.org"
    assert pieces(text, {"kind": "links", "banned": ["*.evil.com"]}) == ["https://acme.org.evil.com"]
    assert pieces(text, {"kind": "links", "most": 3}) == ["https://acme.org.evil.com"]


def test_a_text_is_as_long_as_its_network_allows() -> None:
    rule = {"kind": "length", "longest": 9, "shortest": 2, "networks": {"small": 3}}
    [found] = check("12345", rule, context=Context(at=NOW, network="small")).findings
    assert (found.start, found.end, found.advice) == (3, 5, "At most 3 characters: 2 too many.")
    assert pieces("12345", rule, context=Context(at=NOW, network="large")) == []
    assert pieces("1", rule, context=Context(at=NOW, network="large")) == [None]
    assert check("12345", rule).undecided
    assert pieces("👍👍👍👍", {"kind": "length", "longest": 3}) == ["👍"], "code points"


def test_tone_offers_another_word() -> None:
    [found] = check("So cheap!", {"kind": "tone", "words": [{"word": "cheap", "instead": "good value"}]}).findings
    assert (found.start, found.end, found.advice) == (3, 8, "Better: good value")


def test_a_pattern_finds_or_is_missed() -> None:
    number = {"kind": "pattern", "pattern": r"\b\d{3}-\d{3}\b"}
    assert pieces("Ä 123-456, 789-012", number) == ["123-456", "789-012"]
    assert pieces("none", number | {"must": "match"}) == [None]
    assert pieces("FOO foo", {"kind": "pattern", "pattern": "foo", "exact_case": True}) == ["foo"]


@pytest.mark.parametrize(
    ("pattern", "position"),
    [
        ("ab(?=c)", 2), (r"(a)\1", 3), ("a(b", 1), ("a)b", 1), (r"\((x", 2), ("[z-a]", 1), ("a**b", 1), ("*a", 0),
        ("a{2000}", 1), ("ab\\", 2), ("a*", 0), ("x[bc", 1), ("(?P<n", 0), ("a(b)(c", 4), ("[(]a)", 4),
        ("\ud800", 0),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_be_run_in_linear_time_is_refused_with_the_place(pattern: str, position: int) -> None:
    with pytest.raises(Invalid) as refused:
        rules_of({"kind": "pattern", "pattern": pattern})
    [error] = refused.value.facts["errors"]
    assert (error["field"], error["code"], error["position"]) == (
        "draft.rules.0.pattern", "invalid_pattern", position,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"kind": "banned", "words": []}, "words"),
        ({"kind": "banned", "words": ["**"]}, "words.0"),
        ({"kind": "tone", "words": [{"word": "\u200b"}]}, "words.0.word"),
        ({"kind": "confidential", "names": ["--"]}, "names.0"),
        ({"kind": "embargo", "until": "2030-01-01"}, "until"),
        ({"kind": "links"}, ""),
        ({"kind": "links", "allowed": ["https://acme.org"]}, "allowed.0"),
        ({"kind": "length"}, ""),
        ({"kind": "banned", "words": ["a"], "when": {"from": "soon"}}, "when.from"),
        ({"kind": "nothing"}, "kind"),
        ({"kind": "banned", "words": ["a"], "id": "Of mine"}, "id"),
        ({"kind": "banned", "words": ["a"], "severity": "fatal"}, "severity"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_its_path(rule: Rule, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules_of(rule)
    assert [error["field"] for error in refused.value.facts["errors"]] == [f"draft.rules.0.{field}".rstrip(".")]


def test_two_rules_have_two_names() -> None:
    with pytest.raises(Invalid) as refused:
        rules_of(banned("a", id="one"), banned("b", id="one"))
    assert refused.value.facts["errors"][0]["field"] == "draft.rules.1.id"


# -- where rules hold -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "context", "held"),
    [
        ({"networks": ["x"]}, Context(at=NOW, network="x"), True),
        ({"networks": ["x"]}, Context(at=NOW, network="y"), False),
        ({"networks": ["x"]}, ANYWHERE, None),
        ({"languages": ["de"]}, Context(at=NOW, language="de-AT"), True),
        ({"languages": ["de-AT"]}, Context(at=NOW, language="de"), False),
        ({"claims": ["health"]}, Context(at=NOW, claims=frozenset({"health", "price"})), True),
        ({"claims": ["health"]}, Context(at=NOW, claims=frozenset()), False),
        ({"kinds": ["answer"], "networks": ["x"]}, Context(at=NOW, kind="post"), False),
        ({"kinds": ["answer"], "networks": ["x"]}, Context(at=NOW, kind="answer"), None),
        ({"from": "2030-01-01T12:00:00Z"}, ANYWHERE, True),
        ({"until": "2030-01-01T12:00:00Z"}, ANYWHERE, False),
    ],
)
def test_a_rule_holds_where_and_when_it_says(when: dict[str, Any], context: Context, held: bool | None) -> None:
    checked = check("bad", banned("bad", when=when), context=context)
    assert (bool(checked.findings), bool(checked.undecided)) == (held is True, held is None)


def test_findings_are_in_the_order_of_the_text_and_say_whether_they_block() -> None:
    text = "one two"
    checked = check(
        text,
        {"kind": "required", "words": ["three"], "severity": "warn"},
        banned("two", severity="advise"),
        banned("one", severity="warn"),
        banned("one"),
    )
    assert [(f.rule, f.severity) for f in checked.findings] == [
        ("r3", "block"), ("r2", "warn"), ("r1", "advise"), ("r0", "warn"),
    ]  # fmt: skip
    assert checked.blocked
    assert not check(text, banned("one", severity="warn")).blocked


def test_one_rule_reports_so_much_and_no_more() -> None:
    text = "bad " * 1000
    found = check(text, banned("bad"), {"kind": "pattern", "pattern": "bad"}, {"kind": "pattern", "pattern": "b.*d|b"})
    assert [len([f for f in found.findings if f.rule == f"r{n}"]) for n in range(3)] == [MOST_FINDINGS, 20, 1]


# -- properties -----------------------------------------------------------------------------------------------------

LETTERS = st.sampled_from("abAB Äéß\uff42ﬁİΣς한가の\u0301\u00ad\u200b\u2019'-_.#@1\n")
TEXTS = st.text(LETTERS, max_size=60)
WORDS = st.text(st.sampled_from("abAÄéß\uff42f한の '-"), min_size=1, max_size=4)


@given(TEXTS | st.text(max_size=60))
def test_every_character_of_a_folded_text_came_from_somewhere(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(folded.starts, folded.ends, strict=True))
    assert folded.starts == sorted(folded.starts)
    assert folded.ends == sorted(folded.ends)
    assert fold(folded.text).text == folded.text


@given(TEXTS)
def test_texts_that_are_canonically_the_same_fold_alike(text: str) -> None:
    assert fold(normalize("NFC", text)).text == fold(normalize("NFD", text)).text


@settings(max_examples=300)
@given(TEXTS, st.lists(WORDS, min_size=1, max_size=4))
def test_words_are_found_where_a_slow_reading_finds_them(text: str, words: list[str]) -> None:
    terms = [Term.of(word) for word in words]
    folded = fold(text)
    slow = {
        (start, start + len(term.text), number)
        for number, term in enumerate(terms)
        if term.text
        for start in range(len(folded.text))
        if folded.text.startswith(term.text, start)
    }
    scanned = list(Automaton([term.text for term in terms]).scan(folded.text))
    assert set(scanned) == slow
    assert len(scanned) == len(slow)


@settings(max_examples=300)
@given(TEXTS, st.lists(WORDS.filter(lambda w: bool(Term.of(w).text)), min_size=1, max_size=4), TEXTS)
def test_what_a_span_cuts_out_of_a_text_is_the_word(before: str, words: list[str], after: str) -> None:
    text = f"{before} {words[0]} {after}"
    checked = check(text, banned(*words))
    known = {Term.of(word).text for word in words}
    for finding in checked.findings:
        assert finding.start is not None
        assert finding.end is not None
        assert 0 <= finding.start < finding.end <= len(text)
        piece = fold(text[finding.start : finding.end]).text.strip()
        # A letter that stands for two, as ß and ﬁ, is shown whole.
        assert any(word in piece and len(piece) <= len(word) + 2 for word in known), (piece, known)
    spelled = Term.of(words[0])
    assert any(spelled.stands_at(fold(text).text, s, e) for s, e, _ in Automaton([spelled.text]).scan(fold(text).text))
    assert checked.findings


@given(TEXTS, st.text(st.sampled_from("abÄ한 -"), min_size=2, max_size=5).filter(lambda n: len(Name.of(n).text) > 1))
def test_a_name_is_found_joined_spaced_and_as_it_is(text: str, name: str) -> None:
    rule = rules_of({"kind": "confidential", "names": [name]})
    letters = Name.of(name).text
    for written in (name.strip(" -"), letters, ".".join(letters)):
        whole = f"{text} {written} !"
        spans = [(f.start, f.end) for f in rule.check(whole, ANYWHERE).findings]
        place = len(text) + 1
        assert any(s is not None and e is not None and s <= place < e for s, e in spans) or len(spans) >= MOST_FINDINGS


@given(TEXTS)
def test_bones_are_the_letters_with_the_gaps_between_them(text: str) -> None:
    folded = fold(text).text
    bones = bones_of(folded)
    assert len(bones.text) == len(bones.places) == len(bones.gaps)
    assert all(folded[place] == char for place, char in zip(bones.places, bones.text, strict=True))
    assert all(breaks(folded, place) for place, gap in zip(bones.places, bones.gaps, strict=True) if gap)


@contextmanager
def steps() -> Iterator[Callable[[], int]]:
    """Counts the lines of our own that run: what the clock would say, without the clock."""
    ours = {module.__file__ for module in (matching, policy_rules, links)}
    count = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename not in ours:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lambda: count
    finally:
        sys.settrace(before)


HARD = [
    "a", "ab", "a b ", "e\u0301", "\u0301", " ", "\u200b", "a.", "https://a.b/ ", "a.a.", "a.de ", "www.", "bad ", "한",
    "f a l c o n ", "Falcon", "aA", "@", "-", "a-", "\uff42", "ß",
]  # fmt: skip
AGAINST = rules_of(
    banned(*("a" * n for n in range(1, 30)), "*b", "bad", "a b a b a c"),
    {"kind": "confidential", "names": ["a" * 20, "Falcon", "a a a b"]},
    {"kind": "required", "words": [f"{'a' * n}b" for n in range(30)]},
    {"kind": "links", "banned": ["b.de"], "allowed": ["a.de"]},
    {"kind": "tone", "words": [{"word": "한"}, {"word": "e\u0301 "}]},
    {"kind": "pattern", "pattern": "(a*)*b|a"},
    {"kind": "disclaimer", "texts": ["x"], "triggers": ["a*"]},
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(HARD), min_size=1, max_size=3))
def test_twice_the_text_takes_twice_the_steps(parts: list[str]) -> None:
    unit = "".join(parts)
    text = unit * (600 // len(unit) + 1)
    AGAINST.check(text * 2, ANYWHERE)  # what is remembered of letters is no cost of length
    with steps() as one:
        AGAINST.check(text, ANYWHERE)
    with steps() as two:
        AGAINST.check(text * 2, ANYWHERE)
    assert two() <= 2.2 * one() + 500, (one(), two())
