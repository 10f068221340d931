"""Declared jobs, made and run in this process against a real Dagster instance on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from scheduler_defs import settings
from scheduler_defs.declarations.models.declared import Job, Position, Step
from scheduler_defs.jobs.commands.job import build_command_job

POSITION = Position(file="config/jobs.yaml", line=7, column=3)


def declared(name: str = "a-job", **options: Any) -> Job:
    """A declared job."""
    return Job(name=name, source=POSITION, **options)


def step(name: str, *needs: str, **options: Any) -> Step:
    """A declared step."""
    return Step(name=name, needs=needs, **{"command": ("true",), **options})


@dataclass(frozen=True)
class Ran:
    """A run that has ended."""

    instance: dg.DagsterInstance
    run_id: str
    events: list[dg.DagsterEvent]

    @property
    def run(self) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(self.run_id)
        assert found is not None
        return found

    @property
    def succeeded(self) -> bool:
        return self.run.status is dg.DagsterRunStatus.SUCCESS

    @property
    def tags(self) -> Mapping[str, str]:
        return self.run.tags

    def of(self, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
        return [event for event in self.events if event.event_type is kind]

    @property
    def metadata(self) -> dict[str, Any]:
        """The values of the metadata of the last step, whether it failed or not."""
        failures = self.of(dg.DagsterEventType.STEP_FAILURE)
        if failures:
            found = failures[-1].step_failure_data.user_failure_data.metadata
        else:
            found = self.of(dg.DagsterEventType.STEP_OUTPUT)[-1].step_output_data.metadata
        return {
            key: value.records if isinstance(value, dg.TableMetadataValue) else value.value
            for key, value in found.items()
        }

    @property
    def error(self) -> str:
        """What the failure says to people."""
        failure = self.of(dg.DagsterEventType.STEP_FAILURE)[-1]
        return failure.step_failure_data.user_failure_data.description or ""

    def logged(self) -> list[str]:
        """The lines that the op has logged."""
        records = self.instance.all_logs(self.run_id)
        return [record.user_message for record in records if record.dagster_event is None]

    def printed(self) -> str:
        """What the UI shows as stdout."""
        (captured,) = self.of(dg.DagsterEventType.LOGS_CAPTURED)
        key = [self.run_id, "compute_logs", captured.logs_captured_data.file_key]
        found = self.instance.compute_log_manager.get_log_data(key)
        return (found.stdout or b"").decode()


@dataclass(frozen=True)
class Place:
    """One installation: `project/config`, and a state folder beside it."""

    project: Path
    state: Path
    instance: dg.DagsterInstance

    def run(
        self,
        job: Job | dg.JobDefinition,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a job to its end; `config` are the values of its parameters."""
        made = build_command_job(job) if isinstance(job, Job) else job
        result = made.execute_in_process(
            run_config={"config": dict(config)} if config else None,
            instance=self.instance,
            raise_on_error=False,
            tags=dict(tags or {}),
        )
        return Ran(self.instance, result.run_id, list(result.all_events))

    def python(self, code: str, *arguments: str, **options: Any) -> Job:
        """A declared job that runs some Python."""
        return declared(command=("python3", "-c", code, *arguments), **options)

    def scratches(self) -> list[Path]:
        """Folders of attempts that have not been removed."""
        return list((self.state / "work").glob("*"))


@pytest.fixture(scope="session")
def dagster_instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, with the compute logs of the real one."""
    folder = tmp_path_factory.mktemp("dagster")
    compute_logs = {
        "module": "scheduler_defs.execution.storage.compute_logs",
        "class": "SignalboxComputeLogManager",
        "config": {"base_dir": str(folder / "compute_logs")},
    }
    with dg.instance_for_test(overrides={"compute_logs": compute_logs}, temp_dir=str(folder)) as instance:
        yield instance


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dagster_instance: dg.DagsterInstance) -> Place:
    """An empty installation."""
    project, state = tmp_path / "project", tmp_path / "state"
    (project / "config").mkdir(parents=True)
    monkeypatch.setenv(settings.CONFIG, str(project / "config"))
    monkeypatch.setenv(settings.STATE, str(state))
    monkeypatch.setenv(settings.POSTGRES_URL, "postgresql://user:s3cr3t-password@localhost/db")
    monkeypatch.setenv(settings.BROKER_URL, "redis://:s3cr3t-password@localhost")
    return Place(project, state, dagster_instance)
