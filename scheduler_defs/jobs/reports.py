"""Where reports go: a JSON file for programs and a Markdown file for people, below the run's artifacts.

Nothing here imports Dagster: the command and the tests use it too.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler_defs.atomic import write_atomically
from scheduler_defs.errors import SignalboxError
from scheduler_defs.private import make_private
from scheduler_defs.settings import settings

REPORTS = ("log_triage", "service_map", "gpu_report")
"""The built-in jobs that look at the machine."""
UPKEEP = ("retention", "database_backup", "database_drill", "schedule_review")
"""The built-in jobs by which the stack looks after itself."""
BUILT_IN = (*REPORTS, *UPKEEP)
"""All of them write reports."""


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
    make_private(folder)
    created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    document = {"report": name, "run_id": run_id, "created": created, **data}
    written = WrittenReport(folder / f"{name}.json", folder / f"{name}.md")
    write_atomically(written.json_path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    write_atomically(written.markdown_path, markdown)
    return written


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
