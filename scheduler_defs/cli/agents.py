"""`signalbox agents`: list, show, pause, resume, drain, and what the next pass would do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.output import print_json, print_table, say
from scheduler_defs.cli.queues_opened import Opened, announce, author, known_runs, opened, transaction
from scheduler_defs.cli.runs import AsJson
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from resources.agent_pool.passes import Pass
    from scheduler_defs.declarations.models import Agent
    from scheduler_defs.matching import AgentView

app = typer.Typer(help="List, show, pause, drain and reconcile agents.")

Name = Annotated[str, typer.Argument(help="The agent's name.")]
Reason = Annotated[str | None, typer.Option(help="Why; shown in the list.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this; default: the user.")]


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Every declared agent with its load and state."""
    found = [_shown(place, agent) for place in [opened()] for agent in place.declarations.agents.values()]
    if as_json:
        print_json(found)
        return
    print_table(
        ("AGENT", "QUEUES", "ACTIVE", "STATE", "REASON"),
        [
            (a["name"], ", ".join(a["queues"]), f"{a['active']}/{a['limit']}", a["state"], a["reason"])
            for a in found
        ],
        empty="no agents are declared",
    )


@app.command("show")
def show_command(name: Name, as_json: AsJson = False) -> None:
    """One agent: its declaration, its state, and the tasks that it works on."""
    place = opened()
    agent = place.agent(name)
    declared = agent.model_dump(mode="json", exclude={"name", "source", "queues", "limit", "working_hours"})
    shown = {
        **_shown(place, agent),
        **declared,
        "working_hours": [str(window) for window in agent.working_hours],
        "declared": str(agent.source),
        "tasks": _tasks(place, name),
    }
    if as_json:
        print_json(shown)
    else:
        rows = [(key, value) for key, value in shown.items() if value not in (None, [], {})]
        print_table(("FIELD", "VALUE"), rows, empty="")


@app.command("pause")
def pause_command(name: Name, reason: Reason = None, by: By = None, as_json: AsJson = False) -> None:
    """Give the agent no new work until it is resumed; what runs goes on."""
    _switch(name, "paused", reason, by, as_json)


@app.command("resume")
def resume_command(name: Name, by: By = None, as_json: AsJson = False) -> None:
    """Let the agent take work again, also when it is passed over for failed starts."""
    _switch(name, "on", None, by, as_json)


@app.command("drain")
def drain_command(
    name: Name,
    reason: Reason = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until nothing of it runs any more.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give the agent no new work and let it finish what runs: before it is removed."""
    place = opened()
    _switch(name, "draining", reason, by, as_json)
    while wait and _load(place, name):
        time.sleep(0.5)


@app.command("reconcile")
def reconcile_command(
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what the next pass would do.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="Give reasons for at most so many tasks.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """Have the queues looked at now; or, with --dry-run, show exactly what a pass would do and why."""
    place = opened()
    if not dry_run:
        announce(place.engine, queue)
        if as_json:
            print_json({"announced": queue})
        else:
            say(f"the daemon looks at {queue or 'all queues'} now")
        return
    passes = _previews(place, queue, limit)
    shown = {
        "placed": [
            {"task": p.task, "agent": p.agent, "queue": each.queue, "attempt": p.attempt}
            for each in passes
            for p in each.decided.placed
        ],
        "waiting": [
            {"task": w.task, "reason": w.reason, "queue": each.queue}
            for each in passes
            for w in each.decided.waiting
        ],
        "blocked": sum(each.view.counts.blocked for each in passes),
        "errors": list(dict.fromkeys(fault for each in passes for fault in each.view.faults)),
    }
    if as_json:
        print_json(shown)
        return
    print_table(
        ("TASK", "QUEUE", "", ""),
        [(p["task"], p["queue"], "->", p["agent"]) for p in shown["placed"]]
        + [(w["task"], w["queue"], "waits", w["reason"]) for w in shown["waiting"]],
        empty="nothing to place, and nothing waits",
    )
    for error in shown["errors"]:
        say(error)


def _previews(place: Opened, queue: str | None, limit: int) -> list[Pass]:
    import datetime as dt

    from resources.agent_pool.passes import preview

    served = place.declarations.served_queues
    if queue is not None and queue not in served:
        raise SignalboxError(f"no agent serves {queue!r}; served are {', '.join(served) or 'none'}")
    runs = known_runs()
    now = dt.datetime.now().astimezone()
    return [
        preview(place.engine, place.task_queue, place.declarations, name, runs=runs, now=now, explain=limit)
        for name in ([queue] if queue is not None else served)
    ]


def _switch(name: str, mode: str, reason: str | None, by: str | None, as_json: bool) -> None:
    from resources.agent_pool.agent_states import AgentState, set_mode, states
    from scheduler_defs.matching import AgentMode

    place = opened()
    place.agent(name)
    wanted = AgentMode(mode)
    with transaction(place.engine) as connection:
        before = states(connection).get(name, AgentState())
        changed = before.mode is not wanted or before.passed_over_until is not None
        set_mode(connection, name, wanted, reason=reason, actor=author(by))
    if as_json:
        print_json({"name": name, "state": wanted.value, "changed": changed})
    else:
        say(f"{name} is {wanted.value}" + ("" if changed else " already"))


def _view(place: Opened, agent: Agent) -> tuple[AgentView, Any]:
    import datetime as dt

    from resources.agent_pool import agent_states, assignments
    from resources.agent_pool.declared import agent_view

    now = dt.datetime.now().astimezone()
    with transaction(place.engine) as connection:
        state = agent_states.states(connection).get(agent.name, agent_states.AgentState())
        live = assignments.live(connection, place.task_queue.backend)
    load = assignments.loads(live).get(agent.name, 0)
    return agent_view(agent, load=load, state=state, now=now), state


def _shown(place: Opened, agent: Agent) -> dict[str, Any]:
    import datetime as dt

    from scheduler_defs.matching.eligibility import agent_state

    view, state = _view(place, agent)
    now = dt.datetime.now().astimezone()
    return {
        "name": agent.name,
        "queues": list(agent.queues),
        "limit": agent.limit,
        "active": view.active,
        "state": "on" if view.takes_work(now) else agent_state(view, view.active, now),
        "reason": state.reason,
        "since": state.since,
        "failed_starts": state.failed_starts,
        "last_given": state.last_given,
    }


def _load(place: Opened, name: str) -> int:
    from resources.agent_pool import assignments

    with transaction(place.engine) as connection:
        return assignments.loads(assignments.live(connection, place.task_queue.backend)).get(name, 0)


def _tasks(place: Opened, name: str) -> list[dict[str, Any]]:
    from resources.agent_pool import assignments

    with transaction(place.engine) as connection:
        live = assignments.live(connection, place.task_queue.backend)
    return [
        {"task": a.task_id, "queue": a.queue, "attempt": a.attempt, "run_id": a.run_id, "since": a.claimed_at}
        for a in live
        if a.agent == name
    ]
