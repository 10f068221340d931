"""A TinyTask task as a `Task`: what TinyTask has no field for is kept in the task's tags.

needs:gpu                             a capability that its agent must have
recipe:fix.yaml                       the recipe to work by
signalbox:run=1c0f...                 the run that has claimed it
signalbox:agent=vaela                 who works on it, or did last
signalbox:stack=6f0c...               the stack whose run that is: several may share a server
signalbox:pool                        it was nobody's when it was claimed, and will be again
signalbox:attempts=2                  attempts so far
signalbox:uncounted=1                 runs that were no attempts, because their worker was lost
signalbox:waiting                     its agent has asked a human (its status is idle)
signalbox:max-attempts=5              attempts at most
signalbox:not-before=2026-03-01T...   when it may start
signalbox:failed, signalbox:canceled  dead letter; given up by a person (its status is idle)
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import Task

_OURS = "signalbox:"
_CLAIM = re.compile(r"signalbox-claim:(?P<assignee>.*):(?P<run>[^:@]+)(?:@(?P<stack>[^:@]+))?")


@dataclass(frozen=True, slots=True)
class Row:
    """One task of the server's answer, understood."""

    task: Task
    marks: Mapping[str, str]
    """Our own tags: `{"attempts": "2", "pool": ""}`."""
    plain_tags: tuple[str, ...]
    """All other tags, `needs:` and `recipe:` included."""
    server_status: TaskStatus
    assigned_to: str | None
    """As the server has it: it may be the token of a claim that is going on, or was broken off."""
    blocker: int | None
    currently_blocked: bool
    archived: bool

    @property
    def holder(self) -> str | None:
        """The run that has claimed the task, or was just claiming it."""
        token = claim_token_parts(self.assigned_to)
        return self.marks.get("run") or (token[1] if token else None)

    def released(self, **changes: str | None) -> list[str]:
        """The tags when no run has the task any more; `changes` as in `tags_with`."""
        return self.tags_with(**{"run": None, "stack": None, "pool": None, **changes})

    @property
    def uncounted(self) -> int:
        """How many runs on it were no attempts because their worker was lost."""
        return _natural(self.marks.get("uncounted")) or 0

    @property
    def stack(self) -> str | None:
        """The stack whose run has claimed the task, or is just claiming it; None when it does not say."""
        match = _CLAIM.fullmatch(self.assigned_to or "")
        return self.marks.get("stack") or (match["stack"] if match else None)

    def tags_with(self, **changes: str | None) -> list[str]:
        """All tags with some of ours set (text) or removed (None); `_` in a name stands for `-`."""
        marks = dict(self.marks)
        for name, value in changes.items():
            if value is None:
                marks.pop(name.replace("_", "-"), None)
            else:
                marks[name.replace("_", "-")] = value
        return [*self.plain_tags, *mark_tags(marks)]


def claim_token(assignee: str | None, run_id: str, stack: str | None) -> str:
    """Whom a task is assigned to while a run claims it. It names who it was assigned to before."""
    return f"signalbox-claim:{assignee or ''}:{run_id}" + (f"@{stack}" if stack else "")


def claim_token_parts(assigned_to: str | None) -> tuple[str | None, str] | None:
    """(assignee before, run id) of a claim token; None when it is none."""
    match = _CLAIM.fullmatch(assigned_to or "")
    return (match["assignee"] or None, match["run"]) if match else None


def mark_tags(marks: Mapping[str, str]) -> list[str]:
    """Our own tags as the server keeps them."""
    return [f"{_OURS}{name}={value}" if value else f"{_OURS}{name}" for name, value in sorted(marks.items())]


def extra_tags(capabilities: Iterable[str], recipe: str | None) -> list[str]:
    """What a task needs, as tags."""
    return [*(f"needs:{name}" for name in capabilities), *([f"recipe:{recipe}"] if recipe else [])]


def changed_tags(row: Row, given: Mapping[str, Any]) -> list[str] | None:
    """All tags of the task with the fields that are kept there changed; None when none of them is."""
    if not {"tags", "capabilities", "recipe", "not_before", "max_attempts"} & given.keys():
        return None
    task = row.task
    tags = given.get("tags", task.tags)
    needs = extra_tags(given.get("capabilities", task.capabilities), given.get("recipe", task.recipe))
    marks: dict[str, str | None] = {}
    if "not_before" in given:
        at = given["not_before"]
        marks["not_before"] = None if at is None else at.astimezone(dt.UTC).isoformat()
    if "max_attempts" in given:
        most = given["max_attempts"]
        marks["max_attempts"] = None if most is None else str(most)
    return replace(row, plain_tags=(*tags, *needs)).tags_with(**marks)


def read_row(document: Mapping[str, Any]) -> Row:
    """Understand one task of an answer. Raises KeyError, TypeError or ValueError when it is none."""
    tags = [str(tag) for tag in document.get("tags") or ()]
    marks = dict(_mark(tag) for tag in tags if tag.startswith(_OURS))
    plain = tuple(tag for tag in tags if not tag.startswith(_OURS))
    server_status = TaskStatus(document["status"])
    assigned_to = document.get("assigned_to") or None
    token = claim_token_parts(assigned_to)
    blocker = document.get("blocked_by_task_id")
    blocked = bool(document.get("is_currently_blocked", False))
    status = server_status
    if server_status is TaskStatus.IDLE and "failed" in marks:
        status = TaskStatus.FAILED
    elif server_status is TaskStatus.IDLE and "canceled" in marks:
        status = TaskStatus.CANCELED
    elif server_status is TaskStatus.IDLE and "waiting" in marks:
        status = TaskStatus.WAITING
    working = server_status is TaskStatus.WORKING
    in_pool = "pool" in marks and assigned_to == marks.get("agent")
    task = Task(
        id=int(document["id"]),
        title=str(document["title"]),
        queue=document.get("queue_name") or "",
        status=status,
        created=_instant(document["created_at"]),
        updated=_instant(document["updated_at"]),
        created_by=str(document.get("created_by") or ""),
        description=document.get("description"),
        assigned_to=token[0] if token else None if in_pool else assigned_to,
        agent=marks.get("agent") or (assigned_to if working and not token else None),
        run_id=marks.get("run") or (token[1] if token and working else None),
        priority=int(document.get("priority") or 0),
        tags=tuple(tag for tag in plain if not tag.startswith(("needs:", "recipe:"))),
        capabilities=tuple(sorted({tag.removeprefix("needs:") for tag in plain if tag.startswith("needs:")})),
        recipe=next((tag.removeprefix("recipe:") for tag in plain if tag.startswith("recipe:")), None),
        parent_id=document.get("parent_task_id"),
        blocked_by=(int(blocker),) if blocker is not None and blocked else (),
        not_before=_instant(marks["not-before"]) if "not-before" in marks else None,
        attempts=_natural(marks.get("attempts")) or 0,
        max_attempts=_natural(marks.get("max-attempts")),
        archived=document.get("archived_at") is not None,
    )
    return Row(
        task,
        marks,
        plain,
        server_status,
        assigned_to,
        int(blocker) if blocker is not None else None,
        blocked,
        document.get("archived_at") is not None,
    )


def _mark(tag: str) -> tuple[str, str]:
    name, _, value = tag.removeprefix(_OURS).partition("=")
    return name, value


def _instant(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def _natural(text: str | None) -> int | None:
    # People can edit tags: what is not a number counts as not there.
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None
