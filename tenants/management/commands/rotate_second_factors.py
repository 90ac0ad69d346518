"""`manage.py rotate_second_factors`: put the secrets of second factors under the first of SEALING_KEYS."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand
from django.db import transaction

from core.sealed import key_id_of, key_ring

SECRETS = ("secret", "seed")  # of an authenticator app, of recovery codes; passkeys keep none here


class Command(BaseCommand):
    help = "Seal the secrets of second factors again with the first of SEALING_KEYS. Run beside rotate_sealed."

    def handle(self, *_: Any, **__: Any) -> None:
        changed = sum(reseal(pk) for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True))
        self.stdout.write(f"{changed} second factors are sealed again with {key_ring().sealing_id!r}.")


@transaction.atomic
def reseal(pk: int) -> bool:
    """Whether another key than the first had sealed it. Locked: a recovery code that is being used is not revived."""
    row = Authenticator.objects.select_for_update(no_key=True).filter(pk=pk).first()
    old = [name for name in SECRETS if row and name in row.data and _key_of(row.data[name]) != key_ring().sealing_id]
    if row is None or not old:
        return False
    adapter = get_adapter()
    row.data.update({name: adapter.encrypt(adapter.decrypt(row.data[name])) for name in old})
    row.save(update_fields=["data"])
    return True


def _key_of(sealed: str) -> str:
    return key_id_of(b64decode(sealed))
