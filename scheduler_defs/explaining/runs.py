"""Why a run ran, waits, failed or ended. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler_defs.approvals.wording import sentence
from scheduler_defs.explaining.model import Coming, Explanation, Link, short

Run = Mapping[str, Any]
"""A run as the command's contract shows it."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Why a queued run waits: as the queue itself decides it (`execution.queue.choice.select`)."""

    reason: str
    queue: str
    limits: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()
    """Runs that are out and count against these limits, or take the slots."""
    workers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the run, and when it was heard of last."""

    worker: str
    host: str
    renewed: str
    expires: str
    expired: bool


_ASKED = {
    "schedule": "its schedule {schedule} was due",
    "run_now": "{actor} ran schedule {schedule}",
    "manual": "{actor} launched it",
    "api": "{actor} launched it through the API",
    "agent_queue": "task {task} was given to agent {agent}",
    "retry": "the attempt before it failed",
}


Approval = Mapping[str, Any]
"""An approval as the command's contract shows it."""


def explain_run(
    run: Run, waits: Waits | None, lease: Lease | None, approvals: Sequence[Approval] = ()
) -> Explanation:
    """The chain of one run. `waits`: None unless it is queued, or it is let out just now.

    `approvals`: those of the run, decided ones included.
    """
    asked = _asked(run)
    holding = [each for each in approvals if each["state"] not in ("approved", "waived")]
    subject, status = f"run:{run['run_id']}", str(run["status"])
    if holding and status in ("NOT_STARTED", "QUEUED"):
        links = [*map(_held, holding), asked]
        return Explanation(subject, status, links, _next_of_held(holding), _deciding(run, holding))
    given = [_given(each) for each in approvals if each["state"] in ("approved", "waived")]
    links = [*_state_links(run, waits, lease), *given, asked]
    return Explanation(subject, status, links, _next(run, waits), _commands(run, waits))


def _held(approval: Approval) -> Link:
    if approval["state"] != "pending":
        return Link(
            "approval_refused", f"it is {approval['state']}, and is ended in a moment", approval["decided"]
        )
    evidence = {name: approval[name] for name in ("id", "needs", "given", "approvers", "who", "expires")}
    return Link("waits_approval", sentence(approval), _text(approval["requested"]), evidence)


def _given(approval: Approval) -> Link:
    by = ", ".join(approval["approvers"]) if approval["state"] == "approved" else "nobody objected in time"
    return Link(
        "approved", f"approved for {approval['kind']} {approval['name']}: {by}", _text(approval["decided"])
    )


def _next_of_held(holding: Sequence[Approval]) -> Coming:
    over = min((each for each in holding if each["expires"]), key=lambda each: each["expires"], default=None)
    if over is None:
        return Coming("it starts when it is approved")
    then = "starts all the same" if over["otherwise"] == "run" else "ends, canceled"
    return Coming(f"it starts when it is approved; without that it {then}", _text(over["expires"]))


def _deciding(run: Run, holding: Sequence[Approval]) -> list[str]:
    ids = [each["id"] for each in holding if each["state"] == "pending"]
    commands = [
        f"signalbox approvals {deed}"
        for key in ids
        for deed in (f"approve {key}", f"deny {key} --reason WHY")
    ]
    return [*commands, f"signalbox runs cancel {short(run['run_id'])}"]


def _text(instant: dt.datetime | None) -> str | None:
    return None if instant is None else instant.astimezone().isoformat(timespec="seconds")


def _asked(run: Run) -> Link:
    trigger = run["trigger"] or "manual"
    known = {name: run[name] or "somebody" for name in ("schedule", "actor", "task", "agent")}
    text = _ASKED.get(trigger, "it was launched").format(**known)
    if run["scheduled_for"]:
        text += f" at {run['scheduled_for']}"
    if run["reason"]:
        text += f" ({run['reason']})"
    if trigger == "retry" and run["root_run"]:
        text += f"; the first attempt is {short(run['root_run'])}"
    evidence = {name: run[name] for name in ("trigger", "schedule", "scheduled_for", "task", "attempt")}
    return Link(f"asked_by_{trigger}", text, run["created"], evidence)


