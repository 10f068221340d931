"""`signalbox tasks logs` and `follow`: what the agent of a task prints, as it prints it."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler_defs.cli.agents.opening import open_place
from scheduler_defs.cli.runs.output import show
from scheduler_defs.cli.tasks.options import Id
from scheduler_defs.cli.terminal.connection import graphql
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scheduler_defs.graphql.outputs import Piece

_PAUSE_SECONDS = 0.5


def logs_command(
    task_id: Id,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="As it grows, until the run ends.")] = False,
) -> None:
    """What the agent has printed in the task's newest run: its stdout on stdout, its stderr on stderr."""
    run_id = open_place().task_queue.get(task_id).run_id
    if run_id is None:
        raise SignalboxError(f"task {task_id}: no run has worked on it yet")
    for piece in _pieces(run_id, follow):
        show(piece)


def follow_command(task_id: Id) -> None:
    """What happens to a task as lines of JSON, until it ends: its states, and what its agent prints."""
    task_queue = open_place().task_queue
    known: tuple[str, str | None] | None = None
    shown = set[str]()
    while True:
        task = task_queue.get(task_id)
        state = (task.status.value, task.run_id)
        if state != known:
            known = state
            _line({"type": "status", "status": state[0], "run_id": state[1], "agent": task.agent})
        if task.status == "working" and task.run_id and task.run_id not in shown:
            shown.add(task.run_id)
            for piece in _pieces(task.run_id, follow=True):
                _line({"type": piece.stream, "run_id": task.run_id, "text": piece.text})
        elif task.status in ("complete", "failed", "canceled"):
            return
        time.sleep(_PAUSE_SECONDS)


def _pieces(run_id: str, follow: bool) -> Iterable[Piece]:
    from scheduler_defs.graphql.outputs import output

    return output(graphql(), run_id, follow=(lambda: time.sleep(_PAUSE_SECONDS)) if follow else None)


def _line(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()
