"""Agent queues, the deciding part: pure functions over frozen values, no I/O and no clock."""

from scheduler_defs.agents.deciding.agents import AgentMode, AgentView, cool_down
from scheduler_defs.agents.deciding.matching.candidates import (
    Assignments,
    Blocker,
    Candidate,
    Kind,
    Placement,
    Waiting,
)
from scheduler_defs.agents.deciding.matching.match import demand, match
from scheduler_defs.agents.deciding.matching.policy import Ageing, Policy, rank
from scheduler_defs.agents.deciding.settling import Ending, Holding, Settlement, TaskStatus, Verdict, settle

__all__ = [
    "Ageing",
    "AgentMode",
    "AgentView",
    "Assignments",
    "Blocker",
    "Candidate",
    "Ending",
    "Holding",
    "Kind",
    "Placement",
    "Policy",
    "Settlement",
    "TaskStatus",
    "Verdict",
    "Waiting",
    "cool_down",
    "demand",
    "match",
    "rank",
    "settle",
]
