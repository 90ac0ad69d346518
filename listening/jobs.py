"""Doors for machines: have the detector look at a brand."""

from __future__ import annotations

from uuid import UUID

from core.actor import Actor
from jobs.handlers import Run, job
from listening.actions import detect_signals, relearn_normal
from listening.actions.mood import learn_lexicon
from listening.sources import jobs as source_jobs

__all__ = ["detect", "learn_lexicon_of_brand", "relearn", "source_jobs"]

DETECTOR = Actor.rule("detector")
LEXICON = Actor.rule("lexicon")


@job("listening.detect", queue="listen", semantics="at_least_once", max_attempts=8, lease=60)
def detect(run: Run) -> None:
    detect_signals(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@job("listening.relearn", queue="listen", semantics="at_least_once", max_attempts=8, lease=120)
def relearn(run: Run) -> None:
    relearn_normal(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@job("listening.learn_lexicon", queue="bulk", semantics="at_least_once", max_attempts=5, lease=300)
def learn_lexicon_of_brand(run: Run) -> None:
    learn_lexicon(brand_id=UUID(run.args["brand_id"]), by=LEXICON, at=run.at)
