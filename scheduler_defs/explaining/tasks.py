"""Why a task waits, works or ended; why a queue stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scheduler_defs.explaining.model import Coming, Explanation, Link

Task = Mapping[str, Any]
"""A task as the command's contract shows it."""


def explain_task(
    task: Task,
    waiting: str | None,
    chain: Sequence[Task],
    comments: Sequence[str],
    landing: Mapping[str, Any] | None = None,
) -> Explanation:
    """The chain of one task.

    `waiting`: what the next pass says of it. `chain`: what it waits for, and what that waits for, nearest
    first. `comments`: the newest, newest first. `landing`: its accepted work, if that waits to land.
    """
    links: list[Link] = []
    match task["status"]:
        case "idle" if chain:
            links += [
                Link("blocked", f"task {each['id']} ({each['title']}) is {each['status']}", each["updated"])
                for each in chain
            ]
        case "idle":
            links.append(Link("waits", waiting or "the next pass places it", task["updated"]))
        case "working" if landing:
            said = f"its work is accepted, and waits for its turn to land on {landing['base']}"
            if landing["detail"]:
                said += f"; the last try: {landing['detail']}"
            links.append(Link("lands", said, landing["since"], {"branch": landing["branch"]}))
        case "working":
            by = f"agent {task['assigned_to']} works on it" if task["assigned_to"] else "somebody works on it"
            links.append(Link("working", by, task["updated"], {"run_id": task["run_id"]}))
        case status:
            said = comments[0] if comments else f"it is {status}"
            links.append(Link(str(status), said, task["updated"], {"attempts": task["attempts"]}))
    if task["attempts"] and task["status"] == "idle" and comments:
        links.append(Link("tried_before", comments[0], None, {"attempts": task["attempts"]}))
    return Explanation(
        f"task:{task['id']}", str(task["status"]), links, _next(task, bool(chain)), _commands(task, chain)
    )


def explain_queue(
    name: str,
    agents: Sequence[Mapping[str, Any]],
    waiting: int,
    reasons: Sequence[str],
    faults: Sequence[str],
) -> Explanation:
    """Why a queue does, or does not, get on.

    `agents`: as `agents list` shows them. `waiting`: how many tasks are to be started. `reasons`: why the
    first of them wait, as the next pass would say.
    """
    links = [Link("fault", fault) for fault in faults]
    if not agents:
        links.append(Link("no_agent", "no declared agent serves it"))
    links += [
        Link(
            "agent",
            f"{a['name']}: {a['state']}, {a['active']} of {a['limit']} slots taken",
            a.get("since"),
            a,
        )
        for a in agents
    ]
    links += [Link("waits", reason) for reason in dict.fromkeys(reasons)]
    if not waiting and not reasons:
        links.append(Link("empty", "no task waits in it"))
    state = "empty" if not waiting else "waiting" if reasons else "moving"
    resume = [f"signalbox agents resume {a['name']}" for a in agents if a["state"] != "on"]
    return Explanation(f"queue:{name}", state, links, None, [*resume, f"signalbox tasks list --queue {name}"])


def _next(task: Task, blocked: bool) -> Coming | None:
    if task["status"] != "idle":
        return None
    return Coming("it is placed when what it waits for is done") if blocked else Coming("the next pass")


def _commands(task: Task, chain: Sequence[Task]) -> list[str]:
    key = task["id"]
    match task["status"]:
        case "idle" if chain:
            return [f"signalbox why task:{chain[-1]['id']}", f"signalbox tasks unblock {key}"]
        case "idle":
            return [f"signalbox agents reconcile --dry-run --queue {task['queue']}"]
        case "working":
            return [f"signalbox why {task['run_id']}"] if task["run_id"] else []
        case "failed":
            return [f"signalbox tasks show {key}", f"signalbox tasks requeue {key}"]
        case _:
            return [f"signalbox tasks show {key}"]
