"""A command without a declaration: only with the signature of whoever owns the stack's state."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs import settings
from scheduler_defs.access import credential
from scheduler_defs.errors import SignalboxError
from scheduler_defs.jobs.commands.one_command import one_command, run_config


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv(settings.STATE, str(folder))
    monkeypatch.setenv(settings.CONFIG, str(tmp_path / "config"))
    return folder


def run(config: dict[str, object], dagster_instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return one_command.execute_in_process(run_config=config, instance=dagster_instance, raise_on_error=False)


def test_given_a_signed_command_then_it_runs_as_it_was_given(
    state: Path, dagster_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    credential.create(state)
    mark = tmp_path / "a mark; with $signs"
    ended = run(run_config(["touch", str(mark)], state), dagster_instance)
    assert ended.success
    assert mark.exists()


def test_given_a_command_that_nobody_signed_then_nothing_runs(
    state: Path, dagster_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    credential.create(state)
    signed = run_config(["touch", str(tmp_path / "allowed")], state)
    signed["ops"]["one_command_run"]["config"]["command"] = ["touch", str(tmp_path / "mark")]
    assert not run(signed, dagster_instance).success
    assert not (tmp_path / "mark").exists()


def test_given_no_credential_then_no_command_is_ordered(state: Path) -> None:
    with pytest.raises(SignalboxError, match="credential cannot be read"):
        run_config(["true"], state)
