"""A yard's files over a task queue, and its agent job, executed in this process or in one to be killed."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from resources import declared_resources
from scheduler_defs import database
from scheduler_defs.agents.launching import for_landing
from scheduler_defs.agents.pool import assignments
from scheduler_defs.agents.pool.assignments import Assignment
from scheduler_defs.agents.pool.passes import Pass, reconcile
from scheduler_defs.agents.task_queue.opening import open_task_queue
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.agents.tick.requests import run_request
from scheduler_defs.agents.working.job import agent_task
from scheduler_defs.agents.working.landing.job import agent_landing
from scheduler_defs.declarations import current
from scheduler_defs.declarations.models.declared import Declarations
from tests.standins.task_queues import close_task_queues
from tests.unit.agents.yard import KnownRuns, now


class Bench:
    """A yard's files, a task queue, and the job over it."""

    def __init__(self, folder: Path, backend: str, url: str | None) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.config.mkdir()
        (folder / "recipes").mkdir()
        self.head: dict[str, Any] = {"task_queue": {"backend": backend, **({"url": url} if url else {})}}
        self.instance = dg.DagsterInstance.ephemeral()
        self.runs = KnownRuns()
        self.declare([sys.executable, "-c", "pass"])

    def declare(self, command: list[str], **fields: Any) -> None:
        agent = {"queue": "dev", "command": command, "retries": {"max_attempts": 3, "backoff": "none"}}
        document = {**self.head, "agents": {"vaela": {**agent, **fields}}}
        (self.config / "agents.yaml").write_text(json.dumps(document))  # JSON is YAML

    def python(self, code: str, *arguments: str, **fields: Any) -> None:
        script = self.folder / "agent.py"
        script.write_text(textwrap.dedent(code))
        self.declare([sys.executable, str(script), *arguments], **fields)

    @property
    def declarations(self) -> Declarations:
        found = current(self.config, self.folder / "state")
        assert found.problems == ()
        return found.declarations

    @property
    def queue(self) -> TaskQueue:
        return open_task_queue(self.declarations.task_queue)

    def look(self) -> Pass:
        """A pass, with the runs that the test has made known."""
        return reconcile(
            database.engine(), self.queue, self.declarations, "dev", runs=self.runs, now=now(), sweep=True
        )

    def request(self) -> Assignment:
        (request,) = self.look().requests
        return request

    def run(self, request: Assignment | None = None) -> dg.DagsterRun:
        wanted = run_request(self.declarations, request or self.request())
        assert wanted is not None
        result = agent_task.execute_in_process(
            run_config=wanted.run_config,
            tags=wanted.tags,
            instance=self.instance,
            raise_on_error=False,
            resources=declared_resources(self.declarations),
        )
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return run

    def land(self, repository: str) -> dg.DagsterRun:
        """What waits in a repository lands."""
        asked = for_landing(repository=repository, run_key="landing")
        result = agent_landing.execute_in_process(
            run_config=asked.run_config,
            tags=asked.tags,
            instance=self.instance,
            raise_on_error=False,
            resources=declared_resources(self.declarations),
        )
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return run

    def logs(self, run: dg.DagsterRun) -> str:
        return "\n".join(record.message for record in self.instance.all_logs(run.run_id))

    def live(self) -> list[Assignment]:
        with database.engine().connect() as connection:
            return assignments.live(connection, self.queue.backend)


@pytest.fixture
def bench(
    request: pytest.FixtureRequest,
    queue_engine: sa.Engine,
    queue: TaskQueue,
    postgres_queue: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bench]:
    url = queue_engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SIGNALBOX_POSTGRES_URL", url)
    monkeypatch.setenv("SIGNALBOX_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SIGNALBOX_UI_URL", "http://ui:3000")
    monkeypatch.delenv("SIGNALBOX_RECIPES", raising=False)
    yield Bench(tmp_path, queue.backend, queue.address if queue.backend == "tinytask" else None)
    close_task_queues()
    database.engine().dispose()
