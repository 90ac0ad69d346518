"""The shape of a report, for the answer and for the API's description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from incidents.api.postmortems import RatingsView


class _Part(serializers.Serializer[Any]):
    """One part of the report."""


def _word(**options: Any) -> Any:
    return serializers.CharField(allow_null=True, **options)


def _instant(**options: Any) -> Any:
    return serializers.DateTimeField(allow_null=True, **options)


def _number(**options: Any) -> Any:
    return serializers.FloatField(allow_null=True, **options)


class ReportIncident(_Part):
    id = serializers.UUIDField()
    reference = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.CharField()
    severity = serializers.IntegerField()
    priority = serializers.IntegerField()
    urgency = serializers.CharField()
    stage = serializers.CharField()
    agency = serializers.CharField()
    brand = serializers.CharField()
    time_zone = serializers.CharField()
    plan = _word(help_text="The plan that was frozen into the incident.")
    opened_at = _instant()
    activated_at = _instant()
    contained_at = _instant()
    resolved_at = _instant()
    closed_at = _instant()
    stood_down_at = _instant()


class ReportSeverity(_Part):
    """How grave it was said to be, from then on."""

    at = serializers.DateTimeField()
    severity = serializers.IntegerField()
    by = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)


class ReportDecision(_Part):
    at = serializers.DateTimeField()
    text = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    by = serializers.CharField(allow_blank=True)


class ReportNumbers(_Part):
    """Durations are seconds; null where one of the two moments is missing."""

    detect = _number(help_text="From where the storm began to the signal; null where there was none.")
    acknowledge = _number(help_text="From when it was known until somebody had taken it.")
    decide = _number(help_text="Until it was activated, or stood down.")
    pause = _number(help_text="Until nothing scheduled could go out any more.")
    pause_settling = _number(help_text="From the start of the first pause to where nothing could go out any more.")
    first_words = _number(help_text="Until the first post of a statement was public.")
    approve = _number(help_text="From the last granted request to its last voice.")
    contain = _number()
    resolve = _number()
    mentions = serializers.IntegerField()
    negative = serializers.IntegerField()
    peak_at = _instant()
    peak_volume = serializers.IntegerField(allow_null=True)
    peak_expected = _number()
    peak_times = _number(help_text="The peak against what was expected there.")
    worst_share = _number()
    worst_share_at = _instant()
    normal_share = _number()
    recovery_half_life = _number(
        help_text="From the worst mood to where half of its rise above normal was over; null while it is not."
    )
    posts_held = serializers.IntegerField()
    conversations_answered = serializers.IntegerField(
        allow_null=True, help_text="Null where conversations are not counted."
    )


class ReportPoint(_Part):
    at = serializers.DateTimeField()
    volume = serializers.IntegerField()
    negative = serializers.IntegerField()
    reach = serializers.IntegerField()
    authors = serializers.IntegerField()
    expected = _number()
    low = _number()
    high = _number()
    negative_share = _number(help_text="The brand's normal share of negative mentions.")


class ReportSeries(_Part):
    step = serializers.CharField()
    points = ReportPoint(many=True)


class ReportMark(_Part):
    at = serializers.DateTimeField()
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field named label


class ReportEntry(_Part):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    name = serializers.CharField()
    text = serializers.CharField()
    actor = serializers.CharField()
    actor_kind = serializers.CharField()
    note = _word()
    reason = _word(help_text="Why, where the note is a decision.")


class ReportPicture(_Part):
    sha256 = serializers.CharField()
    type = serializers.CharField()
    alt = serializers.CharField()


class ReportText(_Part):
    account = _word()
    network = _word()
    text = serializers.CharField()
    media = ReportPicture(many=True)
    stage = _word(help_text="Of the post that carries it.")
    url = _word()
    published_at = _instant()


class ReportVoice(_Part):
    stage = serializers.CharField()
    person = _word()
    on_behalf_of = _word()
    verdict = serializers.CharField()
    at = serializers.DateTimeField()
    of_these_words = serializers.BooleanField(
        help_text="False: about an earlier version. True also for a voice that was taken over to this one."
    )


class ReportBypass(_Part):
    """Two people who let the words out without the process."""

    people = serializers.ListField(child=serializers.CharField(allow_null=True))
    reasons = serializers.ListField(child=serializers.CharField())
    at = serializers.DateTimeField()
    of_these_words = serializers.BooleanField(help_text="False: about an earlier version.")


class ReportStatement(_Part):
    title = serializers.CharField()
    kind = serializers.CharField()
    stage = serializers.CharField()
    language = serializers.CharField()
    digest = serializers.CharField()
    version = serializers.IntegerField()
    released_at = _instant()
    published_at = _instant()
    texts = ReportText(many=True)
    voices = ReportVoice(many=True)
    bypasses = ReportBypass(many=True)


class ReportClock(_Part):
    kind = serializers.CharField()
    minutes = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    met_at = _instant()
    state = serializers.CharField()


class ReportDuty(_Part):
    duty = serializers.CharField()
    holder = _word()
    deputy = _word()


class ReportTask(_Part):
    title = serializers.CharField()
    duty = serializers.CharField()
    stage = serializers.CharField()
    due_at = _instant()
    finished_at = _instant()


class ReportPause(_Part):
    reason = serializers.CharField()
    scope = serializers.CharField()
    started_at = serializers.DateTimeField()
    started_by = _word(help_text="Null: a rule.")
    effective_at = _instant()
    lifted_at = _instant()
    lift_reason = _word()
    held = serializers.IntegerField(allow_null=True, help_text="Posts that it kept back; null while it stands.")


class ReportLesson(_Part):
    text = serializers.CharField()
    owner = _word()
    due_on = _word()


class ReportReview(_Part):
    stage = serializers.CharField()
    released_at = _instant()
    sections = serializers.DictField(child=serializers.CharField())
    ratings = RatingsView()
    lessons = ReportLesson(many=True)


class ReportView(_Part):
    """The report of an incident."""

    generated_at = serializers.DateTimeField()
    audience = serializers.CharField(help_text="staff or client")
    incident = ReportIncident()
    severity = ReportSeverity(many=True)
    numbers = ReportNumbers()
    series = ReportSeries()
    marks = ReportMark(many=True)
    decisions = ReportDecision(many=True)
    timeline = ReportEntry(many=True)
    timeline_truncated = serializers.BooleanField()
    statements = ReportStatement(many=True)
    clocks = ReportClock(many=True)
    duties = ReportDuty(many=True)
    tasks = ReportTask(many=True)
    pauses = ReportPause(many=True)
    postmortem = ReportReview(allow_null=True)
