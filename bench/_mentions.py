"""Delivers 1 500 mentions in each second to a web server until it is ended. Loads; measures nothing.

Run by `bench.alerting` as `python -m bench._mentions URL`, with the API key in MENTIONS_KEY. One line for each second
in which it went on: how many mentions have been delivered so far.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

import httpx

from crisisapi.story.mentions import normal_days

A_SECOND = 1_500
BATCHES_A_SECOND = 3
PER_DAY = 30_000


def main(url: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ['MENTIONS_KEY']}", "Content-Type": "application/x-ndjson"}
    size, delivered, seed = A_SECOND // BATCHES_A_SECOND, 0, 4
    with httpx.Client(timeout=60, headers=headers) as client:
        began = told = time.monotonic()
        while True:
            seed += 1
            mentions = normal_days(seed, f"Aurora{seed}", datetime.now(UTC) - timedelta(days=20), 19, PER_DAY)
            while batch := list(islice(mentions, size)):
                body = "\n".join(json.dumps(said, ensure_ascii=False) for said in batch).encode()
                time.sleep(max(0.0, began + delivered / A_SECOND - time.monotonic()))
                client.post(url, content=body).raise_for_status()
                delivered += len(batch)
                if time.monotonic() - told >= 1:
                    told = time.monotonic()
                    sys.stdout.write(f"{delivered}\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
