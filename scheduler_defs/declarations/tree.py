"""YAML as a tree of values that knows where each of them is written.

Built from libyaml's events, because the usual constructors forget positions, let duplicate keys pass, turn
`at: 2026-12-31` into a date, and expand aliases without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from scheduler_defs.declarations import scalars

MOST_DEPTH = 40
MOST_ALIASED = 100_000
"""Values that aliases and merge keys may add to a file: an alias bomb ends here."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING_TAG = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of one file. Line and column count from 1."""

    line: int
    column: int
    path: tuple[str, ...]
    message: str


@dataclass(slots=True)
class Node:
    """A value and where it is written. `children` are by key for a mapping, by index for a list."""

    value: Any
    line: int
    column: int
    plain: bool = False
    """An unquoted scalar."""
    size: int = 1
    children: dict[Any, Node] = field(default_factory=dict[Any, "Node"])
    keys: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)


@dataclass(slots=True)
class _Open:
    """A collection that has not ended yet."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_at: tuple[int, int] = (1, 1)
    merges: list[Node] = field(default_factory=list[Node])


def read_tree(data: bytes) -> tuple[Node | None, list[Fault]]:
    """The tree of one file, and what is wrong with it as YAML. No tree when it cannot be read to its end."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        bad = data[error.start]
        return None, [Fault(line, column, (), f"byte 0x{bad:02x} is not UTF-8; save the file as UTF-8")]
    builder = _Builder()
    try:
        builder.build(_events(text))
    except yaml.YAMLError as error:
        return None, [*builder.faults, _syntax_fault(error, text)]
    except _StopReading:
        return None, builder.faults
    return builder.root, builder.faults


def _events(text: str) -> Iterator[Event]:
    events = yaml.parse(text, Loader=_LOADER)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return cast("Iterator[Event]", events)


class _StopReading(Exception):
    """The rest of the file makes no sense or would take too much."""


