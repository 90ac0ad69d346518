"""`manage.py evaluate_sentiment FILE`: how well the scorer reads texts that people have labelled."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from listening.mood import SCORERS, scorer
from listening.mood.evaluation import Figures, MalformedLine, evaluate, read_labelled


class Command(BaseCommand):
    help = "Compare a scorer with labelled texts: a line each, 0 (negative), 1 (neutral) or 2 (positive), TAB, text."
    requires_system_checks = ()  # needs no database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--scorer", choices=sorted(SCORERS), default=settings.MOOD_SCORER)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            labelled = read_labelled(options["file"])
        except (MalformedLine, OSError) as error:
            raise CommandError(str(error)) from error
        figures = evaluate(scorer(options["scorer"]), labelled)
        self.stdout.write(json.dumps(figures.as_json()) if options["json"] else _table(figures))


def _table(figures: Figures) -> str:
    shares = {
        "macro-recall": figures.macro_recall,
        "F1 negative": figures.f1_negative,
        "F1 neutral": figures.f1_neutral,
        "F1 positive": figures.f1_positive,
        "F1 negative and positive": figures.f1_negative_positive,
        "macro-F1": figures.macro_f1,
        "accuracy": figures.accuracy,
    }
    lines = [f"{figures.scorer} on {figures.texts} texts, {figures.texts_per_second:.0f} texts/s on one thread"]
    return "\n".join(lines + [f"  {name:26} {100 * share:5.1f} %" for name, share in shares.items()])
