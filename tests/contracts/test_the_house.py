"""What must hold all over the house, read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from crisisapi.service_urls import ROOT
from jobs.handlers import HANDLERS
from ledger.catalogue import CATALOGUE
from permissions.needs import Need
from permissions.roles import ROLES

APPS = [
    "core", "jobs", "ledger", "permissions", "tenants", "approvals", "alerting", "connectors", "readiness",
    "publishing", "incidents", "listening", "insights",
]  # fmt: skip
WRITES = {
    "save", "create", "bulk_create", "update", "bulk_update", "delete", "get_or_create", "update_or_create",
}  # fmt: skip


def modules(*names: str) -> Iterator[tuple[Path, ast.Module]]:
    for name in names:
        for path in sorted((ROOT / name).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), ast.parse(path.read_text())


def strings_passed_to(function: str) -> set[str]:
    found = set()
    for _, tree in modules(*APPS):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name == function and isinstance(node.args[0].value, str):
                    found.add(node.args[0].value)
    return found


def test_every_event_of_the_catalogue_is_recorded_somewhere_and_no_other() -> None:
    written = strings_passed_to("record")
    assert written <= set(CATALOGUE)
    spoken = {
        node.value
        for _, tree in modules(*APPS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in CATALOGUE
    }
    used = set()
    for path, tree in modules(*APPS):
        if path.name != "catalogue.py":
            used |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and n.value in spoken}
    assert set(CATALOGUE) - used == set()


def test_event_names_say_subject_and_what_was_done() -> None:
    for name in CATALOGUE:
        subject, _, verb = name.partition(".")
        assert subject, name
        assert verb, name


def test_every_job_that_is_asked_for_is_declared() -> None:
    assert strings_passed_to("later") | strings_passed_to("Wish") <= set(HANDLERS)
    for handler in HANDLERS.values():
        assert handler.lease.total_seconds() >= 5 or handler.name.startswith("tests."), handler.name


def test_needs_are_in_alphabetical_order_and_each_is_held_by_the_owner() -> None:
    assert list(Need.values) == sorted(Need.values)
    assert ROLES["owner"].needs == frozenset(Need)
    assert [name for name, role in ROLES.items() if role.side == "client" and Need.POSTS_SCHEDULE in role.needs] == []


def test_rows_are_written_in_actions_only() -> None:
    """Views, jobs, reactions and queries translate or ask; they do not write."""
    wrong = []
    for path, tree in modules(*[app for app in APPS if app != "core"]):
        if path.name not in {"api.py", "jobs.py", "reactions.py", "queries.py"} and "api" not in path.parts:
            continue
        wrong += [
            f"{path}:{node.lineno} .{node.func.attr}()"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in WRITES
            and "objects" in ast.unparse(node.func.value)
        ]
    assert wrong == []


def test_imports_stand_at_the_top() -> None:
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in modules(*APPS, "crisisapi")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert wrong == []


def test_guardian_is_asked_by_permissions_only() -> None:
    wrong = [
        str(path)
        for path, tree in modules(*APPS, "crisisapi")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").split(".")[0] == "guardian"
        and path.parts[0] != "permissions"
    ]
    assert wrong == []


def test_no_celery_task_waits_with_a_countdown() -> None:
    wrong = [
        f"{path}:{keyword.value.lineno}"
        for path, tree in modules(*APPS, "crisisapi")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in {"countdown", "eta"}
    ]
    assert wrong == []


@pytest.mark.django_db
def test_migrations_are_linear_and_complete() -> None:
    loader = MigrationLoader(None)
    for app in apps.get_app_configs():
        if app.name in APPS:
            assert len(loader.graph.leaf_nodes(app.label)) <= 1, app.label
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


def test_the_storeys_hold() -> None:
    """Imports only go down (.importlinter)."""
    lint = subprocess.run(  # noqa: S603 - our own tool on our own files
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


@pytest.mark.django_db
def test_every_lifecycle_is_enforced_by_a_trigger_of_the_same_moves() -> None:
    guarded = {
        model._meta.label: {trigger.name for trigger in getattr(model._meta, "triggers", [])}
        for model in apps.get_models()
        if any(field.name == "stage" for field in model._meta.get_fields())
    }
    assert [label for label, triggers in guarded.items() if not triggers] == []
