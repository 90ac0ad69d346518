"""Doors for machines: have the detector look at a brand."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from core.actor import Actor
from jobs.actions import later
from jobs.handlers import Run, job
from jobs.rounds import in_rounds
from listening.actions import detect_signals, relearn_normal
from listening.actions.backtest import calibrate_brand, calibrate_brands, run_backtest
from listening.actions.erase import continue_erasure
from listening.actions.index import index_words
from listening.actions.look import look_at_quiet_brands
from listening.actions.mood import learn_lexicon
from listening.actions.read_again import read_again
from listening.actions.retention import purge_mentions, tend_partitions
from listening.actions.review import escalate_signal
from listening.sources import jobs as source_jobs

__all__ = [
    "backtest",
    "calibrate_all",
    "calibrate_one",
    "detect",
    "erase",
    "index_words_of_agency",
    "learn_lexicon_of_brand",
    "look_at_the_quiet",
    "purge_more",
    "purge_of_agency",
    "read_contested_again",
    "relearn",
    "review_due",
    "source_jobs",
    "tend_partitions_of_all",
]

DETECTOR = Actor.rule("detector")
LEXICON = Actor.rule("lexicon")
ERASER = Actor.rule("eraser")
SECOND_TIER = Actor.rule("second_tier")


@job("listening.detect", queue="listen", semantics="at_least_once", max_attempts=8, lease=60)
def detect(run: Run) -> None:
    detect_signals(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@job("listening.relearn", queue="listen", semantics="at_least_once", max_attempts=8, lease=120)
def relearn(run: Run) -> None:
    relearn_normal(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@in_rounds("listening.look_round", every=timedelta(minutes=10), queue="listen", lease=120)
def look_at_the_quiet(run: Run) -> None:
    """Mentions make the detector look; that they stay away must be seen as well."""
    look_at_quiet_brands(at=run.at)


@job("listening.review_due", queue="alerts", semantics="at_least_once", max_attempts=8, lease=60)
def review_due(run: Run) -> None:
    escalate_signal(signal_id=UUID(run.args["signal_id"]), by=DETECTOR, at=run.at)


@job("listening.backtest", queue="bulk", semantics="at_least_once", max_attempts=3, lease=300)
def backtest(run: Run) -> None:
    run_backtest(backtest_id=UUID(run.args["backtest_id"]), at=run.at)


@in_rounds("listening.calibrate", every=timedelta(days=1), queue="bulk", lease=600)
def calibrate_all(run: Run) -> None:
    calibrate_brands(at=run.at)


@job("listening.calibrate_brand", queue="bulk", semantics="at_least_once", max_attempts=3, lease=300)
def calibrate_one(run: Run) -> None:
    calibrate_brand(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@job("listening.learn_lexicon", queue="bulk", semantics="at_least_once", max_attempts=5, lease=300)
def learn_lexicon_of_brand(run: Run) -> None:
    learn_lexicon(brand_id=UUID(run.args["brand_id"]), by=LEXICON, at=run.at)


@job("listening.read_again", queue="bulk", semantics="at_least_once", max_attempts=3, lease=300)
def read_contested_again(run: Run) -> None:
    read_again(brand_id=UUID(run.args["brand_id"]), by=SECOND_TIER, at=run.at)


@in_rounds("listening.index_words", every=timedelta(minutes=2), queue="bulk", lease=300)
def index_words_of_agency(run: Run) -> None:
    index_words(at=run.at)


@job("listening.erase", queue="bulk", semantics="at_least_once", max_attempts=10, lease=300)
def erase(run: Run) -> None:
    continue_erasure(erasure_id=UUID(run.args["erasure_id"]), by=ERASER, at=run.at)


@in_rounds("listening.purge", every=timedelta(days=1), queue="bulk", lease=600)
def purge_of_agency(run: Run) -> None:
    _purge(run)
    later("listening.tend_partitions", key="all", agency_id=None, at=run.at)


@job("listening.purge_more", queue="bulk", semantics="at_least_once", max_attempts=8, lease=600)
def purge_more(run: Run) -> None:
    _purge(run)


def _purge(run: Run) -> None:
    if purge_mentions(at=run.at):
        later("listening.purge_more", key=str(run.agency_id), agency_id=run.agency_id, at=run.at)


@job("listening.tend_partitions", queue="bulk", semantics="at_least_once", max_attempts=8, lease=120)
def tend_partitions_of_all(run: Run) -> None:
    tend_partitions(at=run.at)
