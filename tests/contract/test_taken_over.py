"""The database of a stock Dagster instance: taken over with its history, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster_postgres import DagsterPostgresStorage

from scheduler_defs import database
from scheduler_defs.database.migrate import upgrade
from scheduler_defs.execution.storage.pool import PoolOptions, pooled_engine
from scheduler_defs.execution.storage.postgres import SignalboxStorage
from tests.conftest import fresh_database
from tests.unit.execution.core.setting import instance_over


@contextmanager
def opened(storage: Any, folder: Path, name: str) -> Iterator[dg.DagsterInstance]:
    folder = folder / name
    folder.mkdir()
    with instance_over(storage, folder) as instance:
        yield instance


def ran(instance: dg.DagsterInstance, name: str) -> str:
    """A run that has been and gone, with a line in its log."""
    run = dg.DagsterRun(job_name=name, status=dg.DagsterRunStatus.STARTED, tags={"by": name})
    instance.add_run(run)
    instance.report_engine_event(f"a word of {name}", run)
    ended = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, name)
    instance.report_dagster_event(ended, run.run_id)
    return run.run_id


def told(instance: dg.DagsterInstance) -> dict[str, tuple[str, bool]]:
    """Of each run, by job: its status, and whether its log is there."""
    return {
        run.job_name: (
            run.status.value,
            any(f"a word of {run.job_name}" in log.message for log in instance.all_logs(run.run_id)),
        )
        for run in instance.get_runs()
    }


def test_given_a_stock_instances_database_then_it_is_taken_over_with_its_history_and_can_be_given_back(
    postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = ("SUCCESS", True)
    with fresh_database(postgres_server) as url:
        with opened(DagsterPostgresStorage(url), tmp_path, "stock") as stock:
            ran(stock, "before")
        monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", url)
        monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
        engine = sa.create_engine(url)
        upgrade(engine)
        engine.dispose()
        with opened(SignalboxStorage(url), tmp_path, "ours") as ours:
            assert told(ours) == {"before": good}
            ran(ours, "meanwhile")
        pooled_engine(PoolOptions(url)).dispose()
        database.engine().dispose()
        with opened(DagsterPostgresStorage(url), tmp_path, "back") as stock:
            assert told(stock) == {"before": good, "meanwhile": good}
            ran(stock, "after")
            assert told(stock) == {"before": good, "meanwhile": good, "after": good}
