"""Edits of the text of one file of schedules.

An entry in block style is cut out of the text by its position, changed by ruamel.yaml, which keeps comments
and order, and put back; the rest of the file is not touched. Where an entry cannot be cut out (`schedules:
{..}` on one line, or an alias to elsewhere in the file), ruamel.yaml writes the whole file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from scheduler_defs.declarations.editing.yaml import STEP, commented, dump, load, on_one_line, rewritten
from scheduler_defs.declarations.reading.tree import Node, read_tree
from scheduler_defs.errors import SignalboxError

KEY = "schedules"


@dataclass(frozen=True)
class _Block:
    """The lines of an entry: [first, end), counted from 0."""

    first: int
    end: int
    indent: int
    """Column of its name, from 0."""
    step: int
    """How much deeper its keys stand."""
    is_last: bool


def added(text: str, name: str, entry: Mapping[str, Any], key: str = KEY) -> str:
    """The text with a new entry after the others of its kind, which stand below `key`."""
    root = _root(text)
    section = None if root is None else root.children.get(key)
    if root is None or section is None:
        gap = "\n" if root is not None and text.strip() else ""
        made = f"{gap}{key}:\n{_indented(dump({name: commented(entry)}), STEP)}"
        end = len(text.splitlines())
        return _spliced(text, end, end, made)
    if section.value is None:
        line = root.keys[key][0]
        return _spliced(text, line, line, _indented(dump({name: commented(entry)}), STEP))
    if not section.is_mapping:
        raise SignalboxError(f"{key}: is not a mapping; mend the file first (`signalbox check`)")
    last = list(section.children)[-1] if section.children else None
    block = None if last is None else _block(text, section, str(last))
    if block is None:

        def put(document: Any) -> None:
            document[key][name] = commented(entry)

        return rewritten(text, put)
    spread = _has_gap(text, section)
    body = dump({name: commented(entry)}, step=block.step)
    made = ("\n" if spread else "") + _indented(body, block.indent)
    return _spliced(text, block.end, block.end, made)


def changed(text: str, name: str, changes: Mapping[str, Any]) -> str:
    """The text with keys of an entry set, or taken away where the value is None. Dots lead into mappings."""

    def change(entry: Any) -> None:
        if not isinstance(entry, dict):
            raise SignalboxError(f"{KEY}.{name} is not a mapping; mend the file first (`signalbox check`)")
        for path, value in changes.items():
            _set(cast("dict[str, Any]", entry), path.split("."), value)

    section = _section(text)
    block = _block(text, section, name)
    if block is not None:
        lines = [line.rstrip("\r\n") + "\n" for line in text.splitlines()]
        chunk = _dedented(lines[block.first : block.end], block.indent)
        try:
            document: Any = load(chunk)
        except YAMLError:  # an alias to elsewhere
            document = None
        if document is not None:
            before = dump(document, chunk, block.step)
            change(document[name])
            after = dump(document, chunk, block.step)
            if after == before:
                return text
            made = _like(chunk, before, after)
            return _spliced(text, block.first, block.end, _indented(made, block.indent))

    def whole(document: Any) -> None:
        change(document[KEY][name])

    return rewritten(text, whole)


def removed(text: str, name: str) -> str:
    """The text without the entry, and without the comment right above it."""
    section = _section(text)
    block = _block(text, section, name)
    if block is None:

        def take(document: Any) -> None:
            del document[KEY][name]

        return rewritten(text, take)
    lines = text.splitlines(keepends=True)
    first, end = block.first, block.end
    comment = re.compile(rf" {{{block.indent}}}#")
    while first > 0 and comment.match(lines[first - 1]):
        first -= 1
    # One of the gaps around it goes, too.
    if block.is_last:
        while first > 0 and not lines[first - 1].strip():
            first -= 1
    else:
        while end < len(lines) and not lines[end].strip():
            end += 1
    rest = _spliced(text, first, end, "")
    root = _root(rest)
    if root is not None and all(child.value is None for child in root.children.values()):
        return f"{rest.rstrip()}\n"
    return rest


def _set(entry: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for parent in parents:
        inner = entry.get(parent)
        if not isinstance(inner, dict):
            if value is None:
                return
            inner = entry[parent] = on_one_line(CommentedMap())
        entry = cast("dict[str, Any]", inner)
    if value is None:
        entry.pop(last, None)
    elif last not in entry or entry[last] != value or type(entry[last]) is not type(value):
        entry[last] = commented(value)


def _root(text: str) -> Node | None:
    root, faults = read_tree(text.encode())
    if root is None and faults:
        raise SignalboxError(f"the file cannot be read ({faults[0].message}); mend it first")
    return root if root is not None and root.is_mapping else None


def _section(text: str) -> Node:
    root = _root(text)
    assert root is not None, "the caller has found the entry"
    return root.children[KEY]


def _block(text: str, section: Node, name: str) -> _Block | None:
    """The lines of an entry; None when it does not have whole lines to itself."""
    lines = text.splitlines(keepends=True)
    starts = {str(key): section.keys[key] for key in section.children}
    line, column = starts[name]
    ordered = sorted(starts.values())
    if any(first[0] == second[0] for first, second in pairwise(ordered)):
        return None
    if lines[line - 1][: column - 1].strip():  # `schedules: {a: ..}` or `? a`
        return None
    following = [each[0] for each in ordered if each[0] > line]
    end = following[0] - 1 if following else _end_of_section(lines, line, column)
    while end > line and (not lines[end - 1].strip() or _is_outer_comment(lines[end - 1], column)):
        end -= 1
    child = section.children[name]
    first_key = next(iter(child.keys.values()), None)
    step = first_key[1] - column if first_key is not None and first_key[0] > line else STEP
    return _Block(line - 1, end, column - 1, max(step, 1), is_last=not following)


def _end_of_section(lines: list[str], line: int, column: int) -> int:
    """The first line after the last entry that is not part of it: less indented, and no comment or gap."""
    for number in range(line, len(lines)):
        text = lines[number]
        if text.strip() and not text.lstrip().startswith("#") and len(text) - len(text.lstrip(" ")) < column:
            return number
    return len(lines)


def _is_outer_comment(line: str, column: int) -> bool:
    """A comment that stands no deeper than the entries' names belongs to what follows."""
    stripped = line.lstrip(" ")
    return stripped.startswith("#") and len(line) - len(stripped) < column


