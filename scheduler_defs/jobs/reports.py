"""Where reports go: a JSON file for programs and a Markdown file for people, below the run's artifacts.

Nothing here imports Dagster: the command and the tests use it too.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import settings

REPORTS = ("log_triage", "service_map", "gpu_report")
"""The built-in jobs that write reports."""


@dataclass(frozen=True)
class WrittenReport:
    """The two files of one report."""

    json_path: Path
    markdown_path: Path


def op_name(job: str) -> str:
    """Name of the op behind a built-in job: the key under `ops:` in its run config.

    Dagster wants the names of ops and of jobs to differ within a code location.
    """
    return f"{job}_report"


def write_report(run_id: str, name: str, data: Mapping[str, Any], markdown: str) -> WrittenReport:
    """Write `<state>/artifacts/<run_id>/<name>.json` and `.md`, each complete or not at all.

    `data` gets `report`, `run_id` and `created` added. Raises SignalboxError for a run id or a name that is
    not a plain file name, and OSError when the disk does not take it.
    """
    for what, value in (("run id", run_id), ("report name", name)):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", value):
            raise SignalboxError(f"{what} {value!r}: expected letters, digits, '_', '-' and '.'")
    folder = settings().artifacts / run_id
    folder.mkdir(parents=True, exist_ok=True)
    created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    document = {"report": name, "run_id": run_id, "created": created, **data}
    written = WrittenReport(folder / f"{name}.json", folder / f"{name}.md")
    write_atomically(written.json_path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    write_atomically(written.markdown_path, markdown)
    return written


def write_atomically(path: Path, text: str) -> None:
    """Replace the file in one step: readers, and whoever comes after a crash, see the old or the new text."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o640)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def markdown_table(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    """A Markdown table as lines; `|` and line breaks in cells are made harmless, None is shown as `-`."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return lines


def code(text: str) -> str:
    """`text` as a code span that no content can break out of."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return str(value).replace("\\|", "|").replace("|", "\\|").replace("\r", " ").replace("\n", " ")
