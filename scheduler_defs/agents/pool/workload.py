"""The workload report: who has how much to do, how urgent it is, how old. Pure, over open tasks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scheduler_defs.agents.deciding import TaskStatus
from scheduler_defs.agents.task_queue.models import OpenTask

UNASSIGNED = "unassigned"


def workload(tasks: Sequence[OpenTask], now: dt.datetime) -> dict[str, Any]:
    """The report with the keys of TinyScheduler's workload reporter, and `queue` for each task.

    Ages are in hours. Without tasks the numbers are zero and the mappings empty.
    """
    by_agent: dict[str, list[OpenTask]] = {}
    for task in tasks:
        by_agent.setdefault(task.agent or UNASSIGNED, []).append(task)
    working = sum(task.status is TaskStatus.WORKING for task in tasks)
    named = sorted(agent for agent in by_agent if agent != UNASSIGNED)
    return {
        "summary": {
            "total_open_tasks": len(tasks),
            "total_idle": len(tasks) - working,
            "total_working": working,
            "total_agents": len(named),
            "agents_with_work": named,
        },
        "agent_breakdown": {agent: _agent(agent, found) for agent, found in sorted(by_agent.items())},
        "priority_distribution": _priorities(tasks),
        "age_metrics": _ages(tasks, now),
        "tasks": [_task(task, now) for task in tasks],
        "generated_at": now.isoformat(),
    }


def _agent(name: str, tasks: Sequence[OpenTask]) -> dict[str, Any]:
    working = sum(task.status is TaskStatus.WORKING for task in tasks)
    return {
        "agent_name": name,
        "total_tasks": len(tasks),
        "idle_tasks": len(tasks) - working,
        "working_tasks": working,
        "task_ids": [task.id for task in tasks],
    }


def _priorities(tasks: Sequence[OpenTask]) -> dict[str, Any]:
    numbers = Counter(task.priority for task in tasks)
    return {
        "by_priority": {str(priority): numbers[priority] for priority in sorted(numbers, reverse=True)},
        "highest": max(numbers, default=0),
        "lowest": min(numbers, default=0),
        "average_priority": round(sum(t.priority for t in tasks) / len(tasks), 2) if tasks else 0,
    }


def _ages(tasks: Sequence[OpenTask], now: dt.datetime) -> dict[str, Any]:
    oldest = min(tasks, key=lambda task: task.created, default=None)
    newest = max(tasks, key=lambda task: task.created, default=None)
    average = sum(_hours(task, now) for task in tasks) / len(tasks) if tasks else 0
    return {
        "oldest_task_age_hours": _hours(oldest, now) if oldest else 0,
        "newest_task_age_hours": _hours(newest, now) if newest else 0,
        "average_task_age_hours": round(average, 2),
        "oldest_task_id": oldest.id if oldest else None,
        "newest_task_id": newest.id if newest else None,
    }


def _task(task: OpenTask, now: dt.datetime) -> dict[str, Any]:
    return {
        "id": task.id,
        "title": task.title,
        "description": task.description,
        "status": task.status.value,
        "assigned_to": task.agent,
        "queue": task.queue,
        "created_by": task.created_by,
        "priority": task.priority,
        "tags": list(task.tags),
        "created_at": task.created.isoformat(),
        "updated_at": task.updated.isoformat(),
        "age_hours": _hours(task, now),
        "comment_count": task.comments,
        "link_count": task.links,
    }


def _hours(task: OpenTask, now: dt.datetime) -> float:
    return round(max(0.0, (now - task.created).total_seconds()) / 3600, 2)


Report = Mapping[str, Any]

_BAR = 30
_SHOWN = 50


def as_text(report: Report) -> str:
    """For a console."""
    summary = report["summary"]
    lines = [
        "=" * 60,
        f"AGENT WORKLOAD REPORT  {report['generated_at']}",
        "=" * 60,
        "",
        "SUMMARY",
        f"  Open tasks: {summary['total_open_tasks']}",
        f"  Idle: {summary['total_idle']}",
        f"  Working: {summary['total_working']}",
        f"  Agents with work: {summary['total_agents']}",
        "",
        "AGENT WORKLOAD",
        *_table(("Agent", "Total", "Idle", "Working"), _agent_rows(report)),
        "",
        "PRIORITY DISTRIBUTION",
        *_table(("Priority", "Count", "Graph"), _priority_rows(report)),
        f"  Average priority: {report['priority_distribution']['average_priority']:.2f}",
        "",
        "TASK AGE",
        *(f"  {name}: {value}" for name, value in report["age_metrics"].items()),
        "",
        f"OPEN TASKS ({summary['total_open_tasks']} total)",
        *_table(("ID", "Status", "Agent", "Pri", "Age(h)", "Title"), _task_rows(report)),
    ]
    return "\n".join(lines) + "\n"


def as_markdown(report: Report) -> str:
    """For a wiki or a pull request."""
    summary = report["summary"]
    parts = [
        f"# Agent workload, {report['generated_at']}",
        f"{summary['total_open_tasks']} open tasks: {summary['total_idle']} idle, "
        f"{summary['total_working']} working; {summary['total_agents']} agents have work.",
        _markdown(("Agent", "Total", "Idle", "Working"), _agent_rows(report)),
        _markdown(("Priority", "Count", ""), _priority_rows(report)),
        "\n".join(f"- {name}: {value}" for name, value in report["age_metrics"].items()),
        _markdown(("ID", "Status", "Agent", "Priority", "Age (h)", "Title"), _task_rows(report)),
    ]
    return "\n\n".join(parts) + "\n"


def _agent_rows(report: Report) -> list[tuple[str, ...]]:
    agents = sorted(report["agent_breakdown"].values(), key=lambda a: (-a["total_tasks"], a["agent_name"]))
    keys = ("agent_name", "total_tasks", "idle_tasks", "working_tasks")
    return [tuple(str(agent[key]) for key in keys) for agent in agents]


def _priority_rows(report: Report) -> list[tuple[str, ...]]:
    numbers: Mapping[str, int] = report["priority_distribution"]["by_priority"]
    most, total = max(numbers.values(), default=1), sum(numbers.values()) or 1
    return [
        (priority, str(count), f"{'█' * max(1, round(_BAR * count / most))} ({round(100 * count / total)}%)")
        for priority, count in numbers.items()
    ]


def _task_rows(report: Report) -> list[tuple[str, ...]]:
    ordered = sorted(report["tasks"], key=lambda task: (-task["priority"], -task["age_hours"], task["id"]))
    return [
        (
            str(task["id"]),
            task["status"],
            (task["assigned_to"] or "-")[:12],
            str(task["priority"]),
            f"{task['age_hours']:.2f}",
            task["title"] if len(task["title"]) <= 40 else task["title"][:40] + "...",
        )
        for task in ordered[:_SHOWN]
    ]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
