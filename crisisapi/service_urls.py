"""From two URLs to what Django, redis-py and Celery each want to be told.

`DATABASE_URL`: `postgresql://user:password@host:5432/name?option=value`; for a unix socket the host is empty and
`?host=/directory` names it. `REDIS_URL`: `redis://:password@host:6379/0`, `rediss://…`, or `unix://:password@/path?db=0`.
When a variable is unset, the running system's note `var/run.json` answers, so that a second terminal finds it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent


def service_url(name: str) -> str:
    """The URL in the environment, else the running system's, else the usual local one."""
    if url := os.environ.get(name):
        return url
    note = ROOT / "var" / "run.json"
    if note.exists():
        return str(json.loads(note.read_text())[name.lower()])
    return {"DATABASE_URL": "postgresql:///crisisapi", "REDIS_URL": "redis://127.0.0.1:6379/0"}[name]


def django_database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options: dict[str, str] = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or parts.hostname or ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def celery_broker(url: str) -> str:
    """Celery speaks of a unix socket in its own dialect."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query = dict(parse_qsl(parts.query))
    return f"redis+socket://:{parts.password or ''}@{parts.path}?virtual_host={query.get('db', '0')}"
