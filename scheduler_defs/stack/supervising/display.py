"""What `signalbox up` shows: a live table on a terminal, one line per change elsewhere."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from scheduler_defs.stack.machine.record import ComponentRecord, StackRecord, State

if TYPE_CHECKING:
    from rich.console import RenderableType

    from scheduler_defs.stack.health.outlook import Outlook

_COLOURS = {
    State.HEALTHY: "green",
    State.UNHEALTHY: "red",
    State.RESTARTING: "red",
    State.STARTING: "yellow",
    State.STOPPING: "yellow",
}


_SHARES = {"address": 1, "detail": 1, "queues": 1, "run": 1, "due": 1}
"""Of what the other columns leave."""

Display = Callable[[StackRecord], None]
"""Takes the stack's record after every change."""


class Lines:
    """One line per change of a component's state, with the time; the address of the UI once all is ready."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or _write_line
        self._shown: dict[str, tuple[State, int]] = {}
        self._announced = False

    def __call__(self, record: StackRecord) -> None:
        for item in record.components:
            now = (item.state, item.restarts)
            if item.state is State.WAITING or self._shown.get(item.name) == now:
                continue
            self._shown[item.name] = now
            clock = dt.datetime.now().astimezone().strftime("%H:%M:%S")
            self._write(f"{clock} {line(item)}")
        if record.ready and not self._announced:
            self._announced = True
            self._write(f"Ready: {record.ui}")


def line(item: ComponentRecord) -> str:
    """A component in one line."""
    parts = [f"{item.name:<12} {item.state:<10}"]
    if item.pid:
        parts.append(f"pid {item.pid}")
    if item.address and item.state is State.HEALTHY:
        parts.append(item.address)
    if item.detail and item.state is not State.STARTING:
        parts.append(item.detail)
    return "  ".join(parts).rstrip()


@contextlib.contextmanager
def live(outlook: Callable[[], Outlook]) -> Iterator[Display]:
    """A table that is redrawn every second: components, workers, next due schedules, last runs."""
    from rich.console import Console
    from rich.live import Live

    latest: list[StackRecord] = []

    def draw() -> RenderableType:
        return table(latest[-1], outlook()) if latest else ""

    def take(record: StackRecord) -> None:
        latest[:] = [record]

    with Live(get_renderable=draw, console=Console(), refresh_per_second=1, transient=True):
        yield take


def table(record: StackRecord, outlook: Outlook) -> RenderableType:
    """The whole screen."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    def columns(title: str, *names: str) -> Table:
        made = Table(
            title=title, title_justify="left", box=None, pad_edge=False, expand=True, header_style="dim"
        )
        for name in names:
            # Addresses and details get what is left; names and states stay whole.
            ratio = _SHARES.get(name)
            made.add_column(name, overflow="ellipsis", no_wrap=True, ratio=ratio)
        return made

    components = columns(
        f"Signalbox  {record.ui if record.ready else 'starting'}",
        *("component", "state", "pid", "since", "restarts", "address", "detail"),
    )
    for item in record.components:
        components.add_row(
            item.name,
            Text(item.state, style=_COLOURS.get(item.state, "")),
            str(item.pid or ""),
            _clock(item.since),
            str(item.restarts or ""),
            Text(item.address),
            Text(item.detail),
        )
    workers = columns("Workers", "worker", "queues", "slots", "busy")
    for worker in outlook.workers:
        workers.add_row(worker.id, ", ".join(worker.queues), str(worker.slots), str(worker.busy))
    due = columns("Next due", "schedule", "job", "due")
    for item in outlook.due:
        due.add_row(item.schedule, item.job, _clock(item.due.isoformat()))
    runs = columns("Last runs", "job", "status", "created", "run")
    for run in outlook.runs:
        runs.add_row(run.job, run.status, _clock(run.created.isoformat()), run.run_id[:8])
    problems = [Text(problem, style="red") for problem in outlook.problems]
    return Group(components, "", workers, "", due, "", runs, *problems, Text("Ctrl-C stops it.", style="dim"))


def _clock(instant: str) -> str:
    moment = dt.datetime.fromisoformat(instant).astimezone()
    today = moment.date() == dt.datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def _write_line(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads any more: the stack goes on
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
