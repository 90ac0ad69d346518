"""Hashing: right, wrong, and a machine that cannot tell."""

from __future__ import annotations

import subprocess
import sys

from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from crisisapi.service_urls import ROOT

PHRASE = "a harbour in every storm"


def test_the_right_password_is_right_and_another_is_wrong() -> None:
    encoded = make_password(PHRASE)
    assert encoded.startswith("argon2$argon2id$v=19$m=47104,t=1,p=1$")
    assert (check_password(PHRASE, encoded), check_password("another", encoded)) == (True, False)
    assert not identify_hasher(encoded).must_update(encoded)


def test_want_of_memory_is_not_taken_for_a_wrong_password() -> None:
    encoded = make_password(PHRASE)
    program = (
        "import os, resource, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'crisisapi.settings'\n"
        "django.setup()\n"
        "from django.contrib.auth.hashers import check_password\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 8_000_000, resource.RLIM_INFINITY))\n"
        "check_password(sys.argv[1], sys.argv[2])\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, PHRASE, encoded], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "VerificationError" in done.stderr or "MemoryError" in done.stderr, done.stderr[-500:]
