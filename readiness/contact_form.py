"""What an entry of the contact book may say, and when somebody is reached. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from core.refusals import Invalid
from readiness.states import ChannelKind, LegalBasis

MOST_CHANNELS: Final = 10
MOST_TAGS: Final = 20
MOST_HOURS: Final = 14
MOST_CONFIRM_DAYS: Final = 3 * 366
LONGEST: Final = {
    "name": 120, "organisation": 120, "department": 80, "job_title": 120, "note": 4_000, "tag": 40, "address": 200,
}  # fmt: skip
DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_NUMBER = re.compile(r"\+[1-9][0-9]{5,14}")
_BETWEEN_DIGITS = re.compile(r"[\s().\u2010-\u2015/-]+")
_HANDLE = re.compile(r"[^\s;|]{2,200}")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_WINDOW = re.compile(r"([A-Za-z, -]+?)\s+(\d\d:\d\d)\s*-\s*(\d\d:\d\d)")
SHOWN_AT_THE_END: Final = 2
Fault = dict[str, str]


def check_contact(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a contact in the form in which it is stored; raises Invalid with each bad field.

    Any of name, organisation, department, job_title, outside, language, time_zone, hours, tags, note, legal_basis,
    confirm_days, and channels [{"kind", "address"}] in the order in which they are tried.
    """
    said: dict[str, Any] = {key: value.strip() if isinstance(value, str) else value for key, value in given.items()}
    faults = [*_faults_of_words(said), *_faults_of_lists(said)]
    if "tags" in said:
        said["tags"] = list(dict.fromkeys(tag.strip() for tag in said["tags"] if tag.strip()))
    if "hours" in said:
        said["hours"] = [
            {**window, "days": sorted(set(window["days"]))} for window in said["hours"] if _is_window(window)
        ]
    if "channels" in said:
        said["channels"], wrong = _channels(said["channels"])
        faults += wrong
    if faults:
        raise Invalid("The contact does not make sense.", errors=faults)
    return said


def _fault(field: str, code: str, detail: str) -> Fault:
    return {"field": field, "code": code, "detail": detail}


def _faults_of_words(said: Mapping[str, Any]) -> Iterator[Fault]:
    if "name" in said and not said["name"]:
        yield _fault("name", "required", "A contact has a name.")
    for field in ("name", "organisation", "department", "job_title", "note"):
        if len(said.get(field) or "") > LONGEST[field]:
            yield _fault(field, "max_length", f"At most {LONGEST[field]} characters.")
    if "language" in said and not (_LANGUAGE.fullmatch(said["language"]) and len(said["language"]) <= 12):  # noqa: PLR2004
        yield _fault("language", "invalid", "A language tag such as en or pt-BR.")
    if "time_zone" in said and said["time_zone"] not in available_timezones():
        yield _fault("time_zone", "does_not_exist", "There is no such time zone.")
    if "legal_basis" in said and said["legal_basis"] not in LegalBasis.values:
        yield _fault("legal_basis", "does_not_exist", f"One of {', '.join(LegalBasis.values)}.")
    if "confirm_days" in said and not 1 <= said["confirm_days"] <= MOST_CONFIRM_DAYS:
        yield _fault("confirm_days", "out_of_range", f"1 to {MOST_CONFIRM_DAYS} days.")


def _faults_of_lists(said: Mapping[str, Any]) -> Iterator[Fault]:
    if len(said.get("tags", ())) > MOST_TAGS or any(len(tag) > LONGEST["tag"] for tag in said.get("tags", ())):
        yield _fault("tags", "out_of_range", f"At most {MOST_TAGS} tags of {LONGEST['tag']} characters.")
    if len(said.get("hours", ())) > MOST_HOURS:
        yield _fault("hours", "out_of_range", f"At most {MOST_HOURS} windows.")
    for place, window in enumerate(said.get("hours", ())):
        if not _is_window(window):
            detail = 'A window is {"days": [0 … 6], "starts": "09:00", "ends": "17:00"}; Monday is 0.'
            yield _fault(f"hours.{place}", "invalid", detail)


def _is_window(window: Any) -> bool:
    return (
        isinstance(window, Mapping)
        and set(window) == {"days", "starts", "ends"}
        and isinstance(window["days"], list)
        and bool(window["days"])
        and all(isinstance(day, int) and not isinstance(day, bool) and 0 <= day < len(DAYS) for day in window["days"])
        and all(isinstance(window[end], str) and _CLOCK.fullmatch(window[end]) for end in ("starts", "ends"))
    )


