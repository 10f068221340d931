"""One tick of an agent queue's sensor: what it asks for, what it says, what it remembers."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from resources import DatabaseResource, TaskQueueResource
from scheduler_defs import database
from scheduler_defs.agents.pool.assignments import AssignmentEnding, end
from scheduler_defs.agents.task_queue.protocol import TaskQueueDownError
from scheduler_defs.agents.tick.memory import Memory
from scheduler_defs.agents.tick.numbers import asset_key
from scheduler_defs.agents.tick.tick import tick
from scheduler_defs.declarations.models.settings.retention import Retention
from tests.standins.tinytask import TinyTaskServer
from tests.unit.agents.bench import Bench
from tests.unit.agents.yard import now
from tests.unit.task_queue.asking import add


def ticked(bench: Bench, cursor: str | None = None, at: dt.datetime | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=bench.instance, cursor=cursor)
    task_queue = TaskQueueResource.declared(bench.declarations.task_queue).open()
    engine = DatabaseResource().engine()
    return tick(bench.declarations, "dev", context, at or now(), engine, task_queue)


def requests(result: dg.SensorResult) -> list[dg.RunRequest]:
    return [request for request in result.run_requests or () if isinstance(request, dg.RunRequest)]


def observed(result: dg.SensorResult) -> list[dict[str, Any]]:
    events = [event for event in result.asset_events if isinstance(event, dg.AssetObservation)]
    assert all(event.asset_key == asset_key("dev") for event in events)
    return [{label: value.value for label, value in event.metadata.items()} for event in events]


def test_given_tasks_when_ticked_then_a_run_is_asked_for_and_the_numbers_are_shown(bench: Bench) -> None:
    first = add(bench.queue)
    second = add(bench.queue, blocked_by=(first,))
    result = ticked(bench)
    (asked,) = requests(result)
    assert asked.run_key == f"task:{bench.queue.backend}:{first}:1"
    (numbers,) = observed(result)
    assert (numbers["ready"], numbers["blocked"], numbers["working"]) == (1, 1, 1)
    assert {"oldest_seconds", "completed_last_hour", "placed", "put_right", "dead_lettered"} <= set(numbers)
    memory = Memory.read(result.cursor)
    assert memory.last.startswith("placed 1; working 0; idle 2 (1 blocked, 0 for later)")
    again = ticked(bench, result.cursor)
    assert requests(again) == []
    assert isinstance(again.skip_reason, dg.SkipReason)
    assert "vaela 1/1" in (again.skip_reason.skip_message or "")
    assert bench.queue.get(second).blocked


def test_given_nothing_new_when_ticked_again_then_the_numbers_are_not_observed_again(bench: Bench) -> None:
    first = ticked(bench)
    soon = ticked(bench, first.cursor)
    assert (len(observed(first)), observed(soon)) == (1, [])
    add(bench.queue)
    later = ticked(bench, soon.cursor, at=now() + dt.timedelta(seconds=16))
    assert len(observed(later)) == 1


@pytest.mark.parametrize("cursor", ["", "not JSON", "[1]", '{"unknown": 1}'])
def test_given_a_cursor_that_cannot_be_read_when_ticked_then_it_begins_anew(
    bench: Bench, cursor: str
) -> None:
    add(bench.queue)
    assert len(requests(ticked(bench, cursor))) == 1


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
def test_given_a_server_that_is_down_when_ticked_then_the_tick_fails_and_names_it(
    bench: Bench, tinytask_server: TinyTaskServer
) -> None:
    """W9: a server that was down looked like an empty queue."""
    tinytask_server.down()
    with pytest.raises(TaskQueueDownError, match=f"the task queue at {tinytask_server.url} does not answer"):
        ticked(bench)


@pytest.mark.parametrize("queue", ["tinytask"], indirect=True)
def test_given_a_ring_in_the_server_when_ticked_then_every_tick_reports_it_until_it_is_gone(
    bench: Bench, tinytask_server: TinyTaskServer
) -> None:
    ids = [add(bench.queue) for _ in range(3)]
    for task, blocker in zip(ids, (ids[1], ids[2], ids[0]), strict=True):
        tinytask_server.store.update(task, {"blocked_by_task_id": blocker})
    cursor = None
    for _ in range(3):
        result = ticked(bench, cursor)
        cursor = result.cursor
        said = result.skip_reason.skip_message if isinstance(result.skip_reason, dg.SkipReason) else ""
        ring = " -> ".join(map(str, (*ids, ids[0])))
        assert f"cycle {ring}: unblock one of them" in (said or "")
        memory = Memory.read(cursor)
        assert [list(found) for found in memory.cycles] == [[*ids, ids[0]]]
        assert list(memory.faults) == [f"cycle {ring}: unblock one of them"]
    bench.queue.unblock(ids[0], None, author="ann")
    memory = Memory.read(ticked(bench, cursor).cursor)
    assert (list(memory.cycles), list(memory.faults)) == ([], [])


def test_given_assignments_that_ended_long_ago_when_ticked_then_those_of_tasks_at_rest_are_forgotten(
    bench: Bench,
) -> None:
    done, running = add(bench.queue), add(bench.queue)
    bench.run()
    request = bench.request()
    with database.engine().begin() as connection:
        end(connection, request.run_key, AssignmentEnding.NEVER_STARTED, now())
        connection.execute(
            sa.text("UPDATE signalbox.assignments SET ended_at = ended_at - CAST(:kept AS interval)"),
            {"kept": Retention().assignments + dt.timedelta(days=1)},
        )
    bench.queue.claim(running, _claim(bench), now())
    recent = Memory(forgot=now().isoformat()).__dict__
    ticked(bench, json.dumps(recent))
    assert _assigned() >= {done}
    ticked(bench)
    assert done not in _assigned()
    if bench.queue.backend == "postgres":
        assert running in _assigned()


def _claim(bench: Bench) -> Any:
    from scheduler_defs.agents.deciding.claiming import ClaimRequest

    return ClaimRequest("run-1", "vaela", "dev", 3)


def _assigned() -> set[int]:
    with database.engine().connect() as connection:
        return set(connection.execute(sa.text("SELECT task_id FROM signalbox.assignments")).scalars())


@pytest.mark.case("recovery-X2")
def test_given_a_preview_in_the_ui_then_it_says_what_would_be_placed_and_reserves_nothing(
    bench: Bench,
) -> None:
    task = add(bench.queue)
    context = dg.build_sensor_context(instance=bench.instance, cursor="as it was")
    context._log_key = ["signalbox", "agent_queue_dev", "20260302_100000"]
    task_queue = TaskQueueResource.declared(bench.declarations.task_queue).open()
    result = tick(bench.declarations, "dev", context, now(), DatabaseResource().engine(), task_queue)
    assert requests(result) == []
    assert result.cursor == "as it was"
    assert isinstance(result.skip_reason, dg.SkipReason)
    assert (result.skip_reason.skip_message or "").startswith(f"would place {task} with vaela")
    with database.engine().connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM signalbox.assignments")).scalar_one() == 0
    (asked,) = requests(ticked(bench))
    assert asked.run_key == f"task:{bench.queue.backend}:{task}:1"
