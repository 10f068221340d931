"""Tasks as files: what changes on one side reaches the other, and nothing is overwritten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.files import syncing
from scheduler_defs.agents.task_queue.files.document import merge, read, write
from scheduler_defs.agents.task_queue.files.syncing import Folder, Step
from scheduler_defs.agents.task_queue.models import TaskQuery
from scheduler_defs.agents.task_queue.new_task import TaskChanges
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.errors import SignalboxError
from tests.unit.task_queue.asking import add

NEW = "---\ntitle: Read the files\npriority: 3\ntags: [core]\n---\n\nAll of them.\n"


class Synced:
    """A folder and a queue."""

    def __init__(self, engine: sa.Engine, queue: PostgresTaskQueue, path: Path) -> None:
        self.engine, self.queue, self.path = engine, queue, path

    def sync(self, **more: Any) -> list[Step]:
        return list(Folder(self.engine, self.queue, self.path, "dev", "ann", **more).sync())

    def whats(self, **more: Any) -> list[str]:
        return [step.what for step in self.sync(**more)]

    def edit(self, name: str, before: str, after: str) -> None:
        text = (self.path / name).read_text()
        assert before in text
        (self.path / name).write_text(text.replace(before, after))

    def titles(self) -> list[str]:
        return [task.title for task in self.queue.find(TaskQuery(queue="dev", limit=None))]


@pytest.fixture
def synced(queue_engine: sa.Engine, postgres_queue: PostgresTaskQueue, tmp_path: Path) -> Synced:
    folder = tmp_path / "tasks"
    folder.mkdir()
    return Synced(queue_engine, postgres_queue, folder)


def test_given_a_new_file_then_it_is_a_task_once_and_the_next_time_nothing_is_to_be_done(
    synced: Synced,
) -> None:
    (synced.path / "a.md").write_text(NEW)
    assert synced.whats(dry_run=True) == ["added"] and synced.titles() == []
    (step,) = synced.sync()
    assert step.what == "added" and step.task is not None
    task = synced.queue.get(step.task)
    assert (task.title, task.priority, task.tags, task.description, task.created_by) == (
        *("Read the files", 3, ("core",), "All of them.", "ann"),
    )
    assert f"id: {task.id}" in (synced.path / "a.md").read_text()
    assert synced.sync() == []
    assert synced.titles() == ["Read the files"]


def test_given_a_task_then_it_has_a_file_and_each_sides_changes_reach_the_other(synced: Synced) -> None:
    id = add(synced.queue, "Lay the cable", description="Carefully.", deadline="2030-01-01T12:00:00+01:00")
    (step,) = synced.sync()
    assert (step.file, step.what) == (f"{id}-lay-the-cable.md", "written")
    assert "deadline: '2030-01-01T11:00:00+00:00'" in (synced.path / step.file).read_text()
    synced.edit(step.file, "title: Lay the cable", "title: Lay it\npriority: 7")
    synced.queue.change(id, TaskChanges(tags=("track",), deadline=None), author="ben")
    merged, *rest = synced.sync()
    assert not rest, (merged, rest)
    assert merged.what == "merged", merged
    task = synced.queue.get(id)
    assert (task.title, task.priority, task.tags, task.deadline) == ("Lay it", 7, ("track",), None)
    text = (synced.path / step.file).read_text()
    assert "tags: [track]" in text and "deadline" not in text and "Carefully." in text
    assert synced.sync() == []


def test_given_both_sides_changed_one_field_then_the_conflict_is_named_and_nothing_is_overwritten(
    synced: Synced,
) -> None:
    id = add(synced.queue, "Old")
    (step,) = synced.sync()
    synced.edit(step.file, "title: Old", "title: Mine")
    synced.queue.change(id, TaskChanges(title="Theirs"), author="ben")
    (conflict,) = synced.sync()
    assert (conflict.what, conflict.task) == ("conflict", id)
    assert conflict.detail == 'title: the file says "Mine", the queue "Theirs"'
    assert synced.queue.get(id).title == "Theirs" and "title: Mine" in (synced.path / step.file).read_text()
    assert synced.whats(prefer="file") == ["changed"]
    assert synced.queue.get(id).title == "Mine"
    synced.edit(step.file, "title: Mine", "title: Again")
    synced.queue.change(id, TaskChanges(title="No"), author="ben")
    assert synced.whats(prefer="queue") == ["written"]
    assert "title: 'No'" in (synced.path / step.file).read_text()


def test_given_statuses_and_blockers_in_files_then_the_queue_follows_but_nobody_works_by_hand(
    synced: Synced,
) -> None:
    first, second = add(synced.queue, "First"), add(synced.queue, "Second")
    synced.sync()
    synced.edit(f"{second}-second.md", "status: idle", f"status: idle\nblocked_by: [{first}]")
    assert synced.whats() == ["changed"]
    assert synced.queue.get(second).blocked_by == (first,)
    synced.edit(f"{first}-first.md", "status: idle", "status: complete")
    assert synced.whats() == ["changed"]
    assert synced.queue.get(first).status is TaskStatus.COMPLETE
    assert synced.sync() == [], "that a blocker has ended changes no file"
    synced.edit(f"{second}-second.md", "status: idle", "status: working")
    (step,) = synced.sync()
    assert step.what == "fault" and "status 'working' is not given by hand" in step.detail


def test_given_files_and_tasks_that_are_gone_then_they_are_named_and_nothing_comes_back(
    synced: Synced,
) -> None:
    first, second = add(synced.queue, "First"), add(synced.queue, "Second")
    synced.sync()
    (synced.path / f"{first}-first.md").unlink()
    synced.queue.delete(second)
    found = {step.task: step for step in synced.sync()}
    assert found[first].detail.startswith("its file was deleted")
    assert found[second].detail.startswith("its task was deleted")
    assert synced.titles() == ["First"]


def test_given_a_faulty_file_then_it_is_told_and_the_others_are_synced(synced: Synced) -> None:
    (synced.path / "a.md").write_text("---\ntitle: A\ncolour: red\n---\n")
    (synced.path / "b.md").write_text(NEW)
    (synced.path / "c.md").write_text("no front matter")
    steps = {step.file: step for step in synced.sync()}
    assert steps["a.md"].detail.startswith("a.md: colour: unknown field; allowed are title, queue")
    assert steps["b.md"].what == "added"
    assert steps["c.md"].detail == "c.md: no front matter: a task file begins with ---"


@pytest.mark.parametrize("moment", ["adding", "agreeing", "writing"])
def test_given_a_sync_that_is_killed_then_the_next_one_finishes_it_and_no_task_is_there_twice(
    synced: Synced, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    (synced.path / "a.md").write_text(NEW)
    waiting = add(synced.queue, "Has no file")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    name = {"adding": "_pair", "agreeing": "_agree"}.get(moment)
    with monkeypatch.context() as patch:
        if name is not None:
            patch.setattr(Folder, name, die)
        else:
            patch.setattr(syncing, "write_atomically", die)
        with pytest.raises(KeyboardInterrupt):
            synced.sync()
    synced.sync()
    assert sorted(synced.titles()) == ["Has no file", "Read the files"]
    assert (synced.path / f"{waiting}-has-no-file.md").exists()
    assert synced.sync() == []


def test_given_a_file_of_another_database_then_it_is_a_new_task_whatever_its_number(synced: Synced) -> None:
    other = add(synced.queue, "Ours")
    synced.sync()
    (synced.path / "b.md").write_text(f"---\nkey: 00ff\nid: {other}\ntitle: Theirs\n---\n")
    synced.sync()
    assert synced.queue.get(other).title == "Ours"
    assert sorted(synced.titles()) == ["Ours", "Theirs"]


def test_given_a_document_then_what_is_written_reads_the_same() -> None:
    text = NEW.replace("---\ntitle", "---\npayload: {a: [1, null]}\ndeadline: 2030-01-01T00:00:00Z\ntitle", 1)
    found = read("a.md", text, "dev")
    assert read("a.md", write("k", 1, found.document)).document == found.document
    merged = merge(found.document, found.document, {**found.document, "priority": 9})
    assert merged.conflicts == () and merged.document["priority"] == 9


def test_given_a_blocker_by_name_then_it_is_refused(synced: Synced) -> None:
    with pytest.raises(SignalboxError, match=re.escape("'b' is no task's number")):
        read("a.md", "---\ntitle: A\nqueue: dev\nblocked_by: [b]\n---\n")
