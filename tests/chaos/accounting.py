"""Nothing lost, nothing twice, nothing stuck: what in the evidence contradicts that. Pure.

Each function finds one kind of violation, one line each; `violations` is all of them together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain, pairwise

from scheduler_defs import tags
from tests.chaos.evidence import Evidence, Life, SeenRun, SeenTask


class Kind(StrEnum):
    """What a violation means to who relies on us."""

    LOST = "lost"
    DOUBLED = "doubled"
    STUCK = "stuck"


FINISHED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
SETTLED = frozenset({"complete", "failed", "canceled"})


def violations(found: Evidence) -> list[str]:
    """All that is wrong; empty when everything is accounted for."""
    return list(chain(*by_kind(found).values()))


def by_kind(found: Evidence) -> dict[Kind, list[str]]:
    """All that is wrong, by what it means."""
    from tests.chaos.accounting_schedules import missing_occurrences

    checks = {
        Kind.LOST: (attempts, given_up, empty_successes, unproven, missing_occurrences),
        Kind.DOUBLED: (two_at_once, out_of_turn, two_runs),
        Kind.STUCK: (unended, unsettled_tasks, leftovers),
    }
    return {kind: list(chain(*(check(found) for check in each))) for kind, each in checks.items()}


def two_runs(found: Evidence) -> Iterator[str]:
    """Occurrences with more than one run."""
    yield from found.twice


def unproven(found: Evidence) -> Iterator[str]:
    """Occurrences that the program itself cannot account for."""
    yield from found.unproven


def unended(found: Evidence) -> Iterator[str]:
    """Runs that are still going on, or wait."""
    for run in found.runs:
        if run.status not in FINISHED:
            yield f"run {run.run_id} ({run.job}) has not ended: {run.status}"


def attempts(found: Evidence) -> Iterator[str]:
    """One success at the end, or a failure that says why and has no attempt left; no attempt twice."""
    for root, runs in chains(found.runs).items():
        numbers = [_number(run, tags.ATTEMPT) for run in runs]
        if numbers != list(range(1, len(runs) + 1)):
            yield f"run {root} ({runs[0].job}): its attempts are numbered {numbers}"
        for run in runs:
            if run.status == "FAILURE" and tags.FAILURE not in run.tags:
                yield f"run {run.run_id} ({run.job}) failed without a reason"
        for run in runs[:-1]:
            if run.status != "FAILURE":
                yield f"run {run.run_id} ({run.job}) was followed by another attempt, and had ended {run.status}"
        last = runs[-1]
        if last.status == "FAILURE" and tags.RETRY_AT in last.tags:
            yield f"run {last.run_id} ({last.job}) was to be tried again at {last.tags[tags.RETRY_AT]}"
        elif last.status == "FAILURE" and numbers[-1] < _number(last, tags.MAX_ATTEMPTS):
            most = last.tags[tags.MAX_ATTEMPTS]
            yield f"run {last.run_id} ({last.job}) was given up after attempt {numbers[-1]} of {most}"


def given_up(found: Evidence) -> Iterator[str]:
    """Failures for good of a job that can do its work: it has far more attempts than there are faults."""
    for runs in chains(found.runs).values():
        last = runs[-1]
        if last.status == "FAILURE" and last.job not in found.fails and tags.TASK not in last.tags:
            why = last.tags.get(tags.FAILURE, "no reason")
            yield f"run {last.run_id} ({last.job}) can succeed, and failed for good: {why}"


def empty_successes(found: Evidence) -> Iterator[str]:
    """A run that succeeded has had all its commands end well."""
    done = {(life.run_id, life.step) for life in found.lives if life.code == 0}
    needed = {life.task: life for life in found.lives if life.task and life.code == 0}
    for run in found.runs:
        if run.status == "SUCCESS" and tags.TASK not in run.tags:
            for step in found.steps.get(run.job, ("",)):
                if (run.run_id, step) not in done:
                    yield f"run {run.run_id} ({run.job}) succeeded, but its command {step} did not"
    for task in found.tasks:
        if task.status == "complete" and task.id not in needed:
            yield f"task {task.id} is complete, but no command for it has ended well"


def two_at_once(found: Evidence) -> Iterator[str]:
    """No two processes did the same work at the same time: of one occurrence, one step, one task."""
    roots = {run.run_id: root for root, runs in chains(found.runs).items() for run in runs}
    work: dict[tuple[str, str], list[Life]] = defaultdict(list)
    for life in found.lives:
        unit = f"task {life.task}" if life.task else f"run {roots.get(life.run_id, life.run_id)}"
        work[unit, life.step].append(life)
    for (unit, step), lives in work.items():
        lives.sort(key=lambda life: life.began)
        for before, after in pairwise(lives):
            if after.began < before.seen:
                yield (
                    f"{unit} {step}: process {after.pid} began {before.seen - after.began:.1f} s"
                    f" before process {before.pid} had ended"
                )


def unsettled_tasks(found: Evidence) -> Iterator[str]:
    """Every task is done, or given up with a word, within its attempts."""
    for task in found.tasks:
        if task.status not in SETTLED:
            yield f"task {task.id} is not settled: {task.status} after {task.attempts} attempts"
        elif task.expected and task.status != task.expected:
            yield f"task {task.id} is {task.status}, should be {task.expected}"
        elif task.status == "failed" and not task.comments:
            yield f"task {task.id} failed without a word"
        if task.attempts > task.max_attempts:
            yield f"task {task.id} had {task.attempts} attempts, {task.max_attempts} are allowed"


def out_of_turn(found: Evidence) -> Iterator[str]:
    """A task begins after its blockers have ended well."""
    ended = {life.task: life.seen for life in found.lives if life.task and life.code == 0}
    first: dict[str, float] = {}
    for life in found.lives:
        if life.task:
            first[life.task] = min(life.began, first.get(life.task, life.began))
    for task, blocker in _edges(found.tasks):
        if task in first and first[task] < ended.get(blocker, float("inf")):
            yield f"task {task} began before its blocker {blocker} had ended"


def leftovers(found: Evidence) -> Iterator[str]:
    """Leases, slots, reservations and processes that nobody needs any more."""
    for what, left in (
        ("lease", found.leases),
        ("slot taken by", found.slots),
        ("agent's slot taken by", found.assignments),
        ("process", found.processes),
    ):
        for item in left:
            yield f"left over: {what} {item}"


def chains(runs: Iterable[SeenRun]) -> Mapping[str, Sequence[SeenRun]]:
    """The attempts of each piece of work, by its first run. A task's runs stand alone: the task counts them."""
    found: dict[str, list[SeenRun]] = defaultdict(list)
    for run in runs:
        if tags.TASK in run.tags:
            # Its attempts are the task's.
            alone = {**run.tags, tags.ATTEMPT: "1", tags.MAX_ATTEMPTS: "1"}
            found[run.run_id].append(SeenRun(run.run_id, run.job, run.status, alone))
        else:
            found[run.tags.get(tags.ROOT_RUN) or run.run_id].append(run)
    for attempts_ in found.values():
        attempts_.sort(key=lambda run: _number(run, tags.ATTEMPT))
    return found


def _number(run: SeenRun, tag: str) -> int:
    return int(run.tags.get(tag) or 1)


def _edges(tasks: Iterable[SeenTask]) -> Iterator[tuple[str, str]]:
    for task in tasks:
        for blocker in task.blocked_by:
            yield task.id, blocker
