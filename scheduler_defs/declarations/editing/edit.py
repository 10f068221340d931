"""Change a schedule in its file: comments, order and everything else stay; nothing faulty is written.

Only the lines of the entry itself are made anew, so a diff shows what was asked for and no more.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from scheduler_defs.atomic import write_atomically
from scheduler_defs.declarations.editing import text as edit_text
from scheduler_defs.declarations.loading import LoadResult, build, jobs_without_declaration
from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.declarations.names import name_fault
from scheduler_defs.declarations.reading.sources import SUFFIXES, Sources, read_sources
from scheduler_defs.declarations.reading.tree import Node, read_tree
from scheduler_defs.declarations.written.schedules import RULE_KEYS
from scheduler_defs.errors import SignalboxError

NEW_FILE = "schedules.yaml"
_NEW_FILE = 0o644
_HEADER = "# yaml-language-server: $schema=../docs/schemas/schedules.json\n\n"
# The keys that belong to one kind of rule, and go with it.
_RULES: Mapping[str, tuple[str, ...]] = {
    "cron": ("cron",),
    "every": ("every",),
    "rrule": ("rrule", "exdate", "rdate"),
    "at": ("at",),
    "check_every": ("check_every", "when", "fire", "cooldown"),
}


@dataclass(frozen=True)
class Edit:
    """A change, thought through but not written. `path` is the file; `before` is "" for a new one."""

    name: str
    path: Path
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def diff(self) -> str:
        """What would change, as a unified diff."""
        label = f"{self.path.parent.name}/{self.path.name}"
        return "".join(
            difflib.unified_diff(
                self.before.splitlines(keepends=True),
                self.after.splitlines(keepends=True),
                fromfile=label if self.before else "/dev/null",
                tofile=label,
            )
        )

    def write(self) -> None:
        """Put the change into the file, in one step.

        Raises SignalboxError when somebody else has changed the file meanwhile, or when it cannot be written.
        """
        target = self.path.resolve()  # a symbolic link stays one
        try:
            now = target.read_bytes().decode() if target.exists() else ""
            if now != self.before:
                raise SignalboxError(
                    f"{self.path}: has been changed meanwhile; nothing was written, try again"
                )
            mode = target.stat().st_mode & 0o7777 if target.exists() else _NEW_FILE
            write_atomically(target, self.after, mode=mode)
        except OSError as error:
            raise SignalboxError(f"{self.path}: cannot be written: {error.strerror or error}") from error


@dataclass(frozen=True)
class Editor:
    """Edits of the schedules of one folder. Every method raises SignalboxError for what cannot be done."""

    config_dir: Path
    recipes: Path | None = None
    known_jobs: Collection[str] | None = None
    now: dt.datetime | None = None
    """With it (aware), an instant that has passed is not written as one to come."""

    def entry(self, name: str) -> dict[str, Any]:
        """A schedule's entry as its file has it, with values as JSON knows them."""
        from scheduler_defs.declarations.reading.scalars import plain

        return plain(self._found(read_sources(self.config_dir), name).node.value or {})

    def declared(self, edit: Edit) -> Schedule | None:
        """The schedule as it would be declared after the edit; None when it would be gone."""
        sources = read_sources(self.config_dir)
        files = {**sources.files, edit.path.name: edit.after.encode()}
        after = self._load(Sources(dict(sorted(files.items())), sources.unreadable))
        return after.declarations.schedules.get(edit.name)

    def add(
        self,
        name: str,
        entry: Mapping[str, Any],
        *,
        file: str | None = None,
        command: Sequence[str] = (),
    ) -> Edit:
        """Declare a new schedule: at the end of `file`, or of the file that has the last schedules now.

        With a `command` its job is declared with it, under the same name.
        """
        sources = read_sources(self.config_dir)
        if fault := name_fault(name):
            raise SignalboxError(fault)
        if found := _find(sources, name):
            raise SignalboxError(f"there is a schedule {name!r} already, in {self._label(found.file)}")
        target = file or _last_with_schedules(sources) or NEW_FILE
        if Path(target).name != target or not target.endswith(SUFFIXES) or target.startswith("."):
            raise SignalboxError(f"{target!r} is not the name of a YAML file in {self.config_dir.name}/")
        before = _text(sources, target)
        given = {key: value for key, value in entry.items() if value is not None}
        after = before or _HEADER
        if command:
            given = {"job": name, **given}
            after = edit_text.added(after, name, {"command": list(command)}, key="jobs")
        after = edit_text.added(after, name, given)
        return self._checked(sources, Edit(name, self.config_dir / target, before, after))

    def set(self, name: str, changes: Mapping[str, Any]) -> Edit:
        """Give keys of a schedule new values; None takes a key away, dots lead into mappings.

        A new rule replaces the one that is there.
        """
        sources = read_sources(self.config_dir)
        place = self._found(sources, name)
        given = dict(changes)
        rule = next((key for key in RULE_KEYS if given.get(key) is not None), None)
        if rule is not None:
            for other, keys in _RULES.items():
                if other != rule:
                    given |= {key: None for key in keys if key in place.node.children and key not in given}
        before = _text(sources, place.file)
        after = edit_text.changed(before, name, given)
        return self._checked(sources, Edit(name, self.config_dir / place.file, before, after))

    def remove(self, name: str) -> Edit:
        """Take a schedule away, with the comment that stands right above it."""
        sources = read_sources(self.config_dir)
        place = self._found(sources, name)
        before = _text(sources, place.file)
        after = edit_text.removed(before, name)
        return self._checked(sources, Edit(name, self.config_dir / place.file, before, after))

    def _found(self, sources: Sources, name: str) -> _Place:
        found = _find(sources, name)
        if found is not None:
            return found
        known = [each for file in sources.files for each in _names(sources, file)]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise SignalboxError(f"no schedule {name!r} is declared in {self.config_dir.name}/{hint}")

    def _checked(self, sources: Sources, edit: Edit) -> Edit:
        """Refuse what would bring a fault into the files. Faults that are there already are no hindrance."""
        if not edit.changed:
            return edit
        files = {**sources.files, edit.path.name: edit.after.encode()}
        after = self._load(Sources(dict(sorted(files.items())), sources.unreadable))
        before = self._load(sources)
        known = {(each.path, each.message) for each in (*before.problems, *before.notes)}
        new = [each for each in (*after.problems, *after.notes) if (each.path, each.message) not in known]
        if new:
            raise SignalboxError("\n".join(["nothing was written, because of:", *map(str, new)]))
        return edit

    def _load(self, sources: Sources) -> LoadResult:
        return build(
            sources,
            known_jobs=jobs_without_declaration(self.config_dir)
            if self.known_jobs is None
            else self.known_jobs,
            recipes=self.recipes or self.config_dir.parent / "recipes",
            now=self.now,
            label=self.config_dir.name,
        )

    def _label(self, file: str) -> str:
        return f"{self.config_dir.name}/{file}"


