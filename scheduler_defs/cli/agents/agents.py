"""`signalbox agents`: list, show, pause, resume, drain, and what the next pass would do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler_defs.acting.place import Place, announce
from scheduler_defs.cli.agents.opening import author, known_runs, open_place
from scheduler_defs.cli.options import AsJson, DryRun
from scheduler_defs.cli.terminal.output import print_json, print_table, say
from scheduler_defs.errors import SignalboxError, UsageError

if TYPE_CHECKING:
    from scheduler_defs.agents.pool.passes import Pass

app = typer.Typer(help="List, show, pause, drain and reconcile agents.")

Name = Annotated[str, typer.Argument(help="The agent's name.")]
OrAll = Annotated[str | None, typer.Argument(metavar="NAME", help="The agent's name.")]
All = Annotated[bool, typer.Option("--all", help="Every declared agent.")]
Reason = Annotated[str | None, typer.Option(help="Why; shown in the list.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this; default: the user.")]


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Every declared agent with its load and state."""
    from scheduler_defs.acting.agent_queues.agents import agent_objects

    place = open_place()
    found = agent_objects(place)
    for queue in _queues_that_nobody_looks_at(place):
        say(f"problem: queue {queue}: its sensor is stopped, so no task of it is given to an agent")
    if as_json:
        print_json(found)
        return
    print_table(
        ("AGENT", "QUEUES", "ACTIVE", "RUNNING", "REQUESTED", "STATE", "REASON"),
        [
            (
                a["name"],
                ", ".join(a["queues"]),
                f"{a['active']}/{a['limit']}",
                a["running"],
                a["requested"],
                a["state"],
                a["reason"] or "; ".join(f"task {q['task']}: {q['why']}" for q in a["quiet"]),
            )
            for a in found
        ],
        empty="no agents are declared",
    )


def _queues_that_nobody_looks_at(place: Place) -> list[str]:
    from scheduler_defs.declarations.names import dagster_name
    from scheduler_defs.execution.lookups.stopped_sensors import stopped_sensors

    with place.engine.connect() as connection:
        stopped = stopped_sensors(connection)
    return [
        queue for queue in place.declarations.served_queues if f"agent_queue_{dagster_name(queue)}" in stopped
    ]


@app.command("show")
def show_command(name: Name, as_json: AsJson = False) -> None:
    """One agent: its declaration, its state, and the tasks that it works on."""
    from scheduler_defs.acting.agent_queues.agents import agent_details

    place = open_place()
    shown = agent_details(place, place.agent(name))
    if as_json:
        print_json(shown)
    else:
        rows = [(key, value) for key, value in shown.items() if value not in (None, [], {})]
        print_table(("FIELD", "VALUE"), rows, empty="")


@app.command("pause")
def pause_command(
    name: OrAll = None,
    everything: All = False,
    reason: Reason = None,
    until: Annotated[str | None, typer.Option(help="When it ends: an instant, or for how long: 2h.")] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give the agent, or all, no new work until it is resumed, or `until`; what runs goes on."""
    _switch(name, "paused", reason, by, as_json, everything=everything, until=until)


@app.command("resume")
def resume_command(
    name: OrAll = None, everything: All = False, by: By = None, as_json: AsJson = False
) -> None:
    """Let the agent, or all, take work again, also when it is passed over for failed starts."""
    _switch(name, "on", None, by, as_json, everything=everything)


@app.command("drain")
def drain_command(
    name: Name,
    reason: Reason = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until nothing of it runs any more.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give the agent no new work and let it finish what runs: before it is removed."""
    from scheduler_defs.acting.agent_queues.agents import load

    place = open_place()
    _switch(name, "draining", reason, by, as_json)
    while wait and load(place, name):
        time.sleep(0.5)


@app.command("reconcile")
def reconcile_command(
    queue: Annotated[str | None, typer.Option(help="Only this queue.")] = None,
    dry_run: DryRun = False,
    limit: Annotated[int, typer.Option(min=0, help="Give reasons for at most so many tasks.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """Have the queues looked at now; or, with --dry-run, show exactly what a pass would do and why."""
    place = open_place()
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


def _previews(place: Place, queue: str | None, limit: int) -> list[Pass]:
    import datetime as dt

    from scheduler_defs.agents.pool.passes import preview

    served = place.declarations.served_queues
    if queue is not None and queue not in served:
        raise SignalboxError(f"no agent serves {queue!r}; served are {', '.join(served) or 'none'}")
    runs = known_runs()
    now = dt.datetime.now().astimezone()
    return [
        preview(place.engine, place.task_queue, place.declarations, name, runs=runs, now=now, explain=limit)
        for name in ([queue] if queue is not None else served)
    ]


def _switch(
    name: str | None,
    mode: str,
    reason: str | None,
    by: str | None,
    as_json: bool,
    *,
    everything: bool = False,
    until: str | None = None,
) -> None:
    import datetime as dt

    from scheduler_defs.acting.agent_queues.agents import tell, tell_all
    from scheduler_defs.agents.task_queue.new_task import instant

    if (name is None) is not everything:
        raise UsageError("name an agent, or give --all")
    end = None if until is None else instant(until, now=dt.datetime.now(dt.UTC))
    place, who = open_place(), author(by)
    if name is None:
        answers = tell_all(place, mode, reason=reason, actor=who, until=end)
    else:
        answers = [tell(place, name, mode, reason=reason, actor=who, until=end)]
    if as_json:
        print_json(answers if everything else answers[0])
        return
    for answer in answers:
        say(f"{answer['name']} is {answer['state']}" + ("" if answer["changed"] else " already"))
