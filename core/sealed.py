"""Sealed columns: secrets that the database, its backups and its administrators cannot read.

AES-256-GCM. A sealed value is `s1:<key id>:` followed by a 96-bit nonce, the ciphertext and the tag. It is bound to its
agency, table, column and row, so that a value which is copied to another place does not open there. Renaming such a
table or column, or moving a row to another agency, therefore needs a migration that opens and seals again.

Values are opened on access to the attribute, never on loading the row; nothing is ever returned that did not open.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.expressions import BaseExpression
from django.db.models.lookups import IsNull
from django.db.models.query_utils import DeferredAttribute

_FORMAT = b"s1"
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,15}")
_KEY_BYTES = 32
_NONCE_BYTES = 12


class SealBroken(RuntimeError):
    """A sealed value does not open: it was altered, cut, copied from another place, or its key has changed."""


class UnknownSealingKey(SealBroken):
    """A sealed value names a key that is not among the settings' SEALING_KEYS."""


class KeyRing:
    """The keys by id. The first one seals, every one opens."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys` maps ids to 32 bytes in base64; raises ImproperlyConfigured for anything else."""
        if not keys:
            raise ImproperlyConfigured("SEALING_KEYS is empty: nothing could be sealed.")
        raw = {key_id: _decoded(key_id, text) for key_id, text in keys.items()}
        if len(set(raw.values())) != len(raw):
            raise ImproperlyConfigured("SEALING_KEYS holds the same key under two ids.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in raw.items()}
        self.sealing_id = next(iter(raw))

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._ciphers

    def seal(self, plain: bytes, place: tuple[str, ...]) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self.sealing_id].encrypt(nonce, plain, _bound(self.sealing_id, place))
        return b":".join((_FORMAT, self.sealing_id.encode(), nonce + ciphertext))

    def open(self, blob: bytes, place: tuple[str, ...]) -> bytes:
        """The plain bytes; raises SealBroken, or UnknownSealingKey, and never returns anything else."""
        key_id = key_id_of(blob)
        if key_id not in self._ciphers:
            raise UnknownSealingKey(f"The key {key_id!r} of {'.'.join(place[1:3])} is not in SEALING_KEYS.")
        sealed = blob.split(b":", 2)[2]
        try:
            return self._ciphers[key_id].decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(key_id, place))
        except (InvalidTag, ValueError) as problem:
            raise SealBroken(f"A value of {'.'.join(place[1:3])} does not open in its place.") from problem


def key_id_of(blob: bytes) -> str:
    """Which key sealed a value; raises SealBroken when it is no sealed value at all."""
    parts = blob.split(b":", 2)
    if len(parts) != 3 or parts[0] != _FORMAT or not _KEY_ID.fullmatch(key_id := parts[1].decode("ascii", "replace")):  # noqa: PLR2004
        raise SealBroken("This is not a sealed value.")
    return key_id


def _decoded(key_id: str, text: str) -> bytes:
    if not _KEY_ID.fullmatch(key_id):
        raise ImproperlyConfigured(f"The sealing key id {key_id!r} is not 1 to 16 of a-z, 0-9, _ and -.")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise ImproperlyConfigured(f"The sealing key {key_id!r} is not base64.") from problem
    if len(key) != _KEY_BYTES:
        raise ImproperlyConfigured(f"The sealing key {key_id!r} has {len(key)} bytes instead of {_KEY_BYTES}.")
    return key


def _bound(key_id: str, place: tuple[str, ...]) -> bytes:
    return json.dumps([_FORMAT.decode(), key_id, *place]).encode()


@lru_cache(maxsize=4)
def _ring(keys: tuple[tuple[str, str], ...]) -> KeyRing:
    return KeyRing(dict(keys))


def key_ring() -> KeyRing:
    """The ring of the settings; raises ImproperlyConfigured when they are wrong."""
    return _ring(tuple(settings.SEALING_KEYS.items()))


def check_keys() -> None:
    """Raise ImproperlyConfigured unless the settings' keys can seal and open. Called at start-up."""
    ring = key_ring()
    place = ("start-up", "check", "check", "check")
    if ring.open(ring.seal(b"check", place), place) != b"check":
        raise ImproperlyConfigured("SEALING_KEYS do not open what they seal.")


