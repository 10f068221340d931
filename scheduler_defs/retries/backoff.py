"""Whether a failed run is tried again, and when. Pure: the policy comes from the run's own tags.

The policy is snapshotted into the run when it is launched (`signalbox/retries`), so that a retry needs no
declaration to be there later, and a changed declaration changes no run.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from scheduler_defs import tags

if TYPE_CHECKING:
    from scheduler_defs.declarations.models.declared import Retries


Wait = Annotated[dt.timedelta, Field(ge=dt.timedelta(0), le=dt.timedelta(days=36_525))]
"""As long as a declaration may say. Not any length can be added to a time."""


class RetryPolicy(BaseModel):
    """`max_attempts` is the total, the first attempt included. Empty `retry_on`: after any failure."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    max_attempts: PositiveInt = 1
    backoff: Literal["none", "fixed", "exponential"] = "exponential"
    base: Wait = dt.timedelta(seconds=60)
    cap: Wait = dt.timedelta(hours=1)
    jitter: bool = False
    retry_on: tuple[str | int, ...] = ()


def read_policy(text: str) -> RetryPolicy | None:
    """The policy that a run's tag holds; None: none, or one that cannot be followed."""
    try:
        return RetryPolicy.model_validate_json(text) if text else None
    except ValidationError:
        return None


def delay(policy: RetryPolicy, attempt: int, seed: str) -> dt.timedelta:
    """The wait between the failure of attempt number `attempt` (from 1) and the next one.

    With jitter it is between half of that and all of it, the same for the same `seed`.
    """
    if policy.backoff == "none":
        return dt.timedelta(0)
    wait = policy.base
    if policy.backoff == "exponential":
        # Compared as numbers: the product would overflow a timedelta long before the last attempt.
        factor = 2.0 ** min(max(attempt, 1) - 1, 64)
        is_short = policy.base.total_seconds() * factor < policy.cap.total_seconds()
        wait = policy.base * factor if is_short else policy.cap
    if policy.jitter:
        fraction = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") / 2**32
        wait *= 0.5 + fraction / 2
    return wait


def is_retriable(policy: RetryPolicy, failure: str | None, exit_code: int | None) -> bool:
    """Whether the policy wants this kind of failure (`signalbox/failure`) or this exit code tried again."""
    if not policy.retry_on:
        return True
    return any(
        exit_code == wanted if isinstance(wanted, int) else failure == wanted for wanted in policy.retry_on
    )


def next_attempt_at(run_tags: Mapping[str, str], failed_at: dt.datetime, seed: str) -> dt.datetime | None:
    """When a run with these tags, which failed at `failed_at`, is tried again; None: it is not."""
    policy = read_policy(run_tags.get(tags.RETRIES, ""))
    if policy is None:
        return None
    attempt = _number(run_tags.get(tags.ATTEMPT)) or 1
    if attempt >= policy.max_attempts:
        return None
    if not is_retriable(policy, run_tags.get(tags.FAILURE), _number(run_tags.get(tags.EXIT_CODE))):
        return None
    return failed_at + delay(policy, attempt, seed)


def first_attempt_tags(retries: Retries | None) -> dict[str, str]:
    """What a run must carry so that its retries do not depend on the declaration being there later."""
    if retries is None or retries.max_attempts <= 1:
        return {tags.ATTEMPT: "1", tags.MAX_ATTEMPTS: "1"}
    return {
        tags.ATTEMPT: "1",
        tags.MAX_ATTEMPTS: str(retries.max_attempts),
        tags.RETRIES: retries.model_dump_json(),
    }


def retry_key(run_id: str) -> str:
    """The run key of the attempt that follows the failed run: so there is one."""
    return f"retry:{run_id}"


def retry_tags(run_id: str, run_tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of the attempt that follows the failed run: who it is stays, what became of it goes.

    Dagster's parent and root tags make the UI show all attempts as one group.
    """
    kept = {
        key: value
        for key, value in run_tags.items()
        if key not in tags.OF_ONE_ATTEMPT and (not key.startswith(_DAGSTERS) or _is_passed_on(key))
    }
    root = run_tags.get(tags.ROOT_RUN) or run_tags.get(tags.DAGSTER_ROOT_RUN) or run_id
    return {
        **kept,
        tags.TRIGGER: tags.Trigger.RETRY.value,
        tags.ATTEMPT: str((_number(run_tags.get(tags.ATTEMPT)) or 1) + 1),
        tags.ROOT_RUN: root,
        tags.DAGSTER_ROOT_RUN: root,
        tags.DAGSTER_PARENT_RUN: run_id,
    }


_DAGSTERS = ("dagster/", ".dagster/", "dagster-celery/")
_PARTITION = "dagster/partition"
_PASSED_ON = frozenset({tags.PRIORITY, tags.MAX_RUNTIME, tags.CELERY_QUEUE, tags.BACKFILL})


def _is_passed_on(key: str) -> bool:
    return key in _PASSED_ON or key == _PARTITION or key.startswith(f"{_PARTITION}/")


def _number(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None
