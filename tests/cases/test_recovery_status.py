"""`status` names what stands still without a word, and nothing that could not be asked."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, SensorInstigatorData

from scheduler_defs.agents.tick.memory import Memory
from scheduler_defs.alerting.channels import DeliveryError, Place
from scheduler_defs.alerting.channels import log as log_channel
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.models.base import Position
from scheduler_defs.execution.lookups.stopped_sensors import stopped_sensors
from scheduler_defs.graphql.plan import Change, differences
from scheduler_defs.graphql.transport import code_server_away
from scheduler_defs.stack.health import connections, disk, waiting
from scheduler_defs.stack.health.problems import problems
from scheduler_defs.stack.health.status import _component_problems
from scheduler_defs.stack.health.waiting import Waiting
from sensors.retries import read_cursor
from tests.unit.execution.core.conftest import connection as connection
from tests.unit.execution.core.conftest import setting as setting
from tests.unit.execution.core.setting import Setting


def statvfs(free: int, size: int, inodes_left: int = 1000, inodes: int = 1000) -> os.statvfs_result:
    return os.statvfs_result((1, 1, size, free, free, inodes, inodes_left, inodes_left, 0, 255))


GIB = 1 << 30


@pytest.mark.case("recovery-B07")
@pytest.mark.parametrize(
    ("found", "said"),
    [
        (statvfs(0, 550 << 20), "full"),
        (statvfs(20 << 20, 550 << 20), "nearly full"),
        (statvfs(200 * GIB, 250 * GIB, inodes_left=5), "5 of 1,000 inodes are left"),
        (statvfs(2 * GIB, 250 * GIB), ""),
        (statvfs(0, 0, 0, 0), ""),
    ],
)
def test_given_a_disk_that_is_short_of_something_then_it_is_named(
    found: os.statvfs_result, said: str
) -> None:
    lines = list(disk.shortages(found))
    assert len(lines) == (1 if said else 0)
    assert all(line.startswith(said) for line in lines)


@pytest.mark.case("recovery-X-status-starved")
def test_given_a_database_without_connections_then_one_line_has_the_numbers_and_nothing_is_said_of_workers(
    tmp_path: Path,
) -> None:
    refused = "connection to server failed: FATAL:  sorry, too many clients already"
    components = [
        {"name": "postgres", "state": "unhealthy", "detail": refused},
        {"name": "worker-runs", "state": "healthy", "detail": "not known: the database does not answer"},
    ]
    (line,) = _component_problems(components, "postgresql://h/d", "no such stack")
    assert "no connection left; 0 are held by this stack's 0 processes on this host. Allow for 20" in line
    assert connections.is_exhausted("remaining connection slots are reserved for roles with ...")

    (tmp_path / "config").mkdir()
    where = type("Where", (), {"config": tmp_path / "config", "state": tmp_path})()
    assert not [said for said in problems(where, "postgresql://nobody", None) if "no worker" in said]  # type: ignore[arg-type]


@pytest.mark.case("ui-UI-17")
@pytest.mark.case("recovery-Q06")
@pytest.mark.case("attack-c2-dead-worker-beats")
def test_given_runs_that_nobody_takes_then_their_queue_or_they_themselves_are_named() -> None:
    found = Waiting({"gpu_typo": 2, "runs": 1, "declared": 1}, {"run-1": 59})
    assert waiting.waiting_problems(found, {"runs"}, ["declared"]) == [
        "queue gpu_typo: no worker serves it; 2 runs wait",
        "run run-1: sent out 59 times, and no worker took it",
    ]


@pytest.mark.case("recovery-Q06")
def test_the_database_tells_of_waiting_runs(setting: Setting) -> None:
    run_id = setting.run("QUEUED", tags={"dagster-celery/queue": "gpu_typo"})
    for _ in range(waiting.TAKEN_BY_NOBODY):
        setting.instance.report_engine_event(
            "Back in the queue: no worker took it within 15 seconds.", setting.get(run_id)
        )
    found = waiting.read(os.environ["SIGNALBOX_POSTGRES_URL"])
    assert found == Waiting({"gpu_typo": 1}, {run_id: waiting.TAKEN_BY_NOBODY})


@pytest.mark.case("ui-UI-19")
def test_a_sensor_that_was_stopped_is_known_from_what_dagster_keeps(
    setting: Setting, connection: sa.Connection
) -> None:
    for name, status in (("retries", InstigatorStatus.STOPPED), ("other", InstigatorStatus.RUNNING)):
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("signalbox"), "__repository__"), name
        )
        setting.instance.add_instigator_state(
            InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData(min_interval=5))
        )
    assert stopped_sensors(connection) == {"retries"}


@pytest.mark.case("ui-UI-19")
def test_given_stopped_sensors_of_ours_then_status_says_what_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scheduler_defs.declarations.models.declared import Declarations
    from scheduler_defs.stack.health import checks, switches

    monkeypatch.setattr(checks, "rows", lambda *_: [("retries",), ("somebody_elses",)])
    (line,) = switches.switch_problems("postgresql://nobody", Declarations())
    assert line.startswith("sensor retries is stopped: no failed run is tried again;")
    assert "apply --reset-state" in line


@pytest.mark.case("ui-UI-19")
@pytest.mark.parametrize(
    "text",
    [
        "retention: {automatic: false}\n",
        """
