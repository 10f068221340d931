import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.retries.backoff import RetryPolicy, delay, is_retriable, next_attempt_at, retry_tags

FAILED_AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


def _seconds(policy: RetryPolicy, attempts: int = 6) -> list[float]:
    return [delay(policy, attempt, "run").total_seconds() for attempt in range(1, attempts + 1)]


def test_given_exponential_then_each_wait_is_twice_the_one_before_up_to_the_cap() -> None:
    policy = RetryPolicy(base=dt.timedelta(seconds=60), cap=dt.timedelta(minutes=10))
    assert _seconds(policy) == [60, 120, 240, 480, 600, 600]


def test_given_fixed_then_every_wait_is_the_base() -> None:
    assert _seconds(RetryPolicy(backoff="fixed", base=dt.timedelta(seconds=30)), 3) == [30, 30, 30]


def test_given_none_then_there_is_no_wait() -> None:
    assert _seconds(RetryPolicy(backoff="none"), 2) == [0, 0]


def test_given_a_cap_below_the_base_then_the_cap_is_the_wait() -> None:
    policy = RetryPolicy(base=dt.timedelta(hours=2), cap=dt.timedelta(hours=1))
    assert _seconds(policy, 2) == [3600, 3600]


@pytest.mark.parametrize("attempt", [1, 35, 36, 41, 63, 64, 65, 999])
@pytest.mark.parametrize("base", [dt.timedelta(0), dt.timedelta(seconds=1), dt.timedelta(hours=1)])
def test_given_any_attempt_that_a_declaration_allows_then_there_is_a_wait_up_to_the_cap(
    attempt: int, base: dt.timedelta
) -> None:
    cap = dt.timedelta(days=36_525)
    found = delay(RetryPolicy(max_attempts=1_000, base=base, cap=cap), attempt, "run")
    assert found == min(base.total_seconds() * 2 ** (attempt - 1), cap.total_seconds()) * dt.timedelta(
        seconds=1
    )


@given(st.integers(1, 10_000), st.text(max_size=20))
def test_given_jitter_then_the_wait_is_between_half_and_all_of_it_and_repeatable(
    attempt: int, seed: str
) -> None:
    policy = RetryPolicy()
    jittered = policy.model_copy(update={"jitter": True})
    whole, found = delay(policy, attempt, seed), delay(jittered, attempt, seed)
    assert whole / 2 <= found <= whole
    assert found == delay(jittered, attempt, seed)


@pytest.mark.parametrize(
    ("retry_on", "failure", "exit_code", "expected"),
    [
        ((), "error", None, True),
        (("timeout",), "timeout", None, True),
        (("timeout",), "worker_lost", None, False),
        (("exit_code",), "exit_code", 7, True),
        ((7, 9), "exit_code", 7, True),
        ((7, 9), "exit_code", 1, False),
        ((7, "worker_lost"), "worker_lost", None, True),
    ],
)
def test_retry_on_names_kinds_of_failures_and_exit_codes(
    retry_on: tuple[str | int, ...], failure: str, exit_code: int | None, expected: bool
) -> None:
    assert is_retriable(RetryPolicy(retry_on=retry_on), failure, exit_code) is expected


POLICY = '{"max_attempts":3,"backoff":"exponential","base":"PT1M","cap":"PT1H","jitter":false,"retry_on":[]}'


@pytest.mark.parametrize(
    ("tags", "minutes"),
    [
        ({"signalbox/retries": POLICY}, 1),
        ({"signalbox/retries": POLICY, "signalbox/attempt": "2"}, 2),
        ({"signalbox/retries": POLICY, "signalbox/attempt": "3"}, None),
        ({"signalbox/attempt": "1"}, None),
        ({"signalbox/retries": "not json"}, None),
        ({"signalbox/retries": POLICY.replace("[]", '["timeout"]'), "signalbox/failure": "error"}, None),
        ({"signalbox/retries": POLICY.replace("[]", "[7]"), "signalbox/exit_code": "7"}, 1),
    ],
)
def test_the_next_attempt_is_due_by_the_policy_in_the_tags(tags: dict[str, str], minutes: int | None) -> None:
    expected = None if minutes is None else FAILED_AT + dt.timedelta(minutes=minutes)
    assert next_attempt_at(tags, FAILED_AT, "run") == expected


def test_given_a_failed_run_then_the_next_attempt_keeps_who_it_is_and_drops_what_became_of_it() -> None:
    failed = {
        "signalbox/schedule": "nightly",
        "signalbox/scheduled_for": "2026-03-01T02:00:00+01:00",
        "signalbox/trigger": "schedule",
        "signalbox/attempt": "1",
        "signalbox/max_attempts": "3",
        "signalbox/retries": POLICY,
        "signalbox/failure": "timeout",
        "signalbox/error": "timed out after 2 s",
        "signalbox/retry_at": "2026-03-01T12:01:00.000+00:00",
        "signalbox/worker": "w@h:1:2",
        "dagster/max_runtime": "2",
        "dagster/run_key": "schedule:nightly:...",
        "dagster/schedule_name": "nightly",
        ".dagster/scheduled_execution_time": "...",
        "team": "night",
    }
    assert retry_tags("first", failed) == {
        "signalbox/schedule": "nightly",
        "signalbox/scheduled_for": "2026-03-01T02:00:00+01:00",
        "signalbox/trigger": "retry",
        "signalbox/attempt": "2",
        "signalbox/max_attempts": "3",
        "signalbox/retries": POLICY,
        "signalbox/root_run": "first",
        "dagster/root_run_id": "first",
        "dagster/parent_run_id": "first",
        "dagster/max_runtime": "2",
        "team": "night",
    }
    third = retry_tags("second", retry_tags("first", failed))
    assert third["signalbox/attempt"] == "3"
    assert third["dagster/root_run_id"] == "first"
    assert third["dagster/parent_run_id"] == "second"
