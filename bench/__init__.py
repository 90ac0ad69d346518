"""Measurements. Each module is one benchmark: its docstring's first line says what is measured, `run()` yields figures.

Every figure is a ratio against a limit or a peer that was measured interleaved with it in the same run.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: `value` in `unit`, beside the peer or limit `against`, and whether the `goal` was met.

    `ratio` is the value divided by the peer's; `passed` is None for a figure without a goal.
    """

    name: str
    value: float
    unit: str
    against: str = ""
    ratio: float | None = None
    goal: str = ""
    passed: bool | None = None

    def as_json(self) -> dict[str, str | float | bool | None]:
        """The figure with the keys that `bin/bench --json` promises."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "against": self.against,
            "ratio": self.ratio,
            "goal": self.goal,
            "pass": self.passed,
        }

    def __str__(self) -> str:
        words = [f"{self.name}: {self.value:,.4g} {self.unit}"]
        if self.against:
            words.append(f"against {self.against}")
        if self.ratio is not None:
            words.append(f"ratio {self.ratio:.3g}")
        if self.goal:
            words.append(f"goal {self.goal}: {'met' if self.passed else 'MISSED'}")
        return ", ".join(words)
