"""Shapes of requests: serializers that take exactly what they name, in exactly the type they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

# DRF turns 5 into "5", "yes" into True and "7" into 7. A request of the wrong type is a mistake that somebody
# would like to hear about. The first match counts, so BooleanField stands before what could contain it.
_TYPES: list[tuple[type[serializers.Field[Any, Any, Any, Any]], tuple[type, ...], str]] = [
    (serializers.BooleanField, (bool,), "true or false"),
    (serializers.IntegerField, (int,), "an integer"),
    (serializers.FloatField, (int, float), "a number"),
    (serializers.DecimalField, (int, float, str), "a number or a text of digits"),
    (serializers.CharField, (str,), "a text"),
    (serializers.UUIDField, (str,), "a text"),
    (serializers.DateTimeField, (str,), "a text"),
    (serializers.DateField, (str,), "a text"),
    (serializers.TimeField, (str,), "a text"),
    (serializers.DurationField, (str,), "a text"),
]


class Shape(serializers.Serializer[Any]):
    """The shape of a request body. A field that it does not name, or that only the server writes, is refused.

    Errors have the code `unknown_field` or `wrong_type` beside DRF's own. Nested shapes do the same at their level.
    """

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            writable = {name: field for name, field in self.fields.items() if not field.read_only}
            for name in data:
                if name not in writable:
                    errors[name] = [ErrorDetail("There is no such field to set.", code="unknown_field")]
                elif wrong := _wrong_type(writable[name], data[name]):
                    errors[name] = wrong
        try:
            value = super().to_internal_value(data)
        except ValidationError as problem:
            if isinstance(problem.detail, dict):
                raise ValidationError({**problem.detail, **errors}) from None
            raise
        if errors:
            raise ValidationError(errors)
        return value


def _wrong_type(field: Any, value: Any) -> Any:
    """Errors in the structure that DRF uses, or nothing. Null is the field's own matter."""
    if value is None:
        return None
    if isinstance(field, serializers.ListField):
        items = enumerate(value) if isinstance(value, list) else ()
        return {index: wrong for index, item in items if (wrong := _wrong_type(field.child, item))}
    if isinstance(field, serializers.DictField):
        members = value.items() if isinstance(value, dict) else ()
        return {name: wrong for name, item in members if (wrong := _wrong_type(field.child, item))}
    for kind, types, wanted in _TYPES:
        if isinstance(field, kind):
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                return [ErrorDetail(f"This must be {wanted}.", code="wrong_type")]
            return None
    return None


class Because(Shape):
    """A reason in a person's words: what most acts that take something away ask for."""

    reason = serializers.CharField(max_length=500)


class Flag(serializers.ChoiceField):
    """Yes or no in a query string, where everything is text: `true` or `false`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=["true", "false"], **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data) == "true"
