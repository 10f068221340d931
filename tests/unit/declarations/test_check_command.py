"""`signalbox check`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler_defs.settings import PROJECT_ROOT
from tests.unit.declarations.yards import write_yard

GOOD = "schedules:\n  a: {job: log_triage, every: 1d}\n"
BAD = "schedules:\n  a: {job: log_triage, every: 90s}\n  b: {job: x, at: 2020-01-01}\n"


def signalbox(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scheduler_defs.cli.main", *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        check=False,
    )


def test_given_good_files_when_checked_then_exit_code_0_and_the_count(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    run = signalbox("check", "--config", str(config))
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "1 file checked: no faults\n")


def test_given_faults_when_checked_then_exit_code_1_and_one_line_each(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": BAD, "b.yaml": "jobs: {}\n"})
    run = signalbox("check", SIGNALBOX_CONFIG=str(config))
    assert run.returncode == 1
    assert [line.split(" ")[0] for line in run.stdout.splitlines()] == [
        "config/a.yaml:2:31:",
        "config/a.yaml:3:12:",
    ]
    assert run.stderr.splitlines()[-1] == "2 files checked: 2 faults"


def test_given_faults_when_checked_as_json_then_one_document_of_the_contract(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": BAD})
    run = signalbox("check", "--json", "--config", str(config))
    assert run.returncode == 1
    document = json.loads(run.stdout)
    assert document["ok"] is False
    assert document["problems"][0] == {
        "file": "config/a.yaml",
        "line": 2,
        "column": 31,
        "path": "schedules.a.every",
        "message": "'90s' is not a whole number of minutes; schedules tick once a minute",
    }
    good = write_yard(tmp_path / "good", {"a.yaml": GOOD})
    run = signalbox("check", "--json", "--config", str(good))
    assert (run.returncode, json.loads(run.stdout)) == (0, {"ok": True, "problems": [], "notes": []})


def test_given_no_folder_when_checked_then_exit_code_1(tmp_path: Path) -> None:
    run = signalbox("check", "--config", str(tmp_path / "nowhere"))
    assert run.returncode == 1
    assert run.stdout == "nowhere:1:1: there are no declarations here: no *.yaml file in this folder\n"


@pytest.mark.case("newcomer-X-at-check")
def test_given_an_instant_that_has_passed_when_checked_then_a_note_and_exit_code_0(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": "schedules:\n  b: {job: log_triage, at: 2020-01-01}\n"})
    run = signalbox("check", "--config", str(config))
    assert (run.returncode, run.stdout) == (0, "")
    assert run.stderr.startswith(
        "note: config/a.yaml:2:28: schedules.b.at: 2020-01-01T00:00+00:00 has passed"
    )
    document = json.loads(signalbox("check", "--json", "--config", str(config)).stdout)
    assert (document["ok"], len(document["notes"])) == (True, 1)


@pytest.mark.case("newcomer-X-at-check")
def test_given_an_instant_that_has_passed_when_added_then_nothing_is_written(tmp_path: Path) -> None:
    config = write_yard(tmp_path, {"a.yaml": GOOD})
    run = signalbox("schedules", "add", "b", "job=log_triage", "at=2020-01-01T00:00", "--config", str(config))
    assert run.returncode == 1
    assert "2020-01-01T00:00+00:00 has passed" in run.stderr
    assert (config / "a.yaml").read_text() == GOOD
