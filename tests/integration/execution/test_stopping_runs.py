"""Runs that are cancelled or take too long: their state is right at once, their processes gone soon after."""

import signal
import time
from pathlib import Path

from tests.integration.execution.worked_yard import Yard, runs


def _begun(yard: Yard, job: str, marks: Path, **options: object) -> str:
    run_id = yard.launch(job, {"seconds": 60.0, "marks": str(marks)}, **options)  # type: ignore[arg-type]
    yard.wait_for(marks.exists, "the run to begin")
    return run_id


def test_given_a_running_run_when_it_is_cancelled_then_it_is_canceled_and_its_slot_free(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worker = worked_yard.start_worker(slots=1)
    run_id = _begun(worked_yard, "nap_job", tmp_path / "marks")
    children = worker.children()
    assert worked_yard.instance.run_launcher.terminate(run_id)
    assert worked_yard.wait(run_id, "CANCELED", seconds=2) == "CANCELED"
    worked_yard.wait_for(lambda: not worked_yard.leases(), "the lease to be given back", 2)
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
    assert worker.children() == children  # the same warm process goes on
    assert worked_yard.status(run_id) == "CANCELED"


def test_given_the_second_run_of_a_child_when_it_is_cancelled_then_it_hears_of_it(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=1)
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
    run_id = _begun(worked_yard, "nap_job", tmp_path / "marks")
    worked_yard.instance.run_launcher.terminate(run_id)
    worked_yard.wait(run_id, "CANCELED", seconds=2)


def test_given_a_run_that_does_not_listen_then_it_is_canceled_at_once_and_its_process_killed_after_the_grace(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=1)
    run_id = _begun(worked_yard, "stubborn_job", tmp_path / "marks")
    pid = int((tmp_path / "marks").read_text().split()[1])
    worked_yard.instance.run_launcher.terminate(run_id)
    asked = time.monotonic()
    worked_yard.wait(run_id, "CANCELED", seconds=2)
    assert worked_yard.leases(run_id)  # the slot is not free before the process is gone
    worked_yard.wait_for(lambda: not runs(pid), "the process to be killed", 9)
    assert time.monotonic() - asked > 4  # 2 s of grace, as the job allows itself, and 2 s more
    worked_yard.wait_for(lambda: not worked_yard.live_leases(), "the lease to end", 5)
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"


def test_given_a_run_that_waits_for_a_worker_when_it_is_cancelled_then_it_is_never_executed(
    worked_yard: Yard, tmp_path: Path
) -> None:
    run_id = worked_yard.launch("work_job", {"marks": str(tmp_path / "marks")})
    assert worked_yard.status(run_id) == "STARTING"
    assert worked_yard.instance.run_launcher.terminate(run_id)
    assert worked_yard.status(run_id) == "CANCELED"
    worked_yard.start_worker(slots=1)
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
    assert worked_yard.status(run_id) == "CANCELED"
    assert not (tmp_path / "marks").exists()


def test_given_a_running_run_when_the_broker_loses_the_cancellation_then_its_worker_sees_it_anyway(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=1)
    run_id = _begun(worked_yard, "nap_job", tmp_path / "marks")
    run = worked_yard.instance.get_run_by_id(run_id)
    assert run is not None
    worked_yard.instance.report_run_canceling(run)
    worked_yard.wait(run_id, "CANCELED", seconds=4)


def test_given_a_time_out_then_the_run_fails_with_that_reason_within_a_second_of_it(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worked_yard.start_worker(slots=1)
    run_id = _begun(worked_yard, "nap_job", tmp_path / "marks", tags={"dagster/max_runtime": "2"})
    began = float((tmp_path / "marks").read_text().split()[2])
    worked_yard.wait(run_id, "FAILURE", seconds=6)
    assert time.time() - began > 1
    found = worked_yard.tags(run_id)
    assert found["signalbox/failure"] == "timeout"
    assert found["signalbox/error"] == "timed out after 2 s"
    assert any("timed out after 2 s" in message for message in worked_yard.messages(run_id))
    worked_yard.wait_for(lambda: not worked_yard.leases(), "the lease to be given back", 2)
    assert worked_yard.status(run_id) == "FAILURE"
    assert worked_yard.wait(worked_yard.launch("work_job", tags={"dagster/max_runtime": "5"})) == "SUCCESS"


def test_given_an_error_in_a_run_then_its_innermost_message_is_the_reason(worked_yard: Yard) -> None:
    worked_yard.start_worker(slots=1)
    run_id = worked_yard.launch("fail_job")
    assert worked_yard.wait(run_id) == "FAILURE"
    found = worked_yard.tags(run_id)
    assert found["signalbox/failure"] == "error"
    assert found["signalbox/error"] == "fail: ValueError: the signal is red"


def test_given_a_worker_that_is_told_to_quit_then_its_run_fails_as_worker_lost_and_it_signs_off(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worker = worked_yard.start_worker(slots=1)
    run_id = _begun(worked_yard, "nap_job", tmp_path / "marks")
    worker.end(signal.SIGQUIT)
    worked_yard.wait(run_id, "FAILURE", seconds=3)
    assert worked_yard.tags(run_id)["signalbox/failure"] == "worker_lost"
    assert not worked_yard.column("SELECT id FROM signalbox.workers")


def test_given_a_worker_that_is_told_to_end_then_it_drains_and_finishes_its_run(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worker = worked_yard.start_worker(slots=1)
    run_id = worked_yard.launch("nap_job", {"seconds": 3.0, "marks": str(tmp_path / "marks")})
    worked_yard.wait_for((tmp_path / "marks").exists, "the run to begin")
    worker.process.send_signal(signal.SIGTERM)
    worked_yard.wait_for(
        lambda: worked_yard.column("SELECT draining FROM signalbox.workers") == [True], "it to drain", 2
    )
    assert worked_yard.wait(run_id) == "SUCCESS"
    assert worker.process.wait(10) == 0
    assert not worked_yard.column("SELECT id FROM signalbox.workers")
