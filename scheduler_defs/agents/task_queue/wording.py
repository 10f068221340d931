"""The comments that runs leave on their tasks."""

from __future__ import annotations

from scheduler_defs.agents.deciding import Settlement, Verdict
from scheduler_defs.agents.deciding.claiming import ClaimRequest

AUTHOR = "signalbox"
"""Who comments on a task, or ends one that no agent works on."""

_BECOMES = {
    Verdict.COMPLETE: "complete",
    Verdict.RETRY: "back to idle",
    Verdict.GIVE_BACK: "back to idle",
    Verdict.ASK: "waiting for an answer",
    Verdict.DEAD_LETTER: "failed: no attempt is left",
    Verdict.CANCEL: "canceled",
    Verdict.LEAVE: "left as it is",
}


def claimed_comment(request: ClaimRequest, attempt: int) -> str:
    """`vaela started attempt 1 of 3 (run 1c0f...)`."""
    return f"{request.agent} started attempt {attempt} of {request.max_attempts} (run {request.run_id})"


def settled_comment(request: ClaimRequest, settlement: Settlement) -> str:
    """`vaela ended: exit code 3; attempt 1 of 3. The task is back to idle, not before ... (run 1c0f...)`."""
    becomes = _BECOMES[settlement.verdict]
    if settlement.not_before is not None:
        becomes += f", not before {settlement.not_before.isoformat(timespec='seconds')}"
    return f"{request.agent} ended: {settlement.why}. The task is {becomes} (run {request.run_id})"
