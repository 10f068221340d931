"""The smoke scenario of `signalbox bench`: runs of one job through the running stack's own door."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scheduler_defs.cli.bench.figures import percentile
from scheduler_defs.errors import SignalboxError
from scheduler_defs.graphql.runs import FINISHED, launch, list_runs

if TYPE_CHECKING:
    from scheduler_defs.graphql.client import GraphQLClient

_LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Scenario:
    """So many runs of `job`, at most `at_once` submissions under way at a time."""

    job: str
    run_config: Mapping[str, Any]
    tags: Mapping[str, str]
    runs: int
    at_once: int
    within_seconds: float
    """All of them must have ended so long after the last submission."""


def play(client: GraphQLClient, scenario: Scenario) -> dict[str, Any]:
    """Run it. Returns the counts and, of `submit`, `start` and `finish`, p50 and p95 in seconds.

    `submit` is the request's own time, `start` from creation to the run's start, `finish` from creation to
    its end. Raises SignalboxError when the runs have not ended in time: they are left as they are.
    """

    def submit(_number: int) -> tuple[str, float]:
        began = time.perf_counter()
        answer = launch(client, scenario.job, scenario.run_config, scenario.tags)
        return answer["run_id"], time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(scenario.at_once) as threads:
        submitted = list(threads.map(submit, range(scenario.runs)))
    ended = _ended(client, [run_id for run_id, _seconds in submitted], scenario.within_seconds)
    seconds = time.perf_counter() - began
    good = [run for run in ended if run["status"] == "SUCCESS"]
    started = [_between(run, "started") for run in ended if run["started"]]
    return {
        "job": scenario.job,
        "runs": len(ended),
        "succeeded": len(good),
        "runs_per_second": round(len(ended) / seconds, 2),
        "submit": _summary([took for _run_id, took in submitted]),
        "start": _summary(started),
        "finish": _summary([_between(run, "ended") for run in good]),
    }


def _ended(client: GraphQLClient, run_ids: list[str], within_seconds: float) -> list[dict[str, Any]]:
    deadline = time.monotonic() + within_seconds
    while True:
        runs = list_runs(client, run_ids=tuple(run_ids), limit=len(run_ids))
        open_runs = [run for run in runs if run["status"] not in FINISHED]
        if not open_runs:
            return runs
        if time.monotonic() > deadline:
            raise SignalboxError(
                f"{len(open_runs)} of {len(run_ids)} runs have not ended within {within_seconds:g} s;"
                f" `signalbox why {open_runs[0]['run_id'][:8]}` says what the first waits for"
            )
        time.sleep(_LOOK_EVERY_SECONDS)


def _between(run: Mapping[str, Any], until: str) -> float:
    """Seconds from the run's creation until it `started` or `ended`."""
    created, then = (dt.datetime.fromisoformat(run[name]) for name in ("created", until))
    return max(0.0, (then - created).total_seconds())


def _summary(seconds: list[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    return {"p50": round(percentile(seconds, 0.5), 4), "p95": round(percentile(seconds, 0.95), 4)}