@dataclass(frozen=True)
class _Place:
    file: str
    node: Node


def _find(sources: Sources, name: str) -> _Place | None:
    for file in sources.files:
        entries = _entries(sources, file)
        if entries is not None and name in entries.children:
            return _Place(file, entries.children[name])
    return None


def _entries(sources: Sources, file: str) -> Node | None:
    root = _tree(sources.files[file])
    return None if root is None else root.children.get("schedules")


@lru_cache(maxsize=16)
def _tree(data: bytes) -> Node | None:
    """Nobody changes it; whoever shows one schedule after the other reads its file once."""
    return read_tree(data)[0]


def _names(sources: Sources, file: str) -> list[str]:
    entries = _entries(sources, file)
    return [] if entries is None else [str(key) for key in entries.children]


def _last_with_schedules(sources: Sources) -> str | None:
    having = [file for file in sources.files if _names(sources, file)]
    return having[-1] if having else None


def _text(sources: Sources, file: str) -> str:
    try:
        return sources.files[file].decode() if file in sources.files else ""
    except UnicodeDecodeError:
        raise SignalboxError(f"{file} is not UTF-8; mend it first (`signalbox check`)") from None


def parse_value(text: str) -> Any:
    """A value from a command line: `[..]` and `{..}` as YAML, anything else as one plain scalar.

    Raises ValueError for YAML that cannot be read.
    """
    from scheduler_defs.declarations.reading import scalars

    if re.match(r"\s*[\[{\"']", text):
        root, faults = read_tree(text.encode())
        if root is None or faults:
            raise ValueError(f"{text!r}: {faults[0].message if faults else 'is empty'}")
        return scalars.plain(root.value)
    return scalars.plain(scalars.resolve(text))
