"""Processes of their own on this test's database, so that they can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

from django.db import connection

from jobs.models import Job

ROOT = Path(__file__).resolve().parents[2]
ATTEMPT = """
import django, sys
django.setup()
from uuid import UUID
from django.utils import timezone
from jobs.actions import run_job
run_job(job_id=UUID(sys.argv[1]), handler_name=sys.argv[2], at=timezone.now())
"""


def on_this_database(**more: str) -> dict[str, str]:
    """The environment of a process that works where this test works."""
    database = connection.settings_dict
    options = {"host": database["HOST"], **{k: v for k, v in database["OPTIONS"].items() if isinstance(v, str)}}
    url = f"postgresql://{database['USER']}:{database['PASSWORD']}@:{database['PORT']}/{database['NAME']}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "crisisapi.settings",
        "DATABASE_URL": f"{url}?{urlencode(options)}",
        "EMAIL_HOST": "127.0.0.1",
        **more,
    }


def attempt_in_a_process(job: Job, **environment: str) -> subprocess.CompletedProcess[str]:
    """Make one attempt at a job."""
    return subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", ATTEMPT, str(job.pk), job.handler],
        cwd=ROOT,
        env=on_this_database(**environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
