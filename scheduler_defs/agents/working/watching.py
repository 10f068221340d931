"""What watches a turn while it goes on: what it has used, whether it gives signs of life, or waits for its
provider in a slot that somebody else could use.

Every few seconds that is noted in Postgres, where budgets are counted and people can see it.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.deciding.idling import Signs, Watching, is_idle, prompt
from scheduler_defs.agents.quotas import complaints, messages
from scheduler_defs.agents.usage import budgets, records
from scheduler_defs.agents.usage.budgets import Budgets, Counted
from scheduler_defs.agents.usage.records import TurnOf
from scheduler_defs.agents.usage.tally import Tally, Used
from scheduler_defs.declarations.models.declared import Agent
from scheduler_defs.execution.guard import tree
from scheduler_defs.execution.guard.guard import Guarded
from scheduler_defs.jobs.commands.running.output import CommandOutput

LOOK_EVERY = 5.0
"""Seconds between two looks."""
_MOST_FILES = 20_000
_NOT_LOOKED_INTO = frozenset({"objects", "node_modules", ".venv", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a turn is to end before it ends by itself, and what a human is asked about it."""

    ending: Ending
    detail: str
    question: str = ""
    key: str | None = None
    """Of the question; asking twice is one question."""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def over_budget(counted: Counted) -> Stop:
    """The end of work that has reached a budget: the task asks itself, or the budget asks for all."""
    said = counted.text()
    if "task" not in counted.budget.per:
        return Stop(Ending.BUDGET, said)
    asked = f"{said}. Answer to let it go on with as much again; `tasks cancel` ends it."
    return Stop(Ending.QUESTION, said, asked, counted.key, counted.details)


class Watch:
    """Watches one turn. `folder` is where its files are; `not_in` are folders that others write to."""

    def __init__(
        self,
        engine: sa.Engine,
        held: Budgets,
        turn: TurnOf,
        agent: Agent,
        *,
        folder: Path,
        not_in: Sequence[Path] = (),
        patterns: Sequence[str] = (),
        warn: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._held, self._turn, self._agent = engine, held, turn, agent
        self._folder, self._not_in, self._warn, self._clock = folder, not_in, warn, clock
        self._began = self._looked = clock()
        self._tally = Tally()
        self._holdup = complaints.Holdup(patterns)
        self._watching: Watching | None = None
        self._quiet: tuple[dt.datetime, str] | None = None
        self._covered = held.covers(turn.agent, turn.queue)

    def look(self, output: CommandOutput, command: Guarded) -> Stop | None:
        """Look, if the last look was a while ago; why the turn is to end now."""
        now = self._clock()
        if now - self._looked < LOOK_EVERY:
            return None
        self._looked = now
        self._read(output, last=False)
        if (held := self._held_up(now)) is not None:
            return held
        if not (self._covered or self._agent.idle_after):
            return None
        idle = self._idle(output, command, now) if self._agent.idle_after and tree.can_look() else None
        reached = self._note(over=False)
        if reached is not None and reached.budget.when_reached == "stop":
            return over_budget(reached)
        return idle

    def end(self, output: CommandOutput) -> Used:
        """The turn has ended: note it; all that it has used."""
        self._read(output, last=True)
        self._quiet = None
        self._note(over=True)
        used = self._tally.total()
        cost = records.cost_of(used, self._agent.price)
        return Used(used.tokens, used.cached, used.turns, cost, used.output)

    def _read(self, output: CommandOutput, *, last: bool) -> None:
        while lines := output.fresh(last=last):
            self._tally.add(lines)
            self._holdup.add(lines, self._clock(), dt.datetime.now().astimezone())

    def _held_up(self, now: float) -> Stop | None:
        """Why a turn ends that does nothing but ask its provider again."""
        held = self._holdup.held
        if held is None or now - held.since < complaints.PATIENCE_SECONDS:
            return None
        denied, waited = messages.denied(held.texts), f"it has tried again for {now - held.since:.0f} s"
        if denied is not None:
            return Stop(Ending.UNREADY, f"its login is refused: {denied} ({waited})")
        return Stop(Ending.RATE_LIMITED, f"{messages.short(held.texts[0])} ({waited})")

    def _note(self, *, over: bool) -> Counted | None:
        use = records.use_of(self._tally.total(), self._agent.price, self._clock() - self._began)
        now = dt.datetime.now(dt.UTC)
        since, why = self._quiet or (None, None)
        try:
            with self._engine.begin() as connection:
                if self._covered:
                    budgets.lock(connection)
                records.note(
                    connection,
                    self._turn,
                    use,
                    ended=now if over else None,
                    quiet_since=since,
                    quiet_why=why,
                )
                if not self._covered or over:
                    return None
                turn = self._turn
                return self._held.reached(
                    connection, task_id=turn.task_id, agent=turn.agent, queue=turn.queue, now=now
                )
        except OperationalError as error:  # the work does not wait for its figures
            self._warn(f"what the turn has used is not noted: {error.orig}")
            return None

    def _idle(self, output: CommandOutput, command: Guarded, now: float) -> Stop | None:
        allowed = self._agent.idle_after
        assert allowed is not None
        processes = tree.tree(command.root)
        signs = Signs(now, output.size, sum(processes.values()))
        state = Watching.begin(signs) if self._watching is None else self._watching.after(signs)
        asked = prompt(output.last_line())
        waits = asked is not None or tree.waits_for_input(processes)
        if is_idle(state.quiet_seconds, allowed.total_seconds(), waits=waits):
            changed = newest_change(self._folder, self._not_in)
            state = state.alive(now - max(0.0, time.time() - changed)) if changed else state
        self._watching = state
        if not is_idle(state.quiet_seconds, allowed.total_seconds(), waits=waits):
            self._quiet = None
            return None
        since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=state.quiet_seconds)
        why = "it waits for input" + (f": {asked}" if asked else "") if waits else "no sign of life"
        if self._quiet is None:
            self._warn(f"quiet for {state.quiet_seconds:.0f} s: {why}")
        self._quiet = (since, why)
        said = f"{why}; no output, no CPU time and no changed file for {state.quiet_seconds:.0f} s"
        return None if self._agent.when_idle == "show" else Stop(Ending.IDLE, said)


def newest_change(folder: Path, not_in: Sequence[Path] = ()) -> float | None:
    """When a file below the folder was last changed (seconds since 1970), of the first some thousand."""
    newest: float | None = None
    for number, entry in enumerate(_files(folder, {str(each) for each in not_in})):
        if number >= _MOST_FILES:
            break
        with suppress(OSError):
            changed = entry.stat(follow_symlinks=False).st_mtime
            newest = changed if newest is None else max(newest, changed)
    return newest


def _files(folder: Path, not_in: set[str]) -> Iterator[os.DirEntry[str]]:
    waiting = [str(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry
            elif entry.name not in _NOT_LOOKED_INTO and entry.path not in not_in:
                waiting.append(entry.path)
