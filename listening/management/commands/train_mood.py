"""`manage.py train_mood DIR --out FILE --seed N`: make the weights of the linear scorer."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from listening.mood.evaluation import MalformedLine
from listening.mood.making import make_weights, table_of
from listening.mood.weights import SHIPPED, save_weights

BEGIN: Final = "<!-- scores: written by manage.py train_mood -->"
END: Final = "<!-- end of scores -->"


class Command(BaseCommand):
    help = "Learn the linear scorer's weights from LANGUAGE.train.tsv and LANGUAGE.val.tsv in a directory."
    requires_system_checks = ()  # needs no database

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--out", type=Path, default=SHIPPED, help="where the weights go; default: those that ship")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--card", type=Path, help="a model card whose table of scores is written anew")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            made = make_weights(options["directory"], seed=options["seed"], tell=self.stdout.write)
        except (MalformedLine, OSError) as error:
            raise CommandError(str(error)) from error
        save_weights(made.weights, options["out"])
        size = options["out"].stat().st_size / 1e6
        self.stdout.write(f"linear/{made.weights.version}: {options['out'].name}, {size:.1f} MB")
        if options["card"] is not None:
            _rewrite(options["card"], made.weights.version, options["seed"], table_of(made.scores))


def _rewrite(card: Path, version: str, seed: int, table: str) -> None:
    before, begin, rest = card.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise CommandError(f"{card.name} does not hold the lines {BEGIN} and {END}.")
    told = f"\nVersion `linear/{version}`, seed {seed}.\n\n{table}\n\n"
    card.write_text(f"{before}{begin}\n{told}{end}{after}")
