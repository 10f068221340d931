"""Tasks of other trackers as ours: Backlog.md, beads, GitHub's issues. Pure; what is read is never run.

Each gives documents as `tasks import` reads them: `key` is the other tracker's id, and `blocked_by` and
`parent` name such keys as far as they are among what is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from scheduler_defs.agents.task_queue.files.document import front_matter
from scheduler_defs.errors import SignalboxError

_PRIORITIES = {"critical": 10, "urgent": 10, "high": 5, "medium": 0, "low": -5}
_DONE = frozenset({"done", "complete", "completed", "closed"})
_MARKERS = re.compile(r"<!-- (?:SECTION:[A-Z_ ]+|AC|DOD):(?:BEGIN|END) -->\n?")
_DESCRIPTION = re.compile(
    r"## Description\s+<!-- SECTION:DESCRIPTION:BEGIN -->((?:(?!<!-- ).)*)<!-- SECTION:DESCRIPTION:END -->",
    re.DOTALL,
)
_TASKS_OF_GITHUB = re.compile(r"(?im)^\s*(?:blocked by|depends on)[: ]+((?:#\d+[, ]*(?:and )?)+)")


def of_backlog(files: Sequence[tuple[str, str]], queue: str) -> list[dict[str, Any]]:
    """Backlog.md's `tasks/*.md`, as (name, text): front matter and a body in Markdown.

    Raises SignalboxError for a file that is none.
    """
    found: list[dict[str, Any]] = []
    for name, text in files:
        given, body = front_matter(name, text)
        status = str(given.get("status") or "").strip().lower()
        found.append(
            _task(
                queue,
                key=given.get("id") or name.removesuffix(".md"),
                title=given["title"],
                description=_description(body),
                priority=_PRIORITIES.get(str(given.get("priority") or "").lower(), 0),
                tags=_texts(given.get("labels")),
                blocked_by=_texts(given.get("dependencies")),
                parent=given.get("parent_task_id"),
                done=status in _DONE,
            )
        )
    return _closed(found)


def of_beads(lines: Iterable[str], queue: str) -> list[dict[str, Any]]:
    """beads' `issues.jsonl`. P0 is the most important there; deleted ones are left out.

    Raises SignalboxError for a line that is none.
    """
    found: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        given = _object(line, f"line {number}")
        if given.get("status") == "tombstone":
            continue
        blocks, parent = _of_dependencies(given.get("dependencies"))
        level = given.get("priority")
        texts = [given.get(name) for name in ("description", "design", "acceptance_criteria", "notes")]
        found.append(
            _task(
                queue,
                key=given.get("id"),
                title=given.get("title"),
                description="\n\n".join(str(text) for text in texts if text),
                priority=5 * (2 - level) if isinstance(level, int) else 0,
                tags=[
                    *_texts(given.get("labels")),
                    *(t for t in _texts(given.get("issue_type")) if t != "task"),
                ],
                blocked_by=blocks,
                parent=parent,
                done=given.get("status") == "closed",
            )
        )
    return _closed(found)


def of_github(text: str, queue: str) -> list[dict[str, Any]]:
    """GitHub's issues: the answer of its API, or `gh issue list --json number,title,body,state,labels`.

    A line `Blocked by #12, #13` in an issue's text is a blocker. Pull requests are left out. Raises
    SignalboxError for what is no such list.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SignalboxError(f"not JSON: {error}") from None
    issues = document if isinstance(document, list) else [document]
    found: list[dict[str, Any]] = []
    for issue in cast("list[Any]", issues):
        if not isinstance(issue, Mapping) or "number" not in issue:
            raise SignalboxError("a list of issues with number, title, body, state and labels is expected")
        given = cast("Mapping[str, Any]", issue)
        if given.get("pull_request"):
            continue
        body = str(given.get("body") or "").replace("\r\n", "\n")
        named = [each for match in _TASKS_OF_GITHUB.finditer(body) for each in re.findall(r"\d+", match[1])]
        labels = given.get("labels")
        names = [
            each.get("name") if isinstance(each, Mapping) else each
            for each in (cast("list[Any]", labels) if isinstance(labels, list) else [])
        ]
        found.append(
            _task(
                queue,
                key=str(given["number"]),
                title=given.get("title"),
                description=body,
                priority=max((_PRIORITIES.get(_level(str(name)), 0) for name in names), default=0, key=abs),
                tags=[str(name) for name in names if name],
                blocked_by=named,
                parent=None,
                done=str(given.get("state") or "").lower() == "closed",
            )
        )
    return _closed(found)


def _description(body: str) -> str:
    """Without what Backlog.md needs to find its sections; a description that is alone needs no heading."""
    alone = _DESCRIPTION.fullmatch(body)
    return alone[1].strip() if alone else _MARKERS.sub("", body).strip()


def _task(
    queue: str,
    *,
    key: Any,
    title: Any,
    description: str,
    priority: int,
    tags: Sequence[str],
    blocked_by: Sequence[str],
    parent: Any,
    done: bool,
) -> dict[str, Any]:
    found = {
        "key": None if key is None else str(key),
        "title": title if title is None else " ".join(str(title).split())[:1000],
        "queue": queue,
        "description": description or None,
        "priority": priority,
        "tags": list(dict.fromkeys(tags)),
        "blocked_by": list(dict.fromkeys(blocked_by)),
        "parent": None if parent is None else str(parent),
        "status": "complete" if done else "idle",
    }
    return {name: value for name, value in found.items() if value is not None}


def _closed(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without links to what is not among them: done long ago, or of another project."""
    known = {each.get("key") for each in found}
    for each in found:
        each["blocked_by"] = [name for name in each["blocked_by"] if name in known]
        if each.get("parent") not in known:
            each.pop("parent", None)
    return found


def _of_dependencies(value: Any) -> tuple[list[str], str | None]:
    blocks: list[str] = []
    parent: str | None = None
    for each in cast("list[Any]", value) if isinstance(value, list) else []:
        if isinstance(each, str):
            blocks.append(each)
        elif isinstance(each, Mapping):
            given = cast("Mapping[str, Any]", each)
            other, kind = str(given.get("depends_on_id") or ""), given.get("type", "blocks")
            if other and kind == "parent-child":
                parent = other
            elif other and kind in ("blocks", "conditional-blocks"):
                blocks.append(other)
    return blocks, parent


def _object(line: str, where: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise SignalboxError(f"{where}: not JSON: {error}") from None
    if not isinstance(found, Mapping):
        raise SignalboxError(f"{where}: a JSON object is expected, not {type(found).__name__}")
    return cast("Mapping[str, Any]", found)


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in cast("list[Any]", value) if each not in (None, "")]
    return [] if value in (None, "") else [str(value)]


def _level(label: str) -> str:
    """`priority: high`, `priority/high` and `high` are one level."""
    return re.split(r"[:/ ]+", label.strip().lower())[-1]
