"""A yard inside somebody's own Dagster project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import PROJECT_ROOT
from signalbox.yard import Yard

JOBS = "jobs: {hello: {command: [echo, hello]}}"
SCHEDULES = "schedules: {greet: {job: hello, every: 10m}, python: {job: mine, cron: '0 2 * * *'}}"
PYTHON = """
import dagster as dg

@dg.op
def go(): ...

@dg.job
def mine(): go()
"""
PROJECT = """
[project]
name = "their-project"
version = "0"
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "their_project"
"""
DEFINITIONS = """
from pathlib import Path

import dagster as dg

@dg.asset
def their_asset() -> None: ...

@dg.definitions
def defs() -> dg.Definitions:
    here = Path(__file__).parent
    found = dg.load_from_defs_folder(path_within_project=here)
    return dg.Definitions.merge(found, dg.Definitions(assets=[their_asset]))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    yard = tmp_path / "their_project" / "defs" / "yard"
    (yard / "config").mkdir(parents=True)
    (yard / "jobs").mkdir()
    (yard / "config" / "jobs.yaml").write_text(JOBS)
    (yard / "config" / "schedules.yaml").write_text(SCHEDULES)
    (yard / "jobs" / "mine.py").write_text(PYTHON)
    (yard / "defs.yaml").write_text("type: signalbox.Yard\nattributes: {config: config}\n")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "their_project" / "__init__.py").touch()
    (tmp_path / "their_project" / "definitions.py").write_text(DEFINITIONS)
    monkeypatch.setenv("SIGNALBOX_CONFIG", "x")  # so that it is put back
    monkeypatch.delenv("SIGNALBOX_CONFIG")
    return tmp_path


def dg_command(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
    env |= {"PYTHONPATH": f"{PROJECT_ROOT}{os.pathsep}{project}", "DG_CLI_CONFIG": str(project / "none")}
    program = Path(sys.executable).parent / "dg"
    return subprocess.run(
        [program, *words], env=env, cwd=project, capture_output=True, text=True, timeout=240, check=False
    )


def test_given_a_dg_project_then_its_definitions_and_those_of_the_yard_are_listed(project: Path) -> None:
    done = dg_command(project, "list", "defs", "--json")
    assert done.returncode == 0, done.stderr
    for name in ("their_asset", "greet", "python", "hello", "mine", "log_triage"):
        assert f'"{name}"' in done.stdout, name


def test_given_a_yard_with_faults_then_each_is_named_with_its_place(project: Path) -> None:
    yard = project / "their_project" / "defs" / "yard"
    (yard / "config" / "schedules.yaml").write_text("schedules: {greet: {job: helo, every: 10m, x: 1}}")
    context = dg.ComponentTree.for_test().load_context
    with pytest.raises(
        SignalboxError, match=r"schedules.yaml:1:\d+: schedules.greet.job: .*'hello'"
    ) as found:
        Yard(config=str(yard / "config")).build_defs(context)
    assert "schedules.greet.x" in str(found.value)


def test_given_another_folder_than_the_environment_says_or_none_then_that_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = dg.ComponentTree.for_test().load_context
    with pytest.raises(SignalboxError, match="no such folder; config: names one"):
        Yard(config=str(project / "nothing")).build_defs(context)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(project))
    with pytest.raises(SignalboxError, match="one of them only"):
        Yard(config=str(project / "their_project" / "defs" / "yard" / "config")).build_defs(context)
