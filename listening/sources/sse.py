"""Server-sent events out of bytes that come in pieces."""

from __future__ import annotations

from typing import Final

LONGEST_EVENT: Final = 1024 * 1024


class TooLongAnEvent(Exception):
    """An event went on beyond anything that a network says."""


class EventReader:
    """Feed it pieces; each call returns the events that are whole by now, as (name, data)."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[tuple[str, str]]:
        """Raises TooLongAnEvent."""
        events = []
        *whole, rest = piece.split(b"\n")
        for part in whole:
            self._grow(len(part))
            line = bytes(self._line + part).removesuffix(b"\r").decode("utf-8", "replace")
            self._line.clear()
            if event := self._take(line):
                events.append(event)
        self._grow(len(rest))
        self._line += rest
        return events

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > LONGEST_EVENT:
            raise TooLongAnEvent

    def _take(self, line: str) -> tuple[str, str] | None:
        if not line:
            event = (self._name, "\n".join(self._data)) if self._data else None
            self._name, self._data, self._size = "", [], 0
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif not field and not self._data:
            self._size = 0  # a comment, by which a quiet server shows that it lives
        return None
