"""A run whose worker is gone is failed with the reason; no run is ever executed twice."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scheduler_defs.execution.worker import celery_app
from scheduler_defs.execution.worker.launcher import run_queue
from tests.integration.execution.worked_yard import Yard, runs


def _running_nap(yard: Yard, marks: Path, seconds: float = 60) -> str:
    run_id = yard.launch("nap_job", {"seconds": seconds, "marks": str(marks)})
    yard.wait_for(marks.exists, "the run to begin")
    return run_id


def _pid(marks: Path) -> int:
    return int(marks.read_text().split()[1])


def _keeper(marks: Path) -> int:
    return psutil.Process(_pid(marks)).ppid()


def _child(marks: Path) -> int:
    return psutil.Process(_keeper(marks)).ppid()


def test_given_a_running_run_when_its_child_is_killed_then_it_fails_as_worker_lost(
    worked_yard: Yard, tmp_path: Path
) -> None:
    # A beat tells, not the expiry of the lease.
    worker = worked_yard.start_worker(slots=1, environment={"SIGNALBOX_LEASE_SECONDS": "600"})
    run_id = _running_nap(worked_yard, tmp_path / "marks")
    child = psutil.Process(_child(tmp_path / "marks"))
    tree = child.children(recursive=True)
    assert len(tree) == 2
    child.kill()

    def failed() -> bool:
        worked_yard.monitor()
        if worked_yard.status(run_id) != "FAILURE":
            return False
        assert not any(runs(each.pid) for each in tree)
        return True

    worked_yard.wait_for(failed, "the run to be failed")
    found = worked_yard.tags(run_id)
    assert found["signalbox/failure"] == "worker_lost"
    assert found["signalbox/error"].startswith("worker lost: w0-")
    assert f"on {os.uname().nodename}, last beat 20" in found["signalbox/error"]
    assert not worked_yard.leases()
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
    assert worker.process.poll() is None


def test_given_a_running_run_when_its_own_process_is_killed_then_it_fails_and_says_so(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=1, environment={"SIGNALBOX_LEASE_SECONDS": "600"})
    run_id = _running_nap(worked_yard, tmp_path / "marks")
    child = _child(tmp_path / "marks")
    os.kill(_pid(tmp_path / "marks"), signal.SIGKILL)
    assert worked_yard.wait(run_id) == "FAILURE"
    found = worked_yard.tags(run_id)
    assert found["signalbox/failure"] == "worker_lost"
    assert found["signalbox/error"] == "its process was ended by SIGKILL: perhaps memory was short"
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
    assert runs(child), "it stays warm"


def test_given_a_running_run_when_its_whole_worker_is_killed_then_it_fails_as_worker_lost(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worker = worked_yard.start_worker(slots=1)
    run_id = _running_nap(worked_yard, tmp_path / "marks")
    marks = tmp_path / "marks"
    tree = [_pid(marks), _keeper(marks), _child(marks)]
    worker.end(signal.SIGKILL)
    worked_yard.wait_for(lambda: not any(runs(pid) for pid in tree), "its processes to die", 2)
    worked_yard.monitor()
    assert worked_yard.status(run_id) == "STARTED"  # nobody knows yet

    def failed() -> bool:
        worked_yard.monitor()
        return worked_yard.status(run_id) == "FAILURE"

    worked_yard.wait_for(failed, "the lease to run out", 10)
    assert worked_yard.tags(run_id)["signalbox/failure"] == "worker_lost"


def test_given_a_worker_that_died_when_another_starts_on_its_host_then_its_leases_end_at_once(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worker = worked_yard.start_worker(slots=1, environment={"SIGNALBOX_LEASE_SECONDS": "600"})
    run_id = _running_nap(worked_yard, tmp_path / "marks")
    worker.end(signal.SIGKILL)
    worked_yard.start_worker(slots=1)
    worked_yard.monitor()
    assert worked_yard.status(run_id) == "FAILURE"


def test_given_a_frozen_worker_then_it_is_dead_before_its_lease_and_nothing_is_executed_twice(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worker = worked_yard.start_worker(slots=1)
    run_id = _running_nap(worked_yard, tmp_path / "marks")
    child = _pid(tmp_path / "marks")
    os.kill(worker.pid, signal.SIGSTOP)
    alive_when_expired = []

    def failed() -> bool:
        worked_yard.monitor()
        if worked_yard.status(run_id) != "FAILURE":
            return False
        alive_when_expired.append(runs(child))
        return True

    worked_yard.wait_for(failed, "the run to be failed", 12)
    assert alive_when_expired == [False]
    assert worker.process.wait(5) == -signal.SIGKILL


@pytest.mark.parametrize("frozen", [_pid, _keeper, _child], ids=["run", "keeper", "child"])
def test_given_a_frozen_process_then_all_are_killed_before_the_lease_runs_out(
    worked_yard: Yard, tmp_path: Path, frozen: Callable[[Path], int]
) -> None:
    worker = worked_yard.start_worker(slots=1)
    run_id = _running_nap(worked_yard, tmp_path / "marks")
    marks = tmp_path / "marks"
    tree = [_pid(marks), _keeper(marks), _child(marks)]
    os.kill(frozen(marks), signal.SIGSTOP)
    alive_when_failed: list[int] = []

    def failed() -> bool:
        worked_yard.monitor()
        if worked_yard.status(run_id) != "FAILURE":
            return False
        alive_when_failed.extend(pid for pid in tree if runs(pid))
        return True

    worked_yard.wait_for(failed, "the run to be failed", 12)
    assert alive_when_failed == []
    assert worked_yard.tags(run_id)["signalbox/failure"] == "worker_lost"
    assert worker.process.poll() is None
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"


def test_given_a_frozen_keeper_when_the_child_is_killed_then_nothing_of_the_run_goes_on(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=1)
    _running_nap(worked_yard, tmp_path / "marks")
    run, keeper = _pid(tmp_path / "marks"), _keeper(tmp_path / "marks")
    child = _child(tmp_path / "marks")
    os.kill(keeper, signal.SIGSTOP)
    os.kill(child, signal.SIGKILL)
    worked_yard.wait_for(lambda: not runs(child) and not runs(run), "the run's process to die", 1)
    worked_yard.wait_for(lambda: not runs(keeper), "its keeper to be killed", 5)


def test_given_code_that_holds_the_interpreter_then_its_lease_is_renewed_all_the_same(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=1)
    run_id = worked_yard.launch("busy_job", {"seconds": 9, "marks": str(tmp_path / "marks")})
    worked_yard.wait_for((tmp_path / "marks").exists, "the run to begin")
    until = time.monotonic() + 7.5
    while time.monotonic() < until:
        worked_yard.monitor()
        assert worked_yard.status(run_id) == "STARTED"
        time.sleep(0.5)
    assert worked_yard.wait(run_id) == "SUCCESS"


def test_given_a_message_delivered_again_then_the_run_is_not_executed_again_and_does_not_fail(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=2)
    marks = tmp_path / "marks"
    run_id = worked_yard.launch("nap_job", {"seconds": 1.5, "marks": str(marks)})
    worked_yard.wait_for(marks.exists, "the run to begin")
    run = worked_yard.instance.get_run_by_id(run_id)
    assert run is not None
    for _ in range(3):
        celery_app.app.send_task(celery_app.RUN_TASK, args=(run_id,), task_id=run_id, queue=run_queue(run))
    assert worked_yard.wait(run_id) == "SUCCESS"
    # The slots are free again: the copies have been looked at and dropped.
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
    assert [line.split()[0] for line in marks.read_text().splitlines()] == ["begin", "end"]
