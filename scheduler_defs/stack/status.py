"""The document behind `signalbox status`: every component asked now, by this process."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scheduler_defs import settings
from scheduler_defs.errors import NotReachableError
from scheduler_defs.settings import Settings
from scheduler_defs.stack import checks, external, lock, record
from scheduler_defs.stack.problems import problems
from scheduler_defs.stack.record import ComponentRecord, StackRecord, State
from scheduler_defs.stack.workers import WorkerRow, live_workers

_ASKED = (State.HEALTHY, State.UNHEALTHY)


def running_stack(where: Settings) -> StackRecord:
    """The record of the stack that runs on the state folder.

    Raises NotReachableError when none does.
    """
    if lock.holder(where.state) is None:
        raise NotReachableError(f"no stack runs on {where.state}; start one with `signalbox up`")
    found = record.read(where.state)
    if found is None:
        raise NotReachableError(f"the stack on {where.state} is just starting; try again")
    return found


def document(where: Settings) -> dict[str, Any]:
    """What `signalbox status --json` prints. `healthy` is true only when every component is."""
    found = running_stack(where)
    url = found.exports[settings.POSTGRES_URL]
    with ThreadPoolExecutor(max_workers=len(found.components) + 3) as pool:
        asked = [pool.submit(_component, item, found.exports) for item in found.components]
        workers = pool.submit(_workers, url)
        relied_on = pool.submit(external.task_queue, where)
        components = [*(future.result() for future in asked), *relied_on.result()]
        rows = workers.result()
        faults = problems(where, rows)
    return {
        "healthy": found.ready and all(item["state"] == State.HEALTHY for item in components),
        "ui": found.ui,
        "pid": found.pid,
        "since": found.since,
        "components": components,
        "workers": [dataclasses.asdict(row) for row in rows],
        "problems": [*_component_problems(components), *faults],
    }


def _component(item: ComponentRecord, exports: dict[str, str]) -> dict[str, Any]:
    state, detail = item.state, item.detail
    if state in _ASKED:
        try:
            detail = checks.check(item.name, exports, item.pid, item.started)
            state = State.HEALTHY
        except Exception as error:
            # Every client library has its own errors; all mean that the component does not answer.
            state, detail = State.UNHEALTHY, checks.reason(error)
    return {
        "name": item.name,
        "state": state,
        "pid": item.pid,
        "since": item.since,
        "restarts": item.restarts,
        "address": item.address,
        "detail": detail,
    }


def _workers(url: str) -> list[WorkerRow]:
    try:
        return live_workers(url)
    except Exception:
        return []  # the database itself is reported as a component


def _component_problems(components: list[dict[str, Any]]) -> list[str]:
    return [
        f"{item['name']}: {item['state']}" + (f": {item['detail']}" if item["detail"] else "")
        for item in components
        if item["state"] != State.HEALTHY
    ]
