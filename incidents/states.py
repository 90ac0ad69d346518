"""Stages of incidents, statements, tasks and post-mortems, and the moves between them."""

from django.db.models import TextChoices

from core.lifecycle import Lifecycle


class Stage(TextChoices):
    """Where an incident stands."""

    ASSESSING = "ASSESSING", "Assessing"
    ACTIVE = "ACTIVE", "Active"
    CONTAINED = "CONTAINED", "Contained"
    RESOLVED = "RESOLVED", "Resolved"
    UNDER_REVIEW = "UNDER_REVIEW", "Under review"
    CLOSED = "CLOSED", "Closed"
    STOOD_DOWN = "STOOD_DOWN", "Stood down"
    MERGED = "MERGED", "Merged into another"


GRAVE = 2  # up to this severity, whoever decides has proved shortly before who they are
INCIDENT_LIFECYCLE = Lifecycle(
    activate=({Stage.ASSESSING}, Stage.ACTIVE),
    stand_down=({Stage.ASSESSING}, Stage.STOOD_DOWN),
    contain=({Stage.ACTIVE}, Stage.CONTAINED),
    resolve=({Stage.CONTAINED}, Stage.RESOLVED),
    reopen=({Stage.CONTAINED, Stage.RESOLVED, Stage.UNDER_REVIEW}, Stage.ACTIVE),
    put_under_review=({Stage.RESOLVED}, Stage.UNDER_REVIEW),
    close=({Stage.UNDER_REVIEW}, Stage.CLOSED),
    merge=({Stage.ASSESSING, Stage.ACTIVE, Stage.CONTAINED}, Stage.MERGED),
)

# While an incident stands here, people work on it: duties, tasks, severity and drafts may change.
OPEN_STAGES = frozenset({Stage.ASSESSING, Stage.ACTIVE, Stage.CONTAINED})
# While an incident stands here, words go out to the public.
RUNNING_STAGES = frozenset({Stage.ACTIVE, Stage.CONTAINED})


class Urgency(TextChoices):
    """How soon it must be worked on, however bad it is."""

    HIGH = "high", "High"
    LOW = "low", "Low"


class OfferStage(TextChoices):
    OFFERED = "OFFERED", "Offered"
    ACCEPTED = "ACCEPTED", "Accepted"
    DECLINED = "DECLINED", "Declined"
    LAPSED = "LAPSED", "Lapsed"


OFFER_LIFECYCLE = Lifecycle(
    accept=({OfferStage.OFFERED}, OfferStage.ACCEPTED),
    decline=({OfferStage.OFFERED}, OfferStage.DECLINED),
    lapse=({OfferStage.OFFERED}, OfferStage.LAPSED),
)


class LinkKind(TextChoices):
    SIGNAL = "signal", "Signal"
    INCIDENT = "incident", "Incident"
    MENTION = "mention", "Mention"
    POST = "post", "Post"
    URL = "url", "Address"


class Relation(TextChoices):
    RELATED = "related", "Related"
    CAUSED_BY = "caused_by", "Caused by"
    DUPLICATE = "duplicate", "Duplicate of"
    FOLLOWS = "follows", "Follows"


class StandDownReason(TextChoices):
    FALSE_ALARM = "false_alarm", "False alarm"
    INDIVIDUAL_CARE = "individual_care", "Handled person by person"
    OTHER = "other", "Other"


class TaskStage(TextChoices):
    OPEN = "OPEN", "Open"
    DONE = "DONE", "Done"
    SKIPPED = "SKIPPED", "Skipped"


TASK_LIFECYCLE = Lifecycle(
    complete=({TaskStage.OPEN}, TaskStage.DONE),
    skip=({TaskStage.OPEN}, TaskStage.SKIPPED),
)


class ClockKind(TextChoices):
    ACKNOWLEDGE = "acknowledge", "Somebody has taken it"
    FIRST_WORDS = "first_words", "First public words"
    UPDATE = "update", "Next update"
    INTERNAL_UPDATE = "internal_update", "Next internal update"


class NoteKind(TextChoices):
    NOTE = "note", "Note"
    DECISION = "decision", "Decision"


