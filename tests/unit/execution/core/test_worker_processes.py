"""What a worker's processes do around a run."""

from __future__ import annotations

from types import SimpleNamespace

import celery.app.task
import pytest
from celery.worker import state

from scheduler_defs import tags
from scheduler_defs.execution.admission.completing import REQUIRED
from scheduler_defs.execution.worker import processes
from scheduler_defs.execution.worker.running import run as worker_run
from tests.unit.execution.core.setting import Setting


@pytest.mark.case("ui-UI-32")
def test_given_celerys_signal_for_a_cancelled_run_then_the_child_that_has_it_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[int] = []
    monkeypatch.setattr(processes, "_beat", SimpleNamespace(told_to_stop=told.append))
    monkeypatch.setattr(state, "active_requests", [SimpleNamespace(id="run-1", worker_pid=42)])
    # This is what Celery hands over; it knows no pid.
    processes.told_to_stop(request=celery.app.task.Context(id="run-1"), terminated=True)
    processes.told_to_stop(request=celery.app.task.Context(id="run-2"), terminated=True)
    processes.told_to_stop(request=celery.app.task.Context(id="run-1"), terminated=False)
    assert told == [42]


@pytest.mark.parametrize("lacking", REQUIRED)
def test_given_a_run_that_was_not_admitted_then_the_worker_refuses_it_with_one_line(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    monkeypatch.setattr(worker_run, "instance", lambda: setting.instance)
    given = dict.fromkeys(REQUIRED, "1")
    del given[lacking]
    run_id = setting.run("STARTED", tags=given)
    list(worker_run._events(setting.get(run_id)))
    refused = setting.get(run_id)
    assert refused.status.value == "FAILURE"
    assert refused.tags[tags.ERROR].startswith(f"Run refused: it was not admitted, it has no {lacking}")
    assert "\n" not in refused.tags[tags.ERROR]


@pytest.mark.case("dagster-X-own-environment")
def test_given_a_run_whose_code_cannot_be_loaded_then_its_error_says_why(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_run, "instance", lambda: setting.instance)

    def job_of(_run: object) -> None:
        try:
            raise ModuleNotFoundError("No module named 'somewhere_else'")
        except ModuleNotFoundError as error:
            raise ValueError("code location") from error

    monkeypatch.setattr(worker_run, "job_of", job_of)
    run_id = setting.run("STARTED", tags=dict.fromkeys(REQUIRED, "1"))
    list(worker_run._events(setting.get(run_id)))
    error = setting.get(run_id).tags[tags.ERROR]
    assert (
        error
        == "Run failed: its code could not be loaded: ModuleNotFoundError: No module named 'somewhere_else'"
    )
