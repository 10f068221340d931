"""The database of a state folder on which no stack runs: its server, while somebody works with it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import Settings
from scheduler_defs.stack.components import postgres
from scheduler_defs.stack.machine import folders, lock
from scheduler_defs.stack.machine.spawning import in_child

_START_SECONDS = 60
_STOP_SECONDS = 30


@contextlib.contextmanager
def offline_database(where: Settings) -> Iterator[str]:
    """URL of the database while no stack may start on the folder; with `SIGNALBOX_POSTGRES_URL`, of that one.

    Raises SignalboxError when a stack runs here, and when the embedded server does not start.
    """
    folders.create_state(where.state)
    with lock.acquire(where.state):
        if where.postgres_url is not None:
            yield where.postgres_url
            return
        sockets = folders.socket_folder(where.state)
        folders.create_private(sockets)
        server = postgres.prepare(where.state, sockets / "pg")
        process = subprocess.Popen(
            server.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=in_child(server.account, signal.SIGINT),
            start_new_session=True,
        )
        try:
            _wait(process, server.url)
            yield server.url
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    while True:
        try:
            engine.connect().close()
            return
        except OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                said = str(error.orig).strip().splitlines()[-1]
                raise SignalboxError(f"the embedded Postgres does not start: {said}") from None
            time.sleep(0.05)
