"""Looks for anything that should have moved and has not. Its own process, its own SQL, no Celery.

It repairs only what is safe (a job that was lost is written again) and alarms on everything: in the ledger of the
agency, and by mail to the operator, or by webhook where no mail goes out. Then it beats to somebody outside, unless
there is something that it could not tell anybody, or could not see; so silence alarms too.
"""

from alerting.auditor.checks import CHECKS
from alerting.auditor.looking import Finding, look
from alerting.auditor.rounds import Auditor, Round

__all__ = ["CHECKS", "Auditor", "Finding", "Round", "look"]
