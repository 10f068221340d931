"""Who gets which task: the preview and the pass say the same, and a request can be taken back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.agents.deciding import AgentMode, TaskStatus
from scheduler_defs.agents.pool import agent_states
from scheduler_defs.agents.pool.flow import HOUR, flows
from scheduler_defs.agents.pool.passes import preview
from scheduler_defs.agents.task_queue.models import Held
from scheduler_defs.agents.task_queue.protocol import LostTaskError, TaskQueue
from tests.unit.agents.bench import Bench
from tests.unit.agents.yard import Yard, agent, declared, now, placed
from tests.unit.task_queue.asking import add, request


@pytest.mark.case("agents-T19")
def test_given_an_agent_of_two_queues_then_the_preview_is_what_the_passes_do_in_any_order(
    queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object
) -> None:
    shared = agent("shared", 2, queues=("qx", "qy"))
    yard = Yard(queue_engine, queue, declared(shared, agent("onlyy", queues=("qy",))))
    for name in ("qx", "qy"):
        for _ in range(3):
            add(queue, queue=name)
    previewed = [
        (placement.task, placement.agent)
        for name in ("qx", "qy")
        for placement in preview(
            queue_engine, queue, yard.declarations, name, runs=yard.runs, now=now()
        ).decided.placed
    ]
    late_first = placed(yard.look("qy"))
    really = placed(yard.look("qx")) + late_first
    assert sorted(previewed) == sorted(really) == [(1, "shared"), (2, "shared"), (4, "onlyy")]


@pytest.mark.case("agents-T19")
def test_given_an_earlier_queue_whose_sensor_is_off_then_it_keeps_no_slot_from_the_others(
    queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object
) -> None:
    from scheduler_defs.agents.pool.passes import reconcile

    yard = Yard(queue_engine, queue, declared(agent("shared", 1, queues=("qx", "qy"))))
    add(queue, queue="qx")
    second = add(queue, queue="qy")
    passed = reconcile(
        queue_engine, queue, yard.declarations, "qy", runs=yard.runs, now=now(), stopped={"qx"}
    )
    assert placed(passed) == [(second, "shared")]


def told(engine: sa.Engine, name: str, mode: AgentMode) -> None:
    with engine.begin() as connection:
        agent_states.set_mode(connection, name, mode, reason=None, actor="ann")


@pytest.mark.case("agents-G06")
@pytest.mark.parametrize("way", ["paused", "draining", "disabled", "hours", "passed over"])
def test_given_a_request_that_waits_when_its_agent_takes_no_work_then_another_agent_gets_the_task(
    queue_engine: sa.Engine, queue: TaskQueue, postgres_queue: object, way: str
) -> None:
    yard = Yard(queue_engine, queue, declared(agent("vaela")))
    id = add(queue)
    assert placed(yard.look()) == [(id, "vaela")]
    changed: dict[str, Any] = {}
    if way in ("paused", "draining"):
        told(queue_engine, "vaela", AgentMode(way))
    elif way == "disabled":
        changed = {"enabled": False}
    elif way == "hours":
        from scheduler_defs.timing import Window

        day = (now() + dt.timedelta(days=3)).strftime("%a").lower()
        changed = {"working_hours": (Window.parse(f"{day} 08:00-09:00", "UTC"),)}
    else:
        with queue_engine.begin() as connection:
            for _ in range(3):
                agent_states.note_start(connection, "vaela", failed=True, now=now())
    yard.declarations = declared(agent("vaela", **changed), agent("damien"))
    assert placed(yard.look()) == [(id, "damien")]


@pytest.mark.case("agents-G06")
def test_given_a_request_when_its_agent_is_paused_before_the_run_starts_then_nothing_is_executed(
    bench: Bench,
) -> None:
    mark = bench.folder / "mark"
    bench.declare(["touch", str(mark)])
    id = add(bench.queue)
    asked = bench.request()
    told(database.engine(), "vaela", AgentMode.PAUSED)
    run = bench.run(asked)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert "Not needed: vaela takes no work now: paused" in bench.logs(run)
    assert not mark.exists()
    task = bench.queue.get(id)
    assert (task.status, task.attempts, bench.live()) == (TaskStatus.IDLE, 0, [])


@pytest.mark.case("agents-X-stale-cli")
@pytest.mark.case("agents-G07")
@pytest.mark.parametrize("lost", ["requeued", "taken by another run"])
def test_given_a_run_that_has_lost_its_task_then_it_steers_nothing(queue: TaskQueue, lost: str) -> None:
    id, other = add(queue), add(queue)
    queue.claim(id, request("run-1"), now())
    speaking = queue.on_behalf_of(Held(id, "run-1"))
    speaking.assign(other, "vaela", author="vaela")
    queue.requeue(id, author="ann")
    if lost != "requeued":
        queue.claim(id, request("run-2"), now())
    before = queue.get(id).status
    attempts: list[Any] = [
        lambda: speaking.complete(id, author="vaela"),
        lambda: speaking.fail(id, reason="", author="vaela"),
        lambda: speaking.cancel(id, reason="", author="vaela"),
        lambda: speaking.requeue(id, author="vaela"),
        lambda: speaking.move(id, "qa", author="vaela"),
        lambda: speaking.assign(id, "vaela", author="vaela"),
        lambda: speaking.block(id, other, author="vaela"),
        lambda: speaking.complete(other, author="vaela"),
    ]
    for attempt in attempts:
        with pytest.raises(LostTaskError, match=f"this run no longer has task {id}"):
            attempt()
    assert (queue.get(id).status, queue.get(id).blocked_by) == (before, ())
    speaking.comment(id, "I was too slow", author="vaela")


@pytest.mark.case("agents-X-throughput-cli")
@pytest.mark.parametrize(("verb", "ending"), [("complete", "complete_aside"), ("fail", "failed_aside")])
def test_given_an_agent_that_ends_its_task_itself_then_it_is_counted(
    bench: Bench, verb: str, ending: str
) -> None:
    bench.python(
        f"""
        import os, subprocess, sys
        subprocess.run(
            ["signalbox", "tasks", {verb!r}, os.environ["SIGNALBOX_TASK"], "--by", "vaela"],
            check=True, env={{**os.environ, "SIGNALBOX_POSTGRES_URL": {database.engine().url.render_as_string(hide_password=False)!r}}},
        )
        """
    )
    id = add(bench.queue)
    run = bench.run()
    assert bench.queue.get(id).status is TaskStatus({"complete": "complete", "fail": "failed"}[verb])
    assert run.status is dg.DagsterRunStatus.SUCCESS
    with database.engine().connect() as connection:
        endings = connection.execute(sa.text("SELECT ending FROM signalbox.assignments")).scalars().all()
        flow = flows(connection, now() - HOUR)["dev"]
    assert endings == [ending]
    assert flow.completed == (verb == "complete")
