"""A run in an environment of its own. Imported there, where `dagster` is and nothing else of this program.

The instance's storages are behind a Unix socket: whoever started this process answers, and writes down what
the run says. Run as `python -m signalbox_bridge RUN_ID REF` it executes one run to its end.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Client
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import execute_run_iterator
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.storage.runs.base import RunStorage
from dagster._core.storage.schedules.base import ScheduleStorage
from dagster._serdes import ConfigurableClass, deserialize_value
from dagster._utils.hosted_user_process import recon_job_from_origin
from dagster._utils.interrupts import capture_interrupts

_HERE = frozenset(
    {
        *("register_instance", "has_instance", "inst_data", "config_type", "from_config_value", "dispose"),
        *("watch", "end_watch", "optimize_for_webserver"),
    }
)
_connections = threading.local()


def _ask(address: str, part: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One call of a storage, over this thread's own connection."""
    known = getattr(_connections, "known", None)
    if known is None or known[0] != os.getpid():
        known = (os.getpid(), Client(address, "AF_UNIX"))
        _connections.known = known
    known[1].send((part, name, args, kwargs))
    fine, answer = known[1].recv()
    if not fine:
        raise answer
    return answer


def _from_config_value(cls: Any, inst_data: Any, config_value: Any) -> Any:
    return cls(inst_data=inst_data, **config_value)


def _bridged(base: type, part: str) -> type:
    """A storage each of whose public methods and properties is asked for over the socket."""

    def method(name: str) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: _ask(self.address, part, name, args, kwargs)

    def init(self: Any, address: str, inst_data: Any = None) -> None:
        self.address, self._inst_data = address, inst_data
        base.__init__(self)

    found: dict[str, Any] = {
        "__init__": init,
        "inst_data": property(lambda self: self._inst_data),
        "config_type": classmethod(lambda cls: {"address": str}),
        "from_config_value": classmethod(_from_config_value),
        "dispose": lambda self: None,
        "watch": lambda self, *args: None,
        "end_watch": lambda self, *args: None,
        "optimize_for_webserver": lambda self, *args, **kwargs: None,
    }
    for name in dir(base):
        if name.startswith("_") or name in _HERE:
            continue
        value = inspect.getattr_static(base, name)
        if isinstance(value, property):
            found[name] = property(lambda self, name=name: _ask(self.address, part, name, (), {}))
        elif inspect.isfunction(value):
            found[name] = method(name)
    return type(f"Bridged{base.__name__}", (base, ConfigurableClass), found)


BridgedRuns = _bridged(RunStorage, "runs")
BridgedEvents = _bridged(EventLogStorage, "events")
BridgedSchedules = _bridged(ScheduleStorage, "schedules")


def main(run_id: str, ref: str) -> int:
    """Execute the run; 0 when its log says how it ended."""
    with capture_interrupts(), dg.DagsterInstance.from_ref(deserialize_value(ref, InstanceRef)) as instance:
        run = instance.get_run_by_id(run_id)
        if run is None or run.job_code_origin is None:
            return 1
        try:
            job = recon_job_from_origin(run.job_code_origin)
            if run.has_repository_load_data and run.execution_plan_snapshot_id:
                plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
                job = job.with_repository_load_data(plan.repository_load_data)
            job.get_definition()
        except (Exception, SystemExit) as error:
            said: BaseException = error
            while said.__cause__ is not None:
                said = said.__cause__
            text = " ".join(f"{type(said).__name__}: {said}".split())
            instance.report_run_failed(run, f"Run failed: its code could not be loaded: {text}")
            return 0
        # The worker has taken it for this process; Dagster would take it for one that another has begun.
        begun = run.with_status(dg.DagsterRunStatus.STARTING)
        try:
            for _ in execute_run_iterator(job, begun, instance):
                pass
        except (Exception, KeyboardInterrupt, DagsterExecutionInterruptedError) as error:
            found = instance.get_run_by_id(run_id)
            if found is not None and not found.is_finished:
                instance.report_run_failed(found, f"Run failed: {type(error).__name__}: {error}".rstrip(": "))
    return 0


if __name__ == "__main__":
    # Under its own name, which its classes are known by.
    import signalbox_bridge

    sys.exit(signalbox_bridge.main(sys.argv[1], sys.argv[2]))
