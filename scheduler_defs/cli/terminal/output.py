"""What commands print, and how they end: JSON on stdout, messages on stderr, defined exit codes."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from scheduler_defs.errors import SignalboxError
from scheduler_defs.text import visible

# What JSON leaves as it is, and a terminal or an encoder does not.
_RAW = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def print_json(document: object) -> None:
    """One JSON document on stdout, nothing else. Times become ISO 8601 with offset.

    Control characters are escapes in it, those that JSON itself would leave included.
    """
    text = json.dumps(document, default=_plain, ensure_ascii=False)
    sys.stdout.write(_RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
    sys.stdout.flush()


def say(message: str) -> None:
    """A message for a person, on stderr, so that stdout stays machine-readable."""
    sys.stderr.write(visible(message, lines=True) + "\n")
    sys.stderr.flush()


def print_line(text: str) -> None:
    """One line on stdout. What it holds from outside cannot break it, nor speak to the terminal."""
    sys.stdout.write(visible(text) + "\n")
    sys.stdout.flush()


def print_text(text: str) -> None:
    """A text of several lines on stdout, as `print_line`."""
    sys.stdout.write(visible(text, lines=True))
    sys.stdout.flush()


def print_record(fields: Mapping[str, object]) -> None:
    """One object as a table of its fields; those that are empty are left out."""
    rows = [(name, value) for name, value in fields.items() if value not in (None, "", [], {})]
    print_table(("FIELD", "VALUE"), rows, empty="")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A readable table on stdout: fitted to a terminal, plain aligned columns elsewhere.

    On a narrow terminal the first column and those of states keep their width; the others are folded.
    """
    if not rows:
        say(empty)
        return
    cells = [[visible(shown(value)) for value in row] for row in rows]
    if sys.stdout.isatty():
        from scheduler_defs.cli.terminal.table import print_fitted

        print_fitted(columns, cells)
        return
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    for row in [list(columns), *cells]:
        sys.stdout.write(
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() + "\n"
        )
    sys.stdout.flush()


def fail(error: SignalboxError) -> NoReturn:
    """End the command with the error's one line and its exit code."""
    say(f"signalbox: {error}")
    raise SystemExit(error.exit_code)


def local_time(value: str | dt.datetime | None) -> str:
    """An instant as a person reads it: local date and time, to the second; empty for None."""
    if value is None or value == "":
        return ""
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def here(column: str) -> str:
    """The head of a column of local times, with the zone that they are in."""
    return f"{column} ({dt.datetime.now().astimezone().strftime('%Z')})"


def counted(number: int, noun: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown(value: object) -> str:
    """A value as a person reads it, lists and mappings on one line."""
    match value:
        case None:
            return ""
        case dt.datetime():
            return local_time(value)
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{key}: {shown(item)}" for key, item in value.items() if item is not None)
        case list() | tuple() | set() | frozenset():
            return ", ".join(shown(item) for item in value)
        case Enum():
            return str(value.value)
        case _:
            return str(value)


def _plain(value: Any) -> Any:
    match value:
        case dt.datetime():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case Path():
            return str(value)
        case Mapping():
            return dict(value)
        case set() | frozenset() | tuple():
            return list(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
