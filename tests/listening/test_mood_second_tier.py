"""The second tier: a real, tiny model in ONNX format reads contested mentions again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings
from tokenizers import Tokenizer, models, pre_tokenizers

from core.actor import Actor
from core.wall import inside
from jobs.models import Job
from listening.actions.mood import correct_mood
from listening.actions.read_again import read_again, wish_second_reading
from listening.models import Bucket, Mention, Source
from listening.mood.onnx import SecondTierUnusable, Transformer
from tests.cast import Person, events_of, walled
from tests.listening.mentions import deliver, mention, mentions_of

RULE = Actor.rule("second_tier")
WORDS = ["[UNK]", "awful", "meh", "lovely"]
# One row for each word: the log odds of negative, neutral, positive.
# Words that it does not know, and what fills up shorter texts, mean nothing.
MEANINGS = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 4]], np.float32)


# -- a model by hand: protocol buffers are numbered fields ---------------------------------------------------------


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def value_info(name: str, kind: int, dimensions: Sequence[str | int]) -> bytes:
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dimensions)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def node(operator: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    told = b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operator)
    return told + b"".join(field(5, one) for one in attributes)


def tiny_model(meanings: np.ndarray) -> bytes:
    """Looks up each token's row, and sums over the text."""
    rows = b"".join(field(1, d) for d in meanings.shape) + field(2, 1) + field(8, "meanings")
    rows += field(9, meanings.tobytes())
    keep = field(1, "keepdims") + field(3, 0) + field(20, 2)
    graph = (
        field(1, node("Gather", ["meanings", "input_ids"], "found"))
        + field(1, node("ReduceSum", ["found", "axes"], "logits", keep))
        + field(2, "tiny")
        + field(5, rows)
        + field(5, field(1, 1) + field(2, 7) + field(8, "axes") + field(9, np.array([1], np.int64).tobytes()))
        + field(11, value_info("input_ids", 7, ["texts", "tokens"]))
        + field(12, value_info("logits", 1, ["texts", meanings.shape[1]]))
    )
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + field(7, graph)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(tiny_model(MEANINGS))
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.fixture
def second_tier(folder: Path, settings: LazySettings) -> str:
    settings.MOOD_SCORER = "linear"
    settings.MOOD_SECOND_TIER = str(folder)
    return f"onnx/{Transformer(folder).version}"


def test_a_model_in_a_folder_reads_moods(folder: Path) -> None:
    moods = Transformer(folder).score(
        ["awful awful", "meh", "this is lovely", "meh meh"], languages=["en", "de", None, None]
    )
    assert [mood.label for mood in moods] == ["negative", "neutral", "positive", "neutral"]
    assert [mood.language for mood in moods] == ["en", "de", "en", "und"]
    for mood in moods:
        assert mood.negative + mood.neutral + mood.positive == pytest.approx(1.0)


def test_a_text_reads_alike_alone_and_among_others(folder: Path) -> None:
    tier = Transformer(folder)
    texts = ["awful", "lovely", "meh meh"] * 30
    assert tier.score(texts) == [tier.score([text])[0] for text in texts]


def test_the_order_of_the_classes_is_the_models_own(folder: Path) -> None:
    order = {"0": "positive", "1": "neutral", "2": "negative"}
    (folder / "config.json").write_text(json.dumps({"id2label": order}))
    assert [mood.label for mood in Transformer(folder).score(["awful", "lovely"])] == ["positive", "negative"]


def test_the_version_follows_the_model(folder: Path) -> None:
    before = Transformer(folder).version
    (folder / "model.onnx").write_bytes(tiny_model(MEANINGS * 2))
    assert Transformer(folder).version != before


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(SecondTierUnusable, match=missing):
        Transformer(folder)


def test_a_file_that_is_no_model_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(SecondTierUnusable, match="cannot be loaded"):
        Transformer(folder)


def test_a_model_of_two_classes_is_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(tiny_model(np.ascontiguousarray(MEANINGS[:, :2])))
    with pytest.raises(SecondTierUnusable, match="instead of three"):
        Transformer(folder).score(["awful"])


# -- in the background ----------------------------------------------------------------------------------------------


@pytest.fixture
def contested(ana: Person, source: Source, now: datetime) -> list[Mention]:
    """Three mentions whose first two moods are made to be close, and one that is certain."""
    said = [
        mention(n, text=text, posted_at=(now - timedelta(minutes=9)).isoformat())
        for n, text in enumerate(["awful", "lovely", "meh", "lovely indeed"])
    ]
    assert deliver(ana, source, said).status == 200
    with inside(source.agency_id):
        some = Mention.objects.filter(source_id=source.pk, external_id__in=["m-0", "m-1", "m-2"])
        some.update(mood="neutral", mood_negative=0.3, mood_neutral=0.4, mood_positive=0.3)
        certain = Mention.objects.filter(source_id=source.pk, external_id="m-3")
        certain.update(mood="negative", mood_negative=0.9, mood_neutral=0.1, mood_positive=0.0)
        Bucket.objects.filter(source_id=source.pk).update(negative=1)
    return mentions_of(source)


def again(source: Source, at: datetime) -> int:
    with walled(source.agency):
        return read_again(brand_id=source.brand_id, by=RULE, at=at)


def negative_in(source: Source) -> int:
    with inside(source.agency_id):
        return sum(Bucket.objects.filter(source_id=source.pk).values_list("negative", flat=True))


@pytest.mark.django_db
def test_contested_mentions_are_read_again_and_counted(
    source: Source, contested: list[Mention], second_tier: str, now: datetime
) -> None:
    assert again(source, now) == 2
    stored = mentions_of(source)
    assert [(one.mood, one.scorer == second_tier) for one in stored] == [
        ("negative", True), ("positive", True), ("neutral", True), ("negative", False),
    ]  # fmt: skip
    assert negative_in(source) == 2
    with inside(source.agency_id):
        brand = source.brand
        assert Job.objects.filter(handler="listening.detect", key=str(source.brand_id)).exists()
    facts: dict[str, Any] = {"mentions": 3, "changed": 2, "scorer": second_tier}
    assert events_of(brand)[-1] == ("mood.read_again", str(RULE), facts)
    assert again(source, now) == 0, "what was read again is not read a third time"
    assert negative_in(source) == 2


@pytest.mark.django_db
def test_what_a_person_said_and_what_is_old_stays(
    source: Source, contested: list[Mention], second_tier: str, now: datetime
) -> None:
    with walled(source.agency):
        correct_mood(mention_id=contested[0].pk, label="positive", by=RULE, at=now)
    assert again(source, now + timedelta(hours=2)) == 0
    again(source, now)
    assert [one.scorer == second_tier for one in mentions_of(source)] == [False, True, True, False]
    assert mentions_of(source)[0].mood == "positive"


@pytest.mark.django_db
def test_without_a_second_tier_nothing_is_read_again(
    source: Source, contested: list[Mention], settings: LazySettings, now: datetime
) -> None:
    settings.MOOD_SECOND_TIER = ""
    assert again(source, now) == 0
    with walled(source.agency):
        assert wish_second_reading(source.brand_id, at=now) == []
        settings.MOOD_SECOND_TIER = "/a/folder"
        [wish] = wish_second_reading(source.brand_id, at=now)
    assert (wish.handler, wish.key) == ("listening.read_again", str(source.brand_id))
