"""The document behind `signalbox status`: every component asked now, by this process."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scheduler_defs import database, settings
from scheduler_defs.errors import NotReachableError
from scheduler_defs.settings import Settings
from scheduler_defs.stack.components import external, locations
from scheduler_defs.stack.health import checks, connections
from scheduler_defs.stack.health.problems import problems
from scheduler_defs.stack.health.workers import WorkerRow, live_workers
from scheduler_defs.stack.machine import lock, record
from scheduler_defs.stack.machine.record import ComponentRecord, StackRecord, State

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
    """What `signalbox status --json` prints. `healthy` is true only when there is no problem to name."""
    found = running_stack(where)
    url = found.exports[settings.POSTGRES_URL]
    with ThreadPoolExecutor(max_workers=len(found.components) + 3) as pool:
        asked = [pool.submit(_component, item, found.exports) for item in found.components]
        workers = pool.submit(_workers, url)
        relied_on = pool.submit(external.task_queue, where)
        components = [*(future.result() for future in asked), *relied_on.result()]
        rows = workers.result()
        faults = [
            *_component_problems(components, url, found.id),
            *problems(where, url, rows),
            *_daemons(url),
        ]
    return {
        "healthy": found.ready and not faults,
        "ui": found.ui,
        "pid": found.pid,
        "since": found.since,
        "components": components,
        "workers": [dataclasses.asdict(row) for row in rows or ()],
        "problems": faults,
    }


def _component(item: ComponentRecord, exports: dict[str, str]) -> dict[str, Any]:
    state, detail = item.state, item.detail
    if state in _ASKED:
        try:
            found = checks.check(item.name, exports, item.pid, item.started)
            # What a location serves is not always what its files say now; only the supervisor knows.
            detail = found or (detail if _is_location(item.name) else "")
            state = State.HEALTHY
        except checks.CannotTell as error:
            detail = checks.reason(error)
        except Exception as error:
            # Every client library has its own errors; all mean that the component does not answer.
            known = detail if _is_location(item.name) and item.state is State.UNHEALTHY else ""
            state, detail = State.UNHEALTHY, known or checks.reason(error)
    return {
        "name": item.name,
        "state": state,
        "pid": item.pid,
        "since": item.since,
        "restarts": item.restarts,
        "address": item.address,
        "detail": detail,
    }


def _is_location(name: str) -> bool:
    return name.startswith(locations.PREFIX)


def _workers(url: str) -> list[WorkerRow] | None:
    try:
        return live_workers(url)
    except Exception:
        return None  # the database itself is reported as a component


def _component_problems(components: list[dict[str, Any]], url: str, stack_id: str) -> list[str]:
    lines: list[str] = []
    for item in components:
        detail = item["detail"]
        if item["state"] != State.HEALTHY:
            if item["name"] == "postgres" and connections.is_exhausted(detail):
                detail = connections.exhausted(url, stack_id)
            lines.append(f"{item['name']}: {item['state']}" + (f": {detail}" if detail else ""))
        elif _is_location(item["name"]) and detail:
            lines.append(f"{item['name']}: {detail}")
        elif "No space left on device" in detail or "could not extend file" in detail:
            lines.append(f"the database's disk is full ({item['name']}: {detail})")
    return lines


def _daemons(url: str) -> list[str]:
    from scheduler_defs.execution.queue.daemons import too_many

    try:
        with database.engine(url).connect() as connection:
            return too_many(connection)
    except Exception:
        return []  # as above
