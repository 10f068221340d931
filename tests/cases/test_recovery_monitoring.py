"""Dagster's run monitoring never meets a run that is starting and has no time of it."""

from __future__ import annotations

import logging

import pytest
from dagster._daemon.monitoring.run_monitoring import monitor_starting_run

from scheduler_defs.execution.queue.launch import claim, storage_connection
from tests.unit.execution.core.setting import Setting


@pytest.mark.case("recovery-X-monitor-trace")
@pytest.mark.case("commands-X-monitor-race")
@pytest.mark.parametrize("in_pass", [False, True])
def test_given_a_run_that_was_just_taken_from_the_queue_then_monitoring_knows_since_when(
    setting: Setting, in_pass: bool
) -> None:
    run_id = setting.run("QUEUED")
    with storage_connection(setting.instance) as connection:
        number = None
        if in_pass:
            number = connection.exec_driver_sql("SELECT number FROM signalbox.queue_pass").scalar_one()
        (taken,) = claim(setting.instance, connection, [run_id], number)
    assert taken.run_id == run_id
    record = setting.instance.get_run_record_by_id(run_id)
    assert record is not None and record.dagster_run.status.value == "STARTING"
    # As the daemon asks: with the time missing, it raises CheckError.
    monitor_starting_run(setting.instance, record, logging.getLogger(__name__))
    assert setting.status(run_id) == "STARTING"


@pytest.mark.case("recovery-X-monitor-trace")
def test_given_a_run_that_came_back_and_was_taken_again_then_the_later_time_counts(setting: Setting) -> None:
    from scheduler_defs.execution.queue.launch import put_back

    run_id = setting.run("QUEUED")
    for _ in range(2):
        with storage_connection(setting.instance) as connection:
            assert len(claim(setting.instance, connection, [run_id])) == 1
        assert setting.instance.get_run_stats(run_id).launch_time is not None
        put_back(setting.instance, run_id, "nobody took it")
    assert setting.status(run_id) == "QUEUED"
