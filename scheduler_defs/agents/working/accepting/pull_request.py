"""A ready-made text beside the pushed branch, for a pull request that a person opens."""

from __future__ import annotations

import shlex
from pathlib import Path

from scheduler_defs.agents.task_queue.models import Task
from scheduler_defs.agents.workspaces.desk import Left
from scheduler_defs.agents.workspaces.git import git
from scheduler_defs.agents.workspaces.worktree import Worktree
from scheduler_defs.declarations.models.agents import Accept

NAME = "pull-request.md"


def write_pull_request(folder: Path, task: Task, tree: Worktree, left: Left, accept: Accept | None) -> Path:
    """Write title, branch, what was asked, what was done and what was checked. Raises GitError, OSError."""
    commits = git("log", "--reverse", "--format=- %s", f"{left.begin}..{left.head}", at=tree.path).strip()
    checked = [f"- `{shlex.join(command)}`" for command in accept.commands] if accept else ["- nothing"]
    lines = [
        f"# {task.title}",
        "",
        f"`{tree.branch}` -> `{tree.base}`: {left.size}",
        "",
        *([task.description, ""] if task.description else []),
        "## Commits",
        "",
        commits or "none",
        "",
        "## Checked",
        "",
        *checked,
        "",
        f"Task {task.id}.",
    ]
    path = folder / NAME
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
