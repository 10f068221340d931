"""Schedules as the command's contract shows them: declarations joined with the instance's state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scheduler_defs.declarations.models.declared import Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError
from scheduler_defs.forecasting.upcoming import upcoming
from scheduler_defs.graphql.client import LOCATION, REPOSITORY, GraphQLClient
from scheduler_defs.timing import occurrences

if TYPE_CHECKING:
    from scheduler_defs.evaluation.records import ScheduleRecords


def schedule_objects(
    client: GraphQLClient,
    schedules: Sequence[Schedule],
    now: dt.datetime,
    recorded: ScheduleRecords,
) -> list[dict[str, Any]]:
    """Each schedule with its rule, state (on, off, paused, completed), next occurrence and last run."""
    switches = client.switches([dagster_name(each.name) for each in schedules])
    rows: list[dict[str, Any]] = []
    for schedule in schedules:
        pause = recorded.pauses.get(schedule.name)
        paused = pause if pause is not None and pause.holds_at(now) else None
        resting = paused is not None and paused.until is None
        taken = recorded.anticipated.get(schedule.name, {})
        # An occurrence at the very end of a pause runs.
        after = paused.until - dt.timedelta(microseconds=1) if paused and paused.until else now
        due = upcoming(schedule, after)
        if due in taken:
            coming = occurrences(schedule.timing, after, schedule.policies)
            due = next((each for each in coming if each not in taken), None)
        on = switches.get(dagster_name(schedule.name), schedule.enabled)
        rows.append(
            {
                "name": schedule.name,
                "job": schedule.job,
                "kind": schedule.kind,
                "spec": schedule.spec,
                "timezone": schedule.timezone,
                "enabled": schedule.enabled,
                "state": "completed" if due is None else "off" if not on else "paused" if paused else "on",
                "paused_reason": paused.reason if paused else None,
                "paused_until": paused.until.isoformat() if paused and paused.until else None,
                "next": due.isoformat() if due and on and not resting else None,
                "last_run": recorded.last_runs.get(schedule.name),
                "owner": schedule.owner,
                "description": schedule.description,
            }
        )
    return rows


def instance_states(client: GraphQLClient) -> dict[str, dict[str, Any]]:
    """Dagster's switch of every schedule by its Dagster name: `{status, id, default, cron, timezone}`."""
    answer = client.call("Schedules", location=LOCATION, repository=REPOSITORY)
    return {
        found["name"]: {
            "status": found["scheduleState"]["status"],
            "id": found["scheduleState"]["id"],
            "default": found["defaultStatus"],
            "cron": found["cronSchedule"],
            "timezone": found["executionTimezone"],
        }
        for found in answer["results"]
    }


def instance_jobs(client: GraphQLClient) -> frozenset[str]:
    """Dagster's names of the jobs that the running instance knows."""
    answer = client.call("Jobs", location=LOCATION, repository=REPOSITORY)
    return frozenset(job["name"] for job in answer["jobs"])


def selector(schedule: Schedule) -> dict[str, str]:
    """What names the schedule in GraphQL."""
    return {
        "repositoryName": REPOSITORY,
        "repositoryLocationName": LOCATION,
        "scheduleName": dagster_name(schedule.name),
    }


def switch(client: GraphQLClient, schedule: Schedule, *, on: bool) -> bool:
    """Start or stop the schedule as the UI's switch does. Returns whether anything changed."""
    state = instance_states(client).get(dagster_name(schedule.name))
    if state is None:
        raise SignalboxError(
            f"the running instance does not know {schedule.name!r} yet: is the code location loaded?"
        )
    if (state["status"] == "RUNNING") == on:
        return False
    if on:
        client.call("StartSchedule", selector=selector(schedule))
    else:
        client.call("StopSchedule", id=state["id"])
    return True