class Sealed:
    """A value as it lies in the database. It shows nothing of itself."""

    __slots__ = ("blob",)

    def __init__(self, blob: bytes) -> None:
        self.blob = blob

    def __repr__(self) -> str:
        return "<sealed>"


class _SealedAttribute(DeferredAttribute):
    """Opens the value each time it is read; holds what was assigned until the row is saved."""

    field: _SealedField

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        return self.field.opened(value, instance) if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


if TYPE_CHECKING:
    _AnyField = models.Field[Any, Any]
else:
    _AnyField = models.Field


class _SealedField(_AnyField):
    """`owner` names the attribute that holds the owner's id: the agency of a tenant row, "pk" for the agency itself."""

    descriptor_class = _SealedAttribute

    def __init__(self, *args: Any, owner: str = "agency_id", **kwargs: Any) -> None:
        self.owner = owner
        if {"primary_key", "unique", "db_index", "default", "db_default"} & kwargs.keys():
            raise TypeError("A sealed column cannot be a key, be searched, or have a default.")
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.owner != "agency_id":
            kwargs["owner"] = self.owner
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BinaryField"

    # -- to and from bytes; subclasses say how -----------------------------------------------------------------

    def encoded(self, value: Any) -> bytes:
        raise NotImplementedError

    def decoded(self, plain: bytes) -> Any:
        raise NotImplementedError

    # -- the seal ----------------------------------------------------------------------------------------------

    def place(self, row: models.Model) -> tuple[str, ...]:
        owner = getattr(row, self.owner)
        if owner is None or row.pk is None:
            raise SealBroken(f"{row._meta.label}.{self.name} cannot be sealed before its row has an owner and an id.")
        return str(owner), row._meta.db_table, str(self.column), str(row.pk)

    def sealed(self, value: Any, row: models.Model) -> Sealed:
        return Sealed(key_ring().seal(self.encoded(value), self.place(row)))

    def opened(self, value: Sealed, row: models.Model) -> Any:
        return self.decoded(key_ring().open(value.blob, self.place(row)))

    def resealed(self, row: models.Model) -> Sealed | None:
        """The row's value under the sealing key, or None when it is there already."""
        value = row.__dict__[self.attname]
        if not isinstance(value, Sealed) or key_id_of(value.blob) == key_ring().sealing_id:
            return None
        return self.sealed(self.opened(value, row), row)

    # -- Django's side -----------------------------------------------------------------------------------------

    def from_db_value(self, value: Any, *_: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: ARG002 - Django's signature
        value = model_instance.__dict__[self.attname]
        if value is not None and not isinstance(value, (Sealed, BaseExpression)):
            value = self.sealed(value, model_instance)
            model_instance.__dict__[self.attname] = value
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: ARG002
        if value is None or isinstance(value, BaseExpression):
            return value
        if not isinstance(value, Sealed):
            # Not the value itself in the message: it is a secret.
            raise TypeError(f"{self.model._meta.label}.{self.name} can only be written by saving its row.")
        return connection.Database.Binary(value.blob)

    def get_lookup(self, lookup_name: str) -> Any:
        """Ciphertext differs each time, so only "is it there" can be asked."""
        return IsNull if lookup_name == "isnull" else None

    def value_to_string(self, obj: models.Model) -> str:
        raise TypeError(f"{obj._meta.label}.{self.name} is sealed and never leaves through a serializer.")


class SealedTextField(_SealedField):
    """A text that is stored sealed. Assign and read the plain text; save the row to seal it."""

    def encoded(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"{self.name} must be a text.")
        return value.encode()

    def decoded(self, plain: bytes) -> str:
        return plain.decode()


class SealedJSONField(_SealedField):
    """JSON that is stored sealed. Each reading gives a fresh value: to change it, assign a whole one."""

    def encoded(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def decoded(self, plain: bytes) -> Any:
        return json.loads(plain)


def sealed_columns(model: type[models.Model]) -> list[_SealedField]:
    """The sealed columns of a model, in the order of its columns."""
    return [field for field in model._meta.concrete_fields if isinstance(field, _SealedField)]
