"""`signalbox check`: every fault of the declarations, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from scheduler_defs.cli.folders import ConfigOption
from scheduler_defs.cli.options import AsJson

if TYPE_CHECKING:
    from pathlib import Path

    from scheduler_defs.declarations.models.declared import Declarations, Problem


def check(
    config: ConfigOption = None,
    as_json: AsJson = False,
) -> None:
    """Find every fault in the declarations. Exit code 1 if there is one; notes are none."""
    import datetime as dt

    from scheduler_defs import settings
    from scheduler_defs.cli.terminal.output import print_json, print_line, say
    from scheduler_defs.declarations.loading import load

    where = settings.settings()
    folder = where.config if config is None else settings.followed(config)
    recipes = where.recipes if folder == where.config else settings.beside(folder, "recipes")
    found = load(folder, recipes=recipes, now=dt.datetime.now(dt.UTC))
    problems = (
        found.problems
        or _loading_problems(found.declarations, folder)
        or _missing_elsewhere(found.declarations, where.state)
    )
    if as_json:
        print_json(
            {
                "ok": not problems,
                "problems": [each.model_dump() for each in problems],
                "notes": [each.model_dump() for each in found.notes],
            }
        )
    else:
        for problem in problems:
            print_line(str(problem))
        for note in found.notes:
            say(f"note: {note}")
        say(_count(len(problems), len(found.sources.files)))
        if word := _slots(found.declarations):
            say(f"note: {word}")
    if problems:
        raise typer.Exit(1)


def _slots(declarations: Declarations) -> str | None:
    """What people should know of the agents' limits on this machine."""
    from scheduler_defs.agents.launching import agent_limits
    from scheduler_defs.execution.queue.capacity import agent_slots_here, too_few_slots

    limits = agent_limits(declarations)
    return None if limits is None else too_few_slots(limits, agent_slots_here(limits))


def _loading_problems(declarations: Declarations, config: Path) -> tuple[Problem, ...]:
    """What Dagster says to files without faults of their own, and what is wrong with the Python beside."""
    from scheduler_defs.assembly import NotLoadableError, loadable
    from scheduler_defs.declarations.models.declared import Position, Problem
    from scheduler_defs.declarations.reading.own_code import own_code
    from scheduler_defs.jobs.own_code import load

    own = load(own_code(config))
    try:
        loadable(declarations, own)
    except NotLoadableError as error:
        at = error.source or Position(file=config.name, line=1, column=1)
        message = f"Dagster cannot load this: {error}"
        return (Problem(file=at.file, line=at.line, column=at.column, path="", message=message),)
    return tuple(own.faults)


def _missing_elsewhere(declarations: Declarations, state: Path) -> tuple[Problem, ...]:
    """What is run in other locations, and is not there, where a stack runs that has loaded them."""
    from scheduler_defs.cli.terminal.declarations import missing_elsewhere
    from scheduler_defs.declarations.models.declared import Problem

    return tuple(
        Problem(file=at.file, line=at.line, column=at.column, path=path, message=message)
        for path, at, message in missing_elsewhere(declarations, state)
    )


def _count(problems: int, files: int) -> str:
    from scheduler_defs.cli.terminal.output import counted

    checked = f"{counted(files, 'file')} checked"
    if not problems:
        return f"{checked}: no faults"
    return f"{checked}: {counted(problems, 'fault')}"
