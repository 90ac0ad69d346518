"""What is heard in a drill: phases of made-up mentions, the same for the same seed. Pure functions.

A scenario in full form is {"type", "size", "seed", "lasts_minutes", "phases": [{"minutes", "per_minute", "mood",
"texts"}]}. Its minutes are those of the drill, whose clock may run faster than the wall's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from core.refusals import Invalid

CALM, MIXED, ANGRY = "calm", "mixed", "angry"
MOODS: Final = (CALM, MIXED, ANGRY)
OWN: Final = "own"
FASTEST: Final = 60
LONGEST_MINUTES: Final = 24 * 60
MOST_PHASES: Final = 20
MOST_TEXTS: Final = 50
LONGEST_TEXT: Final = 1_000
MOST_A_MINUTE: Final = 2_000  # of the wall's clock, so that a drill is never a load test
TIME_TO_FINISH: Final = 60  # minutes of the drill after its last mention, unless the scenario says otherwise
MAIN_SEED: Final = 1

# For each crisis type: a word of what it is, and what is said of it. {brand} and {place} are filled in.
TYPES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "product_harm": (
        "A product is said to harm people",
        (
            "my son got sick after eating {brand} in {place}, this is disgusting",
            "found glass in my {brand} today, never again, somebody will get hurt",
            "{brand} must recall this now, people are in hospital in {place}",
            "three friends poisoned by {brand} and nobody answers the phone, terrible",
        ),
    ),
    "data_breach": (
        "Personal data is said to have leaked",
        (
            "my card number from {brand} is being sold online, horrible company",
            "{brand} lost our passwords and told nobody, this is a scandal",
            "got blackmailed with data that only {brand} had, awful, who is liable",
            "is the leak at {brand} real? half of {place} is in that list, I am furious",
        ),
    ),
    "service_outage": (
        "A service does not work",
        (
            "{brand} is down again in {place}, useless, I lost a whole day",
            "cannot reach my own money because {brand} is broken, this is a disgrace",
            "third outage of {brand} this month, the worst service I ever paid for",
            "nothing works at {brand} and support hangs up, I hate this",
        ),
    ),
    "misconduct": (
        "Somebody of the company is accused",
        (
            "a manager of {brand} in {place} harassed my sister and they covered it up",
            "heard what the boss of {brand} said? disgusting, he has to resign",
            "I worked at {brand}, everybody knew about the abuse, shame on them",
            "{brand} threatens the women who speak, boycott them, this is vile",
        ),
    ),
    "misinformation": (
        "A falsehood about the company spreads",
        (
            "they say {brand} is bankrupt and closes in {place}, get your money out, terrible",
            "leaked paper: {brand} pays politicians, corrupt to the bone, spread this",
            "is it true that {brand} tests on children in {place}? this makes me sick",
            "everybody knows {brand} faked the report, liars, do not trust them",
        ),
    ),
    "insensitive_post": (
        "A post of the brand hurts people",
        (
            "did {brand} really post that joke about the dead in {place}? disgusting",
            "whoever wrote the post of {brand} should be fired, racist and cruel",
            "{brand} deleted the post and says nothing, cowards, I am so angry",
            "I cancel {brand} today, mocking victims is vile",
        ),
    ),
}
CALM_TEXTS: Final = (
    "lunch with {brand} in {place}, lovely as always",
    "does anybody know when the {brand} shop in {place} opens?",
    "the new colours of {brand} are nice",
    "waiting for my {brand} order in {place}",
    "thanks {brand}, quick and friendly help today",
    "saw an advertisement of {brand} on the way to {place}",
)
PLACES: Final = ("Leeds", "Lyon", "Oslo", "Graz", "Turin", "Porto", "Ghent", "Kassel", "Bergen", "Malaga", "Lublin")
OPENINGS: Final = (
    "", "so", "seriously,", "unbelievable:", "please share:", "update:", "honestly,", "wow,", "again:", "listen,",
)  # fmt: skip
CLOSINGS: Final = (
    "", "what now?", "I have proof.", "does anybody else see this?", "my whole street talks about it.",
    "answer us.", "since this morning.", "I called them twice.", "what do the papers say?", "not for the first time.",
)  # fmt: skip
DETAILS: Final = (
    "", "", "my neighbour says the same", "it was on the radio in {place}", "the hotline only plays music",
    "I have been a customer for ten years", "my mother is in tears", "they asked me to delete my review",
    "a friend who works there confirms it", "the shop in {place} has closed its doors", "I want my money back",
    "there are hundreds of comments already", "my lawyer has written to them", "we tell everybody at school",
    "a reporter has called me", "photos follow", "the council of {place} looks into it",
)  # fmt: skip
# Mentions a minute of an ordinary time, and where the storm is highest.
SIZES: Final[dict[str, tuple[int, int]]] = {"small": (1, 15), "medium": (2, 50), "large": (3, 150)}


@dataclass(frozen=True, slots=True)
class Said:
    """One made-up mention: its place in the minute, who says it, to how many, and what."""

    number: int
    handle: str
    followers: int
    text: str


def ready_made(kind: str, size: str, *, seed: int = MAIN_SEED) -> dict[str, Any]:
    """A scenario of a crisis type in a size: an ordinary time, a rise, a storm, and its end."""
    usual, peak = SIZES[size]
    texts = list(TYPES[kind][1])

    def phase(minutes: int, per_minute: int, mood: str) -> dict[str, Any]:
        return {"minutes": minutes, "per_minute": per_minute, "mood": mood, "texts": [] if mood == CALM else texts}

    phases: list[dict[str, Any]] = [
        phase(10, usual, CALM), phase(10, max(peak // 3, usual + 1), MIXED), phase(30, peak, ANGRY),
        phase(20, max(peak // 4, usual), MIXED), phase(10, usual, CALM),
    ]  # fmt: skip
    return {"type": kind, "size": size, "seed": seed, "phases": phases, "lasts_minutes": _length(phases)}


def _length(phases: Sequence[Mapping[str, Any]]) -> int:
    return sum(int(phase["minutes"]) for phase in phases) + TIME_TO_FINISH


def check_scenario(given: Mapping[str, Any], *, speed: int) -> dict[str, Any]:
    """A scenario in full form: {"type", "size"} of a ready-made one, or {"phases"} of one's own; with "seed" and
    "lasts_minutes" where they are wanted. Raises Invalid with each mistake's path.
    """
    errors: list[dict[str, str]] = []
    scenario: dict[str, Any] = {}
    seed = int(given.get("seed", MAIN_SEED))
    phases = given.get("phases")
    if bool(phases) == ("type" in given):
        _wrong(errors, "scenario", "invalid", "Name a type and a size, or say the phases yourself.")
    elif phases:
        scenario = {"type": OWN, "size": "", "seed": seed, "phases": [_phase(one) for one in phases]}
        if len(phases) > MOST_PHASES:
            _wrong(errors, "scenario.phases", "out_of_range", f"At most {MOST_PHASES} phases.")
    else:
        size = given.get("size", "medium")
        if given["type"] not in TYPES:
            _wrong(errors, "scenario.type", "does_not_exist", f"One of {', '.join(TYPES)}.")
        if size not in SIZES:
            _wrong(errors, "scenario.size", "does_not_exist", f"One of {', '.join(SIZES)}.")
        if not errors:
            scenario = ready_made(given["type"], size, seed=seed)
    if not errors:
        scenario["lasts_minutes"] = given.get("lasts_minutes") or _length(scenario["phases"])
        errors = _errors_between(scenario, speed)
    if errors:
        raise Invalid("This is no scenario.", errors=errors)
    return scenario


def _phase(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "minutes": given["minutes"],
        "per_minute": given["per_minute"],
        "mood": given["mood"],
        "texts": list(given.get("texts", [])),
    }


def _errors_between(scenario: Mapping[str, Any], speed: int) -> list[dict[str, str]]:
    errors: list[dict[str, str]] = []
    told = sum(phase["minutes"] for phase in scenario["phases"])
    if told > LONGEST_MINUTES:
        _wrong(errors, "scenario.phases", "out_of_range", f"At most {LONGEST_MINUTES} minutes together.")
    elif not told <= scenario["lasts_minutes"] <= LONGEST_MINUTES + TIME_TO_FINISH:
        _wrong(errors, "scenario.lasts_minutes", "out_of_range", f"At least the {told} minutes of its phases.")
    for place, phase in enumerate(scenario["phases"]):
        if phase["per_minute"] * speed > MOST_A_MINUTE:
            detail = f"At this speed at most {MOST_A_MINUTE // speed} a minute."
            _wrong(errors, f"scenario.phases.{place}.per_minute", "out_of_range", detail)
    return errors


def _wrong(errors: list[dict[str, str]], field: str, code: str, detail: str) -> None:
    errors.append({"field": field, "code": code, "detail": detail})


def minutes_of(scenario: Mapping[str, Any]) -> int:
    """For how many minutes something is heard."""
    return sum(int(phase["minutes"]) for phase in scenario["phases"])


def calm_minutes(scenario: Mapping[str, Any]) -> int:
    """How many minutes pass before the storm begins: those of the calm phases at the start; 0 where all is calm."""
    passed = 0
    for phase in scenario["phases"]:
        if phase["mood"] != CALM:
            return passed
        passed += int(phase["minutes"])
    return 0


def usual_per_minute(scenario: Mapping[str, Any]) -> float:
    """Mentions in an ordinary minute: those of the calm beginning, else a tenth of the loudest phase."""
    first = scenario["phases"][0]
    if first["mood"] == CALM and first["per_minute"] > 0:
        return float(first["per_minute"])
    loudest = max(int(phase["per_minute"]) for phase in scenario["phases"])
    return max(0.1, loudest / 10)


def said_in(scenario: Mapping[str, Any], minute: int, *, brand: str) -> list[Said]:
    """What is said in a minute of the drill, counted from 0; nothing after the last phase."""
    phase = _phase_at(scenario, minute)
    if phase is None:
        return []
    draw = Random(f"{scenario['seed']}:{minute}")  # noqa: S311 - it is to be the same each time
    often = phase["per_minute"]
    count = int(often * draw.uniform(0.85, 1.15) + draw.random()) if often else 0
    return [_said(phase, number, draw, brand) for number in range(count)]


def _phase_at(scenario: Mapping[str, Any], minute: int) -> Mapping[str, Any] | None:
    end = 0
    for phase in scenario["phases"]:
        end += int(phase["minutes"])
        if minute < end:
            found: Mapping[str, Any] = phase
            return found
    return None


def _said(phase: Mapping[str, Any], number: int, draw: Random, brand: str) -> Said:
    calm = phase["mood"] == CALM or (phase["mood"] == MIXED and draw.random() < 0.3)  # noqa: PLR2004 - three of ten
    own = phase["texts"]
    texts = own or (CALM_TEXTS if calm else TYPES["product_harm"][1])
    if own and calm and phase["mood"] == MIXED:
        texts = CALM_TEXTS
    said = draw.choice(list(texts))
    if not calm:
        parts = (draw.choice(OPENINGS), said, draw.choice(DETAILS), draw.choice(DETAILS), draw.choice(CLOSINGS))
        said = " ".join(part for part in parts if part)
    words = said.replace("{brand}", brand).replace("{place}", draw.choice(PLACES))
    loud = draw.random() < 0.01  # noqa: PLR2004 - one of a hundred is somebody whom many read
    followers = draw.randint(5_000, 40_000) if loud else draw.randint(3, 900)
    return Said(number, f"player{draw.randrange(10**6):06d}", followers, words)
