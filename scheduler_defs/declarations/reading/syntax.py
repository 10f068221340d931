"""What is wrong with a file that is not YAML, in words that say what to change."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import yaml

MOST_DEPTH = 40
_SPECIAL = "*&!@`%|>"
"""With one of these a text cannot begin, unless it is quoted."""
_KEYED = re.compile(r"""[\w./-]+|"[^"]*"|'[^']*'""")
_LINE_ENDS = re.compile("[\x85\u2028\u2029]")
_ESCAPES = {"\x85": r"\N", "\u2028": r"\L", "\u2029": r"\P"}
_ODD_SPACES = r"[^\S\x00-\x7f\x85\u2028\u2029]"
_ODD_INDENTATION = re.compile(rf"[ \t]*({_ODD_SPACES})")
_ODD_SEPARATION = re.compile(rf"[:,-]({_ODD_SPACES})")
_ODD_SPACE_IN_VALUE = re.compile(rf"\A{_ODD_SPACES}|{_ODD_SPACES}\Z|{_ODD_SPACES}(?=#)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of one file. Line and column count from 1."""

    line: int
    column: int
    path: tuple[str, ...]
    message: str


def odd_line_end(text: str) -> Fault | None:
    """The first character that ends a line for some readers of YAML and not for others."""
    found = _LINE_ENDS.search(text)
    if found is None:
        return None
    before = text[: found.start()]
    message = (
        f"{_named(found[0])} ends a line for some readers of YAML and not for others; remove it, or write"
        f" {_ESCAPES[found[0]]} within double quotes"
    )
    return Fault(before.count("\n") + 1, found.start() - before.rfind("\n"), (), message)


def odd_space(plain: str, *, key: bool = False) -> str | None:
    """What is wrong with the spaces of an unquoted key or value: YAML knows only the ordinary space."""
    found = _ODD_SPACE_IN_VALUE.search(plain)
    if found is None:
        return None
    if key and found.start() == 0:
        return f"{_named(found[0])} in the indentation; use spaces"
    return f"{_named(found[0])} where a space is meant; use spaces, or quote the whole text"


def syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    """libyaml's complaint in one line, or what is behind it: tabs, odd spaces, a text that needs quotes."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        position = min(getattr(error, "position", 0), len(text))
        before = text[:position]
        message = f"not YAML: {getattr(error, 'reason', None) or error}"
        return Fault(before.count("\n") + 1, position - before.rfind("\n"), (), " ".join(message.split()))
    mark = error.problem_mark
    lines = text.splitlines()
    near = range(min(mark.line, len(lines) - 1), max(mark.line - 2, -1), -1)
    for number in near:
        if (found := _odd_white_space(lines[number])) is not None:
            return Fault(number + 1, found[0] + 1, (), found[1])
    if "maximum nesting depth" in str(error.problem):
        # libyaml looks ahead, and gives up before the 41st level is ours to count.
        return Fault(mark.line + 1, mark.column + 1, (), f"nested more than {MOST_DEPTH} deep")
    if mark.line < len(lines) and (quoting := _needs_quotes(lines[mark.line], mark.column)) is not None:
        return Fault(mark.line + 1, quoting[0] + 1, (), quoting[1])
    context = f" {error.context}" if error.context else ""
    message = " ".join(f"not YAML: {error.problem}{context}".split())
    return Fault(mark.line + 1, mark.column + 1, (), message)


def _odd_white_space(line: str) -> tuple[int, str] | None:
    indentation = line[: len(line) - len(line.lstrip(" \t"))]
    if "\t" in indentation and line.strip():
        return indentation.index("\t"), "tab in the indentation; use spaces"
    if found := _ODD_INDENTATION.match(line):
        return found.start(1), f"{_named(found[1])} in the indentation; use spaces"
    if found := _ODD_SEPARATION.search(line):
        return found.start(
            1
        ), f"{_named(found[1])} where a space is meant; use spaces, or quote the whole text"
    return None


def _needs_quotes(line: str, column: int) -> tuple[int, str] | None:
    """The column of the unquoted text that YAML reads as something else, and how to write it."""
    start = _begin(line, column)
    if start is None:
        return None
    flow = line.count("{", 0, start) + line.count("[", 0, start) > (
        line.count("}", 0, start) + line.count("]", 0, start)
    )
    value = re.split(r"[,\]}]" if flow and line[start] not in "[{" else r"\s#", line[start:], maxsplit=1)[0]
    value = value.rstrip().removesuffix(",")
    if value[0] in _SPECIAL:
        why = f"a text that begins with {value[0]} needs quotes"
    elif value[0] in "[{":
        why = f"a text that begins with {value[0]} and goes on after it needs quotes"
    elif re.search(r":(\s|$)", value):
        why = "a text with ': ' in it needs quotes"
    else:
        return None
    quoted = f'"{value}"' if not set(value) & {'"', "\\"} else "'" + value.replace("'", "''") + "'"
    before = line[:start].rstrip()
    key = re.search(rf"({_KEYED.pattern}):$", before)
    return start, f"{why}: {key[1] + ': ' if key else ''}{quoted}"


def _begin(line: str, column: int) -> int | None:
    """Where the text begins in which the reader stumbled at `column`."""
    begins = [0, *(found.end() for found in re.finditer(r"(?::\s+|[\[{,]\s*|^\s*(?:-\s+)+|-\s+)", line))]
    candidates = [each for each in begins if each <= min(column, len(line) - 1)]
    for start in reversed(candidates):
        if line[start] in _SPECIAL:
            return start
    if column < len(line) and line[column] == ":":
        # The colon after the key is not the one: the text begins after the first colon of its entry.
        entry = max(
            (found.end() for found in re.finditer(r"[\[{,]\s*|^\s*(?:-\s+)*", line[:column])), default=0
        )
        key = re.compile(rf"(?:{_KEYED.pattern}):\s+").match(line, entry)
        return key.end() if key and key.end() <= column else None
    opened = re.match(rf"\s*(?:-\s+)*(?:{_KEYED.pattern}):\s+(?=[\[{{])", line)
    closed = opened is not None and 0 < column <= len(line) and line[:column].rstrip()[-1:] in ("]", "}")
    return opened.end() if opened is not None and closed else None


def _named(character: str) -> str:
    name = unicodedata.name(character, "next line" if character == "\x85" else "white space").lower()
    return f"the character U+{ord(character):04X} ({name})"
