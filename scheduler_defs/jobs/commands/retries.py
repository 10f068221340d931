"""Retries of a step within its run: `max_attempts` in total, `base` x 2^(n-1) after attempt n."""

from __future__ import annotations

import random

import dagster as dg
from typing_extensions import override

from scheduler_defs.declarations.models.declared import Backoff, Retries
from scheduler_defs.tags import Failure


class StepRetryPolicy(dg.RetryPolicy):
    """Dagster's policy with our delays: its own exponential one is `delay` x (2^n - 1), and knows no cap.

    It also holds for steps whose worker is lost, which their run's executor retries.
    """

    retries: Retries

    def __new__(cls, retries: Retries) -> StepRetryPolicy:
        policy = super().__new__(cls, max_retries=retries.max_attempts - 1)
        policy.retries = retries
        return policy

    @override
    def calculate_delay(self, attempt_num: int) -> float:
        return delay_seconds(self.retries, attempt_num)


def step_retries(retries: Retries | None) -> StepRetryPolicy | None:
    """The policy of a step's op; None when there is only one attempt."""
    return StepRetryPolicy(retries) if retries is not None and retries.max_attempts > 1 else None


def delay_seconds(retries: Retries, attempt: int, spread: float | None = None) -> float:
    """Seconds to wait after attempt number `attempt` (from 1) has failed.

    With `jitter` it is between half of that and all of it; `spread` in [0, 1) chooses where, at random.
    """
    match retries.backoff:
        case Backoff.NONE:
            return 0.0
        case Backoff.FIXED:
            seconds = retries.base.total_seconds()
        case Backoff.EXPONENTIAL:
            # 2^40 x a second is far above any cap, and still a number.
            seconds = retries.base.total_seconds() * 2 ** min(attempt - 1, 40)
    seconds = min(seconds, retries.cap.total_seconds())
    if retries.jitter:
        chosen = random.random() if spread is None else spread  # noqa: S311 - not a secret
        seconds *= 0.5 + chosen / 2
    return seconds


def is_retriable(retries: Retries, failure: Failure, exit_code: int | None) -> bool:
    """Whether `retry_on` names this failure. Empty: any."""
    if not retries.retry_on:
        return True
    return failure.value in retries.retry_on or (exit_code is not None and exit_code in retries.retry_on)
