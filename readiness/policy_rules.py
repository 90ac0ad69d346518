"""Whether a text keeps to the rules of social media policies: what is found, where, how grave, and what to do. Pure.

All words of all rules are looked for in one pass over the folded text, all names in one over its letters, and each
pattern by RE2; links are found once. What a rule reports is bounded. So the work grows with the length of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

from readiness.links import Link, is_among, links_in, plain_host
from readiness.matching import Automaton, Folded, Name, Term, bones_of, fold
from readiness.policy_body import compiled, instant_of
from readiness.states import RuleKind, RuleSeverity

MOST_FINDINGS: Final = 20  # of one rule: whoever mends twenty places asks again
LONE_HALVES: Final = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
ADVICE: Final = {
    RuleKind.BANNED: "Say it without these words.",
    RuleKind.REQUIRED: "Say what must be said.",
    RuleKind.CONFIDENTIAL: "This name is confidential: leave it out.",
    RuleKind.CREDIT: "Name whoever made the picture or the video.",
    RuleKind.DISCLAIMER: "Add the disclaimer.",
    RuleKind.EMBARGO: "Wait until the embargo has ended.",
    RuleKind.LINKS: "Link to a host that is allowed.",
    RuleKind.LENGTH: "Change the length.",
    RuleKind.TONE: "Choose another word.",
    RuleKind.PATTERN: "Change this passage.",
}
_GRAVITY: Final = {severity: place for place, severity in enumerate(RuleSeverity)}


@dataclass(frozen=True, slots=True)
class Media:
    """How many pictures and videos go with a text, and how many of them say who made them."""

    count: int
    credited: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """Where and when a text is to appear. What is None is not known: rules that turn on it are not decided."""

    at: datetime
    network: str | None = None
    language: str | None = None
    kind: str | None = None
    claims: frozenset[str] | None = None
    media: Media | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule objects to, from code point `start` to `end` of the text; None where something is missing."""

    version_id: UUID
    rule: str
    kind: str
    severity: str
    start: int | None
    end: int | None
    advice: str

    @property
    def blocks(self) -> bool:
        return self.severity == RuleSeverity.BLOCK


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, the first place first; and the rules that could not be decided, as (version, rule)."""

    findings: tuple[Finding, ...]
    undecided: tuple[tuple[UUID, str], ...]

    @property
    def blocked(self) -> bool:
        return any(finding.blocks for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Rule:
    version_id: UUID
    said: Mapping[str, Any]
    pattern: Any = None  # compiled
    hosts: Mapping[str, frozenset[str]] = field(default_factory=dict)  # allowed, banned

    @property
    def kind(self) -> RuleKind:
        return RuleKind(self.said["kind"])

    def found(self, span: tuple[int, int] | None, advice: str | None = None) -> Finding:
        start, end = span or (None, None)
        said = self.said
        told = said.get("advice") or advice or ADVICE[self.kind]
        return Finding(self.version_id, said["id"], said["kind"], said["severity"], start, end, told)

    def applies(self, context: Context) -> bool | None:
        """Whether it holds here and now; None when that turns on what is not known."""
        when = self.said.get("when", {})
        begins, ends = when.get("from"), when.get("until")
        if (begins and context.at < _instant(begins)) or (ends and context.at >= _instant(ends)):
            return False
        spoken = context.language.lower().split("-") if context.language else None
        known: list[bool | None] = [
            _one_of(when.get("networks"), None if context.network is None else {context.network}),
            _one_of(when.get("kinds"), None if context.kind is None else {context.kind}),
            _one_of(when.get("claims"), context.claims),
            _one_of(
                [said.lower() for said in when.get("languages", [])],
                None if spoken is None else {"-".join(spoken[:length]) for length in range(1, len(spoken) + 1)},
            ),
        ]
        return False if False in known else None if None in known else True


def _one_of(wanted: Iterable[str] | None, known: Iterable[str] | None) -> bool | None:
    if not wanted:
        return True
    return None if known is None else not set(wanted).isdisjoint(known)


def _instant(said: str) -> datetime:
    found = instant_of(said)
    if found is None:
        raise ValueError(f"{said!r} is no instant; it was published unchecked.")
    return found


# -- compiled -------------------------------------------------------------------------------------------------------

Use = tuple[int, str, int]  # a rule's place, the part of it that holds the word, the word's place in that part


class PolicyRules:
    """The rules of several policies, ready to check texts with. Holds nothing of a text: many may use one at once."""

    def __init__(self, policies: Iterable[tuple[UUID, Iterable[Mapping[str, Any]]]]) -> None:
        """`policies` are (id of the version, its rules as `check_policy` let them pass)."""
        self.rules: list[Rule] = []
        self._terms: dict[str, list[tuple[Term, Use]]] = {}
        self._names: dict[str, list[tuple[Name, Use]]] = {}
        for version_id, rules in policies:
            for said in rules:
                pattern = compiled(said) if said["kind"] == RuleKind.PATTERN else None
                hosts = {part: frozenset(map(plain_host, said[part])) for part in ("allowed", "banned") if part in said}
                self._learn(len(self.rules), said)
                self.rules.append(Rule(version_id, said, pattern, hosts))
        self._term_texts, self._name_texts = list(self._terms), list(self._names)
        self._term_automaton, self._name_automaton = Automaton(self._term_texts), Automaton(self._name_texts)

    def _learn(self, place: int, said: Mapping[str, Any]) -> None:
        for part in ("words", "marks", "texts", "triggers"):
            for number, word in enumerate(said.get(part, [])):
                term = Term.of(word["word"] if isinstance(word, Mapping) else word)
                self._terms.setdefault(term.text, []).append((term, (place, part, number)))
        for number, written in enumerate(said.get("names", [])):
            name = Name.of(written)
            self._names.setdefault(name.text, []).append((name, (place, "names", number)))

    def check(self, text: str, context: Context) -> Checked:
        """What the rules object to in a text, and which of them could not be decided."""
        sound = text.translate(LONE_HALVES) if not text.isascii() else text
        holds = [rule.applies(context) for rule in self.rules]
        look = Look(sound, context, {place for place, held in enumerate(holds) if held})
        self._find_words(look)
        findings: list[Finding] = []
        undecided = [rule for rule, held in zip(self.rules, holds, strict=True) if held is None]
        for place in sorted(look.asked):
            rule = self.rules[place]
            told = _JUDGES[rule.kind](rule, place, look)
            if told is None:
                undecided.append(rule)
            else:
                findings += islice(told, MOST_FINDINGS)
        findings.sort(key=_order)
        return Checked(tuple(findings), tuple((rule.version_id, rule.said["id"]) for rule in undecided))

    def _find_words(self, look: Look) -> None:
        folded = look.folded
        for start, end, number in self._term_automaton.scan(folded.text):
            for term, use in self._terms[self._term_texts[number]]:
                if look.wants(use) and term.stands_at(folded.text, start, end):
                    look.note(use, folded.span(start, end))
        if not self._names:
            return
        bones = bones_of(folded.text)
        for start, end, number in self._name_automaton.scan(bones.text):
            for name, use in self._names[self._name_texts[number]]:
                if look.wants(use) and name.stands_at(bones, start, end, look.text, folded):
                    look.note(use, folded.span(bones.places[start], bones.places[end - 1] + 1))


def _order(finding: Finding) -> tuple[int, int, int, str, str]:
    """By place in the text; what is missing comes last; the graver first."""
    nowhere = finding.start is None
    return (
        int(nowhere), finding.start or 0, _GRAVITY[RuleSeverity(finding.severity)], str(finding.version_id),
        finding.rule,
    )  # fmt: skip


Place = tuple[tuple[int, int], int]  # a span of the text, and which word of the part stands there


@dataclass(slots=True)
class Look:
    """One look at one text: what was found of each part of each rule."""

    text: str
    context: Context
    asked: set[int]
    places: dict[tuple[int, str], list[Place]] = field(default_factory=dict)
    seen: set[Use] = field(default_factory=set)
    _folded: Folded | None = None
    _links: list[Link] | None = None

    @property
    def folded(self) -> Folded:
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    @property
    def links(self) -> list[Link]:
        if self._links is None:
            self._links = links_in(self.text)
        return self._links

    def wants(self, use: Use) -> bool:
        if use[0] not in self.asked:
            return False
        # Of a long list of words that must all stand there, each counts; otherwise the first places are enough.
        return use not in self.seen or len(self.places[use[:2]]) < MOST_FINDINGS

    def note(self, use: Use, span: tuple[int, int]) -> None:
        place, part, number = use
        self.seen.add(use)
        self.places.setdefault((place, part), []).append((span, number))

    def of(self, place: int, part: str) -> list[Place]:
        """Where words of a part stand, in the order of the text; what lies inside a longer one is not told twice."""
        found: list[Place] = []
        for span, number in sorted(self.places.get((place, part), ()), key=lambda one: (one[0][0], -one[0][1])):
            if not found or span[1] > found[-1][0][1]:
                found.append((span, number))
        return found

    def stands(self, place: int, part: str) -> set[int]:
        """Which words of a part stand there."""
        return {number for _, number in self.places.get((place, part), ())}


# -- judges: what each kind of rule objects to; None when it cannot be decided ----------------------------------------

Judge = Callable[[Rule, int, Look], Iterable[Finding] | None]


def _nothing_of(part: str) -> Judge:
    return lambda rule, place, look: (rule.found(span) for span, _ in look.of(place, part))


def _required(rule: Rule, place: int, look: Look) -> Iterator[Finding]:
    stand = look.stands(place, "words")
    words = rule.said["words"]
    if rule.said.get("how", "all") == "any":
        if not stand:
            yield rule.found(None, f"Say one of: {', '.join(words[:MOST_FINDINGS])}.")
        return
    for number, word in enumerate(words):
        if number not in stand:
            yield rule.found(None, f"Say: {word}.")


def _credit(rule: Rule, place: int, look: Look) -> Iterable[Finding] | None:
    media = look.context.media
    if media is None:
        return None
    return [rule.found(None)] if media.count > media.credited and not look.stands(place, "marks") else []


def _disclaimer(rule: Rule, place: int, look: Look) -> Iterable[Finding] | None:
    if look.stands(place, "texts"):
        return []
    triggers, claims = rule.said.get("triggers", []), set(rule.said.get("claims", []))
    triggered = look.of(place, "triggers")
    if triggered:
        return [rule.found(triggered[0][0])]
    if claims and look.context.claims is None:
        return None
    made = bool(claims & (look.context.claims or frozenset()))
    return [rule.found(None)] if made or not (triggers or claims) else []


def _embargo(rule: Rule, place: int, look: Look) -> Iterable[Finding]:
    if look.context.at >= _instant(rule.said["until"]):
        return []
    if not rule.said.get("words"):
        return [rule.found(None)]
    return [rule.found(span) for span, _ in look.of(place, "words")]


def _links(rule: Rule, _place: int, look: Look) -> Iterator[Finding]:
    most, allowed, banned = rule.said.get("most"), rule.hosts.get("allowed"), rule.hosts.get("banned")
    for number, link in enumerate(look.links):
        if most is not None and number >= most:
            yield rule.found(link.span, f"At most {most} links.")
        elif allowed is not None and not is_among(link.host, allowed):
            yield rule.found(link.span)
        elif banned is not None and is_among(link.host, banned):
            yield rule.found(link.span, "This host may not be linked to.")
        elif rule.said.get("secure") and link.scheme == "http":
            yield rule.found(link.span, "Link to https.")


def _length(rule: Rule, _place: int, look: Look) -> Iterable[Finding] | None:
    said, network, length = rule.said, look.context.network, len(look.text)
    if said.get("networks") and network is None:
        return None
    longest = said.get("networks", {}).get(network, said.get("longest"))
    if longest is not None and length > longest:
        return [rule.found((longest, length), f"At most {longest} characters: {length - longest} too many.")]
    if length < said.get("shortest", 0):
        return [rule.found(None, f"At least {said['shortest']} characters.")]
    return []


def _tone(rule: Rule, place: int, look: Look) -> Iterator[Finding]:
    for span, number in look.of(place, "words"):
        instead = rule.said["words"][number].get("instead")
        yield rule.found(span, f"Better: {instead}" if instead else None)


def _pattern(rule: Rule, _place: int, look: Look) -> Iterator[Finding]:
    # Each search is linear, and no more than MOST_FINDINGS of them are taken.
    found = rule.pattern.finditer(look.text)
    if rule.said.get("must", "not_match") == "match":
        if next(found, None) is None:
            yield rule.found(None)
        return
    for match in found:
        yield rule.found(match.span())


_JUDGES: Final[dict[RuleKind, Judge]] = {
    RuleKind.BANNED: _nothing_of("words"),
    RuleKind.CONFIDENTIAL: _nothing_of("names"),
    RuleKind.REQUIRED: _required,
    RuleKind.CREDIT: _credit,
    RuleKind.DISCLAIMER: _disclaimer,
    RuleKind.EMBARGO: _embargo,
    RuleKind.LINKS: _links,
    RuleKind.LENGTH: _length,
    RuleKind.TONE: _tone,
    RuleKind.PATTERN: _pattern,
}
