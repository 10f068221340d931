"""A task is given back, and its agent's slot freed, only when nothing of its command is left."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from scheduler_defs.agents.deciding import Ending, TaskStatus
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.agents.working.run import _interrupted
from tests.cases.test_commands_following import Webserver
from tests.patience import wait_until
from tests.unit.agents.bench import Bench
from tests.unit.agents.runs_to_kill import start
from tests.unit.agents.test_cli import Signalbox
from tests.unit.agents.test_cli import signalbox as signalbox
from tests.unit.task_queue.asking import add, comments, now, request

STUBBORN = """trap '' TERM; (trap '' TERM; echo $BASHPID >> "$0"; sleep 60) & echo $$ >> "$0"; wait"""


@pytest.mark.case("ui-UI-05")
@pytest.mark.case("ui-UI-06")
@pytest.mark.case("ui-UI-07")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
@pytest.mark.parametrize("requeued", [False, True])
def test_given_a_command_that_ignores_its_end_then_nothing_is_started_before_its_whole_tree_is_gone(
    bench: Bench, requeued: bool
) -> None:
    pids = bench.folder / "pids"
    bench.declare(["bash", "-c", STUBBORN, str(pids)], grace="2s")
    first, second = add(bench.queue, priority=1), add(bench.queue)
    run = start(bench)

    def tree() -> list[int]:
        return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []

    wait_until(lambda: len(tree()) == 2, seconds=60)
    run.interrupt()
    looks = 0
    while any(map(psutil.pid_exists, tree())):
        if requeued and looks == 0:
            bench.queue.requeue(first, author="ann")
        live = bench.look()
        # A look that began while it lived may end after it.
        if any(map(psutil.pid_exists, tree())):
            looks += 1
            assert live.requests == ()
            assert [each.task_id for each in bench.live()] == [first]
    assert looks > 3
    run.process.join(60)
    assert bench.live() == []
    assert bench.queue.get(first).status is TaskStatus.IDLE
    assert [each.task_id for each in bench.look().requests] == [first]
    assert not requeued or "put back to idle" in comments(bench.queue, first)
    assert bench.queue.get(second).status is TaskStatus.IDLE


@pytest.mark.case("ui-UI-07")
def test_given_a_run_that_was_deleted_then_the_comment_names_that() -> None:
    def ended(run: Any) -> Any:
        context: Any = SimpleNamespace(run_id="r", instance=SimpleNamespace(get_run_by_id=lambda _: run))
        return _interrupted(context, 1.0)

    assert (ended(None).ending, ended(None).detail) == (Ending.WORKER_LOST, "its run was deleted")
    assert ended(SimpleNamespace(status="STARTED")).detail == f"worker {os.getpid()} was stopped"


@pytest.mark.case("agents-X-tmp-left")
@pytest.mark.case("attack-b3-task-folders")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_worker_that_is_killed_then_the_tasks_folder_goes_with_its_command(bench: Bench) -> None:
    mark = bench.folder / "mark"
    bench.declare(["sh", "-c", 'echo "$SIGNALBOX_TASK_FILE" > "$0"; sleep 60', str(mark)])
    add(bench.queue)
    run = start(bench)
    wait_until(lambda: mark.exists() and mark.read_text().strip(), seconds=60)
    folder = Path(mark.read_text().strip()).parent
    assert folder.parent == bench.folder / "state" / "work"
    assert folder.stat().st_mode & 0o077 == 0
    run.kill()
    wait_until(lambda: not folder.exists(), seconds=30)


@pytest.mark.case("agents-X-logs")
def test_given_a_tinytask_server_then_its_requests_are_no_lines_in_the_agents_output() -> None:
    import scheduler_defs.agents.task_queue.tinytask.client

    assert scheduler_defs.agents.task_queue.tinytask.client.httpx
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


@pytest.mark.case("agents-X-logs")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_an_agents_output_then_it_is_shown_by_the_tasks_id_and_followed_to_the_end(
    signalbox: Signalbox,
    queue: TaskQueue,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("scheduler_defs.cli.tasks.output.graphql", lambda: Webserver("FAILURE"))
    id = add(queue)
    code, _, said = signalbox("tasks", "logs", id)
    assert (code, said) == (1, f"signalbox: task {id}: no run has worked on it yet\n")
    queue.claim(id, request("run-1"), now())
    code, out, err = signalbox("tasks", "logs", id, "-f")
    assert code == 0
    assert str(out).startswith("hello signalbox\nmore\n")
    assert "fatal disk full" in err

    def settle(seconds: float) -> None:  # instead of waiting
        queue.settle(id, request("run-1"), Ending.SUCCESS, now=now())

    monkeypatch.setattr("scheduler_defs.cli.tasks.output.time", SimpleNamespace(sleep=settle))
    code, out, _ = signalbox("tasks", "follow", id)
    lines = [json.loads(line) for line in str(out).splitlines()]
    assert [(each["type"], each.get("status")) for each in lines] == [
        ("status", "working"),
        ("stdout", None),
        ("stderr", None),
        ("status", "complete"),
    ]
    assert lines[1]["text"].startswith("hello signalbox")
