"""Postgres and Valkey as child processes, so that development, tests and the demo need nothing but Python.

`EmbeddedServices` starts them, `run` wraps one command with throwaway ones, `supervisor` is the whole running system.
Nothing here imports Django: the servers must be up before settings are read.
"""

from crisisapi.embedded.refusals import EmbeddedError
from crisisapi.embedded.servers import EmbeddedServices

__all__ = ["EmbeddedError", "EmbeddedServices"]
