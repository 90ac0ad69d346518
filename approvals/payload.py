"""Exactly what people agree to, and the digest that binds it. Pure functions; nothing is normalised in silence."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from approvals.slots import LONGEST_VALUE, MOST_SLOTS, TYPES, fills, slots_in
from core.refusals import Invalid
from ledger.chain import canonical

DOMAIN = b"crisisapi.approval.1\n"
FORMAT = 1
FORMAT_WITH_MEDIA = 2
PARTS = ("text", "media", "accounts", "language")  # what a step can look at
LONGEST_ALT = 2000
MOST_MEDIA = 10
SHA256 = re.compile(r"[0-9a-f]{64}")
_KNOWN = frozenset({"format", "brand", "language", "deliveries"})
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}")


def deliveries_payload(*, brand_id: UUID, language: str, deliveries: Sequence[tuple[UUID, str]]) -> dict[str, Any]:
    """What will be sent: one exact text for each account of a brand, whatever the order they are given in.

    `deliveries` is (account id, text). Shape: {"format": 1, "brand": id, "language": tag, "deliveries": [{"account":
    id, "text": text}]}, sorted by account id. Raises Invalid when nothing would be sent, a text is empty, or an
    account appears twice.
    """
    _check_accounts([account_id for account_id, _ in deliveries])
    for place, (_, text) in enumerate(deliveries):
        if not text.strip():
            raise _wrong(f"deliveries.{place}.text", "blank", "There is no text to send.")
    return {
        "format": FORMAT,
        "brand": str(brand_id),
        "language": language,
        "deliveries": [
            {"account": account, "text": text}
            for account, text in sorted((str(account_id), text) for account_id, text in deliveries)
        ],
    }


def media_payload(
    *,
    brand_id: UUID,
    deliveries: Sequence[Mapping[str, Any]],
    slots: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """What will be sent, with a language and media for each account.

    Each delivery is {"account": UUID, "language": tag, "text": text, "media": [{"sha256", "type", "alt"}]}. Shape:
    {"format": 2, "brand": id, "deliveries": […]}, sorted by account id; media keep their order. With `slots` ({name:
    {"type": number|date|time|place|name|text, "longest": characters}}) the texts are templates, in which each slot
    stands as `{name}`. Raises Invalid with the path of what cannot be sent.
    """
    _check_accounts([delivery["account"] for delivery in deliveries])
    kept = []
    for place, delivery in enumerate(deliveries):
        media = [_medium(one, f"deliveries.{place}.media.{at}") for at, one in enumerate(delivery.get("media", ()))]
        if len(media) > MOST_MEDIA:
            raise _wrong(f"deliveries.{place}.media", "out_of_range", f"At most {MOST_MEDIA} files.")
        if not delivery["text"].strip() and not media:
            raise _wrong(f"deliveries.{place}.text", "blank", "There is no text to send.")
        kept.append(
            {
                "account": str(delivery["account"]),
                "language": delivery["language"],
                "text": delivery["text"],
                "media": media,
            }
        )
    payload: dict[str, Any] = {
        "format": FORMAT_WITH_MEDIA,
        "brand": str(brand_id),
        "deliveries": sorted(kept, key=lambda delivery: str(delivery["account"])),
    }
    if slots:
        payload["slots"] = _checked_slots(slots, kept)
    return payload


def _check_accounts(accounts: Sequence[Any]) -> None:
    if not accounts:
        raise _wrong("deliveries", "empty", "Say at least one account and its text.")
    seen: set[str] = set()
    for place, account in enumerate(accounts):
        if str(account) in seen:
            raise _wrong(f"deliveries.{place}.account", "duplicate", "This account has its text already.")
        seen.add(str(account))


def _medium(given: Mapping[str, Any], path: str) -> dict[str, str]:
    if not SHA256.fullmatch(given["sha256"]):
        raise _wrong(f"{path}.sha256", "invalid", "SHA-256 of the file, in lower-case hex.")
    if not MEDIA_TYPE.fullmatch(given["type"]):
        raise _wrong(f"{path}.type", "invalid", "A media type, such as image/png.")
    if not given["alt"].strip() or len(given["alt"]) > LONGEST_ALT:
        raise _wrong(f"{path}.alt", "blank", "Say in words what is to be seen, for those who cannot see it.")
    return {"sha256": given["sha256"], "type": given["type"], "alt": given["alt"]}


def _checked_slots(slots: Mapping[str, Mapping[str, Any]], deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    if len(slots) > MOST_SLOTS:
        raise _wrong("slots", "out_of_range", f"At most {MOST_SLOTS} slots.")
    used = {name for delivery in deliveries for name in slots_in(delivery["text"])}
    for name, slot in slots.items():
        if name not in used:
            raise _wrong(f"slots.{name}", "unused", "No text has this slot.")
        if slot["type"] not in TYPES:
            raise _wrong(f"slots.{name}.type", "does_not_exist", f"One of {', '.join(TYPES)}.")
        if not 1 <= slot["longest"] <= LONGEST_VALUE:
            raise _wrong(f"slots.{name}.longest", "out_of_range", f"From 1 to {LONGEST_VALUE} characters.")
    if missing := used - set(slots):
        raise _wrong(f"slots.{min(missing)}", "required", "A text has this slot; say what fills it.")
    return {name: {"type": slot["type"], "longest": slot["longest"]} for name, slot in slots.items()}


def _wrong(field: str, code: str, detail: str) -> Invalid:
    return Invalid("The deliveries cannot be sent.", errors=[{"field": field, "code": code, "detail": detail}])


def digest_of(payload: Mapping[str, Any]) -> str:
    """SHA-256 in hex over the domain tag and the canonical JSON of a payload: one changed byte is another digest."""
    return hashlib.sha256(DOMAIN + canonical(payload)).hexdigest()


def covers(payload: Mapping[str, Any], account_id: UUID, text: str, media: Sequence[Mapping[str, str]] = ()) -> bool:
    """Whether the payload holds exactly this text with exactly these media, in this order, for this account.

    Where the payload is a template, whether the text is the template with every slot filled by a value of its type.
    """
    for delivery in payload.get("deliveries", []):
        if delivery["account"] == str(account_id) and delivery.get("media", []) == [dict(one) for one in media]:
            slots = payload.get("slots")
            return fills(delivery["text"], slots, text) if slots else delivery["text"] == text
    return False


def languages_of(payload: Mapping[str, Any]) -> list[str]:
    """The languages of a payload's deliveries, each once, in the order of their tags."""
    own = {delivery.get("language") or payload.get("language") for delivery in payload.get("deliveries", [])}
    return sorted(language for language in own if language)


def parts_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """The digest of each part of a payload: text, media, accounts, language; hex SHA-256 by the part's name.

    Text, media and language are taken account by account, so that all four together leave nothing of the payload out.
    What is no list of deliveries is one whole: each part is all of it.
    """
    if not isinstance(payload.get("deliveries"), list):
        return dict.fromkeys(PARTS, digest_of(payload))
    by_account = {delivery["account"]: delivery for delivery in payload["deliveries"]}
    other = {name: value for name, value in payload.items() if name not in _KNOWN}
    whole: dict[str, Any] = {
        "text": {
            "texts": {account: delivery["text"] for account, delivery in by_account.items()},
            "other": other,  # the slots of a template, and whatever else is said of the whole
        },
        "media": {account: delivery.get("media", []) for account, delivery in by_account.items()},
        "accounts": {"brand": payload.get("brand"), "accounts": sorted(by_account)},
        "language": {
            account: delivery.get("language", payload.get("language")) for account, delivery in by_account.items()
        },
    }
    return {part: hashlib.sha256(DOMAIN + part.encode() + b"\n" + canonical(whole[part])).hexdigest() for part in PARTS}
