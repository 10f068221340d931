"""The private parts of Dagster that the woken sensor loop relies on."""

from __future__ import annotations

import inspect

from dagster._daemon import controller, sensor
from dagster._daemon.daemon import SensorDaemon

from scheduler_defs.agents.task_queue.protocol import CHANNEL
from scheduler_defs.execution.dagster_patches.loops.sensors import (
    LEAST_GAP_SECONDS,
    TASK_CHANNEL,
    SignalboxSensorDaemon,
    install,
)


def test_given_dagsters_loop_then_one_look_takes_what_ours_passes() -> None:
    taken = inspect.signature(sensor.execute_sensor_iteration).parameters
    assert list(taken)[:2] == ["workspace_process_context", "logger"]
    assert {"threadpool_executor", "submit_threadpool_executor", "sensor_tick_futures"} <= set(taken)
    assert LEAST_GAP_SECONDS < sensor.MIN_INTERVAL_LOOP_TIME


def test_given_dagsters_daemon_then_it_has_the_pools_and_the_loop_that_ours_replaces() -> None:
    daemon = SensorDaemon(settings={})
    assert {"_threadpool_executor", "_submit_threadpool_executor"} <= set(vars(daemon))
    ours, theirs = (inspect.signature(kind.core_loop) for kind in (SignalboxSensorDaemon, SensorDaemon))
    assert list(ours.parameters) == list(theirs.parameters)
    assert SignalboxSensorDaemon.daemon_type() == "SENSOR"


def test_given_the_controller_when_installed_then_it_creates_ours() -> None:
    before = controller.__dict__["SensorDaemon"]
    try:
        install()
        assert "SensorDaemon(" in inspect.getsource(controller.create_daemon_of_type)
        assert controller.__dict__["SensorDaemon"] is SignalboxSensorDaemon
    finally:
        controller.__dict__["SensorDaemon"] = before


def test_given_announcements_then_the_loop_listens_where_the_tables_announce() -> None:
    assert TASK_CHANNEL == CHANNEL
