"""The detector: one pure core for live use, back-test and drills.

It reads per-minute counts of brands in time order and says, bin by bin, how far each brand is from its own normal. It
keeps a small state, never looks ahead, reads no clock and opens nothing, so the same counts always give the same
readings, however they are cut into calls. Many brands are judged at once, at little more than the cost of one.

How it decides:

1. A normal is expected: a level that forgets with a half-life of ten days, times effects of the local hour and, after
   some weeks, of the weekday. It is learned when a clock hour ends, from counts clipped so that a storm is not normal.
2. In each bin (a minute in live use) windows of 5 and 15 minutes, 1 and 6 hours that end with it are compared with that
   normal under a negative binomial whose over-dispersion is the brand's own. Only storm-sized departures count.
3. How rare such a departure is follows from the brand's own past episodes, as a return period in days.
4. A brand that tolerates n false alarms a month hears of what it sees less often than every 30/n days, once until it is
   over and a day has passed, or until it has become much rarer.

Of one account, hardly more than one mention counts in each minute, so that one loud account is no storm. The same is
done with the share of negative mentions under a beta-binomial normal, with growth from one quarter of an hour to the
next, with the followers of the loudest author, with mentions of watched terms, and with silence. Where mentions come
from and how alike they are is judged from what the caller counts (`judge_facts`).
"""

from listening.detector.advance import advance, advance_many, skip
from listening.detector.calibrate import Calibration, calibrate
from listening.detector.counts import Buckets, Event
from listening.detector.facts import Facts, Usual, judge_facts, learn_facts, usual_from_dict, usual_to_dict
from listening.detector.forecast import Forecast, forecast
from listening.detector.reading import Finding, MoodReading, Reading, SeverityPart, explain, severity_hint
from listening.detector.replay import Alarm, Peak, Replay, replay
from listening.detector.settings import KINDS, Kind, Settings
from listening.detector.state import (
    STATE_VERSION,
    State,
    UnknownStateVersion,
    new_state,
    state_from_dict,
    state_to_dict,
)

__all__ = [
    "KINDS",
    "STATE_VERSION",
    "Alarm",
    "Buckets",
    "Calibration",
    "Event",
    "Facts",
    "Finding",
    "Forecast",
    "Kind",
    "MoodReading",
    "Peak",
    "Reading",
    "Replay",
    "Settings",
    "SeverityPart",
    "State",
    "UnknownStateVersion",
    "Usual",
    "advance",
    "advance_many",
    "calibrate",
    "explain",
    "forecast",
    "judge_facts",
    "learn_facts",
    "new_state",
    "replay",
    "severity_hint",
    "skip",
    "state_from_dict",
    "state_to_dict",
    "usual_from_dict",
    "usual_to_dict",
]
