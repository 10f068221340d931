"""Names that only Dagster finds equal, and sets that it cannot load, change nothing for what works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from scheduler_defs import definitions
from scheduler_defs.assembly import NotLoadableError, loadable
from scheduler_defs.cli.check import check
from scheduler_defs.declarations import Serving, current, load
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.outcomes import refused
from scheduler_defs.jobs.own_code import Loaded

CLASHING = "agents: {a: {queue: dev-x, command: ['true']}, b: {queue: %s, command: ['true']}}"
GOOD = "jobs: {greet: {command: [echo, hello]}}"
# Nothing of ours looks for this: an op of one job bears the name of another job.
ONLY_DAGSTER = "jobs: {greet: {command: [echo, hello]}, command_5_greet: {command: [echo]}}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("config", "state", "recipes"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"SIGNALBOX_{name.upper()}", str(tmp_path / name))
    return tmp_path


def write(place: Path, text: str) -> None:
    (place / "config" / "a.yaml").write_text(text)


@pytest.mark.case("agents-X-queue-clash")
@pytest.mark.parametrize("other", ["dev_x", "dev.x"])
def test_queues_that_are_one_name_in_dagster_are_a_fault(tmp_path: Path, other: str) -> None:
    (tmp_path / "a.yaml").write_text(CLASHING % other)
    found = load(tmp_path)
    (problem,) = found.problems
    assert problem.path == "agents.b.queue"
    assert "are the same name in Dagster; rename one" in problem.message
    loadable(found.declarations)


@pytest.mark.case("agents-X-queue-clash")
def test_a_set_that_dagster_does_not_take_never_replaces_the_last_good_one(place: Path) -> None:
    write(place, GOOD)
    assert "greet" in definitions.serve().get_repository_def().job_names
    good = current(place / "config", place / "state")
    assert good.serving is Serving.FILES

    write(place, ONLY_DAGSTER)
    served = definitions.serve().get_repository_def()
    assert "greet" in served.job_names
    assert "command_5_greet" not in served.job_names
    found = current(place / "config", place / "state")
    assert found.serving is Serving.LAST_GOOD
    assert found.declarations.fingerprint == good.declarations.fingerprint
    assert "Dagster cannot load this" in found.problems[0].message

    write(place, GOOD + "\n# mended\n")
    definitions.serve()
    assert current(place / "config", place / "state").serving is Serving.FILES


def test_a_set_that_was_refused_is_tried_again_when_code_is_loaded_anew(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, GOOD)
    with monkeypatch.context() as broken:
        broken.setattr(definitions, "loadable", _fails)
        assert "greet" not in definitions.serve().get_repository_def().job_names
    found = current(place / "config", place / "state")
    assert found.serving is Serving.PART
    assert not found.declarations.jobs
    assert "greet" in definitions.serve().get_repository_def().job_names
    found = current(place / "config", place / "state")
    assert found.serving is Serving.FILES
    assert refused(place / "state", found.declarations.fingerprint) is None


def _fails(declarations: Declarations, own: Loaded, resources: Any) -> dg.Definitions:
    if declarations.jobs:
        raise NotLoadableError("for the test")
    return loadable(declarations, own, resources=resources)


@pytest.mark.case("agents-X-queue-clash")
def test_check_says_what_dagster_would_not_take(place: Path) -> None:
    import typer

    write(place, ONLY_DAGSTER)
    app = typer.Typer()
    app.command()(check)
    told = CliRunner().invoke(app, ["--json"])
    assert told.exit_code == 1
    (problem,) = json.loads(told.stdout)["problems"]
    assert "Dagster cannot load this" in problem["message"]


def test_an_unexpected_exception_while_reading_is_a_fault_and_the_last_good_set_stays(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, GOOD)
    good = current(place / "config", place / "state").declarations
    write(place, GOOD + "\n")

    def slip(*_: object) -> None:
        raise RecursionError("deep")

    monkeypatch.setattr("scheduler_defs.declarations.loading.build_job", slip)
    with monkeypatch.context() as kept:
        kept.setattr("scheduler_defs.declarations.serving._kept", lambda *_: good)
        found = current(place / "config", place / "state")
    assert found.serving is Serving.LAST_GOOD
    assert found.problems[0].message == "cannot be read (RecursionError): deep"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('jobs: {j: {command: [echo], description: "a\\0b"}}', "holds a NUL character"),
        ('jobs: {"j\\0": {command: [echo]}}', "holds a NUL character"),
        ("limits: {l: {key: team, limit: 99999999999}}", "1000000"),
        ("jobs: {j: {command: [echo], max_concurrent: 9223372036854775807}}", "1000000"),
        ("agents: {a: {queue: q, limit: 9223372036854775807, command: ['true']}}", "1000000"),
        ("jobs: {j: {command: [echo], priority: 99999999999999999999999999}}", "too large"),
        ("jobs: {j: {command: [echo], timeout: 99999999999999w}}", ""),
        ("jobs: {j: {command: [echo], retries: {max_attempts: 2, base: 9999999999w}}}", ""),
    ],
)
def test_what_the_database_cannot_hold_is_a_fault_of_the_files(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    problems = load(tmp_path).problems
    assert problems
    assert said in problems[0].message


def test_a_bomb_of_aliases_is_a_fault(tmp_path: Path) -> None:
    lines = ["x-0: &a0 [1,2,3,4,5,6,7,8,9]"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    assert "aliases add more than" in load(tmp_path).problems[0].message
