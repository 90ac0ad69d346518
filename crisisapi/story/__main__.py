"""The crisis day: a client of the public API, like any other, plays an agency's worst day from beginning to end.

`python -m crisisapi.story --base-url http://127.0.0.1:8000`; `bin/run` starts it by itself.
"""

from __future__ import annotations

import argparse
import os
import sys

from crisisapi.story import calm, peace, storm, words
from crisisapi.story.scene import AGENCY, PASSWORD, Scene
from crisisapi.story.stage import HookReceiver, MailServer
from crisisapi.story.telling import Teller


def play(scene: Scene) -> None:
    peace.tell(scene)
    storm.tell(scene)
    words.tell(scene)
    calm.tell(scene)


def summary(scene: Scene) -> list[tuple[str, str]]:
    base = scene.base_url
    return [
        ("Story", f"{scene.teller.elapsed:.0f} s from the first invitation to the report"),
        ("API docs", f"{base}/docs/"),
        ("Incident", f"{base}/v1/agencies/{AGENCY}/incidents/{scene.incident['id']}"),
        ("Report", f"{scene.report_url}  (var/report.html when the link has expired)"),
        ("Sign in", f"POST {base}/_allauth/app/v1/auth/login, then X-Session-Token"),
        ("People", ", ".join(f"{one.email} ({one.role})" for one in scene.cast.values() if one.stays)),
        ("Password", PASSWORD),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m crisisapi.story", description=__doc__)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--speed", type=float, default=120.0, help="how many times faster than life the storm runs")
    parser.add_argument("--seed", type=int, default=20_261)
    options = parser.parse_args()
    with MailServer(int(os.environ.get("EMAIL_PORT", "2525"))) as mail, HookReceiver() as hook:
        scene = Scene(options.base_url, options.speed, options.seed, Teller(), mail, hook)
        play(scene)
        scene.teller.finish(summary(scene), "The crisis day is over")
    return 0


if __name__ == "__main__":
    sys.exit(main())
