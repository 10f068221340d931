"""The webserver's timeline and next ticks: those that the daemon will make (private API, contract-tested)."""

from __future__ import annotations

from typing import Any

from dagster_graphql.schema import instigation

from scheduler_defs.execution.dagster_patches import tick_times

_NAME = "get_schedule_next_tick"
_next_tick = instigation.__dict__[_NAME]


def install() -> None:
    """Have this process show no ticks outside the bounds of a schedule."""
    tick_times.install()
    instigation.__dict__[_NAME] = next_tick


def next_tick(graphene_info: Any, state: Any) -> Any:
    """As Dagster's; nothing where nothing more is to come."""
    found = _next_tick(graphene_info, state)
    return None if found is not None and found.timestamp >= tick_times.NEVER.timestamp() else found
