"""A pytest plugin: the instances that Dagster's tests ask for are of the classes under test.

`instance_for_test` makes one on SQLite files. Here it is on a Postgres database of its own: with $CONFORMANCE_CLASSES
`stock` in dagster-postgres' storage, with `ours` in ours, on a database that has all that a running stack has in it.
"""

from __future__ import annotations

import functools
import inspect
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core import instance_for_test as where_it_is
from dagster._core import test_utils

from tests.conformance import broker
from tests.conformance.databases import Databases
from tests.patience import PATIENCE

OURS = os.environ["CONFORMANCE_CLASSES"] == "ours"
SUITE = os.environ["CONFORMANCE_SUITE"]
WITH_WORKERS = ("launcher", "celery")
"""Suites whose runs our workers execute. These know one database, so all instances share it."""
_STORAGES = ("run_storage", "event_log_storage", "schedule_storage")
_WAITING = ("poll_for_finished_run", "poll_for_step_start", "poll_for_event")
"""Each has a `timeout` in seconds."""
_dagsters = where_it_is.instance_for_test
_running = ExitStack()


def _begin() -> None:
    """When pytest imports this: the conftests that it imports next keep the functions that they find."""
    databases = _running.enter_context(Databases.running(OURS, shared=OURS and SUITE in WITH_WORKERS))
    os.environ |= _surroundings(_running.enter_context(tempfile.TemporaryDirectory()))

    @contextmanager
    def instance_for_test(
        overrides: Mapping[str, Any] | None = None, *positional: Any, **named: Any
    ) -> Iterator[dg.DagsterInstance]:
        wanted = dict(overrides or {})
        if not _asks_for_storage(wanted):
            for name in _STORAGES:
                wanted.pop(name, None)
            with databases.fresh() as url:
                of_the_classes = _classes(wanted, synchronous=named.get("synchronous_run_coordinator", False))
                with _dagsters({**of_the_classes, **_storage(url)}, *positional, **named) as found:
                    yield found
        else:
            with _dagsters(overrides, *positional, **named) as found:
                yield found

    for module in (where_it_is, test_utils, dg):
        module.__dict__["instance_for_test"] = instance_for_test
    for name in _WAITING:
        test_utils.__dict__[name] = _patient(getattr(test_utils, name))
    if OURS:
        from tests.conformance.ours import substitutes, workers

        substitutes.install()
        if SUITE in WITH_WORKERS:
            _running.enter_context(workers.on(databases.url, SUITE))
    elif SUITE == "celery":
        _running.enter_context(broker.of_dagster_celery())


def pytest_unconfigure() -> None:
    _running.close()


def _patient(wait: Callable[..., Any]) -> Callable[..., Any]:
    """The same, on a busy machine."""
    signature = inspect.signature(wait)

    @functools.wraps(wait)
    def longer(*given: Any, **named: Any) -> Any:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        bound.arguments["timeout"] *= PATIENCE
        return wait(*bound.args, **bound.kwargs)

    return longer


def _surroundings(folder: str) -> dict[str, str]:
    """A yard with nothing declared in it."""
    found = {name: Path(folder) / name for name in ("config", "state")}
    for place in found.values():
        place.mkdir()
    return {f"SIGNALBOX_{name.upper()}": str(place) for name, place in found.items()}


def _asks_for_storage(overrides: Mapping[str, Any]) -> bool:
    """Whether a test is about a storage of its own: one that is none of Dagster's on SQLite."""
    named = [overrides[name]["class"] for name in _STORAGES if name in overrides]
    return "storage" in overrides or not all("Sqlite" in name for name in named)


def _classes(overrides: dict[str, Any], synchronous: bool) -> dict[str, Any]:
    if not OURS or synchronous:
        return overrides
    from tests.conformance.ours import substitutes

    return substitutes.classes(overrides, SUITE)


def _storage(url: str) -> dict[str, Any]:
    if not OURS:
        return {"storage": {"postgres": {"postgres_url": url}}}
    return {
        "storage": {
            "custom": {
                "module": "scheduler_defs.execution.storage.postgres",
                "class": "SignalboxStorage",
                "config": {"postgres_url": url},
            }
        }
    }


_begin()
