"""Mastodon and what speaks its API: posts under a hashtag, and posts that a search finds.

Two GETs do not earn the SDK: it would open connections of its own, guess at versions, and know nothing of our
deadline. The client here is these calls through `core.outbound`.

A hashtag's timeline is read upwards: `min_id` gives what came next after the last one known, page by page, so nothing
is skipped however long we were away. A search only gives the newest first, so it is walked downwards (`walk`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from listening.ingest import Item
from listening.sources.fetching import fetch_json
from listening.sources.markup import text_of
from listening.sources.seam import Asked, Fetched, Garbage, SourceKindOf, instant_of, made_author, made_item
from listening.sources.walk import Page, walk

PAGE: Final = 40
PAGES_A_RUN: Final = 5


def ask_hashtag(asked: Asked) -> Fetched:
    """What was posted under a hashtag since the cursor, oldest first; at the first time the newest page."""
    newest: str = (asked.cursor or {}).get("min_id", "")
    items: list[Item] = []
    for _ in range(PAGES_A_RUN):
        query: dict[str, str | int] = {"limit": PAGE, **({"min_id": newest} if newest else {})}
        address = f"{asked.place['server']}/api/v1/timelines/tag/{quote(asked.place['hashtag'], safe='')}"
        said, _answer = fetch_json(address, query=query, until=asked.until, secrets=bearer(asked.credentials))
        posts = posts_of(said)
        items += [item for post in posts if (item := item_of(post, asked.at)) is not None]
        known = newest
        newest = max([newest, *(post["id"] for post in posts)], key=order)
        # Servers give fewer than were asked for when they like; only an empty page is the end.
        if not known or newest == known:
            return Fetched(items, {"min_id": newest} if newest else None)
    return Fetched(items, {"min_id": newest}, more=True)


def ask_search(asked: Asked) -> Fetched:
    """What a search finds since the cursor. Needs a token: servers search posts for those who have an account."""

    def page(below: str) -> Page:
        query: dict[str, str | int] = {"q": asked.place["q"], "type": "statuses", "resolve": "false", "limit": PAGE}
        if below:
            query["max_id"] = below
        said, _ = fetch_json(
            f"{asked.place['server']}/api/v2/search",
            query=query,
            until=asked.until,
            secrets=bearer(asked.credentials),
        )
        if not isinstance(said, dict):
            raise Garbage("The answer is no search result.")
        posts = posts_of(said.get("statuses"))
        found = [(post["id"], item) for post in posts if (item := item_of(post, asked.at)) is not None]
        lowest = min((post["id"] for post in posts), key=order, default="")
        return Page(found, below=lowest)

    return walk(asked.cursor, page, order=order, pages=PAGES_A_RUN)


def bearer(credentials: Mapping[str, Any]) -> dict[str, str]:
    token = credentials.get("token")
    return {"Authorization": f"Bearer {token}"} if token else {}


def order(post_id: str) -> tuple[int, str]:
    """Ids are numbers or sortable texts; the longer number is the later one, and texts are of one length."""
    return len(post_id), post_id


def posts_of(said: object) -> list[dict[str, Any]]:
    """The posts of an answer; raises Garbage when it is no list of them."""
    if not isinstance(said, list) or not all(isinstance(post, dict) and _is_id(post.get("id")) for post in said):
        raise Garbage("The answer is no list of posts.")
    return said


def item_of(post: Mapping[str, Any], at: datetime) -> Item | None:
    """A post as a mention: what was said by whom, boosts as what they boost. None for one without words.

    It is known by its id on this server, because that is all that a stream says of a post which was deleted.
    """
    boosted = post.get("reblog")
    if isinstance(boosted, Mapping):
        post = boosted
    warning, content = text_of(_text(post.get("spoiler_text"))), text_of(_text(post.get("content")))
    text = f"{warning}\n{content}" if warning and content else warning or content
    if not text or not _is_id(post.get("id")):
        return None
    account = post.get("account")
    writer: Mapping[str, Any] = account if isinstance(account, Mapping) else {}
    reply = _text(post.get("in_reply_to_id"))
    return made_item(
        external_id=post["id"],
        posted_at=instant_of(post.get("created_at")),
        text=text,
        at=at,
        author=made_author(
            handle=writer.get("acct"), name=writer.get("display_name"), followers=writer.get("followers_count")
        ),
        language=post.get("language"),
        url=_text(post.get("url")),
        kind="reply" if reply else "post",
        in_reply_to=reply,
        edited_at=instant_of(post.get("edited_at")),
    )


def items_of(posts: Iterable[Mapping[str, Any]], at: datetime) -> list[Item]:
    return [item for post in posts if (item := item_of(post, at)) is not None]


def _text(said: object) -> str:
    return said if isinstance(said, str) else ""


def _is_id(said: object) -> bool:
    return isinstance(said, str) and 0 < len(said) <= 100  # noqa: PLR2004 - longer than any id


SEARCH: Final = SourceKindOf(
    name="mastodon_search",
    network="mastodon",
    ask=ask_search,
    every_s=120,
)
HASHTAG: Final = SourceKindOf(
    name="mastodon_hashtag",
    network="mastodon",
    ask=ask_hashtag,
    every_s=60,
)
