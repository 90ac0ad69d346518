"""Doors for machines: have the detector look at a brand."""

from __future__ import annotations

from uuid import UUID

from core.actor import Actor
from jobs.handlers import Run, job
from listening.actions import detect_signals, relearn_normal

DETECTOR = Actor.rule("detector")


@job("listening.detect", queue="listen", semantics="at_least_once", max_attempts=8, lease=60)
def detect(run: Run) -> None:
    detect_signals(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)


@job("listening.relearn", queue="listen", semantics="at_least_once", max_attempts=8, lease=120)
def relearn(run: Run) -> None:
    relearn_normal(brand_id=UUID(run.args["brand_id"]), by=DETECTOR, at=run.at)
