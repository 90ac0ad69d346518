"""How passwords are hashed: Argon2id with OWASP's first choice of costs, and no guess when the machine is exhausted."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """46 MiB, one pass, one lane. Django's own costs take 100 MB and eight threads for every sign-in."""

    time_cost = 1
    memory_cost = 46 * 1024
    parallelism = 1

    def verify(self, password: str, encoded: str) -> bool:
        """Whether the password is right; raises when memory runs out, which Django would call a wrong password."""
        _, rest = encoded.split("$", 1)
        try:
            return PasswordHasher().verify("$" + rest, password)
        except VerifyMismatchError:
            return False
