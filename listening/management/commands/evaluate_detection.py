"""`manage.py evaluate_detection`: how well the detector does on labelled series."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from listening.detector import Settings
from listening.detector.evaluation import (
    LeftOut,
    Outcome,
    Series,
    Unreadable,
    alarms_in,
    false_alarms_per_day,
    leave_one_out,
    median_delay,
    outcome,
    read_directory,
    score,
)


class Command(BaseCommand):
    """Prints scores; changes nothing and needs no database."""

    help = (
        "Streams each series of a directory through the volume detector under its default setting and prints the score "
        "of the Numenta Anomaly Benchmark. The directory has *.csv with the columns timestamp and value, and "
        "labels.json, which maps each file to pairs of timestamps."
    )
    requires_system_checks = ()  # needs no database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--leave-one-out",
            action="store_true",
            help="score each series with the alarm score and least ratio that do best on the others",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            series = read_directory(options["directory"])
            for each in series:
                if not each.windows:
                    self.stderr.write(f"{each.name} has no labelled window: its alarms count as false.")
            if options["leave_one_out"]:
                left = leave_one_out(series)
                outcomes, chosen = [each.default for each in left], [each.outcome for each in left]
                answer = {**_answer(outcomes), "leave_one_out": _left_out(left, chosen)}
            else:
                outcomes, left = [_default(each) for each in series], []
                answer = _answer(outcomes)
        except Unreadable as problem:
            raise CommandError(str(problem)) from problem
        if options["json"]:
            self.stdout.write(json.dumps(answer, indent=2))
            return
        self._table("default setting", outcomes)
        if left:
            self._table("chosen on the others", [each.outcome for each in left])
            for one in left:
                self.stdout.write(
                    f"{one.name}: alarm score {one.chosen.alarm_score:.1f}, least ratio {one.chosen.least_ratio:.1f}"
                )

    def _table(self, title: str, outcomes: list[Outcome]) -> None:
        self.stdout.write(
            f"{title:40s} {'standard':>9s} {'low FP':>9s} {'low FN':>9s} {'found':>7s} {'false':>6s} {'delay min':>10s}"
        )
        for each in outcomes:
            self.stdout.write(_row(each.name, [each]))
        self.stdout.write(_row("all", outcomes))


def _default(series: Series) -> Outcome:
    return outcome(series, alarms_in(series, [Settings()])[0])


def _answer(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "score": _rounded(score(outcomes)),
        "delay_minutes_median": median_delay(outcomes),
        "false_alarms_per_day": round(false_alarms_per_day(outcomes), 4),
        "files": {
            each.name: {
                "windows": each.windows,
                "found": len(each.found),
                "missed": each.missed,
                "false_alarms": len(each.false_places),
                "days": round(each.days, 2),
            }
            for each in outcomes
        },
    }


def _left_out(left: list[LeftOut], chosen: list[Outcome]) -> dict[str, Any]:
    return {
        "score": _rounded(score(chosen)),
        "files": {
            each.name: {
                "alarm_score": round(each.chosen.alarm_score, 3),
                "least_ratio": each.chosen.least_ratio,
                "score": _rounded(score([each.outcome])) if each.outcome.windows else None,
                "default_score": _rounded(score([each.default])) if each.default.windows else None,
            }
            for each in left
        },
    }


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in scores.items()}


def _row(name: str, outcomes: list[Outcome]) -> str:
    windows, found = sum(each.windows for each in outcomes), sum(len(each.found) for each in outcomes)
    scores = [f"{value:9.1f}" for value in score(outcomes).values()] if windows else [f"{'-':>9s}"] * 3
    false = sum(len(each.false_places) for each in outcomes)
    delay = median_delay(outcomes)
    said = "-" if delay is None else f"{delay:.0f}"
    return f"{name:40s} {' '.join(scores)} {f'{found}/{windows}':>7s} {false:6d} {said:>10s}"
