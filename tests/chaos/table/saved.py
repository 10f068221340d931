"""The file of rounds, one JSON document a line, and the table that is made of it. Several may write it at once."""

from __future__ import annotations

import json
import os
import random
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.table.kinds import Kind

COUNTED = ("lost", "doubled", "stuck")


def append(path: Path, document: dict[str, Any]) -> None:
    """Add a line, whole or not at all."""
    line = (json.dumps(document) + "\n").encode()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def rounds(path: Path) -> list[dict[str, Any]]:
    """All lines; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def fewest(kinds: Sequence[Kind], saved: Iterable[dict[str, Any]], times: int) -> Kind | None:
    """One of the faults with the fewest rounds, of those with fewer than `times`; None when all have.

    Any of them, so that several who share the work do not all do the same. A round that broke off is none.
    """
    had = Counter(each["fault"] for each in saved if "broken" not in each["wrong"])
    left = [kind for kind in kinds if had[kind.name] < times]
    least = min((had[kind.name] for kind in left), default=0)
    return random.choice([kind for kind in left if had[kind.name] == least] or [None])


def table(kinds: Sequence[Kind], saved: Sequence[dict[str, Any]]) -> str:
    """In Markdown, one line for each fault that has had a round, and one sentence of what was counted."""
    lines = [
        "| fault | what users see | times | all well after: median, longest | runs that lost their worker |"
        " lost, doubled, stuck | what is guaranteed | test |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        had = [each for each in saved if each["fault"] == kind.name and "broken" not in each["wrong"]]
        if not had:
            continue
        seconds = [each["well_seconds"] for each in had if each["well_seconds"] is not None]
        took = f"{statistics.median(seconds):.1f} s, {max(seconds):.1f} s" if seconds else "never"
        wrong = ", ".join(str(_count(had, name)) for name in COUNTED)
        lost = sum(each["worker_lost"] for each in had)
        lines.append(
            f"| {kind.name} | {kind.shows} | {len(had)} | {took} | {lost} | {wrong} | {kind.promise} | `{kind.test}` |"
        )
    return "\n".join([*lines, "", summary(saved)])


def summary(saved: Sequence[dict[str, Any]]) -> str:
    """How much has been counted, and under which load."""
    loads = [each["load"] for each in saved if each["load"]] or [0.0]
    runs, commands = (sum(each[name] for each in saved) for name in ("runs", "commands"))
    wrong = ", ".join(f"{name} {_count(saved, name)}" for name in (*COUNTED, "broken"))
    return (
        f"{len(saved)} rounds, {runs:,} runs, {commands:,} commands: {wrong} (what broke off shows nothing)."
        f" Load average from {min(loads):g} to {max(loads):g}, median {statistics.median(loads):g}."
    )


def _count(had: Iterable[dict[str, Any]], name: str) -> int:
    return sum(len(each["wrong"].get(name, ())) for each in had)
