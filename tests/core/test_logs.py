"""No secret reaches a log line, whoever wrote the line."""

from __future__ import annotations

import json
import logging
import logging.config

import pytest
import structlog

from core.logs import logging_config, masked


@pytest.fixture
def json_formatter() -> logging.Formatter:
    """A formatter as production has it; the structlog of the other tests is put back."""
    before = structlog.get_config()
    config = logging_config(json_lines=True)["formatters"]["lines"]
    structlog.configure(**before)
    formatter: logging.Formatter = config["()"](
        foreign_pre_chain=config["foreign_pre_chain"], processors=config["processors"]
    )
    return formatter


def line_of(formatter: logging.Formatter, message: str, *args: object, exc: BaseException | None = None) -> str:
    exc_info = (type(exc), exc, exc.__traceback__) if exc else None
    return formatter.format(logging.LogRecord("a.b", logging.WARNING, "f.py", 1, message, args, exc_info))


def raised(secret: str, *, tell: bool = False) -> ValueError:
    """An error with a traceback in whose frame a secret lies; its message tells the secret or its length."""
    problem = ValueError(secret if tell else len(secret))
    with pytest.raises(ValueError, match=r"."):
        raise problem
    return problem


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("key csk_live_4f3a.Zz-9 used", "key csk_*** used"),
        ("scm_0f_1e_Zz-9 and css_abc", "scm_*** and css_***"),
        ("GET /v1/decisions/csl_a_b_c", "GET /v1/decisions/***"),
        ("whsec_C2FtcGxl+/=", "whsec_***"),
        ("Authorization: Bearer abc.def-123=", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ***"),
        ('{"url": "postgresql://app:hunter2@db:5432/x"}', '{"url": "postgresql://***@db:5432/x"}'),
        ("redis://:hunter2@cache/0", "redis://***@cache/0"),
        ("task_id=4 bearer of news? https://example.com/a@b", "task_id=4 bearer *** news? https://example.com/a@b"),
        ("nothing to hide: 12:30 a@b", "nothing to hide: 12:30 a@b"),
    ],
)
def test_tokens_keep_only_their_mark(line: str, expected: str) -> None:
    assert masked(line) == expected


def test_a_foreign_logger_is_masked_in_message_arguments_and_traceback(json_formatter: logging.Formatter) -> None:
    line = line_of(json_formatter, "calling %s", "Bearer secret2", exc=raised("csk_secret1", tell=True))
    parsed = json.loads(line)
    assert "secret1" not in line
    assert "secret2" not in line
    assert "ValueError: csk_***" in parsed["exception"]
    assert (parsed["event"], parsed["level"], parsed["logger"]) == ("calling Bearer ***", "warning", "a.b")
    assert "\n" not in line


def test_a_developers_traceback_shows_no_local_variables() -> None:
    before = structlog.get_config()
    config = logging_config(json_lines=False)["formatters"]["lines"]
    structlog.configure(**before)
    formatter = config["()"](foreign_pre_chain=config["foreign_pre_chain"], processors=config["processors"])
    line = line_of(formatter, "failed", exc=raised("hunter2"))
    assert "ValueError: 7" in line
    assert "hunter2" not in line.replace('raised("hunter2")', "")


def test_structlog_lines_are_masked_by_name_too(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    try:
        config = logging_config(json_lines=True)
        logging.config.dictConfig({**config, "loggers": {}})
        structlog.get_logger("x").info("signed in", password="hunter2", nested={"k": "csk_abc"}, user=7)
        parsed = json.loads(capsys.readouterr().err)
    finally:
        structlog.configure(**before)
        root.handlers, root.level = handlers, level
    assert (parsed["password"], parsed["nested"], parsed["user"]) == ("***", {"k": "csk_***"}, 7)
