"""Check the proof of an approval with nothing but the file and a public key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from approvals.proofs import in_words, problems_of, public_key_of


class Command(BaseCommand):
    help = "Check the proof of an approval, without a database; exit code 1 when it does not hold."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="what GET …/approvals/{id}/proof answered")
        parser.add_argument("--public-key", help="the key that you trust, in base64; else this installation's own")
        parser.add_argument("--show-key", action="store_true", help="print this installation's public key and stop")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["show_key"]:
            self.stdout.write(public_key_of(settings.PROOF_SIGNING_KEY))
            return
        if options["file"] is None:
            raise CommandError("Name the file of a proof.")
        try:
            proof = json.loads(options["file"].read_bytes())
        except (OSError, ValueError) as error:
            raise CommandError(f"This is no file of JSON: {error}") from error
        if not isinstance(proof, dict):
            raise CommandError("This is no proof of an approval.")
        trusted = options["public_key"] or public_key_of(settings.PROOF_SIGNING_KEY)
        problems = problems_of(proof, public_key=trusted)
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError("The proof does not hold.")
        for line in in_words(proof):
            self.stdout.write(line)
        self.stdout.write(f"The proof holds; signed with {trusted}")
