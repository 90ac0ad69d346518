"""What the documents say of the code is so: paths, names, commands, routes, settings and lists are read from both."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import get_args

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.urls import get_resolver
from rest_framework.exceptions import AuthenticationFailed

from alerting.auditor import CHECKS
from alerting.queries.messages import KINDS
from core.refusals import Refusal
from core.sealed import sealed_columns
from crisisapi.embedded.programs import WORKERS
from crisisapi.service_urls import ROOT
from jobs.handlers import HANDLERS, Queue
from ledger.catalogue import CATALOGUE
from ledger.subscriptions import subscribers
from permissions.needs import Need
from permissions.revocation import LINES
from permissions.roles import ROLES
from tests.contracts.test_routes import OPEN, ROUTES, patterns

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").iterdir())
PATH = re.compile(r"\.?[\w-]+(?:[./][\w*.-]+)*/?")
NAME = re.compile(r"[a-z_]+(?:\.\w+)+")
SUFFIXES = {".md", ".py", ".toml", ".txt", ".yaml"}
MADE_LATER = {".venv", "var"}  # by the commands themselves
# Where the switches of a command in bin/ are read.
SWITCHES = {"run": "crisisapi/embedded/supervisor.py", "bench": "bench/__main__.py"}


def text_of(name: str | Path) -> str:
    return (ROOT / name).read_text()


def parts_of(document: Path) -> Iterator[tuple[str, str]]:
    """A document in pieces: ("", prose), and (language, code) for each fence."""
    pieces = re.split(r"^ *```(.*)$", document.read_text(), flags=re.MULTILINE)
    for place, piece in enumerate(pieces[::2]):
        yield pieces[2 * place - 1] or "plain" if place % 2 else "", piece


@cache
def code_in(document: Path) -> list[str]:
    """The code of a document: each span, and each line of a fence; not Python, which is quoted from our own."""
    prose = "".join(piece for language, piece in parts_of(document) if not language)
    fences = "\n".join(piece for language, piece in parts_of(document) if language not in {"", "python"})
    return fences.splitlines() + [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def spoken(pattern: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every match of a pattern in the code of every document: (document, groups)."""
    for document in DOCUMENTS:
        for piece in code_in(document):
            for match in re.finditer(pattern, piece):
                yield document.name, match.groups()


def words() -> Iterator[tuple[str, str]]:
    for name, (word,) in spoken(r"(?:^|(?<=[\s(]))([^\s(),]+)"):
        yield name, word.rstrip(":;")


