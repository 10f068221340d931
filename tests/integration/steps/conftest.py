"""One stack per test module: a queue daemon, one worker for runs and one for steps, two slots each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from scheduler_defs import database
from scheduler_defs.execution.worker import celery_app
from scheduler_defs.settings import PROJECT_ROOT
from tests.integration.steps.stack import Stack, environment


@pytest.fixture(scope="module")
def own_database(postgres_server: str) -> str:
    """URL of a fresh database; it goes with the session's server."""
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, own_database: str, broker_url: str) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    found = environment(folder, own_database, broker_url)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.items():
            patch.setenv(name, value)
        patch.setattr(celery_app, "app", celery_app.make_app(broker_url))
        database.upgrade(database.engine(own_database))
        with dg.DagsterInstance.from_config(str(PROJECT_ROOT)) as instance:
            stack = Stack(folder, own_database, found, instance)
            try:
                stack.start_daemon()
                stack.start_worker("runs", "runs", 2)
                stack.start_worker("steps", "steps", 2)
                yield stack
            finally:
                for name in list(stack.processes):
                    stack.stop(name)


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The running stack, with nothing noted yet; workers that a test has killed are replaced."""
    running.forget_notes()
    for name in ("runs", "steps"):
        if name not in running.processes:
            running.start_worker(name, name, 2)
    yield running
