"""Tasks that a yard begins with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from scheduler_defs.agents.task_queue.first_tasks import add_first_tasks
from scheduler_defs.agents.task_queue.models import TaskQuery
from scheduler_defs.agents.task_queue.postgres.queue import PostgresTaskQueue
from scheduler_defs.declarations import load
from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.stack.components.migrate import add_declared_tasks

EXAMPLE = PROJECT_ROOT / "recipes" / "example-tasks.jsonl"
ALL = TaskQuery(limit=None)


def test_given_no_task_ever_when_asked_several_times_at_once_then_they_are_added_once(
    queue_engine: sa.Engine, postgres_queue: PostgresTaskQueue
) -> None:
    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(lambda _: add_first_tasks(queue_engine, EXAMPLE), range(4)))
    assert sorted(added) == [0, 0, 0, 7]
    tasks = postgres_queue.find(ALL)
    assert [task.title for task in tasks if task.blocked_by == (tasks[0].id,)] == [
        "Lay its foundation",
        "Wire it",
    ]
    assert {task.created_by for task in tasks} == {"first tasks"}


def test_given_tasks_that_are_gone_again_when_asked_then_nothing_is_added(
    queue_engine: sa.Engine, postgres_queue: PostgresTaskQueue
) -> None:
    assert add_first_tasks(queue_engine, EXAMPLE) == 7
    with queue_engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM signalbox.tasks"))
    assert add_first_tasks(queue_engine, EXAMPLE) == 0
    assert postgres_queue.find(ALL) == []


def test_given_a_faulty_file_when_asked_then_file_and_line_are_named_and_nothing_is_added(
    queue_engine: sa.Engine, postgres_queue: PostgresTaskQueue, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text('{"title": "a", "queue": "dev"}\n{"title": "b"}\n')
    with pytest.raises(SignalboxError, match=r"tasks\.jsonl: line 2: queue: "):
        add_first_tasks(queue_engine, file)
    assert postgres_queue.find(ALL) == []


def test_given_the_example_yard_when_read_then_it_begins_with_the_example_tasks() -> None:
    found = load(PROJECT_ROOT / "config").declarations.task_queue
    assert found.first_tasks == str(EXAMPLE)


@pytest.mark.parametrize(
    ("task_queue", "message"),
    [
        ("{first_tasks: missing.jsonl}", "there is no file 'missing.jsonl' in recipes/"),
        ("{first_tasks: ../tasks.jsonl}", "'../tasks.jsonl' leads outside the recipes folder recipes/"),
        (
            "{backend: tinytask, url: 'http://127.0.0.1:1', first_tasks: tasks.jsonl}",
            "first_tasks belongs to backend: postgres; a TinyTask server has its own",
        ),
    ],
)
def test_given_first_tasks_that_cannot_be_when_checked_then_the_fault_says_why(
    tmp_path: Path, task_queue: str, message: str
) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "tasks.jsonl").write_text("")
    (tmp_path / "tasks.jsonl").write_text("")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "agents.yaml").write_text(f"task_queue: {task_queue}\n")
    assert [message in str(problem) for problem in load(tmp_path / "config").problems] == [True]


def test_given_a_yard_that_is_started_several_times_then_its_first_tasks_are_there_once(
    queue_engine: sa.Engine,
    postgres_queue: PostgresTaskQueue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last step of the migrations; a fault in the file does not keep a stack from starting."""
    for name in ("config", "recipes", "state"):
        (tmp_path / name).mkdir()
    (tmp_path / "config" / "agents.yaml").write_text("task_queue: {first_tasks: tasks.jsonl}\n")
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", queue_engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    for text in ("not JSON", '{"title": "a", "queue": "dev"}', '{"title": "b", "queue": "dev"}'):
        (tmp_path / "recipes" / "tasks.jsonl").write_text(text)
        add_declared_tasks()
    assert "tasks.jsonl: line 1: not JSON" in caplog.text
    assert [task.title for task in postgres_queue.find(ALL)] == ["a"]
