"""What a worker's processes have loaded before their first run: the instance, and the definitions."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
from functools import lru_cache

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableRepository

from scheduler_defs.execution.storage.pool import close_connections
from scheduler_defs.execution.worker.running.freshness import definitions
from scheduler_defs.settings import INSTALLATION

logger = logging.getLogger(__name__)

_inherited: dg.DagsterInstance | None = None

_DEFINITIONS = "scheduler_defs.definitions"
_AGENT_RUNS = "scheduler_defs.agents.working.op"
"""What the definitions load only in a run. It is the project's, and forgotten with it."""

_PRELOADED = (
    "scheduler_defs.execution.storage.postgres",
    "scheduler_defs.execution.queue.coordinator",
    "scheduler_defs.execution.storage.compute_logs",
    "scheduler_defs.execution.storage.artifacts",
    "scheduler_defs.execution.steps.run",
    "scheduler_defs.execution.steps.executor",
    "dagster._core.storage.fs_io_manager",
)


def instance() -> dg.DagsterInstance:
    """This process' Dagster instance, opened once."""
    return _inherited or _instance(os.getpid())


@lru_cache(maxsize=1)
def _instance(_pid: int) -> dg.DagsterInstance:
    return dg.DagsterInstance.get()


def inherit(parents: dg.DagsterInstance) -> None:
    """In a process that was forked from a warm one: opening another instance takes longer than the fork."""
    global _inherited
    _inherited = parents


def preload() -> None:
    """Load, in a worker's main process, what all its children need: they share its memory.

    An instance as well, which leaves no connection: what its opening has loaded and filled (SQLAlchemy's
    dialect, Dagster's schemas) is 17 MB that each child would have for itself.

    The definitions as well: a child that is born later knows what they were loaded from, and when that has
    changed, loads them again.
    """
    for name in _PRELOADED:
        importlib.import_module(name)
    # By name, as above: what executes steps knows workers, and not the other way round.
    importlib.import_module("scheduler_defs.execution.steps.other_executors").install()
    _load_definitions()
    _open_and_close()
    _read_c()
    # What is there now is not garbage: collecting it would give each child a copy of all these pages.
    gc.collect()
    gc.freeze()


def _open_and_close() -> None:
    try:
        instance().dispose()
    except Exception as error:
        not_warm(error)
    finally:
        _instance.cache_clear()
        close_connections()


def _read_c() -> None:
    """Celery's children each read a declaration in C (`set_pdeathsig`), with a parser of 12 MB."""
    with contextlib.suppress(ImportError):
        from cffi import FFI

        FFI().cdef("int prctl(int option, ...);")


def prepare() -> None:
    """In a child: open the instance, and have the code location loaded, before the first run needs them."""
    try:
        instance()
    except Exception as error:
        not_warm(error)
    _load_definitions()


def _load_definitions() -> None:
    try:
        with definitions.loading():
            pointer = ModuleCodePointer(_DEFINITIONS, "defs", str(INSTALLATION))
            ReconstructableRepository(pointer).get_definition()
            importlib.import_module(_AGENT_RUNS)
    except (Exception, SystemExit) as error:
        not_warm(error)


def not_warm(error: BaseException) -> None:
    # It may work by then: a database that is away comes back, broken code is mended.
    logger.warning("not warm yet: %s: %s", type(error).__name__, error)
