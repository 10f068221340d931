"""The sensor that watches the declarations: changed files are loaded, faulty ones are shown.

Its ticks fail with the faults for as long as there are any, so they are seen where one looks first. Meanwhile
the code server keeps what it has.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg

from scheduler_defs import settings
from scheduler_defs.declarations import Current, Declarations, current
from scheduler_defs.declarations.reading.own_code import own_code
from scheduler_defs.errors import NotReachableError, SignalboxError
from scheduler_defs.execution.dagster_patches.instigators import is_dry_run

NAME = "declarations"
# Less than the five seconds between the daemon's rounds: with five, every other round would be passed over.
INTERVAL_SECONDS = 1
_SHOWN = 20

_log = logging.getLogger("signalbox.declarations")


class FaultyDeclarationsError(SignalboxError):
    """The files have faults; the message lists them."""


def declarations_sensor(declarations: Declarations) -> dg.SensorDefinition:
    """The sensor for a code server that has loaded `declarations`."""
    reloading = Reloading(reload_code_location)
    code = own_code(settings.settings().config).fingerprint

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Loads changed declarations; fails while they have faults, which then change nothing.",
    )
    def watch_declarations(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        where = settings.settings()
        found = current(where.config, where.state)
        if is_dry_run(context):
            return dg.SkipReason(look(declarations.fingerprint, found, None))
        note_in_force(declarations)
        if own_code(where.config).fingerprint != code:
            reloading.start()
        return dg.SkipReason(look(declarations.fingerprint, found, reloading))

    return watch_declarations


@dataclass
class Reloading:
    """Has the code location loaded again, beside the tick: a reload ends the process that asks for it."""

    ask: Callable[[], None]
    thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Ask once; do nothing while an earlier request is being answered."""
        with self._lock:
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._run, name="reload-declarations", daemon=True)
                self.thread.start()

    def _run(self) -> None:
        try:
            self.ask()
        except SignalboxError as error:
            # The next tick asks again.
            _log.error("the changed declarations cannot be loaded: %s", error)


def note_in_force(declarations: Declarations) -> None:
    """Write down that these declarations are in force, also while no schedule is due.

    A database that does not answer is no reason not to watch: the next tick tries again.
    """
    # Here, because the code location is loaded by many that never tick.
    from sqlalchemy.exc import SQLAlchemyError

    from scheduler_defs.evaluation.live import in_force

    try:
        in_force(declarations)
    except (SQLAlchemyError, NotReachableError) as error:
        _log.warning("that the declarations are in force cannot be written down yet: %s", error)


def look(loaded: str, found: Current, reloading: Reloading | None) -> str:
    """One tick: what it says when the files have no faults. `loaded` is the fingerprint of what is served.

    `reloading` None: nothing is loaded, whatever has changed. Raises FaultyDeclarationsError when they have.
    """
    changed = found.declarations.fingerprint != loaded
    if changed and reloading is not None:
        reloading.start()
    if found.problems:
        lines = [str(problem) for problem in found.problems[:_SHOWN]]
        if len(found.problems) > _SHOWN:
            lines.append(f"and {len(found.problems) - _SHOWN} more; `signalbox check` lists them all")
        raise FaultyDeclarationsError("\n".join([_headline(found), *lines]))
    if changed:
        return f"changed files, {found.declarations.fingerprint[:12]}: loading them"
    return f"nothing has changed since {loaded[:12]}"


def _headline(found: Current) -> str:
    from scheduler_defs.declarations import Serving

    count = f"{len(found.problems)} fault{'' if len(found.problems) == 1 else 's'} in the declarations"
    kept = "the last good ones" if found.serving is Serving.LAST_GOOD else "the faultless ones"
    return f"{count}; {kept} stay in force"


def reload_code_location() -> None:
    """Have the code server load everything anew, or, where there is none, the webserver its code location.

    Webserver and daemon follow the code server by themselves within a second or two. Raises
    NotReachableError.
    """
    if socket := os.environ.get(settings.CODE_SERVER_SOCKET):
        from scheduler_defs.stack.components import code_server

        code_server.reload(socket)
        return
    url = settings.settings().ui_url
    if url is None:
        raise NotReachableError(
            f"neither {settings.CODE_SERVER_SOCKET} nor {settings.UI_URL} is set;"
            " reload the code location in the UI"
        )
    from scheduler_defs.graphql.client import LOCATION, GraphQLClient

    GraphQLClient(url).call("ReloadLocation", location=LOCATION)
