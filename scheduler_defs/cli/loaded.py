"""The declarations as a command sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler_defs import settings
from scheduler_defs.cli.output import say
from scheduler_defs.errors import SignalboxError

if TYPE_CHECKING:
    from scheduler_defs.declarations.models import Declarations, Schedule


def declared() -> Declarations:
    """What is in force: the files, or the last good set while they have faults (said on stderr)."""
    from scheduler_defs.declarations import current

    place = settings.settings()
    found = current(place.config, place.state)
    if found.problems:
        say(f"signalbox: {len(found.problems)} fault(s) in the declarations; `signalbox check` names them")
    return found.declarations


def declared_schedule(declarations: Declarations, name: str) -> Schedule:
    """One schedule by name. Raises SignalboxError that proposes the nearest name."""
    import difflib

    if name in declarations.schedules:
        return declarations.schedules[name]
    near = difflib.get_close_matches(name, declarations.schedules, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SignalboxError(f"no schedule {name!r}{hint}")
