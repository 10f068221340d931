"""Which workers a stack starts, and when it is ready."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler_defs.settings import settings
from scheduler_defs.stack.components import plan
from scheduler_defs.stack.components.queues import Queues
from scheduler_defs.stack.machine import folders
from scheduler_defs.stack.supervising.minder import Minder
from scheduler_defs.stack.supervising.one_shot import OneShots
from scheduler_defs.stack.supervising.supervisor import Supervisor


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor whose components are ready at once, without being started."""
    folder = Path(tempfile.mkdtemp(prefix="sb-staff-"))
    given = {
        "SIGNALBOX_STATE": str(folder),
        "SIGNALBOX_CONFIG": str(folder),
        "SIGNALBOX_POSTGRES_URL": "postgresql://db.example/yard",
        "SIGNALBOX_BROKER_URL": "amqp://mq.example//",
    }
    folders.create_state(folder)
    made = plan.make(settings(given), plan.Options())

    async def mind(minder: Minder) -> None:
        minder.ready.set()

    monkeypatch.setattr(Minder, "mind", mind)
    yield Supervisor(made, lambda _: None)
    made.close()
    shutil.rmtree(folder)


def test_given_jobs_without_steps_then_it_is_ready_without_a_worker_for_them_which_comes_when_needed(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [b'{"runs": ["runs"], "steps": []}', b'{"runs": ["runs"], "steps": ["steps"]}']

    async def ask(_shots: OneShots, _name: str, _module: str) -> bytes:
        return said.pop(0)

    monkeypatch.setattr(OneShots, "run", ask)

    async def story() -> None:
        async with asyncio.TaskGroup() as tasks:
            ready = tasks.create_task(supervisor._announce_readiness())
            for name, event in supervisor._context.ready.items():
                if not name.startswith("worker"):
                    event.set()
            served = await supervisor._staff(tasks, Queues((), ()), "")
            await asyncio.wait_for(ready, 10)
            assert "worker-steps" not in supervisor._minders
            served = await supervisor._staff(tasks, served, "-2")
            assert served == Queues(("runs",), ("steps",))
            assert "worker-steps-2" in supervisor._minders

    asyncio.run(story())
