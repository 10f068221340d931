"""A changed file takes effect on a running stack, and a broken one breaks nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.running_stack import Stack, until

JOB = """
jobs:
  greet: {command: [echo, hello]%s}
schedules:
  greet-yearly: {job: greet, cron: "0 0 1 1 *"}
"""


@pytest.fixture
def added(stack: Stack) -> Iterator[Path]:
    """The path of a file of declarations that is gone again after the test."""
    path = stack.config / "added.yaml"
    yield path
    path.unlink(missing_ok=True)
    until(lambda: "greet" not in jobs(stack), "the added job gone")


def jobs(stack: Stack) -> set[str]:
    """Names of the jobs that the webserver knows."""
    from scheduler_defs.stack.health.checks import graphql

    query = '{ repositoryOrError(repositorySelector: {repositoryName: "__repository__", '
    query += 'repositoryLocationName: "signalbox"}) { ... on Repository { jobs { name } } } }'
    return {job["name"] for job in graphql(stack.ui, query)["repositoryOrError"].get("jobs", ())}


def test_given_a_file_that_is_added_then_its_job_is_served_and_runs_without_any_restart(
    stack: Stack, added: Path
) -> None:
    before = {item.name: item.pid for item in stack.record.components}
    added.write_text(JOB % "")
    until(lambda: "greet" in jobs(stack), "the added job")
    assert {item.name: item.pid for item in stack.record.components} == before
    assert "greet-yearly" in {row["name"] for row in stack.json("schedules", "list")}
    answer = stack.json("jobs", "launch", "greet", "--wait")
    assert answer["status"] == "SUCCESS"


def test_given_a_schedule_that_is_declared_shortly_before_it_is_due_then_it_runs(
    stack: Stack, added: Path
) -> None:
    # Late enough to be loaded before, and as a rule too early for Dagster's look at each full minute.
    due = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=80)).replace(second=0, microsecond=0)
    cron = f'cron: "{due.minute} {due.hour} {due.day} {due.month} *", timezone: UTC'
    added.write_text(JOB % "" + f"  greet-soon: {{job: greet, {cron}}}\n")
    (run,) = until(lambda: runs_of_greet(stack), "its run", 200)
    assert (run["schedule"], dt.datetime.fromisoformat(run["scheduled_for"])) == ("greet-soon", due)


def runs_of_greet(stack: Stack) -> list[Any]:
    """Runs of the added job that a schedule asked for."""
    return [run for run in stack.json("runs", "list", "--job", "greet") if run["schedule"]]


def test_given_a_new_queue_then_it_gets_a_worker_and_runs_on_it_succeed(stack: Stack, added: Path) -> None:
    added.write_text(JOB % ", queue: greetings")
    until(lambda: any("greetings" in w["queues"] for w in stack.status()["workers"]), "a worker for it")
    until(lambda: "greet" in jobs(stack), "the added job")
    answer = stack.json("jobs", "launch", "greet", "--wait")
    assert answer["status"] == "SUCCESS"


def test_given_a_file_that_breaks_then_it_is_a_problem_and_the_rest_stays_served_until_it_is_mended(
    stack: Stack, added: Path
) -> None:
    served = jobs(stack)
    added.write_text("jobs:\n  greet: {comand: [echo]}\n")
    problems = stack.status()["problems"]
    assert [problem for problem in problems if problem.startswith("config/added.yaml:2:")], problems
    assert served <= jobs(stack)
    added.write_text(JOB % "")
    until(lambda: "greet" in jobs(stack), "the mended job")
    assert not [problem for problem in stack.status()["problems"] if "added.yaml" in problem]
