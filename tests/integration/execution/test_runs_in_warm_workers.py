"""Runs are executed by Celery worker processes that keep what they have loaded."""

from pathlib import Path

import psutil

from tests.integration.execution.worked_yard import Yard


def test_given_a_worker_when_a_run_is_launched_then_a_child_of_it_executes_it(
    worked_yard: Yard, tmp_path: Path
) -> None:
    worker = worked_yard.start_worker(slots=1)
    marks = tmp_path / "marks"
    run_id = worked_yard.launch("work_job", {"marks": str(marks)})
    assert worked_yard.wait(run_id) == "SUCCESS", "\n".join(worked_yard.messages(run_id))
    pid = int(marks.read_text().split()[1])
    assert pid not in worker.children(), "a process of its own"
    worked_yard.wait_for(lambda: not psutil.pid_exists(pid), "it to end")
    worked_yard.wait_for(lambda: not worked_yard.leases(), "the lease to be given back")
    assert worked_yard.tags(run_id)["signalbox/worker"].startswith("w0-")


def test_given_a_step_that_prints_then_its_output_is_readable_while_it_runs(worked_yard: Yard) -> None:
    worked_yard.start_worker(slots=1)
    run_id = worked_yard.launch("talk_job", {"say": "hello"})
    manager = worked_yard.instance.compute_log_manager

    def output() -> tuple[bytes, bytes] | None:
        folder = worked_yard.state / "compute_logs" / run_id / "compute_logs"
        found = list(folder.glob("*.out"))
        if not found:
            return None
        data = manager.get_log_data([run_id, "compute_logs", found[0].stem])
        return data.stdout or b"", data.stderr or b""

    worked_yard.wait_for(lambda: (output() or (b"",))[0].count(b"\n") == 2, "two lines of output")
    assert worked_yard.status(run_id) == "STARTED"
    printed, errors = output() or (b"", b"")
    assert printed == b"hello\nchild says hello\n"
    assert b"HELLO\n" in errors
    assert worked_yard.wait(run_id) == "SUCCESS"


def test_given_a_worker_then_its_processes_come_with_its_work_and_go_without(worked_yard: Yard) -> None:
    worker = worked_yard.start_worker(
        slots=2, app="tests.integration.execution.hasty_app", environment={"AUTOSCALE_KEEPALIVE": "0.3"}
    )
    assert not worker.children()
    for _ in range(3):
        both = [worked_yard.launch("work_job", {"marks": str(worked_yard.state / "marks")}) for _ in range(2)]
        assert [worked_yard.wait(run_id) for run_id in both] == ["SUCCESS", "SUCCESS"]
        assert worked_yard.column("SELECT slots FROM signalbox.workers") == [2]
        worked_yard.wait_for(lambda: not worker.children(), "the processes to end")
    assert worked_yard.column("SELECT heartbeat > now() - interval '6 s' FROM signalbox.workers") == [True]
