"""The volume and mood detector: one pure core for live use, back-test and drills.

It reads per-minute counts of one brand in time order and says, bin by bin, how far the brand is from its own normal.
It keeps a small state, never looks ahead, reads no clock and opens nothing, so the same counts always give the same
readings, however they are cut into calls.

How it decides, for each bin (five minutes by default):

1. A normal is expected: a level that forgets with a half-life of ten days, times an effect of the local hour.
2. Over the last 5 minutes, 15 minutes and 6 hours, the count is compared with that normal under a negative binomial
   whose over-dispersion is the brand's own.
3. How rare such a departure is follows from the brand's own past episodes, as a return period in days.
4. A brand that tolerates n false alarms a month hears of what it sees less often than every 30/n days.

Of one account, hardly more than one mention counts in each minute, so that one loud account is no storm.

The mood shift does the same with the share of negative mentions under a beta-binomial normal.
"""

from listening.detector.advance import advance, advance_many, skip
from listening.detector.counts import Buckets, Event
from listening.detector.reading import Finding, MoodReading, Reading, explain, severity_hint
from listening.detector.settings import Settings
from listening.detector.state import STATE_VERSION, State, new_state, state_from_dict, state_to_dict

__all__ = [
    "STATE_VERSION",
    "Buckets",
    "Event",
    "Finding",
    "MoodReading",
    "Reading",
    "Settings",
    "State",
    "advance",
    "advance_many",
    "explain",
    "new_state",
    "severity_hint",
    "skip",
    "state_from_dict",
    "state_to_dict",
]
