"""So many schedules: what an edited line costs the code location, and a minute the daemon's loop."""

from __future__ import annotations

import datetime as dt
import logging
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.bars import yard
from benchmarks.growth.figures import Figure, median_seconds
from benchmarks.history.filling import write_yard
from benchmarks.stack_bars import seconds
from scheduler_defs import database
from tests.standins.yard_web import yard_context

RELOAD_BAR = 3.0
JOBS = 200
DUE = 10
_TIMES = 5
_DECLARED_EARLIER = sa.text("UPDATE signalbox.schedule_rules SET since = since - interval '1 hour'")
_MINUTELY = [f"  due-{n}: {{job: j-{n}, every: 1m, overlap: allow}}\n" for n in range(DUE)]


def reload(folder: Path, url: str, size: int) -> Iterator[Figure]:
    """As the code location does it: the declarations in force, and Dagster's definitions of them."""
    del url
    file = folder / "config" / "yard.yaml"
    file.parent.mkdir()
    written = yard(size, jobs=JOBS)
    file.write_text(written)
    from scheduler_defs.declarations.serving import current
    from scheduler_defs.definitions import serve
    from scheduler_defs.settings import settings

    place = settings()
    edits = iter(range(100))

    def edit() -> None:
        file.write_text(written.replace("Number 0\n", f"Number 0, edited {next(edits)}\n"))

    def declarations() -> None:
        found = current(place.config, place.state)
        assert len(found.declarations.schedules) == size, found.problems

    def definitions() -> None:
        assert len(list(serve().get_repository_def().schedule_defs)) == size

    def after_an_edit(call: Callable[[], None]) -> float:
        """The median of it, each time with another line."""
        took: list[float] = []
        for _ in range(_TIMES):
            edit()
            took.append(seconds(call))
        return statistics.median(took)

    definitions()
    read, served = after_an_edit(declarations), after_an_edit(definitions)
    yield Figure("schedules", "one line edited: declarations read", size, read)
    yield Figure("schedules", "one line edited: definitions served", size, served, bar=RELOAD_BAR)


def loop(folder: Path, url: str, size: int) -> Iterator[Figure]:
    """Dagster's own pass with ours in it: the first, one with nothing due, and one with ten due."""
    write_yard(folder / "config", size)
    (folder / "config" / "due.yaml").write_text("".join(["schedules:\n", *_MINUTELY]))
    from dagster._scheduler.scheduler import launch_scheduled_runs

    from scheduler_defs.execution.dagster_patches.loops import schedules as schedule_loop

    schedule_loop.install()
    logger = logging.getLogger("benchmarks.scale")
    logger.setLevel(logging.ERROR)
    with yard_context(folder, url) as context:
        known: dict[str, Any] = {}
        moment = dt.datetime.now(dt.UTC).replace(second=1, microsecond=0) - dt.timedelta(minutes=20)

        def look() -> None:
            for said in launch_scheduled_runs(context, logger, moment, known):
                if said is not None and not hasattr(said, "value"):
                    raise RuntimeError(str(said))

        yield Figure("schedules", "the daemon's first pass", size, seconds(look))
        yield Figure("schedules", "a pass with nothing due", size, median_seconds(look))
        moment += dt.timedelta(minutes=1)
        look()
        with database.engine(url).begin() as connection:
            connection.execute(_DECLARED_EARLIER)
        took: list[float] = []
        for _ in range(_TIMES):
            before = context.instance.get_runs_count()
            moment += dt.timedelta(minutes=1)
            took.append(seconds(look))
            made = context.instance.get_runs_count() - before
            assert made == DUE, f"{made} runs of {DUE} schedules"
        yield Figure("schedules", f"a pass with {DUE} due", size, statistics.median(took))
