"""Care for a backlog: change, link, stop, delete, find, import."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import TaskQuery
from scheduler_defs.agents.task_queue.new_task import (
    ImportedTask,
    NewTask,
    TaskChanges,
    read_json_lines,
    refuse_foreign,
)
from scheduler_defs.agents.task_queue.protocol import NotSupportedError, TaskQueue, UnknownTaskError
from scheduler_defs.errors import SignalboxError
from tests.unit.task_queue.asking import add, comments, now, request

LATER = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@pytest.mark.case("agents-X-tasks-edit")
@pytest.mark.parametrize(
    "changes",
    [
        {"title": "dig deeper", "priority": 7},
        {"description": "all about it"},
        {"tags": ("a", "b"), "capabilities": ("gpu",), "recipe": "fix.yaml"},
        {"not_before": LATER, "max_attempts": 9},
        {"payload": {"k": [1]}, "deadline": LATER},
    ],
)
def test_given_a_task_when_changed_then_what_is_given_is_different_and_the_rest_stays(
    queue: TaskQueue, changes: dict[str, Any]
) -> None:
    id = add(queue, "dig", priority=2, tags=("old",), capabilities=("cpu",))
    before = queue.get(id)
    wanted = TaskChanges(**changes)
    if queue.backend == "tinytask" and "payload" in changes:
        with pytest.raises(NotSupportedError, match="cannot hold deadline, payload"):
            queue.change(id, wanted, author="ann")
        return
    queue.change(id, wanted, author="ann")
    task = queue.get(id)
    for name in ("title", "description", "priority", "tags", "capabilities", "recipe", "max_attempts"):
        assert getattr(task, name) == changes.get(name, getattr(before, name)), name
    assert task.not_before == changes.get("not_before")
    assert comments(queue, id)[-1] == f"changed: {', '.join(sorted(changes))}"


@pytest.mark.case("agents-X-tasks-edit")
def test_given_a_task_that_others_wait_for_or_a_run_has_then_it_is_not_deleted(queue: TaskQueue) -> None:
    blocker, held = add(queue), add(queue)
    dependent = add(queue, blocked_by=(blocker,))
    queue.claim(held, request(), now())
    with pytest.raises(SignalboxError, match=f"{dependent} wait for it"):
        queue.delete(blocker)
    with pytest.raises(SignalboxError, match="is worked on by run run-1"):
        queue.delete(held)
    queue.unblock(dependent, None, author="ann")
    queue.delete(blocker)
    with pytest.raises(UnknownTaskError):
        queue.get(blocker)


@pytest.mark.case("agents-X-assigned-filter")
def test_given_tasks_done_by_an_agent_then_they_are_found_under_its_name(queue: TaskQueue) -> None:
    done, assigned, other = add(queue), add(queue, assigned_to="vaela"), add(queue)
    queue.claim(done, request(), now())
    queue.complete(done, author="vaela")
    found = {task.id: task for task in queue.find(TaskQuery(assigned_to="vaela"))}
    assert set(found) == {done, assigned}
    assert found[done].agent == "vaela"
    assert other not in found


@pytest.mark.case("agents-X-list-limits")
def test_given_many_tasks_then_they_are_found_by_tag_parent_words_blockers_and_page(queue: TaskQueue) -> None:
    parent = add(queue, "the whole")
    part = add(queue, "a part", parent=parent, description="about SQL")
    tagged = add(queue, "tagged", tags=("db",))
    blocked = add(queue, "later", blocked_by=(part,))

    def ids(**query: Any) -> list[int]:
        return [task.id for task in queue.find(TaskQuery(**query))]

    assert ids(tag="db") == [tagged]
    assert ids(parent=parent) == [part]
    assert ids(text="sql") == [part]
    assert ids(blocked=True) == [blocked]
    assert ids(limit=2) == [blocked, tagged]
    assert ids(limit=2, offset=2) == [part, parent]


@pytest.mark.case("agents-X-import-foreign-ids")
@pytest.mark.parametrize("names", [{"blocked_by": [8]}, {"parent": 99}])
def test_given_an_export_in_part_then_ids_that_the_file_does_not_have_are_refused(
    names: dict[str, Any],
) -> None:
    tasks = [
        NewTask(title="imp a", queue="g2", key=1),
        ImportedTask(title="imp c", queue="g2", key=7, **names),
    ]
    with pytest.raises(SignalboxError, match=r"'imp c' names (8|99), which the file does not have"):
        refuse_foreign(tasks)
    refuse_foreign([NewTask(title="x", queue="g2", key=7), NewTask(title="y", queue="g2", blocked_by=("7",))])


@pytest.mark.case("agents-X-deadline")
def test_given_a_start_after_the_deadline_then_it_is_refused() -> None:
    with pytest.raises(ValidationError, match="is not before the deadline"):
        NewTask(title="x", queue="dev", not_before=LATER, deadline=LATER - dt.timedelta(days=1))
    with pytest.raises(SignalboxError, match="line 1: task: not_before"):
        list(
            read_json_lines(
                [
                    '{"title": "x", "queue": "q", "not_before": "2031-01-01T00:00:00Z",'
                    ' "deadline": "2030-01-01T00:00:00Z"}'
                ]
            )
        )


def test_given_a_stopped_task_then_its_run_has_lost_it(queue: TaskQueue) -> None:
    id = add(queue)
    queue.claim(id, request(), now())
    queue.requeue(id, author="ann")
    assert (queue.get(id).status, queue.get(id).attempts) == (TaskStatus.IDLE, 0)