def _state_links(run: Run, waits: Waits | None, lease: Lease | None) -> Iterator[Link]:
    match run["status"]:
        case "QUEUED" if waits is not None:
            yield _waiting(waits, run["created"])
        case "QUEUED":
            yield Link("let_out_now", "nothing holds it back: it is let out at the next look", run["created"])
        case "NOT_STARTED":
            yield Link("not_queued", "it was created, and is put into the queue in a moment", run["created"])
        case "STARTING":
            yield Link("on_its_way", "it was let out, and no worker has begun it yet", run["created"])
        case "STARTED" | "CANCELING" if lease is not None:
            yield _at_work(run, lease)
        case "STARTED":
            yield Link("at_work", f"worker {run['worker'] or 'unnamed'} has it", run["started"])
        case "CANCELING":
            yield Link("canceling", "somebody asked for its end, and its processes are being ended", None)
        case "SUCCESS":
            yield Link("succeeded", "everything in it succeeded", run["ended"])
        case "CANCELED":
            yield Link("canceled", run["error"] or "somebody asked for its end", run["ended"])
        case "FAILURE":
            yield from _failed(run)
        case other:
            yield Link(str(other).lower(), f"Dagster says {other}", run["created"])


def _waiting(waits: Waits, since: str) -> Link:
    held = ", ".join(short(run_id) for run_id in waits.held_by[:5])
    match waits.reason:
        case "limit":
            text = f"the limit {' and '.join(waits.limits)} is used up" + (f" by {held}" if held else "")
        case "no_worker":
            text = f"no live worker serves the queue {waits.queue}"
        case "no_slot":
            text = f"all slots of the queue {waits.queue} are taken" + (f" by {held}" if held else "")
        case _:
            text = "a Dagster concurrency pool that it needs is full"
    evidence = {
        "queue": waits.queue,
        "limits": waits.limits,
        "held_by": waits.held_by,
        "workers": waits.workers,
    }
    return Link(f"waits_{waits.reason}", text, since, evidence)


def _at_work(run: Run, lease: Lease) -> Link:
    evidence = {
        "worker": lease.worker,
        "host": lease.host,
        "renewed": lease.renewed,
        "expires": lease.expires,
    }
    if lease.expired:
        text = f"worker {lease.worker} was last heard of at {lease.renewed}: the run is given up for lost"
        return Link("worker_silent", text, lease.renewed, evidence)
    what = "is ending it" if run["status"] == "CANCELING" else "has it"
    return Link(
        "at_work", f"worker {lease.worker} {what}; last heard of at {lease.renewed}", run["started"], evidence
    )


def _failed(run: Run) -> Iterator[Link]:
    failure = run["failure"] or "error"
    said = run["error"] or "no message was left"
    text = {
        "timeout": f"it took longer than it may: {said}",
        "worker_lost": f"its worker was lost: {said}",
        "exit_code": f"its command ended with an error: {said}",
    }.get(failure, said)
    yield Link(failure, text, run["ended"], {"worker": run["worker"], "attempt": run["attempt"]})


def _next(run: Run, waits: Waits | None) -> Coming | None:
    match run["status"]:
        case "FAILURE" if run["retry_at"] == "cancelled":
            return None
        case "FAILURE" if run["retry_at"]:
            return Coming(f"attempt {run['attempt'] + 1} of {run['max_attempts']}", run["retry_at"])
        case "QUEUED" if waits is not None:
            started = {
                "limit": "it starts when one of those runs ends",
                "no_slot": "it starts when a slot is free",
                "no_worker": f"it starts when a worker serves {waits.queue}",
            }
            return Coming(started.get(waits.reason, "it starts when the pool has room"))
        case "QUEUED" | "NOT_STARTED" | "STARTING":
            return Coming("it starts")
        case _:
            return None


def _commands(run: Run, waits: Waits | None) -> list[str]:
    run_id = short(run["run_id"])
    match run["status"]:
        case "FAILURE" if run["retry_at"] and run["retry_at"] != "cancelled":
            return [f"signalbox runs cancel {run_id}   # calls the next attempt off"]
        case "FAILURE" | "CANCELED" if run["schedule"]:
            return [f"signalbox schedules run {run['schedule']}"]
        case "FAILURE" | "CANCELED":
            return [f"signalbox tasks requeue {run['task']}"] if run["task"] else []
        case "SUCCESS":
            return []
        case _:
            more = ["signalbox limits", "signalbox status"] if waits is not None else []
            return [f"signalbox runs cancel {run_id}", *more]
