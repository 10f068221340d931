"""Which routes of the API are tools, and what calling one may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Effect(Enum):
    """What a call does, for whoever asks before calling."""

    LOOK = "look"
    """Nothing changes."""
    ADD = "add"
    """Something is added or moved on; twice is not once."""
    SET = "set"
    """Something is put into a state; twice is once."""
    END = "end"
    """Something is ended or removed, and does not come back."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool and its route.

    `more`: what the route's own description leaves out. `fewer`: how long a list is when nobody says so.
    """

    name: str
    method: str
    path: str
    effect: Effect
    more: str = ""
    fewer: int | None = None

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ").capitalize()


_LEASE = "`lease` is the token that claim_task has given."
_LOOKING = (
    Tool("list_schedules", "GET", "/schedules", Effect.LOOK, fewer=20),
    Tool("show_schedule", "GET", "/schedules/{name}", Effect.LOOK),
    Tool("schedule_history", "GET", "/schedules/{name}/history", Effect.LOOK, fewer=10),
    Tool("next_occurrences", "GET", "/schedules/{name}/next", Effect.LOOK),
    Tool("list_jobs", "GET", "/jobs", Effect.LOOK),
    Tool("list_runs", "GET", "/runs", Effect.LOOK, fewer=10),
    Tool("show_run", "GET", "/runs/{run_id}", Effect.LOOK),
    Tool("why", "GET", "/why/{subject}", Effect.LOOK),
    Tool("forecast", "GET", "/forecast", Effect.LOOK),
    Tool("list_queues", "GET", "/queues", Effect.LOOK),
    Tool("list_agents", "GET", "/agents", Effect.LOOK),
    Tool("list_limits", "GET", "/limits", Effect.LOOK),
    Tool("list_tasks", "GET", "/tasks", Effect.LOOK, fewer=20),
    Tool("show_task", "GET", "/tasks/{task_id}", Effect.LOOK),
    Tool("upcoming_tasks", "GET", "/upcoming-tasks", Effect.LOOK, fewer=10),
    Tool("list_approvals", "GET", "/approvals", Effect.LOOK),
    Tool("inbox", "GET", "/inbox", Effect.LOOK),
)
_ACTING = (
    Tool("run_schedule", "POST", "/schedules/{name}/run", Effect.ADD),
    Tool("run_job", "POST", "/jobs/{name}/runs", Effect.ADD),
    Tool("pause_schedule", "POST", "/schedules/{name}/pause", Effect.SET),
    Tool("resume_schedule", "POST", "/schedules/{name}/resume", Effect.SET),
    Tool("enable_schedule", "POST", "/schedules/{name}/enable", Effect.SET),
    Tool("disable_schedule", "POST", "/schedules/{name}/disable", Effect.SET),
    Tool("cancel_run", "POST", "/runs/{run_id}/cancel", Effect.END),
    Tool("retry_run", "POST", "/runs/{run_id}/retry", Effect.ADD),
    Tool(
        *("add_schedule", "POST", "/schedules", Effect.ADD),
        'Try it with dry_run first. `entry` is as in the YAML: {"job": "heartbeat", "every": "10m"}.',
    ),
    Tool("edit_schedule", "PATCH", "/schedules/{name}", Effect.SET, "Try it with dry_run first."),
    Tool("remove_schedule", "DELETE", "/schedules/{name}", Effect.END, "Try it with dry_run first."),
    Tool("approve", "POST", "/approvals/{approval}/approve", Effect.SET),
    Tool("deny", "POST", "/approvals/{approval}/deny", Effect.END),
    Tool("add_task", "POST", "/tasks", Effect.ADD),
)
_WORKING = (
    Tool("next_task", "GET", "/agents/{name}/next-task", Effect.LOOK, "Claim it with claim_task."),
    Tool(
        "claim_task",
        "POST",
        "/tasks/{task_id}/claim",
        Effect.ADD,
        "Keep the lease: all that follows needs it.",
    ),
    Tool("heartbeat", "POST", "/tasks/{task_id}/heartbeat", Effect.SET, _LEASE),
    Tool("comment_task", "POST", "/tasks/{task_id}/comment", Effect.ADD, _LEASE),
    Tool("add_subtask", "POST", "/tasks/{task_id}/subtasks", Effect.ADD, _LEASE),
    Tool("block_task", "POST", "/tasks/{task_id}/block", Effect.SET, _LEASE),
    Tool("ask_human", "POST", "/tasks/{task_id}/ask", Effect.ADD, _LEASE),
    Tool("complete_task", "POST", "/tasks/{task_id}/complete", Effect.SET, _LEASE),
    Tool("fail_task", "POST", "/tasks/{task_id}/fail", Effect.END, _LEASE),
    Tool("release_task", "POST", "/tasks/{task_id}/release", Effect.SET, _LEASE),
)

TOOLS = {tool.name: tool for tool in (*_LOOKING, *_ACTING, *_WORKING)}
INSTRUCTIONS = (
    "Signalbox runs timed jobs and queues of agent tasks. Look with list_*, show_*, why and forecast before "
    "acting. To work on tasks: next_task for your agent's name, claim_task, heartbeat well before "
    "lease_expires, then exactly one of complete_task, fail_task, release_task or ask_human."
)
