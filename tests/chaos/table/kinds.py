"""The faults of the table, with what people read about each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from scheduler_defs.stack.components.plan import STEPS_WORKER
from tests.chaos import faults, hard_faults, places, timed_faults
from tests.chaos.places import Cable
from tests.chaos.yard import Yard


@dataclass
class Place:
    """A yard, with what is beside it: the cable to its database, where that is far, and what `status` says."""

    yard: Yard
    cable: Cable | None = None
    rounds: int = 0
    said: list[str] = field(default_factory=list[str])

    def look(self, words: str) -> None:
        """Whoever asks `status` now is told so. Raises AssertionError otherwise."""
        asked = time.monotonic()
        problems: list[str] = self.yard.stack.status()["problems"]
        took = time.monotonic() - asked
        assert any(words in line for line in problems), f"status does not say {words!r}: {problems}"
        assert took < LOOKED_SECONDS, f"status took {took:.0f} s"
        self.said.extend(line for line in problems if words in line)


LOOKED_SECONDS = 60


@dataclass(frozen=True)
class Kind:
    """One fault: how it is done, and the columns of the table.

    `shows`: what users see; `promise`: what is guaranteed; `test`: the test of the suite for it. `ends`: the
    component of whose end the supervisor has to know before it can be asked how it is. `tasks`: agents are at
    work, too. `asked`: it takes so long that it is only done when somebody names it.
    """

    name: str
    act: Callable[[Place], object]
    shows: str
    promise: str
    test: str
    ends: str | None = None
    far: bool = False
    tasks: bool = False
    asked: bool = False


def _on_yard(act: Callable[[Yard], object]) -> Callable[[Place], object]:
    return lambda place: act(place.yard)


def _full_disk(place: Place) -> None:
    with places.full(place.yard.stack.state):
        time.sleep(2)
        place.look("full")
        time.sleep(4)


def _no_connections(place: Place) -> None:
    look = partial(place.look, "no connection left")
    timed_faults.hold_all_connections(place.yard, 8, look)


def _clock_back(place: Place) -> None:
    look = partial(place.look, "the clock was set back by ")
    timed_faults.clock_back_and_right_again(place.yard, 2 * 3600, look)


def _cut(place: Place) -> None:
    assert place.cable is not None
    place.cable.cut()
    try:
        time.sleep(10)
    finally:
        place.cable.mend(reset=place.rounds % 2 == 1)


def _second_daemon(place: Place) -> None:
    timed_faults.bring_a_minute_near(place.yard)
    hard_faults.second_daemon(place.yard, 15)


def _step(seconds: int) -> Callable[[Place], object]:
    def act(place: Place) -> None:
        assert place.yard.clock is not None
        place.yard.clock.step(seconds)

    return act


_RETRIED = "its run fails as `worker_lost` and is tried again"
_NOTHING = "nothing"
_GO_ON = "running commands go on"
_LEASES = "no command runs beside its next attempt"
_FAULTS = "test_faults.py"
_HARD = "test_hard_hour.py"

KINDS = (
    Kind(
        "a worker's child killed", _on_yard(faults.kill_worker_child), _RETRIED, _LEASES, _FAULTS, tasks=True
    ),
    Kind(
        "a step worker's child killed",
        _on_yard(partial(faults.kill_worker_child, worker=STEPS_WORKER)),
        "its step fails and is tried again",
        _LEASES,
        _FAULTS,
    ),
    Kind(
        "the whole worker killed",
        _on_yard(faults.kill_whole_worker),
        "its runs fail as `worker_lost` and are tried again",
        _LEASES,
        _FAULTS,
        tasks=True,
    ),
    Kind(
        "the whole step worker killed",
        _on_yard(partial(faults.kill_whole_worker, worker=STEPS_WORKER)),
        "its steps fail and are tried again",
        _LEASES,
        _FAULTS,
    ),
    Kind(
        "a worker frozen for 9 s",
        _on_yard(partial(faults.freeze_worker, seconds=9)),
        "its runs fail as `worker_lost` and are tried again",
        "a worker that wakes up after its lease is dead",
        _FAULTS,
    ),
    Kind(
        "a worker's child and its command's guard frozen for 15 s",
        _on_yard(partial(hard_faults.freeze_child_and_guard, seconds=15)),
        _RETRIED,
        "the command is killed before its next attempt",
        _HARD,
    ),
    Kind(
        "the daemon killed",
        _on_yard(partial(faults.kill, component="daemon")),
        _NOTHING,
        _GO_ON,
        _FAULTS,
        tasks=True,
    ),
    Kind(
        "the daemon killed between evaluation and launch",
        _on_yard(timed_faults.kill_daemon_between_evaluation_and_launch),
        _NOTHING,
        "what the ledger says is launched, once",
        _HARD,
    ),
    Kind(
        "the daemon killed while occurrences wait for their jitter and for a slot",
        _on_yard(timed_faults.kill_daemon_while_occurrences_wait),
        _NOTHING,
        "each of them runs once, in the minute after it may",
        _HARD,
    ),
    Kind(
        "the daemon away over five due minutes",
        _on_yard(timed_faults.daemon_away_over_five_minutes),
        "what was missed, in the history",
        "schedules catch up as declared",
        "test_daemon_outages.py",
    ),
    Kind(
        "a second daemon for 15 s, over a due minute",
        _second_daemon,
        "`status`: more than one daemon",
        "no run is made, or started, twice",
        _HARD,
    ),
    Kind(
        "the webserver killed",
        _on_yard(partial(faults.kill, component="webserver")),
        "pages and commands wait, exit 3",
        _GO_ON,
        _FAULTS,
    ),
    Kind(
        "the code server killed",
        _on_yard(partial(faults.kill, component="code-server")),
        "commands that ask it exit 3",
        _GO_ON,
        _FAULTS,
    ),
    Kind(
        "the code server and its inner process killed right after a tick",
        _on_yard(timed_faults.kill_code_server_after_a_tick),
        "commands that ask it exit 3",
        "what was decided is launched, once",
        _HARD,
    ),
    Kind(
        "the code server's inner process killed",
        _on_yard(hard_faults.kill_inner_code_server),
        "`status`: code-server unhealthy, then restarting",
        _GO_ON,
        _HARD,
        ends="code-server",
    ),
    Kind(
        "the supervisor killed, then `up`",
        _on_yard(faults.kill_supervisor),
        "the stack ends; runs fail as `worker_lost` and are tried again",
        "nothing is left of the old stack",
        _FAULTS,
    ),
    Kind(
        "Postgres killed",
        _on_yard(faults.kill_postgres),
        "`status`: postgres restarting",
        "all wait for it, and go on",
        _FAULTS,
    ),
    Kind(
        "Postgres away for 10 s",
        _on_yard(faults.restart_postgres),
        "`status`: postgres restarting; runs may lose their lease",
        "all wait for it, and go on",
        _FAULTS,
    ),
    Kind("the broker restarted", _on_yard(faults.restart_valkey), _NOTHING, "no message is lost", _FAULTS),
    Kind(
        "the broker killed, its data gone",
        _on_yard(faults.wipe_valkey),
        "runs that were on their way are sent out again",
        "no run is lost",
        _FAULTS,
        tasks=True,
    ),
    Kind(
        "all processes frozen for 45 s, as by `docker pause`",
        _on_yard(partial(hard_faults.freeze_everything, seconds=45)),
        "runs that were under way fail as `worker_lost` and are tried again",
        "no command goes on after waking up whose lease is over",
        _HARD,
        tasks=True,
    ),
    Kind(
        "all processes frozen for 10 min",
        _on_yard(partial(hard_faults.freeze_everything, seconds=600)),
        "the same; what was missed, in the history",
        "the same; schedules catch up as declared",
        "python -m tests.chaos.table --only 'frozen for 10 min' --times 1",
        tasks=True,
        asked=True,
    ),
    Kind(
        "suspended for 10 min",
        _on_yard(partial(hard_faults.suspend, seconds=600)),
        "the same; what was missed, in the history",
        "the same; schedules catch up as declared",
        _HARD,
    ),
    Kind(
        "wall clock of all processes +60 s", _step(60), _NOTHING, "running commands keep their leases", _HARD
    ),
    Kind(
        "wall clock +3 h",
        _step(3 * 3600),
        "what was missed, in the history",
        "the same; schedules catch up as declared",
        _HARD,
    ),
    Kind(
        "wall clock -2 h, and right again when all have ticked",
        _clock_back,
        "`status`: the clock was set back",
        "the same; ticks go on, and no occurrence runs twice",
        _HARD,
    ),
    Kind(
        "the disk full for 6 s and more, the database's included",
        _full_disk,
        "`status`: the disk is full",
        "what has ended is recorded when there is room",
        _HARD,
    ),
    Kind(
        "the database without a free connection for 8 s",
        _no_connections,
        "`status`: no connection left, how many are ours, how many to allow",
        "all wait, and go on",
        _HARD,
    ),
    Kind(
        "the network to an external Postgres cut for 10 s",
        _cut,
        "`status`: postgres unhealthy; runs may lose their lease",
        "all wait for it, and go on",
        _HARD,
        far=True,
    ),
)
