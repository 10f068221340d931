"""What commands print, and how they end: JSON on stdout, messages on stderr, defined exit codes."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

from scheduler_defs.errors import SignalboxError


def print_json(document: object) -> None:
    """One JSON document on stdout, nothing else. Times become ISO 8601 with offset."""
    sys.stdout.write(json.dumps(document, default=_plain, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(message: str) -> None:
    """A message for a person, on stderr, so that stdout stays machine-readable."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """A readable table on stdout: rich on a terminal, plain aligned columns otherwise."""
    if not rows:
        say(empty)
        return
    cells = [[_cell(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in cells:
            table.add_row(*row)
        Console().print(table, markup=False)
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


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return local_time(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
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
