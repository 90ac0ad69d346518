"""Logs: one JSON object a line in production, readable lines for people, and no secrets in either."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.types import Processor, WrappedLogger

MASK = "***"
# Our own tokens begin with a mark so that filters like this one, and scanners of repositories, recognise them.
_SECRETS = re.compile(
    r"(?P<kept>\b(?:csk|csl|css|ccf|scm|whsec|cin)_|/v1/(?:reports|decisions|acknowledge|calendars)/|/voice\?token=|\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]+"
    r"|(?P<url>\b[a-z][a-z0-9+.-]*://)[^\s/@:\"']*:[^\s/@\"']+(?=@)",
    re.IGNORECASE,
)
_SECRET_NAMES = re.compile(r"password|passwd|secret|token|authorization|cookie|credential|api_?key", re.IGNORECASE)


def masked(line: str) -> str:
    """The line without secrets: tokens, report links and passwords in URLs keep only their mark."""
    return _SECRETS.sub(lambda found: (found["kept"] or found["url"]) + MASK, line)


def _mask_by_name(_: WrappedLogger, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if _SECRET_NAMES.search(name):
            event[name] = MASK
    return event


class _MaskedRenderer:
    """Masks the finished line, so that no exception text, nested value or foreign logger slips past."""

    def __init__(self, renderer: Processor) -> None:
        self.renderer = renderer

    def __call__(self, logger: WrappedLogger, name: str, event: MutableMapping[str, Any]) -> str:
        return masked(str(self.renderer(logger, name, event)))


def logging_config(*, json_lines: bool, level: str = "INFO") -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING, so that both kinds of logger end in the same lines on stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    ending: list[Processor] = (
        [structlog.processors.format_exc_info, _MaskedRenderer(structlog.processors.JSONRenderer(default=str))]
        if json_lines
        # Plain tracebacks: pretty ones print local variables, and those are where the secrets are.
        else [
            _MaskedRenderer(
                structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
            )
        ]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask_by_name, *ending],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # These write whole requests, headers and all, when asked for more.
            "httpcore": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},
            # Every refusal would be a warning line; the request's own line already has the status.
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": [], "propagate": True},
        },
    }
