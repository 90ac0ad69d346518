"""Who is on call, how people are reached, how a page climbs, and what was sent to whom."""

from alerting.models.alarms import Alarm
from alerting.models.contacts import Channel, ContactMethod, PersonalRules, Transport
from alerting.models.pages import HandOver, Notification, Page, PageCause
from alerting.models.policies import EscalationPolicy
from alerting.models.rotas import Absence, CalendarFeed, ImportedShift, Rota, RotaOverride, Rotation, ShiftSwap
from alerting.models.silences import Silence

__all__ = [
    "Absence",
    "Alarm",
    "CalendarFeed",
    "Channel",
    "ContactMethod",
    "EscalationPolicy",
    "HandOver",
    "ImportedShift",
    "Notification",
    "Page",
    "PageCause",
    "PersonalRules",
    "Rota",
    "RotaOverride",
    "Rotation",
    "ShiftSwap",
    "Silence",
    "Transport",
]
