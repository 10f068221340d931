"""A run in an environment of its own: the process has `dagster`, and asks over a socket for the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import FileCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.utils import make_new_run_id

from scheduler_defs.execution.elsewhere.answering import asked
from scheduler_defs.execution.elsewhere.environment import execute_in_environment, variables
from scheduler_defs.execution.elsewhere.place import Place

PROJECT = Path(__file__).with_name("project.py")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in [name for name in os.environ if name.startswith("SIGNALBOX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", "postgresql://me:secret@db.example/yard")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as found:
        yield found


def created(instance: dg.DagsterInstance, job: str, project: Path = PROJECT) -> DagsterRun:
    pointer = FileCodePointer(str(PROJECT), "defs", str(project.parent))
    recon = ReconstructableRepository(pointer, executable_path=sys.executable).get_reconstructable_job(job)
    run = instance.create_run_for_job(recon.get_definition(), job_code_origin=recon.get_python_origin())
    if project == PROJECT:
        return run
    origin = ReconstructableRepository(
        FileCodePointer(str(project), "defs", str(project.parent)), executable_path=sys.executable
    ).get_reconstructable_job(job)
    changed = run._replace(run_id=make_new_run_id(), job_code_origin=origin.get_python_origin())
    return instance.add_run(changed)


def executed(instance: dg.DagsterInstance, run: DagsterRun, executable: str = sys.executable) -> str:
    place = Place("ml", "key", PROJECT.parent, executable)
    code, said = execute_in_environment(instance, run, place)
    found = instance.get_run_by_id(run.run_id)
    assert code == 0, said
    assert found is not None
    return found.status.value


@pytest.mark.parametrize(
    ("job", "ending"), [("quick", "SUCCESS"), ("by_default", "SUCCESS"), ("failing", "FAILURE")]
)
def test_given_a_job_then_all_that_its_process_says_is_written_by_us(
    instance: dg.DagsterInstance, tmp_path: Path, job: str, ending: str
) -> None:
    run = created(instance, job)
    assert executed(instance, run) == ending
    kinds = {log.dagster_event.event_type_value for log in instance.all_logs(run.run_id) if log.dagster_event}
    assert "STEP_START" in kinds
    if job == "quick":
        printed = "".join(path.read_text() for path in (tmp_path / "state").rglob("*.out"))
        assert f"by {sys.executable}, with ['SIGNALBOX_STATE']" in printed


def test_given_code_that_is_not_there_then_the_run_fails_with_that_reason(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "gone.py").write_text("import no_such_module\n")
    run = created(instance, "quick", tmp_path / "gone.py")
    assert executed(instance, run) == "FAILURE"
    said = [log.message for log in instance.all_logs(run.run_id)]
    assert (
        "Run failed: its code could not be loaded: ModuleNotFoundError: No module named 'no_such_module'"
        in said
    )


def test_given_a_program_without_dagster_then_its_last_line_says_so(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named dagster' >&2\nexit 1\n")
    python.chmod(0o755)
    run = created(instance, "quick")
    found = execute_in_environment(instance, run, Place("ml", "key", tmp_path, str(python)))
    assert found == (1, "No module named dagster")


@pytest.mark.parametrize("name", ["wipe", "delete_run", "_connect", "upgrade", "__class__"])
def test_given_what_is_no_runs_to_ask_then_it_is_refused(name: str) -> None:
    with pytest.raises(PermissionError):
        asked(object(), name, (), {})


def test_given_our_addresses_then_the_process_does_not_have_them() -> None:
    given = {"SIGNALBOX_POSTGRES_URL": "x", "SIGNALBOX_BROKER_URL": "x", "PYTHONPATH": "/ours", "HOME": "/me"}
    found = variables(given)
    assert found["HOME"] == "/me"
    assert "x" not in found.values()
    assert "/ours" not in found["PYTHONPATH"]
