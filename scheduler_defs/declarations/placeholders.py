"""What stands in braces in the commands of jobs and agents: which names there are, and what a slip is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from scheduler_defs.declarations.reading.faults import Entry, near

PLACEHOLDER = re.compile(r"\{([a-z_]+)\.([^{}\s]*)\}")

_OF_TASKS = (
    "id, title, description, queue, status, assigned_to, agent, priority, tags, capabilities, paths,"
    " payload, recipe, parent, blocked_by, blocked, not_before, deadline, attempts, max_attempts, result,"
    " run_id, created_by, created, updated, claimed, finished"
)
OF_AGENTS: Mapping[str, frozenset[str]] = {
    "task": frozenset(_OF_TASKS.split(", ")),
    "agent": frozenset({"name", "queues", "limit", "capabilities", "recipe", "timeout_seconds"}),
    "run": frozenset({"id", "attempt", "task_file", "report_file"}),
    "workspace": frozenset({"path", "repository", "branch", "base"}),
}
"""A closed set; below `task.payload` and `task.result` is whatever the task brings."""

_OPEN = frozenset({"payload", "result"})
_MEANT = {"payload": "task.payload", "result": "task.result"}


def check_agent_command(entry: Entry, command: Sequence[str], *, recipe: bool, workspace: bool) -> None:
    """Note each placeholder that stands for nothing. `recipe`, `workspace`: the agent has one."""
    for index, word in enumerate(command):
        for family, name in PLACEHOLDER.findall(word):
            if fault := _agent_fault(family, name, recipe, workspace):
                entry.fault(fault, "command", index)


def check_branch(entry: Entry, branch: str) -> None:
    """Note what is wrong with the template of a task's branch."""
    if "{task.id}" not in branch:
        entry.fault(f"{branch!r} must have {{task.id}} in it: each task has a branch", "workspace", "branch")
    for family, name in PLACEHOLDER.findall(branch):
        if family not in ("task", "agent"):
            entry.fault(f"{{{family}.{name}}}: branches have {{task.*}}, {{agent.*}}", "workspace", "branch")
        elif fault := _agent_fault(family, name, recipe=False, workspace=False):
            entry.fault(fault, "workspace", "branch")


def check_job_command(entry: Entry, command: Iterable[str], params: Iterable[str], *where: str | int) -> None:
    """Note each placeholder that stands for nothing in a job with these parameters."""
    known = list(params)
    for index, word in enumerate(command):
        for family, name in PLACEHOLDER.findall(word):
            if family == "params" and name not in known:
                hint = near(name, known) or "; the job has no params"
                entry.fault(f"{{params.{name}}} stands for no parameter{hint}", *where, index)
            elif family == "run" and name != "id":
                entry.fault(f"{{run.{name}}} stands for nothing; jobs have {{run.id}}", *where, index)
            elif family in ("task", "agent"):
                allowed = "{params.*}, {run.id}, {schedule}, {scheduled_for}, {state}, {project}"
                entry.fault(f"{{{family}.{name}}} belongs to agents; jobs have {allowed}", *where, index)


def _agent_fault(family: str, name: str, recipe: bool, workspace: bool) -> str | None:
    first, _, rest = name.partition(".")
    if family == "params":
        return f"{{params.{name}}} belongs to jobs; agents have {{task.*}}, {{agent.*}}, {{run.*}}"
    if family in _MEANT:
        return f"{{{family}.{name}}} stands for nothing; write {{{_MEANT[family]}.{name}}}"
    if family not in OF_AGENTS:
        return None  # braces of somebody else's: JSON, a template
    if first not in OF_AGENTS[family]:
        return f"{{{family}.{name}}} stands for nothing{near(first, sorted(OF_AGENTS[family]))}"
    if rest and not (family == "task" and first in _OPEN):
        return f"{{{family}.{name}}} stands for nothing: {family}.{first} has no parts"
    if family == "workspace" and not workspace:
        return f"{{workspace.{name}}} stands for no workspace; add workspace: {{repository: PATH_OR_URL}}"
    if (family, name) == ("agent", "recipe") and not recipe:
        return "{agent.recipe} stands for no recipe; add recipe: FILE"
    return None
