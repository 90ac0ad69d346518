"""A small server that keeps posts and speaks the few calls of Mastodon's API that sources make of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.listening.sources.host import Host, Said, Seen

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


class Mastodon:
    """Posts are numbered upwards from 1 001; pages hold at most `page`. `token` is demanded for a search."""

    def __init__(self, host: Host, *, page: int = 40) -> None:
        self.host, self.page = host, page
        self.posts: list[dict[str, Any]] = []
        host.answers["/api/v1/timelines/tag/aurora"] = self.tag
        host.answers["/api/v2/search"] = self.search

    def post(self, words: str = "", **said: Any) -> str:
        number = len(self.posts)
        post_id = str(1_001 + number)
        self.posts.append({
            "id": post_id,
            "uri": f"https://social.example/{post_id}",
            "url": f"https://social.example/@p/{post_id}",
            "created_at": (START + timedelta(seconds=number)).isoformat().replace("+00:00", ".000Z"),
            "content": words or f"<p>The table {number} broke <a href='x'>#<span>aurora</span></a></p>",
            "spoiler_text": "",
            "language": "en",
            "in_reply_to_id": None,
            "edited_at": None,
            "account": {"acct": f"p{number}@social.example", "display_name": f"P {number}", "followers_count": number},
            **said,
        })  # fmt: skip
        return post_id

    def tag(self, seen: Seen) -> Said:
        query = seen[1]
        limit = min(int(query.get("limit", 20)), self.page)
        if "min_id" in query:
            later = [post for post in self.posts if int(post["id"]) > int(query["min_id"])]
            found = list(reversed(later[:limit]))
        else:
            found = list(reversed(self.posts))[:limit]
        return Said(json.dumps(found).encode(), headers={"Content-Type": "application/json"})

    def search(self, seen: Seen) -> Said:
        _, query, headers, _ = seen
        if headers.get("authorization") != "Bearer t0ken":
            return Said(b'{"error": "This action requires authentication"}', status=401)
        below = int(query.get("max_id", 10**9))
        found = [post for post in reversed(self.posts) if int(post["id"]) < below]
        limit = min(int(query.get("limit", 20)), self.page)
        return Said(json.dumps({"statuses": found[:limit], "accounts": [], "hashtags": []}).encode())
