"""Doors for machines: have the detector look at a brand."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from core.actor import Actor
from jobs.handlers import Run, job
from jobs.rounds import in_rounds
from listening.actions import detect_signals, relearn_normal
from listening.actions.index import index_words
from listening.actions.mood import learn_lexicon
from listening.actions.read_again import read_again
from listening.sources import jobs as source_jobs

__all__ = [
    "detect",
    "index_words_of_agency",
    "learn_lexicon_of_brand",
    "read_contested_again",
    "relearn",
    "source_jobs",
]

DETECTOR = Actor.rule("detector")
LEXICON = Actor.rule("lexicon")
SECOND_TIER = Actor.rule("second_tier")


@job("listening.detect", queue="listen", semantics="at_least_once", max_attempts=8, lease=60)
def detect(run: Run) -> None:
    detect_signals(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@job("listening.relearn", queue="listen", semantics="at_least_once", max_attempts=8, lease=120)
def relearn(run: Run) -> None:
    relearn_normal(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@job("listening.learn_lexicon", queue="bulk", semantics="at_least_once", max_attempts=5, lease=300)
def learn_lexicon_of_brand(run: Run) -> None:
    learn_lexicon(brand_id=UUID(run.args["brand_id"]), by=LEXICON, at=run.at)


@job("listening.read_again", queue="bulk", semantics="at_least_once", max_attempts=3, lease=300)
def read_contested_again(run: Run) -> None:
    read_again(brand_id=UUID(run.args["brand_id"]), by=SECOND_TIER, at=run.at)


@in_rounds("listening.index_words", every=timedelta(minutes=2), queue="bulk", lease=300)
def index_words_of_agency(run: Run) -> None:
    index_words(at=run.at)
