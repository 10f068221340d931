"""Dagster's private names are used in two rooms, and nowhere else: what an upgrade can break stands there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_defs.settings import PROJECT_ROOT

ROOMS = ("scheduler_defs/execution/", "scheduler_defs/web/")
PRIVATE = re.compile(r"dagster\w*(\.\w+)*\._\w")
"""`dagster._core`, `dagster_graphql.schema._x`; in whatever package of Dagster's."""


def uses(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each import from, and each attribute of, something private of Dagster's."""
    aliases: dict[str, str] = {}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                aliases[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
                if PRIVATE.match(name.name):
                    yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                full = f"{node.module}.{name.name}"
                aliases[name.asname or name.name] = full
                if PRIVATE.match(full):
                    yield node.lineno, full
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__") and PRIVATE.match(str(node.args[0].value)):
                yield node.lineno, str(node.args[0].value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            root, _, rest = ast.unparse(node).partition(".")
            full = f"{aliases.get(root, '')}.{rest}"
            if PRIVATE.match(full):
                yield node.lineno, full


def test_dagsters_private_names_are_used_where_an_upgrade_is_looked_at_and_nowhere_else() -> None:
    found: list[str] = []
    for top in ("scheduler_defs", "resources", "sensors", "recipes"):
        for file in sorted((PROJECT_ROOT / top).rglob("*.py")):
            place = str(file.relative_to(PROJECT_ROOT))
            if not place.startswith(ROOMS):
                found += [f"{place}:{line}: {name}" for line, name in uses(file.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import dagster._core",
        "from dagster._core.storage import runs",
        "from dagster import _check as check",
        "import dagster as dg\ndg._core.x()",
        "from importlib import import_module\nimport_module('dagster._core')",
        "def later():\n    from dagster_postgres.utils import _x",
    ],
)
def test_each_way_to_a_private_name_is_seen(source: str) -> None:
    assert list(uses(source))


def test_public_names_are_nobodys_business() -> None:
    public = (
        "import dagster as dg\nfrom dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG\ndg.Definitions()"
    )
    assert list(uses(public)) == []
    assert Path(PROJECT_ROOT / "scheduler_defs/execution").is_dir()
