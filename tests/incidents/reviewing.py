"""How people write and rate in tests."""

from __future__ import annotations

from typing import Any

from incidents.models import PostMortem
from tests.cast import Answer, Person


def section(person: Person, review: PostMortem, name: str) -> str:
    """The path of a part of a review, as a person finds it."""
    rows = person.get(f"review-sections?post_mortem={review.pk}").body["items"]
    return next(f"review-sections/{row['id']}" for row in rows if row["name"] == name)


def write(person: Person, path: str, text: str) -> Answer:
    answer = person.patch(path, {"text": text}, If_Match=person.get(path).etag)
    assert answer.status == 200, answer.body
    return answer


def hand_in(person: Person, path: str) -> Answer:
    return seen(person, path, "hand-in")


def seen(person: Person, path: str, verb: str, body: Any = None) -> Answer:
    """Do something to a thing as one has just seen it."""
    return person.post(f"{path}/{verb}", body, If_Match=person.get(path).etag)


def rate(person: Person, review: PostMortem, words: str = "", **scores: int) -> Answer:
    (row,) = person.get(f"review-ratings?post_mortem={review.pk}").body["items"]
    path = f"review-ratings/{row['id']}"
    return person.patch(path, {"scores": scores, "words": words}, If_Match=person.get(path).etag)


def release_review(person: Person, review: PostMortem) -> Answer:
    answer = seen(person, f"post-mortems/{review.pk}", "release")
    assert answer.status == 200, answer.body
    return answer
