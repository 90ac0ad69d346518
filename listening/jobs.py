"""Doors for machines: have the detector look at a brand."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from core.actor import Actor
from core.letters import Desk, Letter, register_letters
from jobs.actions import later
from jobs.handlers import Run, job
from jobs.rounds import in_rounds
from listening.actions import detect_signals, relearn_normal
from listening.actions.backtest import calibrate_brand, calibrate_brands, run_backtest
from listening.actions.contagion import FIND, LETTER, find_contagions
from listening.actions.drills import FEED, feed_drill
from listening.actions.erase import continue_erasure
from listening.actions.index import index_words
from listening.actions.look import look_at_quiet_brands
from listening.actions.mood import learn_lexicon
from listening.actions.read_again import read_again
from listening.actions.retention import purge_mentions, tend_partitions
from listening.actions.review import escalate_signal
from listening.models import Contagion, ContagionStory, ContagionWarning
from listening.queries import sees_contagion
from listening.sources import jobs as source_jobs
from tenants.models import Brand, Seat

__all__ = [
    "backtest",
    "calibrate_all",
    "calibrate_one",
    "detect",
    "erase",
    "feed",
    "find_contagion",
    "index_words_of_agency",
    "learn_lexicon_of_brand",
    "look_at_the_quiet",
    "purge_more",
    "purge_of_agency",
    "read_contested_again",
    "relearn",
    "review_due",
    "source_jobs",
    "tend_contagions",
    "tend_partitions_of_all",
]

DETECTOR = Actor.rule("detector")
LEXICON = Actor.rule("lexicon")
ERASER = Actor.rule("eraser")
RADAR = Actor.rule("contagion radar")
DIRECTOR = Actor.rule("drills")
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


@job(FIND, queue="listen", semantics="at_least_once", max_attempts=8, lease=120)
def find_contagion(run: Run) -> None:
    find_contagions(by=RADAR, at=run.at)


@in_rounds("listening.close_contagions", every=timedelta(hours=1), queue="bulk", lease=120)
def tend_contagions(run: Run) -> None:
    """News makes the radar look; that there is none any more must be seen as well."""
    find_contagions(by=RADAR, at=run.at)


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


@job(FEED, queue="listen", semantics="at_least_once", max_attempts=20, lease=120)
def feed(run: Run) -> None:
    feed_drill(drill_id=UUID(run.args["drill_id"]), minute=run.args["minute"], by=DIRECTOR, at=run.at)


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


def write_contagion_letter(warning_id: UUID, at: datetime) -> Letter | None:
    """None when the contagion is closed by now, or when the person may not see all of it any more."""
    warning: ContagionWarning = ContagionWarning.objects.found(warning_id)
    contagion: Contagion = Contagion.objects.found(warning.contagion_id)
    if contagion.closed_at is not None or not sees_contagion(warning.seat_id, contagion.pk, at=at):
        return None
    seat: Seat = Seat.objects.select_related("user", "agency").get(pk=warning.seat_id)
    parts = ContagionStory.objects.filter(contagion=contagion)
    brands = sorted(Brand.objects.filter(pk__in=parts.values("brand_id")).values_list("name", flat=True))
    text = "\n".join(
        [
            f"The same story is told about {len(brands)} brands of {seat.agency.name}: {', '.join(brands)}.",
            "",
            f"See: {settings.PUBLIC_URL}/v1/agencies/{seat.agency.slug}/contagions/{contagion.pk}",
            "",
            "Only people who may see all of these brands are told.",
        ]
    )
    return Letter(warning.pk, seat.user.email, f"One story, {len(brands)} brands", text, None, seat.pk)


def contagion_letter_posted(_warning_id: UUID) -> None:
    """Nothing is kept of it: the warning is a row of its own."""


register_letters(LETTER, Desk(write=write_contagion_letter, posted=contagion_letter_posted))
