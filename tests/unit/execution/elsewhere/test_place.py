"""Which location a run is of."""

from __future__ import annotations

import sys
from pathlib import Path

import dagster as dg
from dagster._core.code_pointer import CodePointer, FileCodePointer, ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from scheduler_defs.execution.admission.job_settings import OWN_DEFINITIONS
from scheduler_defs.execution.elsewhere.place import place_of

FILE = FileCodePointer("/ml/defs.py", "defs", "/ml")


def run_of(location: str, pointer: CodePointer = FILE, executable: str = sys.executable) -> dg.DagsterRun:
    remote = RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__"), "train"
    )
    repository = ReconstructableRepository(pointer, executable_path=executable)
    origin = repository.get_reconstructable_job("train").get_python_origin()
    return dg.DagsterRun(job_name="train", remote_job_origin=remote, job_code_origin=origin)


def test_given_a_run_of_ours_then_it_has_no_place_under_whatever_name() -> None:
    assert place_of(run_of("signalbox")) is None
    assert place_of(run_of("other", ModuleCodePointer(OWN_DEFINITIONS, "defs", None))) is None
    assert place_of(dg.DagsterRun(job_name="train")) is None


def test_given_a_run_of_another_location_then_its_folder_and_environment_are_known() -> None:
    found = place_of(run_of("ml"))
    assert found is not None
    assert (found.location, found.working_directory, found.executable) == ("ml", Path("/ml"), None)
    other = place_of(run_of("ml", executable="/venv/bin/python"))
    assert other is not None
    assert other.executable == "/venv/bin/python"
    assert other.key != found.key
