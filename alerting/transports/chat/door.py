"""What Apprise's plugins find where they look for `requests`: the same calls, through the guarded client.

Apprise itself would follow redirects, obey the environment's proxies, and take the page of a proxy for a success. Here
every call is vetted and has one deadline, and whatever is no plain success ends the plugin's attempt: it tells us
only yes or no, so what the service said is kept beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from alerting.transports.answers import DEADLINE_SECONDS
from core.outbound import Answer, OutboundFailed, request
from core.outbound.vetting import FRAMING_HEADERS

_answers: ContextVar[list[Answer]] = ContextVar("answers")


@contextmanager
def listening() -> Iterator[list[Answer]]:
    """The answers that services give to this thread in the block, in their order."""
    heard: list[Answer] = []
    token = _answers.set(heard)
    try:
        yield heard
    finally:
        _answers.reset(token)


class Door:
    """The part of `requests` that the plugins of our list use."""

    RequestException = requests.RequestException
    codes = requests.codes

    def post(self, url: str, **said: Any) -> requests.Response:
        return self.request("POST", url, **said)

    def request(
        self, method: str, url: str, *, data: Any = None, headers: Any = None, params: Any = None, **_: Any
    ) -> requests.Response:
        """Make one call; raises requests.RequestException for every answer that is no success of a program."""
        method = method.upper()  # one plugin says it in small letters
        prepared = requests.Request(method, url, data=data, headers=headers, params=params).prepare()
        said = {name: _text(value) for name, value in prepared.headers.items()}
        body = prepared.body or b""
        try:
            answer = request(
                method,  # type: ignore[arg-type] # POST, as each plugin of the list says
                str(prepared.url),
                body=body.encode() if isinstance(body, str) else bytes(body),  # type: ignore[arg-type]
                headers={name: value for name, value in said.items() if name.lower() not in FRAMING_HEADERS},
                deadline=DEADLINE_SECONDS,
            )
        except OutboundFailed as failed:
            raise requests.ConnectionError(str(failed)) from failed
        _answers.get().append(answer)
        if not answer.ok or "html" in answer.headers.get("content-type", ""):
            raise requests.RequestException("This is no success.")
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response._content = answer.body
        return response


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
