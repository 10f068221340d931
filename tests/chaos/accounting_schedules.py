"""Every occurrence of a schedule has exactly one run, or somebody has said why not. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator

from scheduler_defs import tags
from tests.chaos.evidence import CatchUp, Due, Evidence

# "3 missed collapsed into the latest", "1 or more missed not caught up with (catch_up: none)"
_COUNTED = re.compile(r"(\d+)(?: or more)? missed (?:collapsed|not caught up)")


def missing_occurrences(found: Evidence) -> Iterator[str]:
    """Occurrences with two runs, or with none where the schedule's promise, or nobody's word, covers that."""
    for due in found.due:
        yield from _of_schedule(found, due)


def _of_schedule(found: Evidence, due: Due) -> Iterator[str]:
    launched = Counter(
        dt.datetime.fromisoformat(run.tags[tags.SCHEDULED_FOR])
        for run in found.runs
        if run.tags.get(tags.SCHEDULE) == due.schedule and tags.ROOT_RUN not in run.tags
    )
    for occurrence in due.occurrences:
        if launched[occurrence] > 1:
            yield f"schedule {due.schedule}: {launched[occurrence]} runs for {_text(occurrence)}"
    absent = [occurrence for occurrence in due.occurrences if not launched[occurrence]]
    if due.catch_up is CatchUp.ALL and due.occurrences:
        oldest = due.occurrences[0] if due.reach is None else due.occurrences[-1] - due.reach
        for occurrence in absent:
            if occurrence >= oldest:
                yield f"schedule {due.schedule}: no run for {_text(occurrence)}, though it catches up with all"
        absent = [occurrence for occurrence in absent if occurrence < oldest]
    skipped = {
        tick.at
        for tick in found.ticks
        if tick.schedule == due.schedule and tick.status == "SKIPPED" and tick.reason
    }
    for occurrence in absent:
        if occurrence not in skipped and _said_by_the_next(found, due, occurrence) == 0:
            yield f"schedule {due.schedule}: no run for {_text(occurrence)}, and nobody says why"


def _said_by_the_next(found: Evidence, due: Due, occurrence: dt.datetime) -> int:
    """How many missed occurrences the next tick or run speaks of that came after `occurrence`."""
    said = [
        (tick.at, tick.reason)
        for tick in found.ticks
        if tick.schedule == due.schedule and tick.at > occurrence
    ] + [
        (dt.datetime.fromisoformat(run.tags[tags.SCHEDULED_FOR]), run.tags.get(tags.MISSED, ""))
        for run in found.runs
        if run.tags.get(tags.SCHEDULE) == due.schedule
        and dt.datetime.fromisoformat(run.tags[tags.SCHEDULED_FOR]) > occurrence
    ]
    for at, text in sorted(said):
        counted = sum(int(number) for number in _COUNTED.findall(text))
        # As many as lie between: a later report about others does not cover this one.
        if counted >= sum(occurrence <= other < at for other in due.occurrences):
            return counted
    return 0


def _text(instant: dt.datetime) -> str:
    return instant.astimezone(dt.UTC).isoformat(timespec="minutes")
