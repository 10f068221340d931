"""Runs of agents, looked up through GraphQL, so that no command has to load Dagster."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from scheduler_defs import tags
from scheduler_defs.agents.pool.runs import RUN_KEY, SeenRun, seen_run
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import list_runs


class GraphQLRuns:
    """As `scheduler_defs.agents.pool.runs.Runs`."""

    def __init__(self, client: GraphQLClient) -> None:
        self._client = client

    def by_id(self, run_ids: Collection[str]) -> Mapping[str, SeenRun]:
        """As `Runs.by_id`."""
        if not run_ids:
            return {}
        found = list_runs(self._client, run_ids=tuple(run_ids), limit=len(run_ids))
        return {run["run_id"]: _seen(run) for run in found}

    def by_key(self, run_keys: Collection[str], since: dt.datetime) -> Mapping[str, SeenRun]:
        """As `Runs.by_key`."""
        found: dict[str, SeenRun] = {}
        for run_key in run_keys:
            newest = list_runs(self._client, with_tags={RUN_KEY: run_key}, limit=1)
            if newest and dt.datetime.fromisoformat(newest[0]["created"]) >= since:
                found[run_key] = _seen(newest[0])
        return found


def _seen(run: Mapping[str, Any]) -> SeenRun:
    failure = run.get("failure")
    return seen_run(run["run_id"], run["status"], {tags.FAILURE: failure} if failure else {})
