"""The next attempt of a run of another location is asked for there."""

from __future__ import annotations

import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from scheduler_defs import tags
from scheduler_defs.execution.elsewhere.target import Target, parse
from scheduler_defs.jobs.elsewhere_name import OF_ANOTHER_LOCATION
from scheduler_defs.retries.backoff import retry_tags
from sensors.retries import elsewhere


def run_of(location: str, **values: object) -> dg.DagsterRun:
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__"), "train"
    )
    return dg.DagsterRun(job_name="train", remote_job_origin=origin, **values)  # type: ignore[arg-type]


def test_given_a_run_of_our_location_then_it_is_not_elsewhere() -> None:
    assert elsewhere(run_of("signalbox")) is None
    assert elsewhere(dg.DagsterRun(job_name="train")) is None


def test_given_a_run_of_another_location_then_its_job_and_assets_are_asked_for_again() -> None:
    found = elsewhere(run_of("ml", asset_selection=frozenset({dg.AssetKey(["a", "b"])})))
    assert found == Target("ml", job="train", assets=("a/b",), again=True)
    assert parse(found.dumped()) == found
    assert OF_ANOTHER_LOCATION != "train"


def test_given_a_run_for_a_partition_then_its_next_attempt_is_for_the_same() -> None:
    given = {"dagster/partition": "2026-01-01", "dagster/partition/region": "eu", "dagster/run_key": "x"}
    found = retry_tags("id", {**given, tags.ATTEMPT: "1"})
    assert found["dagster/partition"] == "2026-01-01"
    assert found["dagster/partition/region"] == "eu"
    assert "dagster/run_key" not in found
