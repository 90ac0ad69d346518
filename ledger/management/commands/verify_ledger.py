"""Walk every agency's chain and say where it does not hold."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.wall import every_agency, inside
from ledger.chain import FIELDS, breaks
from ledger.models import Event, Head


class Command(BaseCommand):
    help = "Verify the hash chain of every agency's ledger; exit code 1 when one is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--agency", help="only the agency with this id")

    def handle(self, *_: Any, **options: Any) -> None:
        broken = 0
        for agency_id in every_agency():
            if options["agency"] not in (None, str(agency_id)):
                continue
            with inside(agency_id):
                head = Head.objects.get(agency_id=agency_id)
                entries = Event.objects.order_by("seq").values(*FIELDS, "prev_hash", "hash").iterator(chunk_size=2000)
                found = list(breaks(entries, head_seq=head.seq, head_hash=head.hash))
            for place in found:
                self.stderr.write(f"{agency_id} event {place.seq}: {place.reason}")
            broken += bool(found)
            if not found:
                self.stdout.write(f"{agency_id} {head.seq} events, the chain holds; head {head.hash}")
        if broken:
            raise CommandError(f"{broken} ledger(s) are broken.")
