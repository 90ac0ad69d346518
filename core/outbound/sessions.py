"""Libraries that speak `requests`: a session of it whose every call goes through the one door."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from core.outbound.client import Answer, OutboundFailed, request
from core.outbound.vetting import FRAMING_HEADERS

READ_LIMIT = 256 * 1024  # documents of keys are longer than other answers


def session() -> requests.Session:
    """A session with vetted targets, one deadline, no redirects, no proxies and nothing of the environment.

    What cannot be reached, or is refused, raises requests.ConnectionError; a redirect raises TooManyRedirects.
    """
    made = requests.Session()
    made.trust_env = False
    made.max_redirects = 0
    for scheme in ("https://", "http://"):  # which of them may be called is for the vetting to say
        made.mount(scheme, Vetted())
    return made


class Vetted(BaseAdapter):
    """Carries a prepared request out through `core.outbound`."""

    def send(self, prepared: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:  # type: ignore[override]
        body = prepared.body or b""
        said = {name: value if isinstance(value, str) else value.decode() for name, value in prepared.headers.items()}
        headers = {name: value for name, value in said.items() if name.lower() not in FRAMING_HEADERS}
        try:
            answer = request(
                str(prepared.method),  # type: ignore[arg-type] # one of those that requests knows
                str(prepared.url),
                body=body.encode() if isinstance(body, str) else bytes(body),  # type: ignore[arg-type]
                headers=headers,
                read_limit=READ_LIMIT,
            )
        except OutboundFailed as failed:
            raise requests.ConnectionError(str(failed), request=prepared) from failed
        if not answer.whole:
            raise requests.ConnectionError("The answer is too long.", request=prepared)
        return _response(prepared, answer)

    def close(self) -> None:
        """Nothing is kept open."""


def _response(prepared: requests.PreparedRequest, answer: Answer) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.url = str(prepared.url)
    response.request = prepared
    response._content = answer.body
    return response
