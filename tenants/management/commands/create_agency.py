"""Found an agency and print the invitation of its first owner: the operator's one task for a new customer."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from core.actor import Actor
from tenants.actions.agencies import create_agency


class Command(BaseCommand):
    help = "Create an agency; prints JSON with the agency's id and the token of its first owner's invitation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", required=True)
        parser.add_argument("--owner-email", required=True)
        parser.add_argument("--time-zone", default="UTC")

    def handle(self, *_: Any, **options: Any) -> None:
        agency, token = create_agency(
            slug=options["slug"],
            name=options["name"],
            time_zone=options["time_zone"],
            owner_email=options["owner_email"],
            by=Actor.operator("create_agency"),
            at=timezone.now(),
        )
        self.stdout.write(json.dumps({"agency": str(agency.pk), "slug": agency.slug, "invitation": token}))
