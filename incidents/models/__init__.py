"""Tables of the crisis itself: the incident and its work, the statements, and what was learned."""

from incidents.models.files import IncidentFile, StatementMedium
from incidents.models.incident import Clock, Duty, DutyOffer, Incident, IncidentLink, Note, ReferenceCounter, Task
from incidents.models.postmortem import Improvement, PostMortem, ReviewParticipant, ReviewSection
from incidents.models.statement import Delivery, Statement, StatementVersion

__all__ = [
    "Clock",
    "Delivery",
    "Duty",
    "DutyOffer",
    "Improvement",
    "Incident",
    "IncidentFile",
    "IncidentLink",
    "Note",
    "PostMortem",
    "ReferenceCounter",
    "ReviewParticipant",
    "ReviewSection",
    "Statement",
    "StatementMedium",
    "StatementVersion",
    "Task",
]
