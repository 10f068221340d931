"""One round: a yard at work, one fault, and the independent count of what became of everything."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import accounting, places
from tests.chaos.load import SMALL, SMALL_WITH_TASKS, put_to_work
from tests.chaos.reading import MINUTE, Since, read, since
from tests.chaos.recovery import StillWrong, healthy, recover
from tests.chaos.table.kinds import Kind, Place
from tests.chaos.wall_clock import WallClock
from tests.chaos.yard import running_yard
from tests.integration.running_stack import until

BROKEN = "broken"
LONG_SECONDS = 4
SLOTS = 4
WINDOW = 10 * MINUTE
"""Of the schedule that catches up with everything: with an hour, three hours forward are sixty runs."""
DEADLINE_SECONDS = 240


@dataclass(frozen=True)
class Round:
    """What one round has shown. `wrong`: lines by what they mean; of a round that broke off, `BROKEN`.

    Seconds from the end of the fault, until all components were healthy and until nothing was open any more.
    `load`: the machine's, of the last minute. `day`: ISO 8601, of the machine's own clock.
    """

    fault: str
    fault_seconds: float
    healthy_seconds: float | None
    well_seconds: float | None
    worker_lost: int
    runs: int
    commands: int
    wrong: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    load: float = 0.0
    day: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).date().isoformat())

    def document(self) -> dict[str, Any]:
        """As it is saved."""
        return asdict(self)

    @property
    def broken(self) -> bool:
        """It shows nothing: the fault could not be done, or what was to be waited for did not come."""
        return BROKEN in self.wrong


@contextmanager
def place(folder: Path, *, far: bool) -> Iterator[Place]:
    """A yard for these rounds: on a disk of its own, with a clock that can be set, or with a far database."""
    with ExitStack() as stack:
        folder.mkdir(parents=True)
        if far:
            url, cable = stack.enter_context(places.far_database(folder / "far"))
            others = {"SIGNALBOX_POSTGRES_URL": url}
            yard = stack.enter_context(
                running_yard(
                    folder / "yard", long_seconds=LONG_SECONDS, slots=SLOTS, window=WINDOW, others=others
                )
            )
            yield Place(yard, cable)
            return
        if places.can_mount():
            stack.enter_context(places.small_file_system(folder / "yard" / "state"))
        clock = WallClock(folder / "clock") if shutil.which("cc") else None
        yard = stack.enter_context(
            running_yard(folder / "yard", long_seconds=LONG_SECONDS, slots=SLOTS, window=WINDOW, clock=clock)
        )
        yield Place(yard)


def play(where: Place, kind: Kind) -> Round:
    """Put the yard to work, do the fault, wait until all is accounted for, or the deadline is over."""
    yard = where.yard
    try:
        until(lambda: healthy(yard), "all healthy before the fault", DEADLINE_SECONDS)
        after = since(yard)
        put_to_work(yard, SMALL_WITH_TASKS if kind.tasks else SMALL)
        pid = yard.stack.record_pid(kind.ends) if kind.ends else None
        began, moment = time.monotonic(), yard.now().timestamp()
        kind.act(where)
        lasted = time.monotonic() - began
        found = recover(
            yard,
            moment,
            deadline_seconds=DEADLINE_SECONDS,
            noticed=lambda yard: kind.ends is None or yard.stack.record_pid(kind.ends) not in (None, pid),
            after=after,
            pause_seconds=0.3,
        )
    except StillWrong as error:
        return _broken(where, kind, {name.value: lines for name, lines in error.found.items() if lines})
    except Exception as error:
        return _broken(where, kind, {BROKEN: [f"{type(error).__name__}: {error}"]})
    finally:
        where.rounds += 1
    seen = read(yard, yard.now(), after)
    return Round(
        kind.name,
        round(lasted, 1),
        round(found.healthy_seconds, 1),
        round(found.accounted_seconds, 1),
        found.lost,
        len(seen.runs),
        len(seen.lives),
        load=round(os.getloadavg()[0], 1),
    )


def whole(where: Place) -> dict[str, list[str]]:
    """What is wrong with everything since the yard was started, by what it means; waits for what is under way."""
    moment = where.yard.now()
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = accounting.by_kind(read(where.yard, moment, Since(where.yard.begun)))
        if not any(found.values()) or time.monotonic() > end:
            return {kind.value: lines for kind, lines in found.items() if lines}
        time.sleep(2)


def _broken(where: Place, kind: Kind, wrong: dict[str, list[str]]) -> Round:
    return Round(kind.name, 0, None, None, 0, 0, 0, wrong, round(os.getloadavg()[0], 1))
