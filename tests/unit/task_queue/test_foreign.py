"""Tasks of other trackers: Backlog.md, beads, GitHub's issues."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.task_queue.new_task import read_imported
from scheduler_defs.cli.importing.foreign import of_backlog, of_beads, of_github
from scheduler_defs.cli.importing.outgoing import to_backlog, to_beads, to_github
from scheduler_defs.cli.main import build
from scheduler_defs.errors import SignalboxError, UsageError

BACKLOG = """---
id: task-2
title: 'Read the files'
status: To Do
assignee: ['@ann']
created_date: '2026-02-02 23:21'
labels: [core, 'phase:2']
dependencies: [task-1, task-99]
parent_task_id: task-1
priority: high
---

## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
Parse them.
<!-- SECTION:DESCRIPTION:END -->
"""


def by_key(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for each in found:
        read_imported(each)  # as the command takes it
    return {each["key"]: each for each in found}


def test_given_task_files_of_backlog_md_then_they_are_tasks_with_their_links() -> None:
    done = "---\nid: task-1\ntitle: First\nstatus: Done\n---\n"
    found = by_key(of_backlog([("task-1 - First.md", done), ("task-2 - Read.md", BACKLOG)], "dev"))
    assert found["task-1"]["status"] == "complete"
    assert found["task-2"] == {
        "key": "task-2", "title": "Read the files", "queue": "dev", "priority": 5, "status": "idle",
        "description": "Parse them.", "tags": ["core", "phase:2"],
        "blocked_by": ["task-1"], "parent": "task-1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Notes", "a.md: no front matter"),
        ("---\n: [\n---\n", "a.md: its front matter is not YAML"),
        ("---\nid: 1\n---\n", "a.md: its front matter has no title"),
    ],
)
def test_given_a_file_that_is_no_task_then_that_is_said(text: str, said: str) -> None:
    with pytest.raises(SignalboxError, match=said):
        of_backlog([("a.md", text)], "dev")


def test_given_issues_of_beads_then_blocking_links_are_blockers_and_deleted_ones_are_left_out() -> None:
    link = {"issue_id": "bd-2", "depends_on_id": "bd-1", "type": "blocks"}
    lines = [
        {"id": "bd-1", "title": "One", "status": "in_progress", "priority": 0, "issue_type": "epic"},
        {
            "id": "bd-2", "title": "Two", "status": "closed", "priority": 3, "description": "what",
            "acceptance_criteria": "when", "labels": ["x"],
            "dependencies": [link, {**link, "type": "parent-child"}, {**link, "type": "discovered-from"}],
        },
        {"id": "bd-3", "title": "Gone", "status": "tombstone"},
    ]  # fmt: skip
    found = by_key(of_beads([*map(json.dumps, lines), ""], "dev"))
    assert found.keys() == {"bd-1", "bd-2"}
    assert (found["bd-1"]["status"], found["bd-1"]["priority"], found["bd-1"]["tags"]) == (
        "idle",
        10,
        ["epic"],
    )
    two = found["bd-2"]
    assert (two["status"], two["priority"], two["tags"]) == ("complete", -5, ["x"])
    assert (two["blocked_by"], two["parent"], two["description"]) == (["bd-1"], "bd-1", "what\n\nwhen")
    for line, said in (("{", "line 1: not JSON"), ("[]", "line 1: a JSON object is expected, not list")):
        with pytest.raises(SignalboxError, match=said):
            of_beads([line], "dev")


def test_given_issues_of_github_then_blocked_by_in_their_text_is_a_blocker() -> None:
    issues = [
        {
            "number": 1,
            "title": "One",
            "state": "CLOSED",
            "body": None,
            "labels": [{"name": "priority: high"}],
        },
        {
            "number": 2,
            "title": "Two\nlines",
            "state": "open",
            "body": "x\r\nBlocked by #1, #7\r\n",
            "labels": ["a"],
        },
        {"number": 3, "title": "A pull request", "pull_request": {"url": "x"}},
    ]
    found = by_key(of_github(json.dumps(issues), "dev"))
    assert found.keys() == {"1", "2"}
    assert (found["1"]["status"], found["1"]["priority"]) == ("complete", 5)
    assert (found["2"]["title"], found["2"]["blocked_by"], found["2"]["tags"]) == ("Two lines", ["1"], ["a"])
    for text, said in (("{", "not JSON"), ("[{}]", "a list of issues with number")):
        with pytest.raises(SignalboxError, match=said):
            of_github(text, "dev")


def test_given_the_command_then_a_dry_run_counts_and_a_queue_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "task-2 - Read.md").write_text(BACKLOG)

    def run(*words: str) -> Any:
        argv = ["tasks", "import", str(tmp_path), "--from", "backlog", "--dry-run", "--json", *words]
        return CliRunner().invoke(build(argv), argv)

    done = run("--queue", "dev")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"imported": 0, "read": 1}
    assert isinstance(run().exception, UsageError)


NOW = dt.datetime(2026, 11, 29, 12, 0, tzinfo=dt.UTC)


def ours(id: int, title: str, **fields: Any) -> Task:
    fields.setdefault("status", TaskStatus.IDLE)
    return Task(id=id, title=title, queue="dev", created=NOW, updated=NOW, created_by="ann", **fields)


OURS = [
    ours(1, "Design: the 'schema'", status=TaskStatus.COMPLETE, finished=NOW, priority=5),
    ours(2, "Write it", description="Two lines:\n\n- one\n- two", tags=("core", "phase:2"), blocked_by=(3,)),
    ours(3, "Ask", priority=-5, parent_id=1, assigned_to="vaela"),
]


@pytest.mark.parametrize("tracker", ["backlog", "beads", "github"])
def test_given_our_tasks_as_another_tracker_has_them_when_read_back_then_they_are_the_same(
    tracker: str,
) -> None:
    if tracker == "backlog":
        found = by_key(of_backlog(list(to_backlog(OURS).items()), "dev"))
    elif tracker == "beads":
        found = by_key(of_beads(to_beads(OURS), "dev"))
    else:
        found = by_key(of_github(to_github(OURS), "dev"))
    prefix = {"backlog": "task-", "beads": "signalbox-", "github": ""}[tracker]
    first, second, third = (found[f"{prefix}{number}"] for number in (1, 2, 3))
    assert [each["title"] for each in (first, second, third)] == [task.title for task in OURS]
    assert [each["priority"] for each in (first, second, third)] == [5, 0, -5]
    assert [each["status"] for each in (first, second, third)] == ["complete", "idle", "idle"]
    assert second["tags"] == ["core", "phase:2"]
    assert second["blocked_by"] == [f"{prefix}3"]
    if tracker == "github":  # it knows no parents, and blockers are lines of the text
        assert second["description"] == f"{OURS[1].description}\n\nBlocked by #3"
    else:
        assert second["description"] == OURS[1].description
        assert third["parent"] == f"{prefix}1"


def test_given_a_folder_that_has_such_a_file_when_exported_then_nothing_is_replaced(tmp_path: Path) -> None:
    from scheduler_defs.cli.tasks.files import Origin, _to_another

    _to_another(Origin.BACKLOG, OURS, tmp_path)
    assert len(list(tmp_path.glob("*.md"))) == 3
    with pytest.raises(SignalboxError, match="is there already; nothing was written"):
        _to_another(Origin.BACKLOG, OURS, tmp_path)
