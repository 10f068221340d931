"""Steps of a declared job, executed in this process in the order of their needs."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Backoff, Param, Retries, Step
from scheduler_defs.jobs.commands.retries import StepRetryPolicy, delay_seconds, is_retriable
from scheduler_defs.jobs.commands.steps_job import build_steps_job
from scheduler_defs.tags import Failure
from tests.unit.jobs_command.conftest import Place, Ran, declared, step

AT_ONCE = Retries(max_attempts=3, backoff=Backoff.NONE)


def run(place: Place, *steps: Step, **options: object) -> Ran:
    config = options.pop("config", None)
    job = build_steps_job(declared("a-graph", steps={found.name: found for found in steps}, **options))
    return place.run(job, config)


def appending(place: Place, name: str, *needs: str, **options: object) -> Step:
    """A step that appends its name to a file."""
    script = f"echo {name} >> {place.project}/order"
    return step(name, *needs, command=("sh", "-c", script), **options)


def flaky(place: Place, name: str, failures: int, code: int = 1, **options: object) -> Step:
    """A step that fails so many times, and then succeeds."""
    tries = place.project / "tries"
    script = f'echo x >> {tries}; [ "$(wc -l < {tries})" -gt {failures} ] || exit {code}'
    return step(name, command=("sh", "-c", script), **options)


def test_when_steps_need_others_they_run_after_them(place: Place) -> None:
    ran = run(
        place,
        appending(place, "join", "left", "right"),
        appending(place, "left", "get"),
        appending(place, "right", "get"),
        appending(place, "get"),
    )

    assert ran.succeeded
    order = (place.project / "order").read_text().split()
    assert (order[0], order[-1], len(order)) == ("get", "join", 4)


def test_when_a_step_fails_the_run_says_which_and_its_dependents_do_not_run(place: Place) -> None:
    ran = run(place, step("bad", command=("sh", "-c", "exit 4")), appending(place, "after", "bad"))

    assert not ran.succeeded
    assert ran.tags[tags.ERROR] == "bad: exit code 4"
    assert ran.tags[tags.EXIT_CODE] == "4"
    assert not (place.project / "order").exists()


def test_when_steps_keep_artifacts_each_has_a_folder(place: Place) -> None:
    command = ("sh", "-c", "echo {params.text} > out.txt")
    ran = run(
        place,
        step("one", command=command, artifacts=("*.txt",)),
        step("two", command=command, artifacts=("*.txt",)),
        params={"text": Param(name="text")},
        config={"text": "hello"},
    )

    folder = place.state / "artifacts" / ran.run_id
    assert (folder / "one" / "out.txt").read_text() == "hello\n"
    assert (folder / "two" / "out.txt").exists()


def test_when_a_step_is_retried_the_run_carries_no_failure(place: Place) -> None:
    ran = run(place, flaky(place, "flaky", failures=2, retries=AT_ONCE))

    assert ran.succeeded
    assert len(ran.of(dg.DagsterEventType.STEP_UP_FOR_RETRY)) == 2
    assert tags.FAILURE not in ran.tags


def test_when_a_step_has_used_its_attempts_the_run_fails_with_the_last_reason(place: Place) -> None:
    ran = run(place, flaky(place, "flaky", failures=9, code=7, retries=AT_ONCE))

    assert not ran.succeeded
    assert (place.project / "tries").read_text().count("x") == 3
    assert ran.error == "exit code 7; it printed nothing"
    assert ran.tags[tags.ERROR] == "flaky: exit code 7"


def test_when_the_failure_is_not_one_to_retry_on_there_is_one_attempt(place: Place) -> None:
    retries = Retries(max_attempts=3, backoff=Backoff.NONE, retry_on=("timeout", 75))

    ran = run(place, flaky(place, "flaky", failures=9, code=7, retries=retries))

    assert (place.project / "tries").read_text().count("x") == 1
    assert ran.tags[tags.EXIT_CODE] == "7"


def test_when_a_step_takes_too_long_it_is_ended_and_may_be_retried(place: Place) -> None:
    slow = step("slow", command=("sleep", "60"), timeout=timedelta(seconds=0.5))

    ran = run(place, slow)

    assert ran.error == "timed out after 0.5 s; nothing that it may have printed had arrived"
    assert ran.tags[tags.FAILURE] == "timeout"


def test_when_the_run_has_a_limit_a_late_step_gets_what_is_left(place: Place) -> None:
    ran = run(
        place,
        step("first", command=("sleep", "1.2")),
        step("second", "first", command=("sleep", "60")),
        timeout=timedelta(seconds=3),
    )

    assert ran.error == "timed out after 3 s; nothing that it may have printed had arrived"
    assert ran.metadata["duration_seconds"] < 2.7


@pytest.mark.parametrize(
    ("retries", "delays"),
    [
        (Retries(max_attempts=9, base=timedelta(seconds=2)), [2, 4, 8, 16]),
        (
            Retries(max_attempts=9, base=timedelta(seconds=20), cap=timedelta(seconds=50)),
            [20, 40, 50, 50],
        ),
        (Retries(max_attempts=9, backoff=Backoff.FIXED, base=timedelta(seconds=5)), [5, 5, 5, 5]),
        (Retries(max_attempts=9, backoff=Backoff.NONE), [0, 0, 0, 0]),
    ],
)
def test_given_a_backoff_each_attempt_has_its_delay(retries: Retries, delays: list[float]) -> None:
    policy = StepRetryPolicy(retries)

    assert [policy.calculate_delay(attempt) for attempt in (1, 2, 3, 4)] == delays
    assert policy.max_retries == 8


def test_given_jitter_the_delay_is_between_half_and_all_of_it() -> None:
    retries = Retries(max_attempts=2, base=timedelta(seconds=10), jitter=True)

    assert delay_seconds(retries, 1, spread=0.0) == 5
    assert delay_seconds(retries, 1, spread=0.999) == pytest.approx(10, abs=0.01)


def test_given_many_attempts_the_delay_stays_at_the_cap() -> None:
    assert delay_seconds(Retries(max_attempts=5000), 4000) == 3600


@pytest.mark.parametrize(
    ("retry_on", "failure", "code", "expected"),
    [
        ((), Failure.ERROR, None, True),
        (("timeout",), Failure.TIMEOUT, None, True),
        (("timeout",), Failure.EXIT_CODE, 1, False),
        (("exit_code",), Failure.EXIT_CODE, 1, True),
        ((75, 137), Failure.EXIT_CODE, 137, True),
        ((75,), Failure.EXIT_CODE, 1, False),
        ((75,), Failure.WORKER_LOST, None, False),
    ],
)
def test_given_causes_to_retry_on_only_they_are_retriable(
    retry_on: tuple[str | int, ...], failure: Failure, code: int | None, expected: bool
) -> None:
    assert is_retriable(Retries(max_attempts=2, retry_on=retry_on), failure, code) is expected
