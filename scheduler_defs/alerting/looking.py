"""One look at what is new: read, decide, remember, and write down what is to be sent. One transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from scheduler_defs.alerting import store
from scheduler_defs.alerting.acknowledging import escalate
from scheduler_defs.alerting.delivery import digests, heartbeats
from scheduler_defs.alerting.events.facts import Gathering, Names
from scheduler_defs.alerting.events.position import MARGIN, ROWS, Position, new_rows, unfinished_after
from scheduler_defs.alerting.events.standing import PROVED_EVERY, Proof, changes, standing
from scheduler_defs.alerting.rules.deciding import Key, decide
from scheduler_defs.alerting.rules.model import Event, Kind, Streak
from scheduler_defs.alerting.rules.watches import Watches
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.execution.lookups import alert_facts
from scheduler_defs.execution.lookups.alert_facts import SeenTick
from scheduler_defs.ledger.lines import left_out

Cycles = Callable[[], Mapping[str, str] | None]
"""The rings of tasks that are there now and their queues; None when that is not known."""

_TIMELINESS = (Kind.MISSED, Kind.LATE)
_OF_RUNS = (Kind.RUN_FAILED, Kind.WORKER_LOST, *_TIMELINESS)


@dataclass(frozen=True)
class Looked:
    """What one look has found."""

    events: int = 0
    alerts: tuple[str, ...] = ()
    """The lines of the alerts that were decided."""
    faults: tuple[str, ...] = ()
    """What went wrong with single rules."""


def look(
    engine: sa.Engine,
    declarations: Declarations,
    watches: Watches,
    names: Names,
    cycles: Cycles,
    now: datetime,
    ui_url: str | None = None,
    *,
    state: Path | None = None,
    proof: Proof = dict,
    dry_run: bool = False,
) -> Looked:
    """Look once. The first look only notes where to begin, so that history is not told.

    Either all of it is written or nothing: what is killed meanwhile is looked at again. `dry_run`: nothing.
    """
    with engine.begin() as connection:
        was = store.read_memory(connection)
        if was is None or not (any(watches.all()) or heartbeats.channels(declarations)):
            if dry_run:
                return Looked()
            store.save(connection, Position.beginning(now, alert_facts.newest_tick(connection)), {})
            return Looked()
        found = Gathering(was.position, names, thresholds(watches))
        position = _read(connection, declarations, watches, was, found, cycles, now)
        pings, position = heartbeats.new(connection, declarations, position, now)
        position, faults = _stand(connection, watches, found, position, state, proof, now)
        decision = decide(watches, found.events, was.streaks, now)
        looked = Looked(
            len(found.events), tuple(alert.text for alert in decision.alerts), (*faults, *decision.faults)
        )
        if dry_run:
            return looked
        position = replace(position, failing=found.failing).having_counted(found.counted)
        store.save(connection, position, decision.streaks)
        rules = declarations.alerts.rules
        told = [
            (channel, alert.rule, document, alert.due)
            for alert in decision.alerts
            for document in [alert.document(ui_url, owner(declarations, alert.event, alert.rule))]
            for channel in alert.channels
        ]
        waiting = digests.waiting(connection, now) if any(rule.digest for rule in rules.values()) else {}
        store.add(connection, digests.put_off(told, rules, waiting, now), now)
        store.add(connection, pings, now)
        escalated = escalate(connection, declarations.alerts.rules.values(), decision.streaks, now)
    return replace(looked, alerts=(*looked.alerts, *escalated))


def _stand(
    connection: sa.Connection,
    watches: Watches,
    found: Gathering,
    position: Position,
    state: Path | None,
    proof: Proof,
    now: datetime,
) -> tuple[Position, list[str]]:
    """What is wrong now, against what was wrong at the last look; and what could not be looked at."""
    prove = position.proved is None or now - position.proved >= PROVED_EVERY
    was = position.standing
    present, faults = standing(connection, watches, state or Path(), proof, now, was, prove=prove)
    found.events += changes(was, present, now)
    return replace(position, standing=present, proved=now if prove else position.proved), faults


def owner(declarations: Declarations, event: Event, rule: str | None = None) -> str | None:
    """Whose concern it is: of the schedule's owner, the job's, that of the queue's agents, or the rule's."""
    schedule = declarations.schedules.get(event.schedule or "")
    job = declarations.jobs.get(event.job or "")
    found = [each.owner for each in (schedule, job) if each is not None]
    if event.queue is not None:
        found += [agent.owner for agent in declarations.agents.values() if event.queue in agent.queues]
    known = declarations.alerts.rules.get(rule or "")
    found += [known.owner] if known is not None else []
    return next((each for each in found if each), None)


def thresholds(watches: Watches) -> tuple[timedelta, ...]:
    """The different `late_by` of the rules, shortest first."""
    return tuple(sorted({watch.late_by for watch in watches.all() if watch.late_by is not None}))


def _read(
    connection: sa.Connection,
    declarations: Declarations,
    watches: Watches,
    was: store.AlertMemory,
    found: Gathering,
    cycles: Cycles,
    now: datetime,
) -> Position:
    position = was.position
    timeliness = watches.wants(*_TIMELINESS)
    if watches.wants(*_OF_RUNS):
        succeeded = timeliness or _some_go_wrong(was.streaks)
        runs, until = new_rows(
            lambda since: alert_facts.ended_runs(connection, since, succeeded=succeeded, most=ROWS),
            lambda run: run.updated,
            position.runs,
            position.began,
            now,
        )
        found.ended(runs)
        position = replace(position, runs=until)
    else:
        position = replace(position, runs=now)
    if timeliness:
        late = now - min(found.thresholds, default=MARGIN)
        found.delayed(alert_facts.delayed_runs(connection, late, most=ROWS), now)
        decided, until = new_rows(
            lambda since: left_out(connection, since, ROWS),
            lambda each: each.decided_at,
            position.ledger or was.position.runs,
            position.began,
            now,
        )
        found.left_out(decided)
        position = replace(position, ledger=until)
    else:
        position = replace(position, ledger=now)
    ticks = [
        _not_yet_over(tick, position)
        for tick in alert_facts.ticks(connection, position.tick, position.unfinished.keys(), most=ROWS)
    ]
    found.ticks(ticks)
    newest, unfinished = unfinished_after(position, {tick.id: tick.ended for tick in ticks}, now)
    position = replace(position, tick=newest, unfinished=unfinished)
    if watches.wants(Kind.TASK_FAILED):
        queues = sorted({queue for agent in declarations.agents.values() for queue in agent.queues})
        backend = declarations.task_queue.backend
        tasks, until = new_rows(
            lambda since: store.ended_tasks(connection, backend, queues, since, ROWS),
            lambda task: task.at,
            position.tasks,
            position.began,
            now,
        )
        found.tasks(tasks)
        position = replace(position, tasks=until)
    else:
        position = replace(position, tasks=now)
    present = cycles() if watches.wants(Kind.BLOCKER_CYCLE) else None
    if present is not None:
        found.cycles(present, now)
        position = replace(position, cycles=dict(present))
    return position


def _not_yet_over(tick: SeenTick, position: Position) -> SeenTick:
    """A schedule's tick that is seen failed for the first time: Dagster may evaluate it again within seconds.

    What counts is how it is found by the next look.
    """
    again = tick.of_schedule and tick.failed and tick.id not in position.unfinished
    return replace(tick, ended=False) if again else tick


def _some_go_wrong(streaks: Mapping[Key, Streak]) -> bool:
    """Only then does it matter which runs have succeeded."""
    return any(streak.count and streak.last.kind in _OF_RUNS for streak in streaks.values())
