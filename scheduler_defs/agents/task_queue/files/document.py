"""A task as a file: front matter and a description in Markdown; and what two sides of it agree on. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import TaskDetails
from scheduler_defs.agents.task_queue.new_task import NewTask, TaskChanges, read_new_task
from scheduler_defs.errors import SignalboxError

FIELDS = (
    *("title", "queue", "status", "priority", "assigned_to", "tags", "capabilities", "paths", "blocked_by"),
    *("parent", "not_before", "deadline", "max_attempts", "recipe", "payload", "description"),
)
CHANGES = tuple(name for name in FIELDS if name in TaskChanges.model_fields)
FRONT = re.compile(r"\A\ufeff?---\r?\n(.*?)\r?\n---[ \t]*\r?\n?(.*)\Z", re.DOTALL)
_OWN = ("key", "id")
_SET_BY_PEOPLE = (TaskStatus.IDLE, TaskStatus.COMPLETE, TaskStatus.FAILED, TaskStatus.CANCELED)

Document = Mapping[str, Any]
"""The fields of a task as JSON; what is empty is left out."""


@dataclass(frozen=True, slots=True)
class TaskFile:
    """What a file says. `key`: which task it is, once that is settled."""

    key: str | None
    document: Document


def front_matter(name: str, text: str) -> tuple[dict[str, Any], str]:
    """The mapping at the beginning of a Markdown file, and the rest. Raises SignalboxError."""
    match = FRONT.match(text)
    if match is None:
        raise SignalboxError(f"{name}: no front matter: a task file begins with ---")
    try:
        head = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        said = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise SignalboxError(f"{name}: its front matter is not YAML: {said}") from None
    if not isinstance(head, dict) or "title" not in head:
        raise SignalboxError(f"{name}: its front matter has no title")
    return cast("dict[str, Any]", head), match[2].strip()


def read(name: str, text: str, queue: str | None = None) -> TaskFile:
    """A file of ours; `queue` where it names none. Raises SignalboxError: file, field, what is allowed."""
    head, body = front_matter(name, text)
    unknown = [field for field in head if field not in (*FIELDS, *_OWN) or field == "description"]
    if unknown:
        allowed = ", ".join(field for field in FIELDS if field != "description")
        raise SignalboxError(f"{name}: {unknown[0]}: unknown field; allowed are {allowed}")
    given = {field: value for field, value in head.items() if field in FIELDS and value not in (None, "", [])}
    status = str(given.pop("status", TaskStatus.IDLE.value))
    if status not in [each.value for each in TaskStatus]:
        allowed = ", ".join(each.value for each in _SET_BY_PEOPLE)
        raise SignalboxError(f"{name}: status {status!r}: allowed are {allowed}")
    for field in ("not_before", "deadline"):
        if hasattr(given.get(field), "isoformat"):
            given[field] = given[field].isoformat()
    if queue is not None:
        given.setdefault("queue", queue)
    new = read_new_task({**given, "description": body or None}, where=f"{name}: ")
    key = head.get("key")
    return TaskFile(None if key is None else str(key), _document({**_of_new(new), "status": status}))


def of_task(details: TaskDetails) -> Document:
    """The same of a task of the queue. Finished blockers are kept: that they end changes no file."""
    task = details.task
    return _document(
        {
            **{name: getattr(task, name) for name in CHANGES},
            "queue": task.queue,
            "status": task.status.value,
            "assigned_to": task.assigned_to,
            "blocked_by": sorted(details.waited_for),
            "parent": task.parent_id,
        }
    )


def write(key: str, task_id: int | None, document: Document) -> str:
    """The file's text."""
    head = {"key": key, **({"id": task_id} if task_id is not None else {})}
    head |= {name: document[name] for name in FIELDS if name in document and name != "description"}
    front = "".join(field_line(name, value) for name, value in head.items())
    description = document.get("description", "")
    return f"---\n{front}---\n" + (f"\n{description}\n" if description else "")


def field_line(name: str, value: Any) -> str:
    """A field of front matter, in one line: so differences can be read."""
    text = yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=True
    )
    return f"{name}: " + text.removesuffix("\n").removesuffix("\n...") + "\n"


def content_hash(document: Document) -> str:
    """Of what is said, not of how it is written."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Merged:
    """Both sides together. `conflicts`: fields that both have changed, each to something else."""

    document: Document
    conflicts: tuple[str, ...]


def merge(agreed: Document, file: Document, task: Document) -> Merged:
    """What changed on one side since they agreed goes to the other."""
    found: dict[str, Any] = {}
    conflicts: list[str] = []
    for name in FIELDS:
        before, ours, theirs = agreed.get(name), file.get(name), task.get(name)
        if ours not in (before, theirs) and theirs != before:
            conflicts.append(name)
        value = theirs if ours == before else ours
        if value is not None:
            found[name] = value
    return Merged(found, tuple(conflicts))


def new_task(document: Document, *, created_by: str) -> NewTask:
    """The task to add for a file that has none."""
    given = {name: value for name, value in document.items() if name != "status"}
    return read_new_task({**given, "created_by": created_by})


def changes(document: Document, names: tuple[str, ...]) -> TaskChanges:
    """What is to be different about the task; emptied fields are emptied there."""
    empty = {"tags": (), "capabilities": (), "paths": (), "payload": {}, "priority": 0}
    given = {name: document.get(name, empty.get(name)) for name in names if name in CHANGES}
    return TaskChanges.model_validate(given)


def refuse_status(name: str, before: Document, after: Document) -> None:
    """Raise SignalboxError when a file gives a status that only work gives."""
    status = after.get("status")
    if status != before.get("status") and status not in [each.value for each in _SET_BY_PEOPLE]:
        allowed = ", ".join(each.value for each in _SET_BY_PEOPLE)
        raise SignalboxError(f"{name}: status {status!r} is not given by hand; allowed are {allowed}")


def _of_new(new: NewTask) -> dict[str, Any]:
    return {
        **{name: getattr(new, name) for name in CHANGES},
        "queue": new.queue,
        "assigned_to": new.assigned_to,
        "blocked_by": sorted(_number(new.title, each) for each in new.blocked_by),
        "parent": None if new.parent is None else _number(new.title, new.parent),
    }


def _number(title: str, reference: int | str) -> int:
    if not str(reference).isdecimal():
        raise SignalboxError(f"{title!r}: {reference!r} is no task's number; blockers are named by `id`")
    return int(reference)


def _document(values: Mapping[str, Any]) -> Document:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if hasattr(value, "astimezone"):
            value = value.astimezone(dt.UTC).isoformat()
        elif isinstance(value, tuple):
            value = list(cast("tuple[Any, ...]", value))
        elif isinstance(value, Mapping):
            value = json.loads(json.dumps(dict(cast("Mapping[str, Any]", value))))
        if name == "description" and isinstance(value, str):
            value = value.replace("\r\n", "\n").strip()
        if value not in (None, "", [], {}) and (name, value) != ("priority", 0):
            found[name] = value
    return found
