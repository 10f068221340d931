"""The declarations as a command sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scheduler_defs import settings
from scheduler_defs.cli.terminal.output import counted, say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from pathlib import Path

    from scheduler_defs.declarations.models.declared import Declarations, Position, Schedule
    from scheduler_defs.declarations.serving import Current


def load_declared() -> Declarations:
    """What is in force: the files, or the last good set while they have faults (said on stderr)."""
    found = _current()
    say_faults(len(found.problems))
    return found.declarations


def say_faults(number: int) -> None:
    """On stderr, if there are any."""
    if number:
        say(f"signalbox: {counted(number, 'fault')} in the declarations; `signalbox check` names them")


def in_force() -> Declarations:
    """The same, without a word about faults."""
    return _current().declarations


def missing_elsewhere(declarations: Declarations, state: Path) -> list[tuple[str, Position, str]]:
    """Where it is declared, and what is wrong: of all that is run in other locations and is not there.

    Asked of the code servers of the stack that runs in `state`; nothing where there is none.
    """
    from scheduler_defs import running_stack
    from scheduler_defs.launching import targets_elsewhere

    targets = targets_elsewhere(declarations)
    if not targets or running_stack.holder(state) is None:
        return []
    # Dagster's workspace takes a second to import: only where there is anything to ask.
    from scheduler_defs.execution.elsewhere.checking import missing

    found = missing(state / "workspace.yaml", {path: target for path, (target, _) in targets.items()})
    return [(path, targets[path][1], message) for path, message in found.items()]


def _current() -> Current:
    from scheduler_defs.declarations import current

    place = settings.settings()
    return current(place.config, place.state)


def declared_schedule(declarations: Declarations, name: str) -> Schedule:
    """One schedule by name. Raises SignalboxError that proposes the nearest name."""
    if name in declarations.schedules:
        return declarations.schedules[name]
    raise unknown("schedule", name, declarations.schedules)


def unknown(kind: str, name: str, known: Iterable[str]) -> SignalboxError:
    """The error for a name that nobody declared, with the nearest one that somebody did."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return SignalboxError(f"no {kind} {name!r}{hint}")
