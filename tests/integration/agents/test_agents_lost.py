"""Workers, the daemon and the task queue's server go away while agents work, and come back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.new_task import NewTask
from scheduler_defs.agents.task_queue.tinytask.queue import TinyTaskQueue
from scheduler_defs.stack.machine import processes
from tests.integration.agents.agents_at_work import AtWork
from tests.integration.running_stack import until
from tests.standins.tinytask import TinyTaskServer


def test_given_an_agent_at_work_when_its_worker_is_killed_then_the_task_is_done_by_a_second_run_within_a_minute(
    at_work: AtWork,
) -> None:
    (id,) = at_work.add("steady")
    (sleep,) = until(lambda: at_work.processes("sleep"), "the agent's process")
    guard = sleep.parent()
    worker = guard.parent() if guard else None
    assert worker is not None and "celery" in " ".join(worker.cmdline())
    worker.send_signal(signal.SIGKILL)
    until(lambda: not processes.lives(sleep), "its end", 10)
    (task,) = at_work.wait([id], TaskStatus.COMPLETE)
    assert task.attempts == 1
    shown = at_work.stack.json("tasks", "show", str(id))
    assert [run["ending"] for run in shown["runs"]] == ["complete", "give_back"]
    lost = at_work.stack.json("runs", "show", shown["runs"][1]["run_id"])
    assert (lost["status"], lost["failure"], lost["task"]) == ("FAILURE", "worker_lost", str(id))


def test_given_a_daemon_that_stands_still_when_it_goes_on_then_nothing_is_lost_or_done_twice(
    at_work: AtWork,
) -> None:
    (working,) = at_work.add("steady")
    at_work.wait([working], TaskStatus.WORKING)
    daemon = psutil.Process(at_work.stack.pid("daemon"))
    daemon.suspend()
    try:
        ids = [working, *at_work.add("noop", 2)]
        at_work.wait([working], TaskStatus.COMPLETE)
        assert {task.status for task in at_work.tasks(ids[1:])} == {TaskStatus.IDLE}
    finally:
        daemon.resume()
    tasks = at_work.wait(ids, TaskStatus.COMPLETE)
    assert [task.attempts for task in tasks] == [1, 1, 1]


@contextmanager
def tasks_in(at_work: AtWork, server: TinyTaskServer) -> Iterator[TinyTaskQueue]:
    """The stack's agents take their tasks from this server until the end of the block."""
    path = at_work.stack.config / "agents.yaml"
    before = path.read_text()
    path.write_text(before.replace("backend: postgres", f'backend: tinytask\n  url: "{server.url}"'))
    queue = TinyTaskQueue(server.url)
    try:
        yield queue
    finally:
        queue.close()
        path.write_text(before)


def failed_tick(at_work: AtWork) -> dict[str, Any] | None:
    """The newest tick of the queue noop, if it has failed; the next one may have begun, without an error."""
    tick = at_work.last_tick("noop")
    return tick if tick.get("status") == "FAILURE" and tick.get("error") else None


def test_given_a_tinytask_server_that_is_down_for_a_while_then_tick_and_status_say_so_and_nothing_is_lost(
    at_work: AtWork,
) -> None:
    """W4, W9: with the server down all looked well, and what could not be put back was lost."""

    def statuses() -> list[str]:
        return [server.store.get(id)["status"] for id in (first, second, third)]

    with TinyTaskServer() as server, tasks_in(at_work, server) as queue:
        first, second, third = queue.add(
            [
                NewTask(title="a", queue="steady", key="a"),
                NewTask(title="b", queue="steady", blocked_by=("a",)),
                NewTask(title="c", queue="noop", blocked_by=("a",)),
            ]
        )
        until(
            lambda: statuses()[0] == "working" and at_work.processes("sleep"), "the first task to be claimed"
        )
        assert at_work.stack.component("task-queue")["state"] == "healthy"
        server.down()
        error = until(lambda: failed_tick(at_work), "a tick that fails")["error"]["message"]
        assert f"the task queue at {server.url} does not answer" in error
        done = at_work.stack.run("status", check=False)
        assert done.returncode == 1
        assert (
            f"problem: task-queue: unhealthy: the task queue at {server.url} does not answer" in done.stderr
        )
        until(lambda: not at_work.processes("sleep"), "the work to end while the server is away")
        server.up()
        until(lambda: statuses() == ["complete"] * 3, "all three tasks to be done")
        assert [queue.get(id).attempts for id in (first, second, third)] == [1, 1, 1]
        assert at_work.stack.component("task-queue")["state"] == "healthy"
    until(
        lambda: at_work.wait(at_work.add("noop"), TaskStatus.COMPLETE),
        "the agents to be back at their own tasks",
    )
