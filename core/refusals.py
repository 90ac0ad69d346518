"""Refusals: the answers "no" that are part of the API.

A refusal has a stable code (the class's `code`), a sentence for people, and facts for programs. Each
action module defines its own refusals beside the action that raises them; one handler
(`core.http.problems`) renders every one of them as `application/problem+json`.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):
    """A wish that the rules do not grant. Subclasses set `code` and, when it is not 409, `status`."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The request was refused."

    def __init__(self, detail: str = "", **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.facts = facts
        self.headers: dict[str, str] = {}


class NotFound(Refusal):
    """Nothing here that this caller may see; absent and foreign things answer alike."""

    code = "not_found"
    status = 404
    title = "There is no such thing here."


class NotAllowed(Refusal):
    """The caller is known and may see the thing, but does not hold the need."""

    code = "not_allowed"
    status = 403
    title = "You do not hold the right to do this."


class Invalid(Refusal):
    """The input is well-formed but wrong. `errors` is a list of {"field": path, "code": …, "detail": …}."""

    code = "invalid"
    status = 400
    title = "The request does not make sense."
