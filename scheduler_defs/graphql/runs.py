"""Runs as the command's contract shows them (docs: cli reference), read through GraphQL."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scheduler_defs import tags
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.errors import NotThereError, SignalboxError
from scheduler_defs.graphql.client import LOCATION, REPOSITORY, GraphQLClient

FINISHED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})


def run_object(run: Mapping[str, Any]) -> dict[str, Any]:
    """One run of the GraphQL answer as the contract's run object."""
    tag = {pair["key"]: pair["value"] for pair in run["tags"]}
    return {
        "run_id": run["runId"],
        "job": tag.get(tags.JOB, run["jobName"]),
        "schedule": tag.get(tags.SCHEDULE),
        "agent": tag.get(tags.AGENT),
        "queue": tag.get(tags.QUEUE),
        "task": tag.get(tags.TASK),
        "status": run["status"],
        "trigger": tag.get(tags.TRIGGER),
        "scheduled_for": tag.get(tags.SCHEDULED_FOR),
        "attempt": _number(tag.get(tags.ATTEMPT), 1),
        "max_attempts": _number(tag.get(tags.MAX_ATTEMPTS), 1),
        "root_run": tag.get(tags.ROOT_RUN),
        "retry_at": tag.get(tags.RETRY_AT),
        "directive": tag.get(tags.DIRECTIVE),
        "actor": tag.get(tags.ACTOR),
        "reason": tag.get(tags.REASON) or tag.get(tags.MISSED),
        "created": instant(run["creationTime"]),
        "started": instant(run["startTime"]),
        "ended": instant(run["endTime"]),
        "worker": tag.get(tags.WORKER),
        "failure": tag.get(tags.FAILURE),
        "exit_code": int(code) if (code := tag.get(tags.EXIT_CODE, "")).lstrip("-").isdecimal() else None,
        "error": tag.get(tags.ERROR),
    }


