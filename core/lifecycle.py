"""One state, one column, one table of moves."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from core.refusals import Refusal


class CannotMove(Refusal):
    """The thing is in a stage from which this verb does not lead anywhere."""

    code = "cannot_move"
    title = "This cannot be done in the present stage."


class Lifecycle:
    """The moves of one kind of thing: `verb=({from, …}, to)`. Pure data; the trigger has the same `pairs()`."""

    def __init__(self, **moves: tuple[Collection[str], str]) -> None:
        self.moves = moves

    def step(self, verb: str, *, from_: str) -> str:
        """Return the stage that `verb` leads to from `from_`; raise CannotMove (409) when it leads nowhere."""
        sources, target = self.moves[verb]
        if from_ not in sources:
            raise CannotMove(
                f"Cannot {verb.replace('_', ' ')} what is {from_.lower().replace('_', ' ')}.",
                verb=verb,
                stage=from_,
                allowed_from=sorted(sources),
            )
        return target

    def allows(self, verb: str, *, from_: str) -> bool:
        return from_ in self.moves[verb][0]

    def pairs(self) -> list[tuple[str, str]]:
        """Every (from, to) once, sorted; the database trigger holds exactly these."""
        return sorted(set(self._pairs()))

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for sources, target in self.moves.values():
            for source in sources:
                yield str(source), str(target)
