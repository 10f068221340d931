"""A task is given back, and its agent's slot freed, only when the command that works on it has ended."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.agents.deciding import Ending
from scheduler_defs.agents.deciding.healing import Doubtful, Remedy, RunState, examine
from scheduler_defs.agents.pool.runs import InstanceRuns
from scheduler_defs.execution.leases import leases
from scheduler_defs.execution.leases.leases import Claim
from tests.unit.execution.core.conftest import connection as connection
from tests.unit.execution.core.conftest import setting as setting
from tests.unit.execution.core.conftest import starting as starting
from tests.unit.execution.core.setting import Setting

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)


@pytest.mark.case("recovery-B10")
@pytest.mark.parametrize("end", ["deleted", "CANCELED"])
def test_given_a_run_that_is_gone_or_cancelled_then_it_works_on_until_its_lease_is_given_back(
    setting: Setting, connection: sa.Connection, starting: str, end: str
) -> None:
    runs = InstanceRuns(setting.instance, database.engine())
    claim = Claim(starting, "w1", "here", 1, "runs")
    leases.acquire_run(connection, claim, dt.timedelta(seconds=20))
    if end == "deleted":
        setting.instance.run_storage.delete_run(starting)
    else:
        setting.instance.report_run_canceled(setting.get(starting))

    assert runs.by_id([starting])[starting].state is RunState.UNFINISHED
    leases.release(connection, claim)
    found = runs.by_id([starting]).get(starting)
    assert (found.state if found else RunState.MISSING) is (
        RunState.MISSING if end == "deleted" else RunState.CANCELED
    )


def test_given_a_deleted_run_then_the_comment_says_so_and_speaks_of_no_lost_worker() -> None:
    found = examine(Doubtful(True, False, RunState.MISSING, None, NOW), NOW)
    assert (found.remedy, found.ending, found.detail) == (
        Remedy.SETTLE,
        Ending.WORKER_LOST,
        "its run was deleted",
    )