class _Builder:
    """Puts events together into a tree; collects faults on the way."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.faults: list[Fault] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.unfinished: set[str] = set()
        self.aliased = 0
        self.documents = 0

    def build(self, events: Iterator[Event]) -> None:
        for event in events:
            if isinstance(event, ScalarEvent):
                self.scalar(event)
            elif isinstance(event, MappingStartEvent):
                self.start(event, {})
            elif isinstance(event, SequenceStartEvent):
                self.start(event, [])
            elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
                self.end()
            elif isinstance(event, AliasEvent):
                self.alias(event)
            elif isinstance(event, DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self.stop(event, "a second document begins here; put each into its own file")

    def fault(self, event: Event, message: str, key: str | None = None) -> None:
        mark = event.start_mark
        path = tuple(each.key for each in self.stack if each.key) + ((key,) if key else ())
        self.faults.append(Fault(mark.line + 1, mark.column + 1, path, message))

    def stop(self, event: Event, message: str) -> None:
        self.fault(event, message)
        raise _StopReading

    def scalar(self, event: ScalarEvent) -> None:
        text, mark = event.value, event.start_mark
        open_ = self.stack[-1] if self.stack else None
        if open_ is not None and open_.key is None and open_.node.value.__class__ is dict:
            self.begin_key(open_, event)
            return
        plain = event.implicit[0]
        value: Any = text
        if event.tag is not None and event.tag not in ("!", _STRING_TAG):
            self.fault(event, f"the tag {event.tag} is not allowed; write a plain value")
        elif plain:
            try:
                value = scalars.resolve(text)
            except ValueError as error:
                self.fault(event, str(error))
        node = Node(value, mark.line + 1, mark.column + 1, plain)
        if event.anchor:
            self.anchors[event.anchor] = node
        self.add(node)

    def begin_key(self, open_: _Open, event: ScalarEvent) -> None:
        key, mark = event.value, event.start_mark
        at = (mark.line + 1, mark.column + 1)
        if key == "<<" and event.implicit[0]:
            open_.key, open_.key_at = key, at
            return
        if key in open_.node.keys:
            line, column = open_.node.keys[key]
            self.fault(event, f"the key {key!r} is there already, at line {line}, column {column}", key)
        if event.anchor:
            self.anchors[event.anchor] = Node(key, *at, plain=True)
        open_.key, open_.key_at = key, at

    def start(self, event: MappingStartEvent | SequenceStartEvent, value: Any) -> None:
        if len(self.stack) >= MOST_DEPTH:
            self.stop(event, f"nested more than {MOST_DEPTH} deep")
        if self.stack and self.stack[-1].key is None and self.stack[-1].node.is_mapping:
            self.stop(event, "a key must be one word or text, not a list or a mapping")
        if event.tag is not None and event.tag != "!":
            self.fault(event, f"the tag {event.tag} is not allowed; write a plain value")
        mark = event.start_mark
        if event.anchor:
            self.unfinished.add(event.anchor)
        self.stack.append(_Open(Node(value, mark.line + 1, mark.column + 1), event.anchor))

    def end(self) -> None:
        closed = self.stack.pop()
        for merged in closed.merges:
            self.merge(closed.node, merged)
        if closed.anchor:
            self.unfinished.discard(closed.anchor)
            self.anchors[closed.anchor] = closed.node
        self.add(closed.node)

    def alias(self, event: AliasEvent) -> None:
        if event.anchor in self.unfinished:
            self.stop(event, f"the alias *{event.anchor} stands inside what it stands for")
        if event.anchor not in self.anchors:
            self.stop(event, f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
        target = self.anchors[event.anchor]
        self.aliased += target.size
        if self.aliased > MOST_ALIASED:
            self.stop(event, f"aliases add more than {MOST_ALIASED} values to this file; write them out")
        if self.stack and self.stack[-1].key is None and self.stack[-1].node.is_mapping:
            self.stop(event, "an alias cannot be a key; write the key out")
        self.add(target)

    def add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        open_ = self.stack[-1]
        parent = open_.node
        parent.size += node.size
        if not parent.is_mapping:
            parent.children[len(parent.value)] = node
            parent.value.append(node.value)
            return
        key, open_.key = open_.key, None
        if key == "<<":
            self.note_merge(open_, node)
        elif key not in parent.keys:  # the first of two equal keys counts
            parent.keys[key or ""] = open_.key_at
            parent.children[key] = node
            parent.value[key] = node.value

    def note_merge(self, open_: _Open, node: Node) -> None:
        sources = [node] if node.is_mapping else list(node.children.values())
        if not sources or not all(source.is_mapping for source in sources):
            at = open_.key_at
            path = tuple(each.key for each in self.stack if each.key)
            self.faults.append(Fault(*at, path, "<< takes a mapping, or a list of mappings, to merge in"))
            return
        open_.merges += sources

    def merge(self, into: Node, source: Node) -> None:
        """Keys of the mapping itself win, then those of the first mapping merged in."""
        for key, child in source.children.items():
            if key not in into.children:
                into.children[key] = child
                into.keys[key] = source.keys[key]
                into.value[key] = child.value


def _syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    """libyaml's complaint in one line; a tab in the indentation is named as such."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        position = min(getattr(error, "position", 0), len(text))
        before = text[:position]
        message = f"not YAML: {getattr(error, 'reason', None) or error}"
        return Fault(before.count("\n") + 1, position - before.rfind("\n"), (), " ".join(message.split()))
    mark = error.problem_mark
    lines = text.split("\n")
    for number in range(min(mark.line, len(lines) - 1), max(mark.line - 2, -1), -1):
        line = lines[number]
        indentation = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indentation and line.strip():
            return Fault(number + 1, indentation.index("\t") + 1, (), "tab in the indentation; use spaces")
    context = f" {error.context}" if error.context else ""
    message = " ".join(f"not YAML: {error.problem}{context}".split())
    return Fault(mark.line + 1, mark.column + 1, (), message)