jobs: {release: {steps: {build: {command: [make]}, deploy: {command: [make], needs: [build], approve: yes}}}}
schedules: {s: {job: release, cron: "0 2 * * *", heartbeat_env: BEAT}}
agents: {vaela: {queue: hard.to-say, command: [echo]}}
audit: {checkpoints: [{to: /mnt/x}]}
""",
        "alerts: {channels: {book: {type: log}}}\n",
    ],
)
def test_given_any_declarations_then_it_is_known_what_stands_still_without_each_sensor(
    tmp_path: Path, text: str
) -> None:
    from scheduler_defs.assembly import build
    from scheduler_defs.declarations import load
    from scheduler_defs.stack.health.switches import engine_sensors

    (tmp_path / "a.yaml").write_text(text)
    found = load(tmp_path)
    assert found.problems == ()
    declared = found.declarations
    assert {sensor.name for sensor in build(declared).sensors or ()} == set(engine_sensors(declared))


@pytest.mark.case("ui-UI-19")
def test_given_a_stopped_sensor_then_the_plan_names_it() -> None:
    from scheduler_defs.declarations.models.declared import Declarations

    (found,) = differences(
        Declarations(), {}, frozenset(), {}, dt.datetime.now(dt.UTC), frozenset({"retries"})
    )
    assert (found.kind, found.name, found.change) == ("sensor", "retries", Change.SWITCHED_OFF)


@pytest.mark.parametrize("cursor", ["rubbish", "{", '{"swept": 5}', '{"numbers": 7}', "[]", '{"x": 1}'])
def test_given_a_cursor_that_cannot_be_read_then_it_is_dropped_with_a_line_in_the_log(
    cursor: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Memory.read(cursor) == Memory()
    read_cursor(cursor)
    assert "begun anew" in caplog.text
    assert "begins anew" in caplog.text


@pytest.mark.case("recovery-X-away")
def test_given_a_webserver_whose_code_server_is_away_then_the_answer_is_one_line() -> None:
    answer = {
        "data": {
            "schedulesOrError": {
                "__typename": "PythonError",
                "message": "dagster._core.errors.DagsterUserCodeUnreachableError: Could not reach user code server\n",
            }
        }
    }
    assert "Could not reach" in str(code_server_away(json.dumps(answer)))
    assert code_server_away('{"data": {"x": {"message": "something else"}}}') is None


@pytest.mark.case("recovery-X-alert-line")
def test_given_a_line_that_was_written_by_half_then_it_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = Channel(name="book", source=Position(file="alerts.yaml", line=1, column=1), type="log")
    place = _place(tmp_path)
    log_channel.send(channel, {"id": 1}, place)

    def full(self: object, record: object) -> None:
        with (tmp_path / log_channel.FILE).open("a") as file:
            file.write('{"id": 2, "co')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log_channel.logging.FileHandler, "emit", full)
    with pytest.raises(DeliveryError, match="No space left"):
        log_channel.send(channel, {"id": 2}, place)
    monkeypatch.undo()
    log_channel.send(channel, {"id": 2}, place)
    lines = (tmp_path / log_channel.FILE).read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2]


def _place(folder: Path) -> Place:
    return Place(folder, folder, {})
