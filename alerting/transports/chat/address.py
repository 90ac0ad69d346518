"""Addresses of chat and push services, in the spelling that Apprise made known.

Apprise knows many more services, hosts of the user's choice and options that read files. So its own reading of a URL is
never used: an address must match one of these forms whole, and only its named parts reach the service's class.
"""

from __future__ import annotations

import re

from core.outbound import OutboundRefused, vet_form
from core.refusals import Invalid

_WORD = r"[A-Za-z0-9_-]"
FORMS = {
    "discord": re.compile(rf"discord://(?P<webhook_id>[0-9]{{5,25}})/(?P<webhook_token>{_WORD}{{20,120}})/?"),
    "ntfy": re.compile(rf"ntfy://(?P<topic>{_WORD}{{1,64}})/?"),
    # A server of the user's own, which the guarded client calls.
    "ntfys": re.compile(rf"ntfys://(?P<host>[A-Za-z0-9.:\[\]-]{{1,150}})/(?P<topic>{_WORD}{{1,64}})/?"),
    "pover": re.compile(r"pover://(?P<user_key>[A-Za-z0-9]{30})@(?P<token>[A-Za-z0-9]{30})/?"),
    "slack": re.compile(
        r"slack://(?P<token_a>T[A-Z0-9]{5,20})/(?P<token_b>B[A-Z0-9]{5,20})/(?P<token_c>[A-Za-z0-9]{10,50})/?"
    ),
    "tgram": re.compile(rf"tgram://(?P<bot_token>[0-9]{{5,20}}:{_WORD}{{20,60}})/(?P<chat>-?[0-9]{{1,20}})/?"),
    # Microsoft Teams: the webhook of a workflow, on Microsoft's own hosts only, the older and the newer ones.
    "workflows": re.compile(
        r"workflows://(?P<host>[a-z0-9-]{1,60}\.[a-z0-9-]{1,40}\.(?:logic\.azure|environment\.api\.powerplatform)\.com)"
        r"(?::443)?"
        rf"/(?P<workflow>{_WORD}{{10,64}})/(?P<signature>{_WORD}{{10,100}})/?"
    ),
}
LONGEST = 300


def parts_of(address: str) -> tuple[str, dict[str, str]]:
    """The service and its named parts; raises Invalid (400) for anything that is not one of the forms, whole."""
    service = address.partition("://")[0]
    found = FORMS[service].fullmatch(address) if service in FORMS and len(address) <= LONGEST else None
    if found is None:
        detail = f"This is not an address of {', '.join(sorted(FORMS))} without options."
        raise Invalid(errors=[{"field": "address", "code": "not_an_address", "detail": detail}])
    return service, found.groupdict()


def checked(address: str) -> str:
    service, parts = parts_of(address)
    if service == "ntfys":
        try:
            vet_form(own_server(parts["host"]))
        except OutboundRefused as refused:
            raise Invalid(errors=[{"field": "address", "code": "outbound_refused", "detail": refused.detail}]) from None
    return address


def own_server(host: str) -> str:
    """Where a server of ntfy takes messages as JSON."""
    return f"https://{host}/"


def hint(address: str) -> str:
    service, parts = parts_of(address)
    return f"{service}://{parts['host']}/…" if service == "ntfys" else f"{service}://…"
