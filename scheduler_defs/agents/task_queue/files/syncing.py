"""A folder of task files and the queue brought into step, in both directions.

A file gets its key before its task is made, and task and key are written in one transaction: killed at any
moment, the next time finishes it, and no task is there twice. What both said last is in the database.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.files import document as documents
from scheduler_defs.agents.task_queue.files.document import Document, TaskFile
from scheduler_defs.agents.task_queue.postgres import adding
from scheduler_defs.agents.task_queue.protocol import NotSupportedError, TaskQueue, UnknownTaskError
from scheduler_defs.agents.task_queue.signing import entries_of_adding
from scheduler_defs.atomic import write_atomically
from scheduler_defs.audit.store import record
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.errors import SignalboxError

statement = NamedSql(Path(__file__).parent)
_READABLE = 0o644


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one file: `what` is added, written, changed, merged, conflict, gone or fault."""

    file: str
    what: str
    task: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of task files, and the queue that they belong to where they name none.

    `prefer`: `file` or `queue`: which side counts where both have changed a field; None: neither, and the
    conflict is told.
    """

    engine: sa.Engine
    task_queue: TaskQueue
    path: Path
    queue: str
    author: str
    prefer: str | None = None
    dry_run: bool = False
    _keys: set[str] = field(default_factory=set[str])

    def sync(self) -> Iterator[Step]:
        """Bring every file and task into step. Raises SignalboxError for what is no folder of files."""
        if self.task_queue.backend != "postgres":
            raise NotSupportedError("tasks of a TinyTask server are not kept as files")
        if not self.path.is_dir():
            raise SignalboxError(f"{self.path}: a folder of task files is expected")
        for path in sorted(self.path.glob("*.md")):
            try:
                step = self._sync(path)
            except (OSError, UnicodeDecodeError) as error:
                step = Step(path.name, "fault", detail=f"{path.name}: {error}")
            except SignalboxError as error:
                self._keys.update(
                    re.findall(r"(?m)^key: *['\"]?([0-9a-f]+)", path.read_text(encoding="utf-8"))
                )
                step = Step(path.name, "fault", detail=str(error))
            if step is not None:
                yield step
        yield from self._write_missing()

    def _sync(self, path: Path) -> Step | None:
        text = path.read_text(encoding="utf-8")
        found = documents.read(path.name, text, self.queue)
        known = None if found.key is None else self._known(found.key)
        if found.key is not None:
            if found.key in self._keys:
                return Step(path.name, "fault", detail=f"{path.name}: another file has the key {found.key}")
            self._keys.add(found.key)
        if known is None:
            return self._add(path, text, found)
        assert found.key is not None
        task_id, agreed = known
        try:
            task = documents.of_task(self.task_queue.details(task_id))
        except UnknownTaskError:
            return Step(path.name, "gone", task_id, "its task was deleted: delete the file, or its key")
        if documents.content_hash(task) == documents.content_hash(found.document):
            self._agree(found.key, agreed, task)
            return None
        merged = documents.merge(agreed, found.document, task)
        if merged.conflicts and self.prefer is None:
            said = [
                (name, _short(found.document.get(name)), _short(task.get(name))) for name in merged.conflicts
            ]
            told = "; ".join(
                f"{name}: the file says {ours}, the queue {theirs}" for name, ours, theirs in said
            )
            return Step(path.name, "conflict", task_id, told)
        wanted = dict(merged.document)
        for name in merged.conflicts:
            side = found.document if self.prefer == "file" else task
            wanted.pop(name, None)
            if name in side:
                wanted[name] = side[name]
        return self._apply(path, text, found, task_id, task, wanted)

    def _apply(
        self, path: Path, text: str, found: TaskFile, task_id: int, task: Document, wanted: Document
    ) -> Step:
        to_queue = tuple(name for name in documents.FIELDS if wanted.get(name) != task.get(name))
        to_file = tuple(name for name in documents.FIELDS if wanted.get(name) != found.document.get(name))
        documents.refuse_status(path.name, task, wanted)
        what = "merged" if to_queue and to_file else "changed" if to_queue else "written"
        detail = "; ".join(
            f"{side}: {', '.join(names)}" for side, names in (("queue", to_queue), ("file", to_file)) if names
        )
        if self.dry_run:
            return Step(path.name, what, task_id, detail)
        if to_queue:
            if documents.of_task(self.task_queue.details(task_id)) != task:
                raise SignalboxError(f"{path.name}: task {task_id} has changed just now: sync again")
            self._change(task_id, task, wanted, to_queue)
        after = documents.of_task(self.task_queue.details(task_id))
        assert found.key is not None
        self._replace(path, text, documents.write(found.key, task_id, after))
        self._agree(found.key, task, after)
        return Step(path.name, what, task_id, detail)

    def _change(self, task_id: int, task: Document, wanted: Document, names: tuple[str, ...]) -> None:
        if "parent" in names:
            raise SignalboxError(f"task {task_id}: whose part a task is cannot be changed")
        given = documents.changes(wanted, names)
        if given.model_fields_set:
            self.task_queue.change(task_id, given, author=self.author)
        if "queue" in names:
            self.task_queue.move(task_id, wanted["queue"], author=self.author)
        if "assigned_to" in names or ("queue" in names and "assigned_to" in wanted):
            self.task_queue.assign(task_id, wanted.get("assigned_to"), author=self.author)
        before, after = set(task.get("blocked_by", ())), set(wanted.get("blocked_by", ()))
        for blocker in sorted(before - after):
            self.task_queue.unblock(task_id, blocker, author=self.author)
        for blocker in sorted(after - before):
            self.task_queue.block(task_id, blocker, author=self.author)
        if "status" in names:
            self._set_status(task_id, TaskStatus(wanted["status"]))

    def _set_status(self, task_id: int, status: TaskStatus) -> None:
        match status:
            case TaskStatus.COMPLETE:
                self.task_queue.complete(task_id, author=self.author)
            case TaskStatus.FAILED:
                self.task_queue.fail(task_id, reason="so says its file", author=self.author)
            case TaskStatus.CANCELED:
                self.task_queue.cancel(task_id, reason="so says its file", author=self.author)
            case _:
                self.task_queue.requeue(task_id, author=self.author)

    def _add(self, path: Path, text: str, found: TaskFile) -> Step:
        documents.refuse_status(path.name, {"status": TaskStatus.IDLE.value}, found.document)
        new = documents.new_task(found.document, created_by=self.author)
        if self.dry_run:
            return Step(path.name, "added")
        key = found.key or secrets.token_hex(8)
        if found.key is None:
            self._keys.add(key)
            text = self._replace(path, text, documents.write(key, None, found.document))
        now = dt.datetime.now(dt.UTC)
        with self.engine.begin() as connection:
            (task_id,) = adding.add(connection, [new], now)
            agreed = {**found.document, "status": TaskStatus.IDLE.value}
            self._pair(key, task_id, agreed, connection)
            record(connection, *entries_of_adding([new], [task_id]))
        status = TaskStatus(found.document["status"])
        if status is not TaskStatus.IDLE:
            self._set_status(task_id, status)
        after = documents.of_task(self.task_queue.details(task_id))
        self._replace(path, text, documents.write(key, task_id, after))
        self._agree(key, {}, after)
        return Step(path.name, "added", task_id)

    def _write_missing(self) -> Iterator[Step]:
        """Files for tasks of the queue that never had one; those whose file was deleted are only named."""
        with self.engine.begin() as connection:
            values = {"queue": self.queue, "keys": sorted(self._keys)}
            gone = list(connection.execute(statement("file_gone"), values).scalars())
            fresh = list(connection.execute(statement("without_file"), {"queue": self.queue}))
        for task_id in gone:
            wanted = f"its file was deleted: `tasks cancel {task_id}` if it is not wanted"
            yield Step("", "gone", task_id, wanted)
        for task_id, key in fresh:
            details = self.task_queue.details(task_id)
            path = self.path / f"{task_id}-{_slug(details.task.title)}.md"
            if path.exists():
                yield Step(path.name, "fault", task_id, f"{path.name} is there, and is not task {task_id}'s")
                continue
            if not self.dry_run:
                self._write_new(path, key, task_id, documents.of_task(details))
            yield Step(path.name, "written", task_id, "a new file")

    def _write_new(self, path: Path, key: str | None, task_id: int, task: Document) -> None:
        """The pair first: a file with an unknown key would be a new task. `key`: of a pair that is there."""
        if key is None:
            key = secrets.token_hex(8)
            self._pair(key, task_id, {})
        write_atomically(path, documents.write(key, task_id, task), mode=_READABLE)
        self._agree(key, {}, task)

    def _pair(
        self, key: str, task_id: int, agreed: Document, connection: sa.Connection | None = None
    ) -> None:
        values = {"key": key, "task_id": task_id, "agreed": json.dumps(agreed)}
        try:
            if connection is not None:
                connection.execute(statement("pair"), values)
                return
            with self.engine.begin() as own:
                own.execute(statement("pair"), values)
        except IntegrityError:
            raise SignalboxError(
                f"task {task_id}: somebody else syncs at the same time: sync again"
            ) from None

    def _known(self, key: str) -> tuple[int, Document] | None:
        with self.engine.connect() as connection:
            row = connection.execute(statement("known"), {"keys": [key]}).one_or_none()
        return None if row is None else (row.task_id, row.agreed)

    def _agree(self, key: str, before: Mapping[str, object], after: Document) -> None:
        if before != after and not self.dry_run:
            with self.engine.begin() as connection:
                connection.execute(statement("agree"), {"key": key, "agreed": json.dumps(after)})

    def _replace(self, path: Path, text: str, fresh: str) -> str:
        """Write the file, unless somebody has edited it since it was read."""
        if path.read_text(encoding="utf-8") != text:
            raise SignalboxError(f"{path.name}: it was edited just now: sync again")
        if fresh != text:
            write_atomically(path, fresh, mode=path.stat().st_mode & 0o777)
        return fresh


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50].rstrip("-") or "task"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
