"""Values in the tags of runs, which anybody may type. One that cannot be used counts as not given. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from scheduler_defs import tags
from scheduler_defs.retries.backoff import read_policy

MOST_PRIORITY = 1_000_000
"""As in declarations. The order of the queue could not be computed with any number."""
MOST_SECONDS = timedelta(days=36_525).total_seconds()
"""As in declarations. Not any number can be added to a time."""
MOST_ATTEMPTS = 1_000_000

MAX_RUNTIME_KEYS = (tags.MAX_RUNTIME, f"{tags.MAX_RUNTIME}_seconds")
"""Dagster's own, and the name that it had before. The first one that a run has counts."""


def priority_of(run_tags: Mapping[str, str]) -> int:
    """The run's priority; 0 without one, or with one that cannot be used."""
    return read_priority(run_tags.get(tags.PRIORITY, "")) or 0


def max_runtime_of(run_tags: Mapping[str, str]) -> float | None:
    """The run's time-out in seconds; None without one, or with one that cannot be used."""
    text = next((run_tags[key] for key in MAX_RUNTIME_KEYS if run_tags.get(key)), "")
    return read_seconds(text)


def read_priority(text: str) -> int | None:
    """None: it cannot be used; as with the others here."""
    return _whole(text, -MOST_PRIORITY, MOST_PRIORITY)


def read_seconds(text: str) -> float | None:
    """A length of time above 0."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds <= MOST_SECONDS else None


def read_attempts(text: str) -> int | None:
    """The number of an attempt, or how many there may be."""
    return _whole(text, 1, MOST_ATTEMPTS)


def read_switch(text: str) -> str | None:
    """`true` or `false`, as it is."""
    return text if text in {"true", "false"} else None


def keeps_processes(run_tags: Mapping[str, str]) -> bool:
    """Whether what the run leaves running when it ends by itself is meant to stay."""
    return run_tags.get(tags.KEEP_PROCESSES) == "true"


_SECONDS = "not a number of seconds above 0"
_READ: Mapping[str, tuple[Callable[[str], object | None], str]] = {
    tags.PRIORITY: (read_priority, f"not a whole number from -{MOST_PRIORITY:,} to {MOST_PRIORITY:,}"),
    **dict.fromkeys(MAX_RUNTIME_KEYS, (read_seconds, _SECONDS)),
    tags.MAX_ATTEMPTS: (read_attempts, "not a whole number above 0"),
    tags.RETRIES: (read_policy, "not a retry policy"),
    tags.KEEP_PROCESSES: (read_switch, "neither true nor false"),
}


def unusable(run_tags: Mapping[str, str]) -> dict[str, str]:
    """Those of the tags whose values cannot be used."""
    return {
        key: str(run_tags[key])
        for key, (read, _) in _READ.items()
        if key in run_tags and read(str(run_tags[key])) is None
    }


def usable(run_tags: Mapping[str, str]) -> dict[str, str]:
    """All others."""
    left_out = unusable(run_tags)
    return {key: value for key, value in run_tags.items() if key not in left_out}


def why_unusable(key: str) -> str:
    """What is wrong with the value of such a tag."""
    return _READ[key][1]


def _whole(text: str, least: int, most: int) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if least <= number <= most else None
