"""Minutes in which nobody looks at the clock: afterwards each schedule does what its `catch_up` promises."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from scheduler_defs import tags
from tests.chaos import faults
from tests.chaos.conftest import Strike
from tests.chaos.reading import MINUTE, read
from tests.chaos.yard import SCHEDULES, Yard, running_yard
from tests.integration.running_stack import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]
# The tick of a minute is made within this time of it, when somebody is there.
TICKED = dt.timedelta(seconds=20)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A stack that has seen a minute come."""
    with running_yard(tmp_path_factory.mktemp("chaos") / "yard", long_seconds=20, slots=6) as started:
        until(lambda: all(launched(started).values()), "a first run of each schedule", 120)
        yield started


@pytest.mark.parametrize(
    ("minutes", "killed"), [(1, False), (5, True)], ids=["frozen over one", "down for five"]
)
def test_given_a_daemon_that_is_away_over_due_minutes_then_the_schedules_catch_up_as_declared(
    yard: Yard, strike: Strike, minutes: int, killed: bool
) -> None:
    missed: list[dt.datetime] = []

    def outage(_: Yard) -> None:
        wait_until(next_minute() - MINUTE + TICKED)
        with faults.frozen_daemon(yard) as daemon:
            missed.extend(next_minute() + n * MINUTE for n in range(minutes))
            wait_until(missed[-1] + TICKED)
            if killed:
                daemon.kill()

    strike(yard, outage)
    runs = launched(yard)
    assert runs["each_all"] >= set(missed)
    assert runs["each_latest"] & set(missed) == {missed[-1]}
    # In time is what is no more than two minutes late.
    assert runs["each_none"] & set(missed) <= {missed[-1]}


def launched(yard: Yard) -> dict[str, set[dt.datetime]]:
    """The occurrences of each schedule that have a run."""
    found: dict[str, set[dt.datetime]] = {name: set() for name in SCHEDULES}
    for run in read(yard, dt.datetime.now(dt.UTC)).runs:
        if tags.SCHEDULE in run.tags:
            found[run.tags[tags.SCHEDULE]].add(dt.datetime.fromisoformat(run.tags[tags.SCHEDULED_FOR]))
    return found


def next_minute() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(second=0, microsecond=0) + MINUTE


def wait_until(instant: dt.datetime) -> None:
    """The clock is what this is about: nothing else tells that a minute has passed."""
    time.sleep(max(0.0, (instant - dt.datetime.now(dt.UTC)).total_seconds()))