def section(document: str, heading: str) -> str:
    _, found, rest = text_of(document).partition(f"\n{heading}\n")
    assert found, f"{document} has no section {heading!r}"
    return re.split(rf"^{'#' * heading.count('#')} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    """The rows of the first table of a text, without its head."""
    lines = text[text.index("|") :].split("\n\n", maxsplit=1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def layers() -> list[str]:
    """The storeys from the roof down, one line for each layer, siblings as the contract writes them."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    return contracts["importlinter:contract:storeys"]["layers"].split("\n")[1:]


@cache
def storeys() -> list[str]:
    return [name for layer in layers() for name in layer.split(" | ")]


# -- what is named exists -----------------------------------------------------------------------------------


def is_path(word: str) -> bool:
    if not PATH.fullmatch(word) or word in OPEN:
        return False
    first, _, rest = word.partition("/")
    if rest or word.endswith("/"):
        return (ROOT / first).is_dir() and first not in MADE_LATER
    return Path(word).suffix in SUFFIXES


def exists(path: str) -> bool:
    """Whether a path is there; a bare file name may be anybody's, such as `states.py`."""
    return any(ROOT.glob(path.rstrip("/"))) or ("/" not in path and any(any((ROOT / s).rglob(path)) for s in storeys()))


def test_every_path_that_is_named_exists() -> None:
    named = {(document, word) for document, word in words() if is_path(word)}
    assert len(named) > 100
    assert sorted(f"{document}: {word}" for document, word in named if not exists(word)) == []


def test_every_link_leads_to_a_file() -> None:
    links = [
        (document, target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\((?![a-z]+:|#)([^)#]+)", document.read_text())
    ]
    assert [f"{document.name}: {target}" for document, target in links if not (document.parent / target).exists()] == []


def is_name(name: str) -> bool:
    """Whether a dotted name is an event, a need, a job, a cause of pages, a model, a sealed column, or something that
    can be imported.
    """
    if name in CATALOGUE or name in Need.values or name in HANDLERS or name in KINDS:
        return True
    app, *rest = name.split(".")
    if rest[0][0].isupper():
        return is_of_model(app, *rest)
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def is_of_model(app: str, model: str, *field: str) -> bool:
    try:
        found = apps.get_model(app, model)
    except LookupError:
        return False
    return all(hasattr(found, name) for name in field)


def test_every_event_need_job_and_function_that_is_named_exists() -> None:
    subjects = {name.split(".")[0] for name in [*CATALOGUE, *Need.values]}
    known = {*subjects, *storeys()}
    named = {
        (document, word)
        for document, word in words()
        if NAME.fullmatch(word) and word.split(".")[0] in known and Path(word).suffix not in SUFFIXES
    }
    assert len(named) > 30
    assert sorted(f"{document}: {word}" for document, word in named if not is_name(word)) == []


def every(refusal: type[Refusal]) -> Iterator[type[Refusal]]:
    for below in refusal.__subclasses__():
        yield below
        yield from every(below)


def test_every_problem_that_is_named_has_that_code_and_status() -> None:
    known = {(str(refusal.status), refusal.code) for refusal in every(Refusal)}
    known |= {
        (str(call.args[0].value), str(call.args[1].value))
        for name in ("core/http/problems.py", "tenants/exposed_keys.py")
        for call in ast.walk(ast.parse(text_of(name)))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Problem" and isinstance(call.args[0], ast.Constant)
        if isinstance(call.args[1], ast.Constant)
    }
    known.add((str(AuthenticationFailed.status_code), AuthenticationFailed.default_code))
    named = {found for document in DOCUMENTS for found in re.findall(r"([45]\d\d) `([a-z_]+)`", document.read_text())}
    assert named
    assert named - known == set()


def test_python_is_quoted_as_it_stands_in_the_code() -> None:
    """Line by line; remarks at the end of a line do not count."""

    def bare(line: str) -> str:
        return re.sub(r"  +#.*", "", line).strip()

    code = {
        bare(line) for name in storeys() for path in (ROOT / name).rglob("*.py") for line in text_of(path).split("\n")
    }
    quoted = [
        (document.name, bare(line))
        for document in DOCUMENTS
        for language, piece in parts_of(document)
        if language == "python"
        for line in piece.splitlines()
    ]
    assert quoted
    assert [f"{document}: {line}" for document, line in quoted if line not in code] == []


# -- commands and routes ------------------------------------------------------------------------------------


def test_every_command_of_manage_py_that_is_named_exists_with_its_options() -> None:
    commands = get_commands()
    wrong = []
    for document, (name, rest) in spoken(r"manage\.py (\w+)([^#]*)"):
        if name not in commands:
            wrong.append(f"{document}: {name}")
            continue
        command = load_command_class(str(commands[name]), name)
        known = command.create_parser("manage.py", name)._option_string_actions
        wrong += [f"{document}: {name} {option}" for option in re.findall(r"--[\w-]+", rest) if option not in known]
    assert wrong == []


def test_every_command_of_bin_that_is_named_can_be_run_with_its_switches() -> None:
    wrong = []
    for document, (name, rest) in spoken(r"(?:^|\s)bin/(\w+)([^#]*)"):
        program = ROOT / "bin" / name
        if not os.access(program, os.X_OK):
            wrong.append(f"{document}: bin/{name}")
            continue
        source = program.read_text() + (text_of(SWITCHES[name]) if name in SWITCHES else "")
        wrong += [
            f"{document}: bin/{name} {switch}" for switch in re.findall(r"--[\w-]+", rest) if switch not in source
        ]
    assert wrong == []


def test_every_command_of_our_own_is_told_to_operators() -> None:
    """Somebody wrote it for people at a console; they look into the operations guide."""
    own = {name for name, app in get_commands().items() if app in storeys()}
    told = {
        name for document in DOCUMENTS for piece in code_in(document) for name in re.findall(r"manage\.py (\w+)", piece)
    }
    assert own - told == set()


def segments(path: str) -> list[str]:
    """A route without its ids, which documents write as `{id}` or cut short."""
    cleaned = path.split("?", maxsplit=1)[0].strip("/").removeprefix("…/")
    cleaned = re.sub(r"^v1/agencies/[^/]+/", "", cleaned)
    return ["{}" if re.search(r"[{<…]", part) else part for part in cleaned.split("/")]


def test_every_route_that_is_named_is_answered() -> None:
    known = {(route.method, *segments(route.path)) for route in ROUTES}
    inside = {route.path for route in ROUTES}
    open_to_all = {tuple(segments(path)) for path, _ in patterns(get_resolver()) if path not in inside}
    wrong = []
    for document, (method, path) in spoken(r"^\s*(GET|POST|PUT|PATCH|DELETE) (\S+)"):
        said = segments(path)
        if (method, *said) not in known and tuple(said) not in open_to_all:
            wrong.append(f"{document}: {method} {path}")
    assert wrong == []


# -- lists that are kept twice ------------------------------------------------------------------------------


def test_the_architecture_draws_the_storeys_of_the_import_contract() -> None:
    drawn = section("docs/architecture.md", "## The storeys")
    fence = re.search(r"```\n(.*?)\n```", drawn, re.DOTALL)
    assert fence
    assert fence[1].split("\n") == layers()
    assert [spans(row[0])[0] for row in table(drawn.split("```")[2])] == storeys()


def test_every_app_is_a_storey() -> None:
    assert sorted(path.parent.name for path in ROOT.glob("*/apps.py")) == sorted(storeys())


def test_the_architecture_lists_every_job_with_its_queue_its_promise_and_what_rings_it() -> None:
    own = {name: handler for name, handler in HANDLERS.items() if name.split(".")[0] in storeys()}
    rows = {spans(row[0])[0]: row[1:] for row in table(section("docs/architecture.md", "### Jobs"))}
    assert set(rows) == set(own)
    for name, (queue, promise, rung_by) in rows.items():
        assert (queue, promise.replace(" ", "_")) == (own[name].queue, own[name].semantics), name
        heard = {event for event in CATALOGUE if name in subscribers(event)}
        assert {word for word in spans(rung_by) if word in CATALOGUE} == heard, name


def test_the_architecture_lists_every_check_of_the_auditor() -> None:
    told = spans(section("docs/architecture.md", "### Escalation and the auditor"))
    assert [word for word in told if word in CHECKS] == sorted(CHECKS, key=told.index)


def test_every_queue_has_a_worker_here_and_in_the_operations_guide() -> None:
    guide = text_of("docs/operations.md")
    assert set(WORKERS) == set(get_args(Queue))
    for queue in WORKERS:
        assert f"-Q {queue} " in guide, queue
        assert f"crisisapi@{queue}" in guide, queue


def settings_read() -> set[str]:
    """The variables of the environment that the settings read."""
    read = set()
    for node in ast.walk(ast.parse(text_of("crisisapi/settings.py"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            if ast.unparse(node.func) in {"os.environ.get", "os.getenv", "listed", "secret", "service_url"}:
                read.add(str(node.args[0].value))
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            read.add(str(ast.literal_eval(node.slice)))
    return read


def test_the_operations_guide_explains_exactly_the_variables_that_the_settings_read() -> None:
    explained = {
        word.split("=")[0] for row in table(section("docs/operations.md", "## Settings")) for word in spans(row[0])
    }
    assert explained == settings_read()


def test_the_security_guide_lists_every_line_of_a_goodbye() -> None:
    assert sorted(row[0] for row in table(section("docs/security.md", "## When a seat ends"))) == sorted(LINES)


def test_the_access_guide_lists_every_built_in_role_in_their_order() -> None:
    assert [spans(row[0])[0] for row in table(section("docs/access.md", "## Roles"))] == list(ROLES)


def test_the_security_guide_lists_every_sealed_column() -> None:
    sealed = {f"{model._meta.label}.{column.name}" for model in apps.get_models() for column in sealed_columns(model)}
    assert {spans(row[0])[0] for row in table(section("docs/security.md", "## What is sealed"))} == sealed


def test_the_security_guide_lists_every_route_that_asks_for_no_seat() -> None:
    listed = section("docs/security.md", "## Signing in")
    assert {spans(row[0])[0] for row in table(listed)} == set(OPEN)


# -- form ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_what_was_decided_why_and_at_what_cost(decision: Path) -> None:
    text = decision.read_text()
    number = decision.name[:4]
    assert text.startswith(f"# {number}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert re.search(r"^(Accepted|Superseded by `docs/adr/\d{4}-[\w-]+\.md`)\.$", text, re.MULTILINE)
    assert f"`docs/adr/{decision.name}`" in section("docs/architecture.md", "## Decisions")


def test_decisions_are_numbered_without_gaps() -> None:
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


def test_the_glossary_is_in_order_and_says_each_word_once() -> None:
    entries = [row[0].strip("*") for row in table(text_of("docs/glossary.md"))]
    assert entries == sorted(set(entries))