class StatementStage(TextChoices):
    """Where a statement stands; the stage is that of its newest version."""

    DRAFT = "DRAFT", "Draft"
    IN_APPROVAL = "IN_APPROVAL", "In approval"
    APPROVED = "APPROVED", "Approved"
    RELEASED = "RELEASED", "Released"
    PUBLISHED = "PUBLISHED", "Published"
    WITHDRAWN = "WITHDRAWN", "Withdrawn"


STATEMENT_LIFECYCLE = Lifecycle(
    revise=({StatementStage.DRAFT, StatementStage.IN_APPROVAL, StatementStage.APPROVED}, StatementStage.DRAFT),
    submit=({StatementStage.DRAFT}, StatementStage.IN_APPROVAL),
    approve=({StatementStage.IN_APPROVAL}, StatementStage.APPROVED),
    send_back=({StatementStage.IN_APPROVAL, StatementStage.APPROVED}, StatementStage.DRAFT),
    release=({StatementStage.APPROVED}, StatementStage.RELEASED),
    publish=({StatementStage.RELEASED}, StatementStage.PUBLISHED),
    withdraw=(
        {StatementStage.DRAFT, StatementStage.IN_APPROVAL, StatementStage.APPROVED, StatementStage.RELEASED},
        StatementStage.WITHDRAWN,
    ),
)

# A crisis does not end while words are on their way: asked for, agreed, or released and not yet out.
UNSENT_STAGES = frozenset({StatementStage.IN_APPROVAL, StatementStage.APPROVED, StatementStage.RELEASED})


# Words that are said, or will not be.
SAID_STAGES = frozenset({StatementStage.RELEASED, StatementStage.PUBLISHED, StatementStage.WITHDRAWN})


class StatementKind(TextChoices):
    STATEMENT = "statement", "Statement"
    HOLDING = "holding", "Holding statement"


class PostMortemStage(TextChoices):
    DRAFT = "DRAFT", "Draft"
    RELEASED = "RELEASED", "Released"


POSTMORTEM_LIFECYCLE = Lifecycle(
    release=({PostMortemStage.DRAFT}, PostMortemStage.RELEASED),
    reopen=({PostMortemStage.RELEASED}, PostMortemStage.DRAFT),
)


class Side(TextChoices):
    """Whose a part of a review is."""

    AGENCY = "agency", "The agency's"
    CLIENT = "client", "The client's"


class SectionStage(TextChoices):
    """Where a part of a review stands; what stands in it is a draft until it is handed in."""

    ASKED = "ASKED", "Asked for"
    WRITTEN = "WRITTEN", "Handed in"
    NONE_TO_SAY = "NONE_TO_SAY", "Nothing to say"


SECTION_LIFECYCLE = Lifecycle(
    hand_in=({SectionStage.ASKED}, SectionStage.WRITTEN),
    say_none=({SectionStage.ASKED}, SectionStage.NONE_TO_SAY),
    take_back=({SectionStage.WRITTEN, SectionStage.NONE_TO_SAY}, SectionStage.ASKED),
)


class ImprovementKind(TextChoices):
    """What a proposed change changes."""

    PLAN = "plan", "The crisis plan"
    THRESHOLD = "threshold", "How the brand is watched"
    POLICY = "policy", "A social media policy"
    ROLE = "role", "Who does what"
    MESSAGE = "message", "The message library"
    HABIT = "habit", "What people do"


class ImprovementStage(TextChoices):
    PROPOSED = "PROPOSED", "Proposed"
    ACCEPTED = "ACCEPTED", "Accepted"
    DECLINED = "DECLINED", "Declined"
    DONE = "DONE", "Done"


IMPROVEMENT_LIFECYCLE = Lifecycle(
    accept=({ImprovementStage.PROPOSED}, ImprovementStage.ACCEPTED),
    decline=({ImprovementStage.PROPOSED}, ImprovementStage.DECLINED),
    finish=({ImprovementStage.ACCEPTED}, ImprovementStage.DONE),
    give_back=({ImprovementStage.ACCEPTED}, ImprovementStage.PROPOSED),
)