# -- channels -------------------------------------------------------------------------------------------------------


def _channels(given: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, str]], list[Fault]]:
    found: list[dict[str, str]] = []
    faults = []
    if len(given) > MOST_CHANNELS:
        faults.append(_fault("channels", "out_of_range", f"At most {MOST_CHANNELS} channels."))
    for place, channel in enumerate(given):
        try:
            kind, address = channel.get("kind", ""), channel.get("address", "")
            one = {"kind": kind, "address": checked_address(kind, address)}
        except ValueError as wrong:
            faults.append(_fault(f"channels.{place}.address", "not_an_address", str(wrong)))
            continue
        if any(same_address(one, other) for other in found):
            faults.append(_fault(f"channels.{place}.address", "duplicate", "This is here already."))
        found.append(one)
    return found, faults


def checked_address(kind: str, address: str) -> str:
    """The address as it is stored; raises ValueError with what is wrong."""
    said = address.strip()
    match kind:
        case ChannelKind.EMAIL:
            try:
                validate_email(said)
            except ValidationError:
                raise ValueError("This is not an e-mail address.") from None
            return said
        case ChannelKind.PHONE | ChannelKind.MOBILE:
            number = _BETWEEN_DIGITS.sub("", said)
            number = f"+{number[2:]}" if number.startswith("00") else number
            if not _NUMBER.fullmatch(number):
                raise ValueError("This is not a telephone number with its country, such as +49 30 901820.")
            return number
        case ChannelKind.MESSAGE:
            if not _HANDLE.fullmatch(said):
                raise ValueError("A messenger and a name there, such as signal:+49…, without spaces.")
            return said
    raise ValueError(f"One of {', '.join(ChannelKind.values)}.")


def same_address(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return one["kind"] == other["kind"] and one["address"].casefold() == other["address"].casefold()


def hint(kind: str, address: str) -> str:
    """Enough of an address for those who know it to recognise it."""
    if kind == ChannelKind.EMAIL:
        name, _, domain = address.rpartition("@")
        return f"{name[:1]}…@{domain}"
    return f"{address[:3]}…{address[-SHOWN_AT_THE_END:]}"


# -- hours ----------------------------------------------------------------------------------------------------------


def reached_at(hours: list[dict[str, Any]], time_zone: str, at: datetime) -> bool:
    """Whether an instant is within somebody's hours on their own clock; without hours it always is.

    A window that does not end later than it starts ends on the next day.
    """
    if not hours:
        return True
    here = at.astimezone(ZoneInfo(time_zone))
    clock, today = here.time().replace(tzinfo=None), here.weekday()
    yesterday = (here - timedelta(days=1)).weekday()
    for window in hours:
        starts, ends = time.fromisoformat(window["starts"]), time.fromisoformat(window["ends"])
        if starts < ends:
            if today in window["days"] and starts <= clock < ends:
                return True
        elif (today in window["days"] and clock >= starts) or (yesterday in window["days"] and clock < ends):
            return True
    return False


def hours_in_words(hours: list[dict[str, Any]]) -> str:
    """As in `Mo,Tu,We 09:00-17:00; Sa 10:00-14:00`; empty for always."""
    return "; ".join(
        f"{','.join(DAYS[day] for day in window['days'])} {window['starts']}-{window['ends']}" for window in hours
    )


def hours_from_words(words: str) -> list[dict[str, Any]]:
    """The opposite; ranges of days as in `Mo-Fr` too. Raises ValueError for what cannot be read."""
    found = []
    for part in filter(None, (piece.strip() for piece in words.split(";"))):
        match = _WINDOW.fullmatch(part)
        if match is None:
            raise ValueError("Hours are written as in Mo-Fr 09:00-17:00; Sa 10:00-14:00.")
        found.append({"days": _days(match[1]), "starts": match[2], "ends": match[3]})
    return found


def _days(words: str) -> list[int]:
    days: set[int] = set()
    for word in words.split(","):
        first, _, last = word.strip().partition("-")
        begin, end = _day(first), _day(last or first)
        days |= set(range(begin, end + 1)) if begin <= end else {*range(begin, len(DAYS)), *range(end + 1)}
    return sorted(days)


def _day(word: str) -> int:
    known = word.strip().capitalize()[:2]
    if known not in DAYS:
        raise ValueError(f"{word.strip()!r} is no day: {', '.join(DAYS)}.")
    return DAYS.index(known)
