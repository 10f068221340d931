"""`signalbox tasks diff`: what the agent of a task has changed."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.options import AsJson
from scheduler_defs.cli.tasks.options import Id
from scheduler_defs.cli.terminal.output import print_json, print_line, print_table, say
from scheduler_defs.errors import SignalboxError


def diff_command(
    task_id: Id,
    stat: Annotated[bool, typer.Option("--stat", help="Only the files, and how many lines.")] = False,
    as_json: AsJson = False,
) -> None:
    """What a task has changed in its worktree, from where its branch began."""
    from scheduler_defs.acting.place import transaction
    from scheduler_defs.agents.workspaces import store
    from scheduler_defs.agents.workspaces.difference import difference
    from scheduler_defs.settings import settings

    place = open_place()
    place.task_queue.get(task_id)
    with transaction(place.engine) as connection:
        found = store.of_task(connection, place.task_queue.backend, task_id)
    if not found:
        raise SignalboxError(f"task {task_id}: no worktree has been made for it")
    shown = difference(found[0], settings().state)
    if as_json:
        print_json(shown.document())
        return
    if stat:
        rows = [(path, added, removed) for path, added, removed in shown.files]
        print_table(("FILE", "ADDED", "REMOVED"), rows, empty="nothing was changed")
        return
    for line in shown.text.splitlines():
        print_line(line)
    if not shown.text:
        say("nothing was changed")
