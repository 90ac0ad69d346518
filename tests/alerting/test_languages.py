"""Messages in the language of whoever reads them: complete, compiled, and with nothing lost on the way."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import translation

from alerting.actions import write_personal_rules
from alerting.queries.messages import LANGUAGES, SPOKEN
from alerting.transports.carriers.twilio import VOICES
from core.wall import inside
from crisisapi.service_urls import ROOT
from tests.alerting.conftest import Mailbox
from tests.alerting.scene import fresh, page_in, policy_of, reach
from tests.alerting.twilio import Twilio
from tests.cast import Person, run_due_jobs
from tests.conftest import North

pytestmark = pytest.mark.django_db(transaction=True)

LOCALE = ROOT / "alerting" / "locale"
TRANSLATED = [code for code, _ in LANGUAGES if code != "en"]
SAYS = {"_", "gettext", "gettext_noop", "ngettext"}
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def said_in_code() -> Iterator[str]:
    """Every text that the code asks to be translated, a plural by its singular."""
    for source in (ROOT / "alerting").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in SAYS:
                continue
            if isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def written(path: Path) -> dict[str, list[str]]:
    """What a .po file says: each text, and its translations."""
    found: dict[str, list[str]] = {}
    for entry in path.read_text().split("\n\n"):
        lines: dict[str, str] = {}
        name = ""
        for line in entry.splitlines():
            if match := re.match(r'(msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")$', line):
                name = match[1]
                lines[name] = ast.literal_eval(match[2])
            elif line.startswith('"'):
                lines[name] += ast.literal_eval(line)
        if lines.get("msgid"):
            found[lines["msgid"]] = [text for key, text in lines.items() if key.startswith("msgstr")]
    return found


def compiled(path: Path) -> dict[str, list[str]]:
    """What a .mo file says, in the same form."""
    with path.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    found: dict[str, dict[int, str]] = {}
    for key, text in catalogue.items():
        name, place = key if isinstance(key, tuple) else (key, 0)
        if name:
            found.setdefault(name, {})[place] = text
    return {name: [texts[place] for place in sorted(texts)] for name, texts in found.items()}


@pytest.mark.parametrize("language", TRANSLATED)
def test_everything_that_is_said_is_translated_and_nothing_else_is(language: str) -> None:
    texts = written(LOCALE / language / "LC_MESSAGES" / "django.po")
    assert set(texts) == set(said_in_code())
    assert [text for text, translations in texts.items() if not all(translations)] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_loses_or_invents_a_placeholder(language: str) -> None:
    texts = written(LOCALE / language / "LC_MESSAGES" / "django.po")
    wrong = [
        (text, one)
        for text, translations in texts.items()
        for one in translations
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(one)) or "%" in PLACEHOLDER.sub("", one)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    folder = LOCALE / language / "LC_MESSAGES"
    assert compiled(folder / "django.mo") == written(folder / "django.po")


def test_every_language_has_a_voice() -> None:
    assert {SPOKEN.get(code, code) for code, _ in LANGUAGES} <= set(VOICES)


def speaks(person: Person, language: str, at: datetime, time_zone: str = "UTC") -> None:
    with inside(person.agency.pk):
        write_personal_rules(
            seat_id=person.seat.pk, language=language, time_zone=time_zone, usual=[], important=[], quiet_hours=[],
            by=person.actor, at=at,
        )  # fmt: skip


def test_a_mail_is_in_the_readers_language_and_on_their_clock(
    north: North, dee: Person, mailbox: Mailbox, now: datetime
) -> None:
    speaks(dee, "uz", now, "Asia/Tashkent")
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page_in(north.agency.pk, brand_id=north.aurora.pk, at=datetime.fromisoformat("2026-11-05T20:30:00+00:00"))
    run_due_jobs()
    ((_, mail),) = mailbox.mails
    text = mail.get_content()
    assert "2-daraja, boshlangan vaqti: 2026-11-06 01:30 Asia/Tashkent." in text
    assert "Brend haqida g'ayrioddiy gap-so'z bor." in text
    assert "Olish uchun: http://127.0.0.1:8000/v1/acknowledge/" in text
    assert "2-daraja: Aurora: Volume is nine times the usual" in mail["Subject"]
    assert translation.get_language() == "en"


@pytest.mark.parametrize(("language", "voice"), [("en", "en-US"), ("ru", "ru-RU"), ("uz", "ru-RU")])
def test_a_call_is_in_a_language_that_the_carrier_can_say(
    *, north: North, dee: Person, twilio: Twilio, now: datetime, language: str, voice: str
) -> None:
    speaks(dee, language, now)
    reach(dee, "voice", "+998901234567", at=now)
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page_in(north.agency.pk)
    run_due_jobs()
    said = twilio.forms[0]["Twiml"]
    assert f'<Say language="{voice}">' in said
    assert ("Важность 2." in said) is (voice == "ru-RU")


def test_russian_counts_as_russian_does(north: North, dee: Person, mailbox: Mailbox, now: datetime) -> None:
    speaks(dee, "ru", now)
    policy_of(dee, [{"seat": dee.seat.pk}], at=now)
    page = page_in(north.agency.pk)
    with inside(north.agency.pk):
        type(page).objects.filter(pk=page.pk).update(suppressed=2)
    run_due_jobs()
    assert fresh(page).suppressed == 2
    assert "С тех пор пришло ещё 2 таких же сигнала." in mailbox.texts[0]  # noqa: RUF001
