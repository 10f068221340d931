"""The last run of a schedule, also of one whose runs were deleted: the ledger outlives them."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from scheduler_defs import database, tags
from scheduler_defs.evaluation.records import last_runs
from tests.unit.execution.core.conftest import setting
from tests.unit.execution.core.setting import Setting

__all__ = ["setting"]
DUE = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
LINE = sa.text(
    "INSERT INTO signalbox.occurrences (schedule, due, outcome, run_id, created_at, status, decided_at, decided_by)"
    " VALUES (:schedule, :due, 'launched', :run, :due, :status, :due, 'd')"
)


def line(schedule: str, run: str, due: dt.datetime, status: str | None) -> None:
    with database.engine().begin() as connection:
        connection.execute(LINE, {"schedule": schedule, "run": run, "due": due, "status": status})


def last(*names: str) -> dict[str, tuple[str, str, str | None]]:
    found = last_runs(database.engine(), names)
    return {
        name: (run["run_id"], run["status"], run["scheduled_for"] and f"{moment(run['scheduled_for']):%H:%M}")
        for name, run in found.items()
    }


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


@pytest.mark.usefixtures("setting")
def test_given_a_schedule_whose_runs_are_gone_then_the_ledger_says_how_the_last_one_ended() -> None:
    line("nightly", "before", DUE - dt.timedelta(hours=1), "SUCCESS")
    line("nightly", "gone", DUE, "FAILURE")
    line("nightly", "deleted-while-it-ran", DUE + dt.timedelta(hours=1), "STARTED")
    assert last("nightly", "never") == {"nightly": ("gone", "FAILURE", "08:00")}


def test_given_a_run_that_is_there_then_it_is_the_last(setting: Setting) -> None:
    line("nightly", "gone", DUE, "FAILURE")
    first = setting.run("SUCCESS", tags={tags.SCHEDULE: "nightly"})
    second = setting.run("STARTED", tags={tags.SCHEDULE: "nightly", tags.SCHEDULED_FOR: DUE.isoformat()})
    assert first != second
    assert last("nightly") == {"nightly": (second, "STARTED", "08:00")}
