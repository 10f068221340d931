"""The tasks of the stand-in TinyTask server: the observed rules of TinyTask 2.0.0, in memory.

Written from captured traffic. What looks odd is meant: no compare-and-set anywhere, `signup` ignores
blocking, rings of three are accepted, an archived blocker blocks for ever, a parent's status follows its
subtasks.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

STATUSES = ("idle", "working", "complete")
Row = dict[str, Any]


class Refused(Exception):
    """An error answer: HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Store:
    """All tasks, comments and links. One request at a time (the server holds a lock)."""

    def __init__(self) -> None:
        self.tasks: dict[int, Row] = {}
        self.comments: dict[int, Row] = {}
        self.links: dict[int, Row] = {}
        self.next = {"task": 1, "comment": 1, "link": 1}

    # Tasks

    def create(self, given: Row) -> Row:
        title = given.get("title")
        if not isinstance(title, str) or not title.strip():
            raise Refused(400, "Task title is required")
        if not isinstance(given.get("created_by"), str) or not given["created_by"].strip():
            raise Refused(400, "created_by is required")
        self._check_fields(given)
        parent = given.get("parent_task_id")
        if parent is not None:
            if parent not in self.tasks:
                raise Refused(400, f"Parent task not found: {parent}")
            if self._depth(parent) >= 3:
                raise Refused(400, "Maximum subtask depth exceeded")
        blocker = given.get("blocked_by_task_id")
        if blocker is not None and blocker not in self.tasks:
            raise Refused(400, f"Blocking task not found: {blocker}")
        queue = given.get("queue_name")
        if queue is None and parent is not None:
            queue = self.tasks[parent]["queue_name"]
        row: Row = {
            "id": self._take("task"),
            "title": title.strip(),
            "description": given.get("description"),
            "status": "idle",
            "assigned_to": given.get("assigned_to") or None,
            "previous_assigned_to": None,
            "created_by": given["created_by"],
            "priority": given.get("priority", 0),
            "tags": list(given.get("tags") or []),
            "parent_task_id": parent,
            "queue_name": queue,
            "blocked_by_task_id": blocker,
            "created_at": _now(),
            "updated_at": _now(),
            "archived_at": None,
        }
        self.tasks[row["id"]] = row
        self._propagate(parent)
        return self.shown(row)

    def get(self, id: int) -> Row:
        if id not in self.tasks:
            raise Refused(404, f"Task {id} not found")
        return self.tasks[id]

    def shown(self, row: Row) -> Row:
        blocker = self.tasks.get(row["blocked_by_task_id"])
        return {**row, "is_currently_blocked": blocker is not None and blocker["status"] != "complete"}

    def with_relations(self, row: Row) -> Row:
        comments = [c for c in self.comments.values() if c["task_id"] == row["id"]]
        links = [link for link in self.links.values() if link["task_id"] == row["id"]]
        return {**self.shown(row), "comments": comments, "links": links}

    def listed(self, query: dict[str, str], queue: str | None = None) -> list[Row]:
        wanted = _statuses(query.get("status"), "status")
        unwanted = _statuses(query.get("exclude_status"), "exclude_status") or ()
        archived = query.get("include_archived", "false")
        if archived not in ("true", "false"):
            raise Refused(400, "include_archived must be 'true' or 'false'")
        limit, offset = _natural(query, "limit"), _natural(query, "offset") or 0
        queue = queue if queue is not None else query.get("queue_name")
        found = [
            row
            for row in self.tasks.values()
            if (wanted is None or row["status"] in wanted)
            and row["status"] not in unwanted
            and (archived == "true" or row["archived_at"] is None)
            and (queue is None or row["queue_name"] == queue)
            and ("assigned_to" not in query or row["assigned_to"] == query["assigned_to"])
            and ("parent_task_id" not in query or str(row["parent_task_id"]) == query["parent_task_id"])
            and (query.get("exclude_subtasks") != "true" or row["parent_task_id"] is None)
        ]
        found.sort(key=lambda row: (-row["priority"], row["created_at"]))
        return [self.shown(row) for row in found[offset : offset + limit if limit else None]]

    def update(self, id: int, given: Row) -> Row:
        row = self.tasks.get(id)
        if row is None:
            raise Refused(404, f"Task not found: {id}")
        self._check_fields(given)
        if given.get("blocked_by_task_id") is not None:
            self._check_blocker(row, given["blocked_by_task_id"])
        known = (
            "title",
            "description",
            "status",
            "priority",
            "tags",
            "parent_task_id",
            "queue_name",
            "blocked_by_task_id",
        )
        changed = {name: given[name] for name in known if name in given}
        if "assigned_to" in given:
            assignee = given["assigned_to"] or None
            if assignee != row["assigned_to"]:
                changed["previous_assigned_to"] = row["assigned_to"]
            changed["assigned_to"] = assignee
        if changed:
            row.update(changed, updated_at=_now())
            self._propagate(row["parent_task_id"])
        return self.shown(row)

    def archive(self, id: int) -> Row:
        row = self.get(id)
        row["archived_at"] = _now()
        self._propagate(row["parent_task_id"])
        return self.shown(row)

    def delete(self, id: int) -> Row:
        row = self.get(id)
        for child in [task for task in self.tasks.values() if task["parent_task_id"] == id]:
            self.delete(child["id"])
        del self.tasks[id]
        for task in self.tasks.values():
            if task["blocked_by_task_id"] == id:
                task["blocked_by_task_id"] = None
        self._propagate(row["parent_task_id"])
        return {"success": True, "id": id}

    def signup(self, agent: str) -> Row:
        found = self.listed({"assigned_to": agent, "status": "idle"})
        if not found:
            raise Refused(404, "No idle tasks available for signup")
        row = self.tasks[found[0]["id"]]
        row.update(status="working", updated_at=_now())
        self._propagate(row["parent_task_id"])
        return self.with_relations(row)

    def transfer(self, id: int, given: Row) -> Row:
        row = self.get(id)
        for name in ("current_agent", "new_agent", "comment"):
            if not isinstance(given.get(name), str) or not given[name].strip():
                raise Refused(400, f"{name} is required and must be a non-empty string")
        if row["assigned_to"] != given["current_agent"]:
            raise Refused(
                400,
                f"Task {id} is not assigned to {given['current_agent']} "
                f"(currently assigned to: {row['assigned_to']})",
            )
        row.update(
            status="idle",
            previous_assigned_to=row["assigned_to"],
            assigned_to=given["new_agent"],
            updated_at=_now(),
        )
        comment = self.add_comment(id, {"content": given["comment"], "created_by": given["current_agent"]})
        return {"task": self.shown(row), "comment": comment}

    def subtasks(self, id: int, recursive: bool) -> list[Row]:
        found: list[Row] = []
        for child in self.tasks.values():
            if child["parent_task_id"] == id and child["archived_at"] is None:
                found.append(self.shown(child))
                if recursive:
                    found += self.subtasks(child["id"], True)
        return found

    # Queues

    def queues(self) -> list[str]:
        return sorted(
            {t["queue_name"] for t in self.tasks.values() if t["queue_name"] and not t["archived_at"]}
        )

    def stats(self, queue: str) -> Row:
        found = self.listed({}, queue)
        agents = sorted({row["assigned_to"] for row in found if row["assigned_to"]})
        assigned = sum(row["assigned_to"] is not None for row in found)
        return {
            "queue_name": queue,
            "total_tasks": len(found),
            "by_status": {status: sum(row["status"] == status for row in found) for status in STATUSES},
            "assigned": assigned,
            "unassigned": len(found) - assigned,
            "agents": agents,
        }

    # Comments and links

    def add_comment(self, id: int, given: Row) -> Row:
        self.get(id)
        if not isinstance(given.get("content"), str) or not given["content"].strip():
            raise Refused(400, "Comment content is required")
        row = {
            "id": self._take("comment"),
            "task_id": id,
            "content": given["content"],
            "created_by": given.get("created_by"),
            "created_at": _now(),
            "updated_at": _now(),
        }
        self.comments[row["id"]] = row
        return row

    def add_link(self, id: int, given: Row) -> Row:
        self.get(id)
        if not isinstance(given.get("url"), str) or not given["url"].strip():
            raise Refused(400, "Link URL is required")
        row = {
            "id": self._take("link"),
            "task_id": id,
            "url": given["url"],
            "description": given.get("description"),
            "created_by": given.get("created_by"),
            "created_at": _now(),
        }
        self.links[row["id"]] = row
        return row

    # Rules

    def _check_fields(self, given: Row) -> None:
        priority = given.get("priority", 0)
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise Refused(400, "priority must be a finite integer")
        tags = given.get("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise Refused(400, "tags must be an array of strings")
        status = given.get("status", "idle")
        if status not in STATUSES:
            raise Refused(400, f"Invalid status: {status}. Must be one of: {', '.join(STATUSES)}")

    def _check_blocker(self, row: Row, blocker: int) -> None:
        if blocker == row["id"]:
            raise Refused(400, "Task cannot be blocked by itself")
        if blocker not in self.tasks:
            raise Refused(404, f"Blocking task not found: {blocker}")
        if self.tasks[blocker]["blocked_by_task_id"] == row["id"]:
            raise Refused(400, "Cannot create circular blocking relationship")

    def _propagate(self, parent: int | None) -> None:
        """A parent's status is derived from its subtasks that are not archived."""
        row = self.tasks.get(parent) if parent is not None else None
        if row is None:
            return
        children = [t for t in self.tasks.values() if t["parent_task_id"] == parent and not t["archived_at"]]
        if not children:
            return
        if all(child["status"] == "complete" for child in children):
            status = "complete"
        elif any(child["status"] == "working" for child in children):
            status = "working"
        else:
            status = "idle"
        if row["status"] != status:
            row.update(status=status, updated_at=_now())
        self._propagate(row["parent_task_id"])

    def _depth(self, id: int) -> int:
        depth = 0
        while self.tasks[id]["parent_task_id"] is not None:
            depth, id = depth + 1, self.tasks[id]["parent_task_id"]
        return depth

    def _take(self, kind: str) -> int:
        self.next[kind] += 1
        return self.next[kind] - 1


def _now() -> str:
    """TinyTask's clock has a resolution of one second."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _statuses(text: str | None, name: str) -> tuple[str, ...] | None:
    if text is None:
        return None
    found = tuple(text.split(","))
    for status in found:
        if status not in STATUSES:
            raise Refused(400, f'{name} must be one of: {", ".join(STATUSES)} (got: "{status}")')
    return found


def _natural(query: dict[str, str], name: str) -> int | None:
    if name not in query:
        return None
    if not query[name].isdecimal():
        raise Refused(400, f"{name} must be a non-negative integer")
    return int(query[name])
