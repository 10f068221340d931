"""Schedules as the command's contract shows them: declarations joined with the instance's state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scheduler_defs import tags
from scheduler_defs.declarations.models import Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError
from scheduler_defs.evaluation.pauses import Pause
from scheduler_defs.graphql.client import LOCATION, REPOSITORY, GraphQLClient
from scheduler_defs.graphql.runs import instant, list_runs
from scheduler_defs.timing import is_due, next_occurrence

# How many schedules' last runs are asked for in one request.
_BATCH = 100


def schedule_objects(
    client: GraphQLClient,
    schedules: Sequence[Schedule],
    now: dt.datetime,
    pauses: Mapping[str, Pause],
) -> list[dict[str, Any]]:
    """Each schedule with its rule, state (on, off, paused, completed), next occurrence and last run."""
    switches = instance_states(client)
    last = last_runs(client, [schedule.name for schedule in schedules])
    rows: list[dict[str, Any]] = []
    for schedule in schedules:
        pause = pauses.get(schedule.name)
        paused = pause if pause is not None and pause.holds_at(now) else None
        resting = paused is not None and paused.until is None
        due = next_occurrence(schedule.timing, (paused and paused.until) or now, schedule.policies)
        state = switches.get(dagster_name(schedule.name), {})
        on = state.get("status", "RUNNING" if schedule.enabled else "STOPPED") == "RUNNING"
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
                "last_run": last.get(schedule.name),
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


def last_runs(client: GraphQLClient, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The newest run of each schedule that has one: `{run_id, status, created, ended, failure}`."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        runs = list_runs(client, with_tags={tags.SCHEDULE: name}, limit=1)
        if runs:
            found[name] = {
                key: runs[0][key]
                for key in ("run_id", "status", "scheduled_for", "created", "started", "ended", "failure")
            }
    return found


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


def history(client: GraphQLClient, schedule: Schedule, limit: int) -> list[dict[str, Any]]:
    """What became of each occurrence, newest first; attempts stand under their occurrence, newest first.

    Runs are the truth about what ran; ticks say why an occurrence was skipped. Ticks at instants that are no
    occurrence (the covering cron fires more often than some rules) are left out.
    """
    runs = list_runs(client, with_tags={tags.SCHEDULE: schedule.name}, limit=limit)
    rows: list[dict[str, Any] | None] = [_ran(run) for run in runs]
    handled = {run["scheduled_for"] for run in runs}
    answer = client.call("ScheduleTicks", selector=selector(schedule), limit=limit)
    for tick in answer["scheduleState"]["ticks"]:
        due = dt.datetime.fromtimestamp(tick["timestamp"], tz=dt.UTC)
        if tick["status"] == "SKIPPED" and is_due(schedule.timing, due):
            rows.append(_skipped(tick, due, handled))
        elif tick["status"] == "FAILURE":
            rows.append(_failed_tick(tick))
    kept = [row for row in rows if row is not None]
    kept.sort(
        key=lambda row: (_moment(row["scheduled_for"] or row["created"]), row["attempt"] or 0), reverse=True
    )
    return kept[:limit]


def _ran(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "scheduled_for": run["scheduled_for"],
        "outcome": "run",
        "reason": run["reason"],
        "run_id": run["run_id"],
        "status": run["status"],
        "trigger": run["trigger"],
        "attempt": run["attempt"],
        "created": run["created"],
        "started": run["started"],
        "ended": run["ended"],
        "failure": run["failure"],
        "error": run["error"],
    }


def _skipped(tick: Mapping[str, Any], due: dt.datetime, handled: set[str | None]) -> dict[str, Any] | None:
    if any(_moment(other) == due for other in handled if other):
        return None
    return _no_run(due.astimezone().isoformat(), "skipped", tick["skipReason"], tick)


def _failed_tick(tick: Mapping[str, Any]) -> dict[str, Any]:
    error = tick["error"]["message"].strip().splitlines()[0] if tick["error"] else "the tick failed"
    return {**_no_run(instant(tick["timestamp"]), "missed", None, tick), "error": error[:500]}


def _no_run(
    scheduled_for: str | None, outcome: str, reason: str | None, tick: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "scheduled_for": scheduled_for,
        "outcome": outcome,
        "reason": reason,
        "run_id": None,
        "status": None,
        "trigger": None,
        "attempt": None,
        "created": instant(tick["timestamp"]),
        "started": None,
        "ended": None,
        "failure": None,
        "error": None,
    }


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
