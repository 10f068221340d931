"""The checked-in JSON Schemas: current, valid, and of one mind with the loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scheduler_defs.declarations.published import schemas
from scheduler_defs.declarations.reading.scalars import plain
from scheduler_defs.declarations.reading.tree import read_tree
from scheduler_defs.settings import PROJECT_ROOT

SCHEMAS = schemas.schemas()


def document(text: str) -> Any:
    root, faults = read_tree(text.encode())
    assert root is not None and not faults
    return plain(root.value)


def faults(name: str, text: str) -> list[str]:
    validator = jsonschema.Draft7Validator(SCHEMAS[f"{name}.json"])
    return [error.json_path for error in validator.iter_errors(document(text))]


@pytest.mark.parametrize("name", SCHEMAS)
def test_given_the_models_when_schemas_are_made_then_the_checked_in_ones_are_the_same(name: str) -> None:
    kept = (schemas.FOLDER / name).read_text()
    assert kept == schemas.rendered(SCHEMAS[name]), "run `make schemas`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_given_a_schema_when_checked_then_it_is_one(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])


def test_given_the_folder_when_listed_then_there_is_no_schema_too_many() -> None:
    assert {path.name for path in schemas.FOLDER.glob("*.json")} == set(SCHEMAS)


@pytest.mark.parametrize("path", sorted((PROJECT_ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_given_the_example_yard_when_validated_then_it_fits_its_schemas(path: Path) -> None:
    assert f"$schema=../docs/schemas/{path.stem}.json" in path.read_text().splitlines()[0]
    assert faults(path.stem, path.read_text()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("schedules", "schedules: {a: {job: x, every: 90s, evry: 1}}"),
        ("schedules", "schedules: {a: {job: x}}"),
        ("schedules", "schedules: {a: {job: x, every: 1d, cron: '0 0 * * *'}}"),
        ("schedules", "schedules: {a: {every: 1d}}"),
        ("schedules", "schedules: {'a b': {job: x, every: 1d}}"),
        ("schedules", "schedules: [a]"),
        ("schedules", "schedules: {a: {job: x, every: 1d, overlap: skipp}}"),
        ("schedules", "schedules: {a: {job: x, every: 1d, timeout: 5}}"),
        ("schedules", "schedules: {a: {job: x, check_every: 1d, when: {subject: x, opp: lt}}}"),
        ("schedules", "schedules: {a: {job: x, check_every: 1d, when: {all: [{not: {any: [1]}}]}}}"),
        ("jobs", "jobs: {a: {command: a b}}"),
        ("jobs", "jobs: {a: {command: []}}"),
        ("jobs", "jobs: {a: {command: [a], params: {x: {type: int}}}}"),
        ("limits", "limits: {a: {key: team, limit: -1}}"),
        ("directives", "directives: {a: [x]}"),
        ("agents", "agents: {a: {command: [x]}}"),
        ("agents", "agents: {a: {queue: dev}}"),
        ("alerts", "alerts: {channels: {a: {type: pager}}}"),
    ],
)
def test_given_a_fault_that_an_editor_can_see_when_validated_then_the_schema_sees_it(
    name: str, text: str
) -> None:
    assert faults(name, text)


def test_given_everything_allowed_when_validated_then_the_schema_allows_it() -> None:
    text = """
x-mine: {anything: [goes]}
defaults: {retries: {max_attempts: 3, retry_on: [timeout, 7]}, catch_up: all, enabled: on}
schedules:
  a: {job: x, cron: ["0 0 * * *"], exclude: [2026-01-01, {holidays: US, subdivision: TX}, {cron: "* * * * *", for: 1h}]}
  b: {job: x, every: 3 months, catch_up: {policy: none, window: 1h30m}, timeout: null, tags: {v: 1.10, f: true}}
  c: {job: x, at: [2026-12-31T23:00], jitter: 0, notify: ops}
  d: {job: x, check_every: 5m, when: {any: [{subject: x, op: exists}, {not: {subject: y, op: lt, value: 1}}]}}
"""
    assert faults("schedules", text) == []
