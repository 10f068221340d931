"""The triage in words: data for the JSON report, Markdown for people, numbers for the UI's plots."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from scheduler_defs.jobs.log_triage.grouping.groups import Group
from scheduler_defs.jobs.log_triage.lines.severity import WORST_FIRST
from scheduler_defs.jobs.log_triage.triage import Triage
from scheduler_defs.jobs.reports import code, markdown_table
from scheduler_defs.redaction import redact

_SHOWN_GROUPS = 40
_SHOWN_PROBLEMS = 20


def numbers(result: Triage) -> dict[str, float]:
    """What is worth plotting over time."""
    per_severity = _per_severity(result)
    megabytes = result.bytes_read / 1e6
    return {
        "lines": result.lines,
        "megabytes": round(megabytes, 3),
        "groups": len(result.groups),
        **{severity.value: per_severity[severity] for severity in WORST_FIRST},
        "files_read": len(result.files),
        "problems": len(result.problems),
        "seconds": round(result.seconds, 3),
        "megabytes_per_second": round(megabytes / result.seconds, 1) if result.seconds else 0.0,
    }


def data(result: Triage) -> dict[str, Any]:
    """The JSON report. Times are ISO 8601 with offset."""
    return {
        "summary": numbers(result),
        "continuation_lines": result.continuations,
        "groups": [_group(group) for group in result.groups],
        "files": [{**dataclasses.asdict(file), "path": redact(file.path)} for file in result.files],
        "files_unchanged": result.unchanged,
        "files_binary": len(result.binary),
        "passed_over": [{"path": redact(path), "reason": "binary"} for path in result.binary],
        "left_over": any(file.left_over for file in result.files),
        "problems": [
            {"path": redact(each.path), "problem": redact(each.problem)} for each in result.problems
        ],
    }


def markdown(result: Triage) -> str:
    """The report for people: the worst and most frequent groups first."""
    summary = numbers(result)
    lines = [
        "# Log triage",
        "",
        f"{result.lines:,} new messages in {len(result.files)} files ({summary['megabytes']:,} MB), "
        f"{len(result.groups):,} groups; {result.unchanged} files unchanged, {len(result.binary)} binary.",
        "",
        *markdown_table(
            tuple(severity.value for severity in WORST_FIRST),
            [tuple(f"{summary[severity.value]:,}" for severity in WORST_FIRST)],
        ),
        "",
    ]
    if result.groups:
        lines += ["## Groups", "", *_groups_table(result.groups[:_SHOWN_GROUPS])]
        if len(result.groups) > _SHOWN_GROUPS:
            lines += ["", f"{len(result.groups) - _SHOWN_GROUPS:,} more groups are in the JSON report."]
        lines += ["", "## Examples", ""]
        lines += [f"- {code(group.example)}" for group in result.groups[:_SHOWN_GROUPS] if group.example]
    if any(file.left_over for file in result.files):
        lines += ["", "The limit of bytes for one run was reached; the next run goes on from there."]
    if result.problems:
        lines += ["", "## Could not be read", ""]
        lines += [
            f"- {code(problem.path)}: {problem.problem}" for problem in result.problems[:_SHOWN_PROBLEMS]
        ]
    if result.binary:
        lines += ["", "## Passed over", "", "Binary files: nothing in them was read.", ""]
        lines += [f"- {code(path)}" for path in result.binary[:_SHOWN_PROBLEMS]]
        if len(result.binary) > _SHOWN_PROBLEMS:
            lines += ["", f"{len(result.binary) - _SHOWN_PROBLEMS} more are in the JSON report."]
    return redact("\n".join(lines)) + "\n"


def _groups_table(groups: list[Group]) -> list[str]:
    rows = [
        (
            group.severity.value,
            f"{group.count:,}",
            group.first_seen.isoformat(timespec="seconds") if group.first_seen else None,
            group.last_seen.isoformat(timespec="seconds") if group.last_seen else None,
            code(group.template),
        )
        for group in groups
    ]
    return markdown_table(("severity", "count", "first seen", "last seen", "message"), rows)


def _group(group: Group) -> dict[str, Any]:
    return {
        "severity": group.severity.value,
        "template": group.template,
        "count": group.count,
        "first_seen": group.first_seen.isoformat() if group.first_seen else None,
        "last_seen": group.last_seen.isoformat() if group.last_seen else None,
        "example": group.example,
        "sources": [redact(source) for source in group.sources],
        "other": group.other,
    }


def _per_severity(result: Triage) -> Counter[str]:
    counted: Counter[str] = Counter()
    for group in result.groups:
        counted[group.severity] += group.count
    return counted
