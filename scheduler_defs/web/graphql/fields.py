"""Which routes are fields of the schema: those for which Dagster has no word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scheduler_defs.web.rest.routes import approvals, records, schedules, yard
from scheduler_defs.web.rest.routes.tasks import steering, task, working

Route = Callable[..., Any]
QUERIES: Mapping[str, tuple[str, Route]] = {
    "schedules": ("GET /schedules", schedules.list_schedules),
    "schedule": ("GET /schedules/{name}", schedules.show_schedule),
    "tasks": ("GET /tasks", task.list_tasks),
    "task": ("GET /tasks/{task_id}", task.show),
    "agents": ("GET /agents", yard.agents),
    "agent": ("GET /agents/{name}", yard.agent),
    "next_task": ("GET /agents/{name}/next-task", working.next_task),
    "queues": ("GET /queues", yard.queues),
    "approvals": ("GET /approvals", approvals.list_approvals),
    "inbox": ("GET /inbox", records.inbox),
    "why": ("GET /why/{subject}", yard.why),
}
"""Below the field `signalbox`."""

_TASK = "POST /tasks/{task_id}"
MUTATIONS: Mapping[str, tuple[str, Route]] = {
    "pauseSchedule": ("POST /schedules/{name}/pause", schedules.pause_schedule),
    "resumeSchedule": ("POST /schedules/{name}/resume", schedules.resume_schedule),
    "addTask": ("POST /tasks", task.add),
    "changeTask": ("PATCH /tasks/{task_id}", task.change),
    "addSubtask": (f"{_TASK}/subtasks", working.add_subtask),
    "commentTask": (f"{_TASK}/comment", steering.comment),
    "blockTask": (f"{_TASK}/block", steering.block),
    "unblockTask": (f"{_TASK}/unblock", steering.unblock),
    "answerTask": (f"{_TASK}/answer", steering.answer_question),
    "completeTask": (f"{_TASK}/complete", steering.complete),
    "failTask": (f"{_TASK}/fail", steering.fail),
    "requeueTask": (f"{_TASK}/requeue", steering.requeue),
    "cancelTask": (f"{_TASK}/cancel", steering.cancel),
    "pauseAgent": ("POST /agents/{name}/pause", yard.pause),
    "resumeAgent": ("POST /agents/{name}/resume", yard.resume),
    "drainAgent": ("POST /agents/{name}/drain", yard.drain),
    "approve": ("POST /approvals/{approval}/approve", approvals.approve),
    "deny": ("POST /approvals/{approval}/deny", approvals.deny),
    "putOff": ("POST /inbox/put_off", records.put_entry_off),
}
"""Without their prefix, which keeps them apart from what Dagster may call its own one day."""

ANSWERS_OTHERWISE = frozenset({"POST /tasks", f"{_TASK}/subtasks"})
"""What a dry run of these says is no task: it has no number."""


def mutation_name(name: str) -> str:
    """As the schema has it: `pauseSchedule` is `signalboxPauseSchedule`."""
    return f"signalbox{name[0].upper()}{name[1:]}"