def instant(timestamp: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601 in local time with offset."""
    if timestamp is None:
        return None
    return dt.datetime.fromtimestamp(timestamp, tz=dt.UTC).astimezone().isoformat(timespec="milliseconds")


def list_runs(
    client: GraphQLClient,
    *,
    with_tags: Mapping[str, str] | None = None,
    statuses: tuple[str, ...] = (),
    run_ids: tuple[str, ...] = (),
    job: str | None = None,
    limit: int = 20,
    after: str | None = None,
    changed_since: dt.datetime | None = None,
) -> list[dict[str, Any]]:
    """The newest runs first that are of `job`, carry all of `with_tags` and have one of `statuses`.

    `after`: the id of a run; only those older than it. `changed_since` (aware): not those of which nothing
    was heard since. The job is asked for by its Dagster name: a run
    launched with Dagster's own command has no tag for it.
    """
    wanted: dict[str, Any] = {}
    if job is not None and "/" in job:
        with_tags = {**(with_tags or {}), tags.JOB: job}
    elif job is not None:
        wanted["pipelineName"] = dagster_name(job)
    if with_tags:
        wanted["tags"] = [{"key": key, "value": value} for key, value in with_tags.items()]
    if statuses:
        wanted["statuses"] = list(statuses)
    if run_ids:
        wanted["runIds"] = list(run_ids)
    if changed_since is not None:
        wanted["updatedAfter"] = changed_since.timestamp()
    answer = client.call("Runs", filter=wanted, limit=limit, **({"cursor": after} if after else {}))
    return [run_object(run) for run in answer["results"]]


def count_runs(client: GraphQLClient, *statuses: str) -> int:
    """How many runs have one of the states."""
    return int(client.call("CountRuns", filter={"statuses": list(statuses)})["count"])


def find_run(client: GraphQLClient, run_id: str) -> dict[str, Any]:
    """One run by id, or by an unambiguous beginning of its id among the newest 1,000 runs."""
    found = list_runs(client, run_ids=(run_id,), limit=1)
    if not found:
        found = [run for run in list_runs(client, limit=1000) if run["run_id"].startswith(run_id)]
    if len(found) != 1:
        if not found:
            raise NotThereError(f"no run begins with {run_id!r}")
        raise SignalboxError(f"several runs begin with {run_id!r}")
    return found[0]


def launch(
    client: GraphQLClient, job: str, run_config: Mapping[str, Any], run_tags: Mapping[str, str]
) -> dict[str, str]:
    """Launch a job the way the UI's launchpad does. Returns `{run_id, status}`.

    Raises SignalboxError for a job that the code location has not loaded.
    """
    params = {
        "selector": {"jobName": job, "repositoryName": REPOSITORY, "repositoryLocationName": LOCATION},
        "runConfigData": dict(run_config),
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in run_tags.items()]},
    }
    try:
        answer = client.call("LaunchRun", params=params)
    except SignalboxError as error:
        if not re.match(r"Could not find (Pipeline|Job)", str(error)):
            raise
        raise SignalboxError(
            f"the running stack does not have the job {job} (yet): a declared job is there seconds after its"
            " file was saved; `signalbox plan` shows what differs"
        ) from None
    return {"run_id": answer["run"]["runId"], "status": answer["run"]["status"]}


def launch_again(client: GraphQLClient, run_id: str, run_tags: Mapping[str, str]) -> dict[str, str]:
    """Launch a run once more, with its config and tags and with these. `{run_id, status}` of the new one."""
    params: dict[str, Any] = {"parentRunId": run_id, "strategy": "ALL_STEPS"}
    if run_tags:
        params["extraTags"] = [{"key": key, "value": value} for key, value in run_tags.items()]
    answer = client.call("RelaunchRun", params=params)
    return {"run_id": answer["run"]["runId"], "status": answer["run"]["status"]}


def cancel(client: GraphQLClient, run_id: str) -> dict[str, str]:
    """Ask for a run's end. A run that is only starting is marked canceled; its worker then does nothing."""
    run = find_run(client, run_id)
    if run["status"] in FINISHED:
        raise SignalboxError(f"run {run['run_id']} has already ended: {run['status']}")
    policy = (
        "MARK_AS_CANCELED_IMMEDIATELY" if run["status"] in ("STARTING", "NOT_STARTED") else "SAFE_TERMINATE"
    )
    try:
        answer = client.call("CancelRun", runId=run["run_id"], policy=policy)
    except SignalboxError:
        # The run moved on between the question and the order (queued -> starting -> started): ask again.
        return _cancel_again(client, run["run_id"], policy)
    return {"run_id": answer["run"]["runId"], "status": _ending(answer["run"]["status"])}


def _ending(status: str) -> str:
    """What the run is doing now that it was asked to end: it may not have said so itself yet."""
    return status if status in FINISHED else "CANCELING"


def _cancel_again(client: GraphQLClient, run_id: str, refused: str) -> dict[str, str]:
    run = find_run(client, run_id)
    if run["status"] in FINISHED:
        return {"run_id": run_id, "status": run["status"]}
    other = "SAFE_TERMINATE" if refused == "MARK_AS_CANCELED_IMMEDIATELY" else "MARK_AS_CANCELED_IMMEDIATELY"
    answer = client.call("CancelRun", runId=run_id, policy=other)
    return {"run_id": answer["run"]["runId"], "status": _ending(answer["run"]["status"])}


def events(
    client: GraphQLClient, run_id: str, after: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """Events of a run after a cursor, and the cursor to go on from."""
    found, after = _raw_events(client, run_id, after)
    return [event_object(event) for event in found if "timestamp" in event], after


def captured_logs(
    client: GraphQLClient, run_id: str, after: str | None = None
) -> tuple[dict[str, str], str | None]:
    """The keys of the run's output, each with its step, after a cursor; and the next cursor."""
    found, after = _raw_events(client, run_id, after)
    keys = {event["fileKey"]: ", ".join(event["stepKeys"] or ()) for event in found if "fileKey" in event}
    return keys, after


def _raw_events(
    client: GraphQLClient, run_id: str, after: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    found: list[dict[str, Any]] = []
    while True:
        answer = client.call("RunEvents", runId=run_id, after=after)
        after = answer["cursor"]
        found += answer["events"]
        if not answer["hasMore"]:
            return found, after


def follow(client: GraphQLClient, run_id: str, *, pause: Any) -> Iterator[dict[str, Any]]:
    """Every event of a run as it comes, until the run has ended. `pause()` waits between two looks.

    Events of failures have the reason as `error`.
    """
    cursor: str | None = None
    while True:
        run = find_run(client, run_id)
        ended = run["status"] in FINISHED
        batch, cursor = events(client, run_id, cursor)
        for event in batch:
            if event["type"] == "RUN_FAILURE" and not event["error"]:
                event["error"] = run["error"]
            yield event
        if ended:
            return
        pause()


def event_object(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event of the GraphQL answer as `runs follow` shows it."""
    return {
        "time": instant(float(event["timestamp"]) / 1000),
        "type": event["eventType"] or event["__typename"],
        "level": event["level"],
        "step": event["stepKey"],
        "message": event["message"],
        "error": _reason(event.get("error")),
    }


def _reason(error: Mapping[str, Any] | None) -> str | None:
    """What a failure says to people, without the name of the class that Dagster puts before it."""
    text = error["message"].strip() if error else ""
    return re.sub(r"^dagster\._core\.definitions\.events\.Failure: ", "", text) or None


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() else otherwise
