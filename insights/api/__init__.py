"""Readings over HTTP."""

from insights.api.records import DeadJobs, Events
from insights.api.replays import Replays
from insights.api.report import ReportLinks, Reports

routes = [
    ("incidents/<uuid:incident>/report", Reports, "incident-report"),
    ("incidents/<uuid:incident>/report-link", ReportLinks, "incident-report-link"),
    ("post-mortems/<uuid:post_mortem>/replay", Replays, "post-mortem-replay"),
    ("events", Events, "event"),
    ("dead-jobs", DeadJobs, "dead-job"),
]

__all__ = ["routes"]
