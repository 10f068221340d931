"""Whatever door a change comes through, the storages and the coordinator write down who did what."""

from __future__ import annotations

import datetime as dt
import sys

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData

from scheduler_defs import database
from scheduler_defs.audit.entries import Acting, Channel, acting_as
from scheduler_defs.audit.store import Query, read
from scheduler_defs.evaluation.facts.pauses import pause, resume
from scheduler_defs.execution.audit_entries import record_launch
from tests.unit.execution.core.conftest import setting
from tests.unit.execution.core.setting import Setting

__all__ = ["setting"]

ORIGIN = RemoteInstigatorOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("yard"), "__repository__"), "nightly"
)
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def in_the_webserver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests of this process load the daemon."""
    monkeypatch.delitem(sys.modules, "dagster._daemon.controller", raising=False)


def recorded() -> list[tuple[str, str, str, str]]:
    with database.engine().connect() as connection:
        found = reversed(read(connection, Query()))
        return [(entry.actor, entry.channel, entry.action, entry.subject) for entry in found]


def state(status: InstigatorStatus) -> InstigatorState:
    return InstigatorState(ORIGIN, InstigatorType.SCHEDULE, status, ScheduleInstigatorData("* * * * *", 0.0))


def test_given_a_switch_in_dagsters_ui_then_it_is_recorded_and_a_cursor_that_moves_is_not(
    setting: Setting,
) -> None:
    schedules = setting.storage.schedule_storage
    with acting_as(Acting("ada", Channel.UI)):
        schedules.add_instigator_state(state(InstigatorStatus.RUNNING))
        schedules.update_instigator_state(state(InstigatorStatus.RUNNING))
        schedules.update_instigator_state(state(InstigatorStatus.STOPPED))
    assert recorded() == [
        ("ada", "ui", "schedule.switched_on", "schedule:nightly"),
        ("ada", "ui", "schedule.switched_off", "schedule:nightly"),
    ]


def test_given_a_daemon_when_it_writes_states_then_it_has_switched_nothing(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dagster._daemon.controller", dg)
    schedules = setting.storage.schedule_storage
    schedules.add_instigator_state(state(InstigatorStatus.DECLARED_IN_CODE))
    schedules.update_instigator_state(state(InstigatorStatus.DECLARED_IN_CODE))
    assert recorded() == []


def test_given_launches_then_each_is_by_whom_it_was_asked(setting: Setting) -> None:
    asked = (
        {"signalbox/trigger": "schedule", "signalbox/schedule": "nightly"},
        {"signalbox/trigger": "run_now", "signalbox/schedule": "nightly", "signalbox/actor": "bob"},
        {"signalbox/trigger": "agent_queue", "signalbox/queue": "dev"},
    )
    with database.engine().begin() as connection:
        for tags in asked:
            record_launch(connection, dg.DagsterRun(job_name="line", tags=dict(tags)))
    assert [(actor, channel) for actor, channel, _, _ in recorded()] == [
        ("schedule:nightly", "system"),
        ("bob", "graphql"),
        ("queue:dev", "system"),
    ]


def test_given_a_deleted_run_then_the_audit_still_knows_of_it(setting: Setting) -> None:
    run_id = setting.run("SUCCESS")
    with acting_as(Acting("ada", Channel.UI)):
        setting.instance.delete_run(run_id)
    assert recorded() == [("ada", "ui", "run.deleted", f"run:{run_id}")]


def test_given_a_pause_and_its_end_then_both_are_recorded_once(setting: Setting) -> None:
    engine = database.engine()
    for _ in range(2):
        pause(engine, "nightly", actor="ada", now=NOW, reason="holidays")
    for _ in range(2):
        resume(engine, "nightly", now=NOW, actor="bob")
    assert [entry[0::2] for entry in recorded()] == [("ada", "schedule.paused"), ("bob", "schedule.resumed")]
