"""What waits for its jitter, or for a slot, waits in the ledger: whoever dies meanwhile, it runs once, and in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from scheduler_defs.evaluation.facts.known_runs import KnownRun, Stage
from scheduler_defs.ledger.lines import waiting
from scheduler_defs.timing import Policies, jitter_delay
from tests.cases.ticking import Yard, at, due, ids, schedule

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def yard(dagster_url: str) -> Iterator[Yard]:
    engine = sa.create_engine(dagster_url)
    yield Yard(engine)
    engine.dispose()


def looked_at(yard: Yard) -> dt.datetime:
    """When a daemon that has just started looks at it next."""
    return dt.datetime.fromtimestamp(waiting(yard.engine)["s"].since, dt.UTC)


@pytest.mark.case("recovery-B04")
def test_given_an_occurrence_that_waits_for_its_jitter_when_all_are_killed_then_it_runs_once_in_its_minute(
    yard: Yard,
) -> None:
    jitter = dt.timedelta(minutes=20)
    what = schedule(policies=Policies(jitter=jitter))
    yard.serve(what, since=at(8, 30))
    assert due(yard.tick(what, at(9))) == []
    yard.restart()
    begins = at(9) + jitter_delay("s", at(9), jitter)
    assert looked_at(yard) == begins
    minute = begins.replace(second=0) + MINUTE
    first = yard.evaluate(what, minute)
    assert due(first) == ["09:00"]
    yard.restart()
    again = yard.tick(what, minute + MINUTE)
    assert ids(again) == ids(first), "killed before the run was made: the same run is asked for"
    yard.restart()
    assert due(yard.tick(what, at(10))) == []
    assert [row for row in yard.rows() if row[0] == "09:00"] == [("09:00", "launched", "waited")]


@pytest.mark.case("recovery-B04")
@pytest.mark.parametrize("limit", ["max_per_job", "max_global"])
def test_given_an_occurrence_that_waits_for_a_slot_when_all_are_killed_then_it_runs_once_when_there_is_one(
    yard: Yard, limit: str
) -> None:
    more: dict[str, Any] = {limit: 1}
    what = schedule(**more)
    yard.serve(what, since=at(8, 30))
    yard.active = [KnownRun("r", "report", "other", None, Stage.RUNNING)]
    assert due(yard.tick(what, at(9))) == []
    yard.restart()
    assert looked_at(yard) <= at(9, 6)
    assert due(yard.tick(what, at(9, 1))) == []
    yard.restart()
    yard.active = [KnownRun("r", "report", "other", None, Stage.ENDED)]
    first = yard.evaluate(what, at(9, 2))
    assert due(first) == ["09:00"]
    yard.restart()
    again = yard.tick(what, at(9, 3))
    assert ids(again) == ids(first)
    yard.restart()
    assert due(yard.tick(what, at(10))) == ["10:00"]
    assert [row[1] for row in yard.rows()] == ["launched", "launched"]
