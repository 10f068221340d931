"""Answering a run that executes in an environment of its own: its storages are those of this process."""

from __future__ import annotations

import contextlib
import pickle
import threading
from collections.abc import Iterator
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import dagster as dg

_REFUSED = ("wipe", "delete_", "upgrade", "reindex", "migrate", "alembic", "dispose", "start_", "purge_")
"""Beginnings of what is no run's to ask for."""


@contextlib.contextmanager
def answering(instance: dg.DagsterInstance, folder: Path) -> Iterator[str]:
    """Answer on a socket in `folder`, which is this user's alone, while the block lasts; its address."""
    address = str(folder / "run")
    parts = {
        "runs": instance.run_storage,
        "events": instance.event_log_storage,
        "schedules": instance.schedule_storage,
    }
    over = threading.Event()
    with Listener(address, "AF_UNIX", backlog=64) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, parts, over), daemon=True)
        accepting.start()
        try:
            yield address
        finally:
            over.set()
            # To close it does not wake whoever waits for a caller.
            Client(address, "AF_UNIX").close()
            accepting.join()


def _accept(listener: Listener, parts: dict[str, Any], over: threading.Event) -> None:
    while True:
        try:
            connection = listener.accept()
        except OSError:
            return
        if over.is_set():
            connection.close()
            return
        threading.Thread(target=_answer, args=(connection, parts), daemon=True).start()


def _answer(connection: Connection[Any, Any], parts: dict[str, Any]) -> None:
    with connection:
        while True:
            try:
                part, name, args, kwargs = connection.recv()
            except (EOFError, OSError):
                return
            try:
                answer = (True, asked(parts[part], name, args, kwargs))
                connection.send(answer)
            except (BrokenPipeError, ConnectionError):
                return
            except Exception as error:
                connection.send((False, _sendable(error)))


def asked(part: object, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The answer of a storage. Raises PermissionError for what is no run's to ask."""
    if name.startswith(("_", *_REFUSED)):
        raise PermissionError(f"{name}: no run may ask for it")
    value = getattr(part, name)
    return value(*args, **kwargs) if callable(value) else value


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what was made the line before
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
