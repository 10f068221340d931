"""Run-now obeys the same rules as a tick: overlap, and the limits of its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Overlap, Schedule
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import SignalboxError
from scheduler_defs.evaluation.facts.known_runs import STAGES, KnownRun
from scheduler_defs.evaluation.rules import Do, Verdict, decide_counted
from scheduler_defs.evaluation.wording import text
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import cancel, list_runs

_MOST_OF_A_SCHEDULE = 100
"""More active runs of one schedule than this are not looked at one by one."""


def allow(client: GraphQLClient, schedule: Schedule) -> None:
    """Make room for a run of the schedule, as its overlap rule says.

    Raises SignalboxError when its overlap rule or one of its limits forbids a run now: which, and its use.
    """
    verdict = look(client, schedule)
    if verdict.do is not Do.RUN:
        raise SignalboxError(
            f"{schedule.name} was not launched: {text(verdict.reason)}; --force launches it all the same"
        )
    for run_id in verdict.cancel:
        try:
            cancel(client, run_id)
        except SignalboxError as error:
            if "already ended" not in str(error):
                raise


def look(client: GraphQLClient, schedule: Schedule) -> Verdict:
    """What the rules say about a run of the schedule now. Asks only for what they look at."""
    mine: list[KnownRun] = []
    if schedule.overlap is not Overlap.ALLOW:
        found = list_runs(
            client,
            with_tags={tags.SCHEDULE: schedule.name},
            statuses=tuple(STAGES),
            limit=_MOST_OF_A_SCHEDULE,
        )
        mine = [
            KnownRun(run["run_id"], run["job"], schedule.name, run["scheduled_for"], STAGES[run["status"]])
            for run in found
        ]
    total = _count(client) if schedule.max_global is not None else 0
    of_job = _count(client, **_of_job(schedule)) if schedule.max_per_job is not None else 0
    return decide_counted(schedule, mine, total=total, of_job=of_job)


def _of_job(schedule: Schedule) -> dict[str, Any]:
    if schedule.elsewhere is not None:
        return {"tags": [{"key": tags.JOB, "value": schedule.job}]}
    return {"pipelineName": dagster_name(schedule.job)}


def _count(client: GraphQLClient, **wanted: Any) -> int:
    filtered: Mapping[str, Any] = {"statuses": list(STAGES), **wanted}
    return int(client.call("CountRuns", filter=filtered)["count"])
