"""Run one benchmark on the servers that DATABASE_URL and REDIS_URL name, or list them all: see bin/bench."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import sys
from pathlib import Path

import django
from django.core.management import call_command


def listed() -> dict[str, str]:
    """Benchmarks by name with their docstring's first line; nothing is imported for it."""
    modules = sorted(Path(__file__).parent.glob("[!_]*.py"))
    told = {module.stem: ast.get_docstring(ast.parse(module.read_text())) or "" for module in modules}
    return {name: words.partition("\n")[0] for name, words in told.items()}


def main() -> int:
    known = listed()
    parser = argparse.ArgumentParser(prog="bin/bench", description="Run one benchmark; without NAME list them.")
    parser.add_argument("name", nargs="?", metavar="NAME", choices=sorted(known))
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    options = parser.parse_args()
    if options.name is None:
        for name, words in known.items():
            print(json.dumps({"name": name, "about": words}) if options.json else f"{name:24} {words}")
        return 0
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crisisapi.settings")
    os.environ.setdefault("RATE_LIMITS", "0")  # one key asks more in a second than anybody may in a minute
    django.setup()
    call_command("migrate", verbosity=0)
    # Imported after setup: a benchmark's module may import models.
    benchmark = importlib.import_module(f"bench.{options.name}")
    missed = False
    for figure in benchmark.run():
        print(json.dumps(figure.as_json()) if options.json else str(figure), flush=True)
        missed = missed or figure.passed is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
