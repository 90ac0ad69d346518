"""Every write of publishing, by subject."""

from publishing.actions.pauses import PATIENCE_S, Drained, drain_pause, lift_pause, start_pause
from publishing.actions.posts import (
    Imported,
    NewPost,
    cancel_post,
    import_posts,
    release_post,
    reschedule_post,
    rewrite_post,
    schedule_post,
    settle_post,
)
from publishing.actions.takedown import request_takedown

__all__ = [
    "PATIENCE_S",
    "Drained",
    "Imported",
    "NewPost",
    "cancel_post",
    "drain_pause",
    "import_posts",
    "lift_pause",
    "release_post",
    "request_takedown",
    "reschedule_post",
    "rewrite_post",
    "schedule_post",
    "settle_post",
    "start_pause",
]
