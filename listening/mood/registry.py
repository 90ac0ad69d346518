"""Which scorers exist, by the name that the settings use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import Final

from listening.mood.linear import Linear
from listening.mood.seam import UNKNOWN_MOOD, Mood, Scorer, readable
from listening.mood.vader import Vader

log = logging.getLogger(__name__)

SCORERS: Final[Mapping[str, Callable[[], Scorer]]] = MappingProxyType({"linear": Linear, "vader": Vader})


class UnknownScorer(LookupError):
    """The settings name a scorer that does not exist."""


class Guarded:
    """A scorer whose failures cost a mood, never a mention.

    When the batch fails, each text is tried alone; those that fail are `unknown`. `failures` counts them since the
    process started. One log line for each failed batch, without the texts, which are other people's words.
    """

    def __init__(self, inner: Scorer) -> None:
        self.inner = inner
        self._lock = Lock()
        self.failures = 0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def version(self) -> str:
        return self.inner.version

    def score(self, texts: Sequence[str], *, languages: Sequence[str | None] | None = None) -> list[Mood]:
        """One mood for each text, in order, whatever happens inside."""
        clean = list(map(readable, texts))
        known = list(languages) if languages is not None else [None] * len(clean)
        if len(known) != len(clean):
            raise ValueError("There must be as many languages as texts.")
        try:
            moods = self.inner.score(clean, languages=known)
        except Exception:
            log.exception("The scorer %s failed on a batch of %d texts; trying them one by one.", self.name, len(clean))
        else:
            if len(moods) == len(clean):
                return moods
            log.error("The scorer %s gave %d moods for %d texts.", self.name, len(moods), len(clean))
        return self._one_by_one(clean, known)

    def _one_by_one(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Mood]:
        moods: list[Mood] = []
        failed = 0
        for text, language in zip(texts, languages, strict=True):
            try:
                [mood] = self.inner.score([text], languages=[language])
            except Exception as error:
                failed += 1
                if failed == 1:
                    log.warning(
                        "The scorer %s failed on a text of %d characters.", self.name, len(text), exc_info=error
                    )
                mood = UNKNOWN_MOOD
            moods.append(mood)
        if failed:
            log.error("%d of %d texts have an unknown mood, because %s failed.", failed, len(texts), self.name)
            with self._lock:
                self.failures += failed
        return moods


@cache
def scorer(name: str) -> Guarded:
    """The scorer of that name, made once for each process and guarded. Raises `UnknownScorer` for any other name."""
    if name not in SCORERS:
        raise UnknownScorer(f"There is no scorer {name!r}; there are: {', '.join(sorted(SCORERS))}.")
    return Guarded(SCORERS[name]())
