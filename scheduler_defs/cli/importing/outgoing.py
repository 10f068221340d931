"""Our tasks as other trackers write them: Backlog.md, beads, GitHub's issues. Pure; `foreign` reads them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.files.document import field_line
from scheduler_defs.agents.task_queue.models import Task

DESCRIPTION = (
    "## Description\n\n<!-- SECTION:DESCRIPTION:BEGIN -->\n{text}\n<!-- SECTION:DESCRIPTION:END -->\n"
)
_ENDED = (TaskStatus.COMPLETE, TaskStatus.CANCELED)
_BACKLOG = {TaskStatus.WORKING: "In Progress", TaskStatus.COMPLETE: "Done", TaskStatus.CANCELED: "Done"}


def to_backlog(tasks: Sequence[Task]) -> dict[str, str]:
    """Backlog.md's task files, by name. Three levels of priority are all that it has."""
    return {f"task-{task.id} - {_file_name(task.title)}.md": _backlog(task) for task in tasks}


def to_beads(tasks: Sequence[Task]) -> list[str]:
    """beads' `issues.jsonl`, a line for each task. Its five levels are five points of priority apart."""
    return [json.dumps(_bead(task), ensure_ascii=False) for task in tasks]


def to_github(tasks: Sequence[Task]) -> str:
    """Issues as `gh issue list --json number,title,body,state,labels` has them."""
    return json.dumps([_issue(task) for task in tasks], ensure_ascii=False, indent=2)


def _backlog(task: Task) -> str:
    head: dict[str, Any] = {
        "id": f"task-{task.id}",
        "title": task.title,
        "status": _BACKLOG.get(task.status, "To Do"),
        "assignee": [f"@{task.assigned_to}"] if task.assigned_to else [],
        "created_date": task.created.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M"),
        "labels": list(task.tags),
        "dependencies": [f"task-{blocker}" for blocker in task.blocked_by],
        **({"parent_task_id": f"task-{task.parent_id}"} if task.parent_id else {}),
        "priority": level(task.priority),
    }
    front = "".join(field_line(name, value) for name, value in head.items())
    body = DESCRIPTION.format(text=task.description) if task.description else ""
    return f"---\n{front}---\n\n{body}"


def _bead(task: Task) -> Mapping[str, Any]:
    key = f"signalbox-{task.id}"
    links = [(f"signalbox-{blocker}", "blocks") for blocker in task.blocked_by]
    if task.parent_id:
        links.append((f"signalbox-{task.parent_id}", "parent-child"))
    status = "closed" if task.status in _ENDED else "open"
    found = {
        "id": key,
        "title": task.title,
        "description": task.description or "",
        "status": "in_progress" if task.status is TaskStatus.WORKING else status,
        "priority": min(4, max(0, 2 - round(task.priority / 5))),
        "issue_type": "task",
        "labels": list(task.tags),
        "created_at": task.created.isoformat(),
        "updated_at": task.updated.isoformat(),
        "dependencies": [{"issue_id": key, "depends_on_id": other, "type": kind} for other, kind in links],
    }
    if task.finished is not None and status == "closed":
        found["closed_at"] = task.finished.isoformat()
    return found


def _issue(task: Task) -> Mapping[str, Any]:
    labels = list(task.tags)
    if level(task.priority) != "medium":
        labels.append(f"priority: {level(task.priority)}")
    body = task.description or ""
    missing = [blocker for blocker in task.blocked_by if not re.search(rf"#{blocker}\b", body)]
    if missing:
        named = ", ".join(f"#{blocker}" for blocker in missing)
        body = f"{body}\n\nBlocked by {named}".lstrip()
    return {
        "number": task.id,
        "title": task.title,
        "body": body,
        "state": "CLOSED" if task.status in _ENDED else "OPEN",
        "labels": [{"name": name} for name in dict.fromkeys(labels)],
    }


def level(priority: int) -> str:
    """The nearest of the three levels that trackers share."""
    return "high" if priority >= 3 else "low" if priority <= -3 else "medium"


def _file_name(title: str) -> str:
    return re.sub(r"[^\w.-]+", "-", title).strip("-.")[:80] or "task"
