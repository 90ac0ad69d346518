"""A request body says what its shape names, in the types its shape names, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from core.http.problems import flat_errors
from core.http.shapes import Shape


class Contact(Shape):
    name = serializers.CharField(max_length=10)
    phone = serializers.CharField(required=False, allow_null=True)


class Plan(Shape):
    title = serializers.CharField()
    severity = serializers.IntegerField(min_value=1, max_value=4, required=False)
    drill = serializers.BooleanField(required=False)
    due = serializers.DateTimeField(required=False)
    brand = serializers.UUIDField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    facts = serializers.DictField(child=serializers.IntegerField(), required=False)
    contacts = Contact(many=True, required=False)
    lead = Contact(required=False)
    version = serializers.IntegerField(read_only=True)


def errors(data: Any) -> list[tuple[str, str]]:
    shape = Plan(data=data)
    assert not shape.is_valid()
    return [(error["field"], error["code"]) for error in flat_errors(shape.errors)]


def test_what_fits_passes() -> None:
    shape = Plan(data={"title": "Recall", "severity": 2, "contacts": [{"name": "Ana", "phone": None}], "tags": ["a"]})
    assert shape.is_valid(), shape.errors


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"title": "a", "colour": "red"}, [("colour", "unknown_field")]),
        ({"title": "a", "version": 7}, [("version", "unknown_field")]),
        ({"colour": "red"}, [("title", "required"), ("colour", "unknown_field")]),
        ({"title": "a", "lead": {"name": "b", "x": 1}}, [("lead.x", "unknown_field")]),
        ({"title": "a", "contacts": [{"name": "b"}, {"name": "c", "x": 1}]}, [("contacts.1.x", "unknown_field")]),
        ({"title": 5}, [("title", "wrong_type")]),
        ({"title": "a", "severity": "2"}, [("severity", "wrong_type")]),
        ({"title": "a", "severity": True}, [("severity", "wrong_type")]),
        ({"title": "a", "drill": "yes"}, [("drill", "wrong_type")]),
        ({"title": "a", "brand": 7}, [("brand", "wrong_type")]),
        ({"title": "a", "due": 7}, [("due", "wrong_type")]),
        ({"title": "a", "tags": ["a", 5]}, [("tags.1", "wrong_type")]),
        ({"title": "a", "facts": {"n": "5"}}, [("facts.n", "wrong_type")]),
        ({"title": "a", "tags": "a"}, [("tags", "not_a_list")]),
        ({"title": None}, [("title", "null")]),
        ({"title": "a", "severity": 9}, [("severity", "max_value")]),
        (["title"], [("", "invalid")]),
    ],
)
def test_what_does_not_fit_is_named_by_path_and_code(data: Any, expected: list[tuple[str, str]]) -> None:
    assert errors(data) == expected
