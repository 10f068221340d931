"""Each task has a worktree of its own, with the work of what it waited for in it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.workspaces.mirror import mirror_of
from tests.unit.agents.desk import Desk, write
from tests.unit.agents.desk import desk as desk
from tests.unit.agents.desk import signalbox_here as signalbox_here
from tests.unit.agents.repository import Repository
from tests.unit.agents.test_cli import Signalbox
from tests.unit.task_queue.asking import comments


@pytest.mark.case("agents-X-worktree")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_chain_of_tasks_then_each_begins_with_the_work_of_those_before_it(desk: Desk) -> None:
    schema = desk.add(write("schema", "s"), title="Schema")
    api = desk.add(write("api", "a"), blocked_by=(schema,))
    docs = desk.add(write("docs", "d"))
    ui = desk.add(write("ui", "u"), blocked_by=(api, docs))
    for _ in range(4):
        desk.bench.run()
    desk.done(schema, api, docs, ui)
    assert {note["task"]: note["files"] for note in desk.notes()} == {
        schema: ["README"],
        api: ["README", "schema"],
        docs: ["README"],
        ui: ["README", "api", "docs", "schema"],
    }
    assert len({note["cwd"] for note in desk.notes()}) == 4, "two agents never share a worktree"
    assert len({note["port"] for note in desk.notes()}) == 4
    assert desk.repository.files(f"task/{ui}").keys() == {"README", "api", "docs", "schema", "ui"}
    assert desk.repository.files() == {"README": "hello"}, "the base is nobody's to change"
    assert desk.repository.subjects(f"task/{schema}") == ["by hand", "Schema"]
    assert desk.repository.git("log", "-1", "--format=%an", f"task/{schema}") == "vaela"
    kept = desk.kept(schema)
    assert (kept.base, kept.branch, kept.files, kept.added) == ("main", f"task/{schema}", 1, 1)
    assert kept.base_commit == desk.repository.git("rev-parse", "main")
    assert any(
        "1 file changed, +1 -0" in said and "on main" in said for said in comments(desk.bench.queue, schema)
    )


@pytest.mark.case("agents-X-worktree")
def test_given_a_failed_attempt_then_the_next_one_finds_what_it_left_and_another_task_does_not(
    desk: Desk,
) -> None:
    half = write("half", "h") + "; sys.exit(0 if task['attempts'] > 1 else 3)"
    code = half if desk.bench.queue.backend == "postgres" else ""
    if not code:
        pytest.skip("TinyTask holds no payload")
    failing, other = desk.add(code, priority=1), desk.add()
    desk.bench.run()
    kept = desk.kept(failing)
    assert (Path(kept.path) / "half").exists()
    desk.bench.run()
    desk.bench.run()
    desk.done(failing, other)
    by_task = {(note["task"], note["attempt"]): note["files"] for note in desk.notes()}
    assert by_task[failing, 1] == ["README"]
    assert by_task[failing, 2] == ["README", "half"]
    assert by_task[other, 1] == ["README"]
    assert "half" not in desk.repository.files(f"task/{other}")


@pytest.mark.case("agents-X-worktree")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_reset_between_attempts_then_what_was_not_committed_is_put_aside_and_not_lost(
    desk: Desk,
) -> None:
    desk.declare(between="reset")
    desk.add(write("half", "h") + "; sys.exit(0 if task['attempts'] > 1 else 3)")
    desk.bench.run()
    desk.bench.run()
    assert [note["files"] for note in desk.notes()] == [["README"], ["README"]]
    mirror = mirror_of(str(desk.repository.path), desk.bench.folder / "state")
    from scheduler_defs.agents.workspaces.git import git

    (aside,) = git("for-each-ref", "--format=%(refname)", "refs/signalbox/aside", at=mirror.path).split()
    assert git("show", f"{aside}:half", at=mirror.path) == "h"


@pytest.mark.case("agents-X-worktree")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_blockers_that_do_not_go_together_then_the_task_is_set_aside_with_the_conflict(
    desk: Desk,
) -> None:
    one, two = desk.add(write("same", "1")), desk.add(write("same", "2"))
    both = desk.add(blocked_by=(one, two))
    for _ in range(3):
        desk.bench.run()
    desk.done(one, two)
    assert desk.bench.queue.get(both).status is TaskStatus.FAILED
    assert f"the work of task {two} does not go together with main" in comments(desk.bench.queue, both)[-1]
    assert "conflicts in same" in comments(desk.bench.queue, both)[-1]
    assert len(desk.notes()) == 2, "no agent was started for it"


@pytest.mark.case("agents-X-worktree")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_setup_then_it_is_run_once_in_each_worktree_and_a_failing_one_burns_no_attempt(
    desk: Desk,
) -> None:
    count = desk.bench.folder / "count"
    desk.declare(setup=[["sh", "-c", f"echo x >> {count}"]])
    desk.add("sys.exit(0 if task['attempts'] > 1 else 3)")
    desk.bench.run()
    desk.bench.run()
    assert count.read_text() == "x\n"
    desk.declare(setup=[["sh", "-c", "echo no network; exit 7"]])
    id = desk.add()
    run = desk.bench.run()
    assert run.status is dg.DagsterRunStatus.FAILURE
    task = desk.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0)
    assert "its workspace cannot be prepared" in comments(desk.bench.queue, id)[-1]
    assert "no network" in comments(desk.bench.queue, id)[-1]


@pytest.mark.case("agents-X-worktree")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
@pytest.mark.parametrize("fault", ["no such repository", "no such branch"])
def test_given_a_repository_that_is_not_there_then_no_attempt_is_burnt_and_the_reason_is_said(
    desk: Desk, fault: str
) -> None:
    if fault == "no such repository":
        desk.bench.declare(desk.command, workspace={"repository": str(desk.bench.folder / "nowhere")})
    else:
        desk.declare(base="trunk")
    id = desk.add()
    desk.bench.run()
    task = desk.bench.queue.get(id)
    assert (task.status, task.attempts) == (TaskStatus.IDLE, 0)
    said = comments(desk.bench.queue, id)[-1]
    assert "its workspace: " in said
    assert ("nowhere" if fault == "no such repository" else "has no branch 'trunk'") in said


@pytest.mark.case("agents-X-worktree")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
@pytest.mark.parametrize("push", [True, False])
def test_given_worktrees_kept_long_enough_then_they_are_removed_and_what_was_not_pushed_is_in_a_bundle(
    desk: Desk, push: bool
) -> None:
    desk.declare(keep="0s", push=push)
    first = desk.add(write("work", "w"))
    desk.bench.run()
    kept = desk.kept(first)
    assert kept.removed_at is not None, "by the run that worked in it, when the task was done"
    assert not Path(kept.path).exists()
    assert (kept.bundle is None) is push
    if kept.bundle:
        copy = Repository(desk.bench.folder / "copy")
        copy.git("fetch", "--quiet", str(desk.repository.path), "main")
        copy.git("fetch", "--quiet", kept.bundle, f"task/{first}:back")
        assert copy.files("back")["work"] == "w"


@pytest.mark.case("agents-X-worktree")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_a_tasks_work_then_diff_shows_it(desk: Desk, signalbox_here: Signalbox) -> None:
    id = desk.add(write("work", "w\n") + "; " + write("README", "hi\n"))
    idle = desk.add()
    desk.bench.run()
    code, shown, _ = signalbox_here("tasks", "diff", id)
    assert code == 0
    assert "+w" in shown and "-hello" in shown and "+hi" in shown
    code, found, _ = signalbox_here("tasks", "diff", id, "--json")
    assert (found["task"], found["base"], found["branch"]) == (id, "main", f"task/{id}")
    assert found["files"] == [
        {"path": "README", "added": 1, "removed": 1},
        {"path": "work", "added": 1, "removed": 0},
    ]
    code, found, _ = signalbox_here("tasks", "show", id, "--json")
    assert found["workspace"]["diffstat"] == "2 files changed, +2 -1"
    code, _, said = signalbox_here("tasks", "diff", idle)
    assert (code, said) == (1, f"signalbox: task {idle}: no worktree has been made for it\n")


@pytest.mark.case("agents-X-worktree")
def test_given_a_placeholder_in_a_working_directory_then_check_says_what_is_meant(tmp_path: Path) -> None:
    from scheduler_defs.declarations import load

    text = "agents: {v: {queue: dev, command: [x], cwd: 'work/{task.id}'}}"
    (tmp_path / "agents.yaml").write_text(text)
    (fault,) = load(tmp_path).problems
    assert str(fault).endswith("nothing is filled in here; workspace: gives each task its own")
