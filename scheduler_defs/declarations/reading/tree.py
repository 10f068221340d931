"""YAML as a tree of values that knows where each of them is written.

Built from libyaml's events, because the usual constructors forget positions, let duplicate keys pass, turn
`at: 2026-12-31` into a date, and expand aliases without end.
"""

from __future__ import annotations

import re
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

from scheduler_defs.declarations.reading import scalars
from scheduler_defs.declarations.reading.syntax import (
    MOST_DEPTH,
    Fault,
    odd_line_end,
    odd_space,
    syntax_fault,
)

MOST_ALIASED = 100_000
"""Values that aliases and merge keys may add to a file: an alias bomb ends here."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRING_TAG = "tag:yaml.org,2002:str"


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
    key_merges: bool = False
    """The key is a merge key: `<<` without quotes."""
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
    if (fault := odd_line_end(text)) is not None:
        return None, [fault]
    builder = _Builder()
    try:
        builder.build(_events(text))
    except yaml.YAMLError as error:
        return None, [*builder.faults, syntax_fault(error, text)]
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
        if event.tag is not None and event.tag != _STRING_TAG:
            self.fault(event, f"the tag {event.tag} is not allowed; write a plain value, or quote the text")
        elif plain:
            try:
                value = scalars.resolve(text)
            except ValueError as error:
                self.fault(event, str(error))
            if (odd := odd_space(text)) is not None:
                self.fault(event, odd)
        if not plain and (odd := _not_storable(text)):
            self.fault(event, odd)
            value = ""
        node = Node(value, mark.line + 1, mark.column + 1, plain)
        if event.anchor:
            self.anchors[event.anchor] = node
        self.add(node)

    def begin_key(self, open_: _Open, event: ScalarEvent) -> None:
        key, mark = event.value, event.start_mark
        at = (mark.line + 1, mark.column + 1)
        open_.key_merges = key == "<<" and event.implicit[0]
        if open_.key_merges:
            open_.key, open_.key_at = key, at
            return
        if odd := _not_storable(key) or (odd_space(key, key=True) if event.implicit[0] else None):
            self.fault(event, odd)
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
            self.stop(
                event,
                f"the alias *{event.anchor} has no anchor &{event.anchor} before it; a text that begins with"
                " * needs quotes",
            )
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
        if open_.key_merges:
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


_SURROGATE = re.compile("[\ud800-\udfff]")


def _not_storable(text: str) -> str | None:
    """What neither the database nor an argument of a program can hold."""
    if "\0" in text:
        return "holds a NUL character, which neither the database nor a program can take"
    if _SURROGATE.search(text):
        return "holds half of a surrogate pair, which is no character"
    return None