def _has_gap(text: str, section: Node) -> bool:
    """Whether entries are set apart by empty lines (above the comments right above them)."""
    lines = text.splitlines()
    for line, _ in sorted(section.keys.values())[1:]:
        above = line - 2
        while lines[above].lstrip().startswith("#"):
            above -= 1
        if not lines[above].strip():
            return True
    return False


def _like(chunk: str, before: str, after: str) -> str:
    """`after`, with the lines that the change has left alone as they were in `chunk`.

    `before` is the chunk as ruamel.yaml writes it, `after` the changed one. Where the former has other lines
    than the chunk (a list in another layout), it cannot be told which is which, and all lines are new.
    """
    old, plain, new = (each.splitlines(keepends=True) for each in (chunk, before, after))
    if len(old) != len(plain):
        return after
    made: list[str] = []
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, plain, new, autojunk=False
    ).get_opcodes():
        made += old[start:end] if tag == "equal" else new[new_start:new_end]
    return "".join(made)


def _dedented(lines: list[str], indent: int) -> str:
    return "".join(line[indent:] if line[:indent].strip() == "" else line.lstrip(" ") for line in lines)


def _indented(text: str, indent: int) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(" " * indent + line if line.strip() else line for line in lines)


def _spliced(text: str, first: int, end: int, middle: str) -> str:
    """The text with the lines [first, end) replaced; its line ends stay what they are."""
    lines = text.splitlines(keepends=True)
    before, after = "".join(lines[:first]), "".join(lines[end:])
    line_end = "\r\n" if "\r\n" in text else "\r" if "\r" in text and "\n" not in text else "\n"
    if middle and before and not before.endswith(("\n", "\r")):
        before += line_end
    if middle and not middle.endswith("\n"):
        middle += "\n"
    return before + middle.replace("\n", line_end) + after
