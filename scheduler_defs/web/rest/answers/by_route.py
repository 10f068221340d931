"""Which answer each route gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler_defs.web.rest.answers.agents import (
    Agent,
    Allowed,
    Budget,
    Held,
    NextTask,
    Queue,
    Quota,
    Task,
    Upcoming,
)
from scheduler_defs.web.rest.answers.parts import Page
from scheduler_defs.web.rest.answers.runs import Artifact, Job, Launched, Result, Run
from scheduler_defs.web.rest.answers.schedules import Declaration, Due, Edited, Occurrence, Schedule, Set
from scheduler_defs.web.rest.answers.yard import (
    Approval,
    Capabilities,
    Doctor,
    Entry,
    Forecast,
    Health,
    Limit,
    Proof,
    PutOff,
    Verified,
    Waiting,
    Why,
)

_TASK = "/tasks/{task_id}"
_STEPS = ("comment", "block", "unblock", "ask", "answer", "complete", "fail", "release", "requeue", "cancel")
ANSWERS: Mapping[str, Any] = {
    "GET /health": Doctor,
    "GET /health/live": Health,
    "GET /health/ready": Health,
    "GET /capabilities": Capabilities,
    "GET /schedules": Page[Schedule],
    "POST /schedules": Edited,
    "GET /schedules/{name}": Schedule,
    "PATCH /schedules/{name}": Edited,
    "DELETE /schedules/{name}": Edited,
    "GET /schedules/{name}/declaration": Declaration,
    "GET /schedules/{name}/next": list[Due],
    "GET /schedules/{name}/history": list[Occurrence],
    "POST /schedules/{name}/run": Launched,
    **{f"POST /schedules/{{name}}/{verb}": Set for verb in ("enable", "disable", "pause", "resume")},
    "GET /jobs": list[Job],
    "POST /jobs/{name}/runs": Launched,
    "GET /runs": Page[Run],
    "GET /runs/{run_id}": Run,
    "POST /runs/{run_id}/cancel": Launched,
    "POST /runs/{run_id}/retry": Launched,
    "GET /runs/{run_id}/result": Result,
    "GET /runs/{run_id}/artifacts": list[Artifact],
    "GET /tasks": Page[Task],
    "POST /tasks": Task,
    f"GET {_TASK}": Task,
    f"PATCH {_TASK}": Task,
    f"POST {_TASK}/claim": Task,
    f"POST {_TASK}/heartbeat": Held,
    f"POST {_TASK}/subtasks": Task,
    **{f"POST {_TASK}/{step}": Task for step in _STEPS},
    "GET /agents": list[Agent],
    "GET /agents/{name}": Agent,
    "GET /agents/{name}/next-task": NextTask,
    **{f"POST /agents/{verb}": list[Set] for verb in ("pause", "resume")},
    **{f"POST /agents/{{name}}/{verb}": Set for verb in ("pause", "resume", "drain")},
    "GET /queues": list[Queue],
    "GET /upcoming-tasks": Upcoming,
    "GET /limits": list[Limit],
    "GET /quotas": list[Quota],
    "GET /budgets": list[Budget],
    "POST /budgets/{name}/allow": Allowed,
    "GET /forecast": Forecast,
    "GET /why/{subject}": Why,
    "GET /prove": Proof,
    "GET /audit": Page[Entry],
    "GET /audit/verify": Verified,
    "GET /inbox": list[Waiting],
    "POST /inbox/put_off": PutOff,
    "GET /approvals": list[Approval],
    "POST /approvals/{approval}/approve": Approval,
    "POST /approvals/{approval}/deny": Approval,
    "POST /triggers/{path}": Launched,
}
"""By method and path. What is not JSON is not here: files, output, streams."""
