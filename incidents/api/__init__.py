"""Incidents over HTTP."""

from incidents.api.files import IncidentFiles
from incidents.api.improvements import Improvements
from incidents.api.incidents import Incidents
from incidents.api.links import DutyOffers, IncidentLinks
from incidents.api.postmortems import PostMortems, ReviewRatings, ReviewSections
from incidents.api.restrictions import routes as restrictions
from incidents.api.statements import Statements
from incidents.api.work import Clocks, Duties, Notes, Tasks, Timeline

routes = [
    ("incidents", Incidents, "incident"),
    ("incidents/<uuid:incident>/timeline", Timeline, "incident-timeline"),
    ("incidents/<uuid:incident>/notes", Notes, "incident-note"),
    ("incidents/<uuid:incident>/duties", Duties, "incident-duty"),
    ("incidents/<uuid:incident>/tasks", Tasks, "incident-task"),
    ("incidents/<uuid:incident>/clocks", Clocks, "incident-clock"),
    ("incidents/<uuid:incident>/files", IncidentFiles, "incident-file"),
    ("incidents/<uuid:incident>/links", IncidentLinks, "incident-link"),
    ("duty-offers", DutyOffers, "duty-offer"),
    ("statements", Statements, "statement"),
    ("post-mortems", PostMortems, "post-mortem"),
    ("review-sections", ReviewSections, "review-section"),
    ("review-ratings", ReviewRatings, "review-rating"),
    ("improvements", Improvements, "improvement"),
    *restrictions,
]

__all__ = ["routes"]
