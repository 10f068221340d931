"""Tasks as the command's JSON, the task file of an agent, and exports show them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from scheduler_defs.agents.task_queue.models import Link, Task, TaskDetails
from scheduler_defs.agents.task_queue.wording import AUTHOR


def task_object(task: Task) -> dict[str, Any]:
    """The contract's task object (docs: cli reference). Instants are datetimes."""
    return {
        "id": task.id,
        "title": task.title,
        "description": task.description,
        "queue": task.queue,
        "status": "archived" if task.archived else task.status.value,
        "assigned_to": task.assigned_to or (task.agent if task.status == "working" else None),
        "agent": task.agent,
        "priority": task.priority,
        "tags": list(task.tags),
        "capabilities": list(task.capabilities),
        "paths": list(task.paths),
        "payload": dict(task.payload),
        "recipe": task.recipe,
        "parent": task.parent_id,
        "blocked_by": list(task.blocked_by),
        "blocked": task.blocked,
        "not_before": task.not_before,
        "deadline": task.deadline,
        "attempts": task.attempts,
        "max_attempts": task.max_attempts,
        "result": task.result,
        "run_id": task.run_id,
        "created_by": task.created_by,
        "created": task.created,
        "updated": task.updated,
        "claimed": task.claimed,
        "finished": task.finished,
    }


def plain(value: Any) -> str:
    """For `json.dumps(default=...)`: instants as ISO 8601 with offset."""
    if isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def details_object(details: TaskDetails, ui_url: str | None = None) -> dict[str, Any]:
    """The same with comments, links, subtasks and dependents. `ui_url`: where the UI is now."""
    return {
        **task_object(details.task),
        "comments": [
            {"content": c.content, "created_by": c.created_by, "created": c.created} for c in details.comments
        ],
        "links": [
            {"url": _at_present(link, ui_url), "description": link.description, "created": link.created}
            for link in details.links
        ],
        "subtasks": list(details.subtasks),
        "blocks": list(details.blocks),
    }


def _at_present(link: Link, ui_url: str | None) -> str:
    """Where it leads. A link to a run was kept with the address that the UI had then."""
    run_id = (link.description or "").removeprefix("run ") if link.created_by == AUTHOR else ""
    if ui_url and run_id and link.url.endswith(f"/runs/{run_id}"):
        return f"{ui_url.rstrip('/')}/runs/{run_id}"
    return link.url
