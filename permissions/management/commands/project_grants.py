"""Bring what people hold up to date with the roles: run it after an upgrade that changed what a role may do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.actor import Actor
from core.wall import every_agency, inside
from permissions.actions.grants import project_anew
from permissions.models import Grant


class Command(BaseCommand):
    help = "Project every live grant anew: a need that a role has gained or lost is gained or lost by its holders."

    def handle(self, *_: Any, **__: Any) -> None:
        people = 0
        for agency_id in every_agency():
            with inside(agency_id):
                for user_id in Grant.objects.all().live().values_list("user_id", flat=True).distinct():
                    project_anew(user_id=user_id, by=Actor.operator("project_grants"), at=timezone.now())
                    people += 1
        self.stdout.write(f"{people} people hold what their roles say.")
