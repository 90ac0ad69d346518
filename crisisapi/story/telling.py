"""How the story is told in a terminal: chapters, steps that are ticked with their time, counts that climb."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Count:
    """A number that climbs while a step runs."""

    def __init__(self, progress: Progress, words: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(words, total=total)

    def add(self, number: int = 1) -> None:
        self._progress.advance(self._task, number)


class Teller:
    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._begun = time.monotonic()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    def chapter(self, title: str) -> None:
        self._console.print()
        self._console.rule(f"[bold]{title}", align="left", style="dim")

    @contextmanager
    def step(self, words: str) -> Iterator[list[str]]:
        """A step of the story; what is appended to the list is told behind its tick."""
        outcome: list[str] = []
        begun = time.monotonic()
        with self._console.status(words):
            try:
                yield outcome
            except BaseException:
                self._console.print(f"  [red]✗[/] {words}")
                raise
        told = f" [dim]— {'; '.join(outcome)}[/]" if outcome else ""
        self._console.print(f"  [green]✓[/] {words} [cyan]{time.monotonic() - begun:.1f} s[/]{told}", soft_wrap=True)

    @contextmanager
    def count(self, words: str, total: int | None) -> Iterator[Count]:
        """A step whose progress is a number."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        begun = time.monotonic()
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as progress:
            count = Count(progress, words, total)
            yield count
            reached = int(progress.tasks[0].completed)
        self._console.print(
            f"  [green]✓[/] {words} [cyan]{time.monotonic() - begun:.1f} s[/] [dim]— {reached:,}[/]", soft_wrap=True
        )

    def say(self, words: str) -> None:
        self._console.print(f"    [dim]{words}[/]", soft_wrap=True)

    def finish(self, rows: list[tuple[str, str]], title: str) -> None:
        self.chapter(title)
        for name, value in rows:
            # Unwrapped: a link that is cut by a frame cannot be followed.
            self._console.print(f"  [bold]{name:<10}[/] {value}", soft_wrap=True)
