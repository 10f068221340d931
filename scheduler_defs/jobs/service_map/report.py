"""The service map in words: data for the JSON report, Markdown for people, numbers for the UI's plots."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

from scheduler_defs.jobs.reports import code, markdown_table
from scheduler_defs.jobs.service_map.comparing import Change
from scheduler_defs.jobs.service_map.snapshot import Snapshot, services

_SHOWN = 50
_LISTED_PROCESSES = 2000


def numbers(shown: Snapshot, seen: Snapshot, changes: Sequence[Change]) -> dict[str, float]:
    """What is worth plotting over time."""
    return {
        "listeners": len(shown.listeners),
        "services": len(services(shown.processes)),
        "processes": len(shown.processes),
        "processes_seen": len(seen.processes),
        "containers": len(shown.containers or ()),
        "changes": len(changes),
        "problems": len(seen.problems),
        "cpu_percent": seen.cpu_percent,
        "memory_percent": seen.memory_percent,
    }


def data(
    shown: Snapshot, seen: Snapshot, changes: Sequence[Change], *, scope: str, since: str | None
) -> dict[str, Any]:
    """The JSON report. `since` is when the report was made that this one is compared with."""
    return {
        "scope": scope,
        "summary": numbers(shown, seen, changes),
        "load": seen.load,
        "memory_bytes": seen.memory_bytes,
        "compared_with": since,
        "changes": [dataclasses.asdict(change) for change in changes],
        "listeners": [dataclasses.asdict(item) for item in shown.listeners],
        "services": [
            {**dataclasses.asdict(item), "oldest_started": _instant(item.oldest_started)}
            for item in services(shown.processes)
        ],
        "processes": [
            {**dataclasses.asdict(item), "started": _instant(item.started)}
            for item in sorted(shown.processes, key=lambda item: -item.memory_bytes)[:_LISTED_PROCESSES]
        ],
        "docker": shown.containers is not None,
        "containers": [dataclasses.asdict(item) for item in shown.containers or ()],
        "problems": [dataclasses.asdict(problem) for problem in seen.problems],
    }


def markdown(
    shown: Snapshot, seen: Snapshot, changes: Sequence[Change], *, scope: str, since: str | None
) -> str:
    """The report for people: changes first."""
    summary = numbers(shown, seen, changes)
    lines = [
        "# Service map",
        "",
        f"Scope {scope}: {summary['listeners']} listeners, {summary['services']} services, "
        f"{summary['processes']} of {summary['processes_seen']} processes, {_docker(shown)}. "
        f"CPU {seen.cpu_percent} %, memory {seen.memory_percent} % of {_size(seen.memory_bytes)}.",
        "",
        f"## Changes since {since}" if since else "## Changes: this is the first report",
        "",
    ]
    if since:
        lines += [
            f"- {change.what} {change.change}: {code(change.name)} {change.detail}" for change in changes
        ]
        lines += [] if changes else ["none"]
    lines += ["", "## Listeners", ""]
    lines += markdown_table(
        ("protocol", "address", "port", "service", "user"),
        [
            (item.protocol, item.address, item.port, item.service, item.user)
            for item in shown.listeners[:_SHOWN]
        ],
    )
    lines += ["", "## Services", ""]
    lines += markdown_table(
        ("service", "user", "processes", "CPU %", "memory"),
        [
            (item.name, item.user, item.processes, item.cpu_percent, _size(item.memory_bytes))
            for item in services(shown.processes)[:_SHOWN]
        ],
    )
    if shown.containers:
        lines += ["", "## Containers", ""]
        lines += markdown_table(
            ("container", "image", "status", "ports"),
            [
                (item.name, item.image, item.status, ", ".join(item.ports))
                for item in shown.containers[:_SHOWN]
            ],
        )
    if seen.problems:
        lines += ["", "## Could not be looked at", ""]
        lines += [f"- {problem.subject}: {problem.problem}" for problem in seen.problems[:_SHOWN]]
    return "\n".join(lines) + "\n"


def _docker(shown: Snapshot) -> str:
    return "no Docker" if shown.containers is None else f"{len(shown.containers)} containers"


def _instant(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds")


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
