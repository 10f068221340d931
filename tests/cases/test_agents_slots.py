"""Agents' runs have a queue of their own, with as many slots as their limits come to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from scheduler_defs import tags
from scheduler_defs.agents.launching import for_task
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.cli.main import build
from scheduler_defs.declarations import load
from scheduler_defs.execution.queue import capacity
from scheduler_defs.execution.queue.capacity import agent_slots, too_few_slots
from scheduler_defs.stack.components.queues import Queues, declared_queues
from scheduler_defs.stack.health.problems import unserved
from scheduler_defs.stack.supervising.one_shot import OneShots
from scheduler_defs.stack.supervising.supervisor import Supervisor
from tests.unit.agents.test_cli import Signalbox
from tests.unit.agents.test_cli import signalbox as signalbox
from tests.unit.agents.yard import Yard, agent, declared
from tests.unit.stack.test_staff import supervisor as supervisor
from tests.unit.task_queue.asking import add

GIGABYTE = 1024**3
FIVE = "agents:\n" + "".join(f"  a{n}: {{queue: dev, command: ['true']}}\n" for n in range(5))


@pytest.mark.case("agents-X-slots")
def test_given_agents_then_their_runs_go_to_their_own_queue_unless_they_name_one(tmp_path: Path) -> None:
    assert tags_of()[tags.CELERY_QUEUE] == "agents"
    assert tags_of(celery_queue="gpu")[tags.CELERY_QUEUE] == "gpu"
    (tmp_path / "agents.yaml").write_text(FIVE + "  b: {queue: dev, command: ['true'], celery_queue: gpu}\n")
    found = declared_queues(load(tmp_path).declarations)
    assert found == Queues(("runs", "gpu"), (), 5)
    assert unserved(found, ["runs", "gpu"]) == ["queue agents: no worker serves it; its runs wait"]
    assert unserved(found, ["runs", "gpu", "agents"]) == []


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        (("runs",), Queues(("runs",), ("steps",))),
        (("runs", "agents"), Queues(("runs",), ("steps",), 5)),
        (("agents",), Queues(("agents",), ("steps",))),
    ],
)
def test_given_queues_by_name_then_the_agents_are_served_only_where_theirs_is_among_them(
    asked: tuple[str, ...], served: Queues
) -> None:
    assert Queues(("runs", "gpu"), ("steps",), 5).only(asked) == served


@pytest.mark.parametrize(
    ("limits", "processors", "memory", "slots"),
    [(5, 2, 8, 5), (40, 2, 64, 16), (40, 16, 4, 8), (0, 2, 8, 1), (3, 1, 0, 1)],
)
def test_given_limits_then_the_slots_follow_them_as_far_as_the_machine_goes(
    limits: int, processors: int, memory: int, slots: int
) -> None:
    found = agent_slots(limits, processors, memory * GIGABYTE)
    assert found == slots
    assert (too_few_slots(limits, found) is None) == (slots >= limits)


@pytest.mark.case("agents-X-slots")
def test_given_a_machine_that_is_too_small_then_check_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agents.yaml").write_text(FIVE)
    monkeypatch.setattr(capacity, "agent_slots_here", lambda limits: min(limits, 2))
    said = CliRunner().invoke(build(["check"]), ["check", "--config", str(tmp_path)])
    assert said.exit_code == 0, said.output
    assert (
        "the agents' limits come to 5, and this machine has slots for 2 of their runs at once" in said.output
    )


@pytest.mark.case("agents-X-slots")
def test_given_limits_that_grow_then_a_worker_with_the_further_slots_is_added(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [b'{"runs": ["runs"], "steps": [], "limits": %d}' % limits for limits in (2, 1, 5)]

    async def ask(_shots: OneShots, _name: str, _module: str) -> bytes:
        return said.pop(0)

    monkeypatch.setattr(OneShots, "run", ask)
    module = "scheduler_defs.stack.supervising.supervisor"
    monkeypatch.setattr(f"{module}.agent_slots_here", lambda limits: min(limits, 4))

    async def story() -> None:
        async with asyncio.TaskGroup() as tasks:
            served = Queues((), ())
            for suffix in ("", "-2", "-3"):
                served = await supervisor._staff(tasks, served, suffix)

    asyncio.run(story())
    workers = {
        name: minder.component for name, minder in supervisor._minders.items() if name.startswith("worker-a")
    }
    assert list(workers) == ["worker-agents", "worker-agents-3"]
    slots = [each.argv[each.argv.index("--autoscale") + 1] for each in workers.values() if each.argv]
    assert slots == ["2,0", "2,0"]
    assert workers["worker-agents"].address == "queues agents"
    assert workers["worker-agents-3"].address.startswith("queues agents; the agents' limits come to 5")


def tags_of(**fields: Any) -> Any:
    launch = for_task(
        agent(**fields), backend="postgres", queue="dev", task=1, run_key="k", attempt=1, max_attempts=3
    )
    return launch.tags


@pytest.mark.case("agents-X-slots")
@pytest.mark.parametrize("queue", ["postgres"], indirect=True)
def test_given_agents_with_requests_then_the_list_tells_them_from_what_runs(
    signalbox: Signalbox, queue: TaskQueue, queue_engine: sa.Engine
) -> None:
    add(queue)
    add(queue)
    yard = Yard(queue_engine, queue, declared(agent("vaela", 2)))
    first, _second = yard.look().requests
    yard.begin(first, "run-1")
    code, found, _ = signalbox("agents", "list", "--json")
    (row,) = [each for each in found if each["name"] == "vaela"]
    assert (code, row["active"], row["running"], row["requested"], row["limit"]) == (0, 2, 1, 1, 2)
