"""What is said when a command has not succeeded. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from scheduler_defs.execution.guard.outcome import Ending, Outcome
from scheduler_defs.jobs.commands.running.output import Tail
from scheduler_defs.tags import Failure

_LAST_LINES = 10
_LONGEST_SUMMARY = 300


@dataclass(frozen=True)
class CommandFailure:
    """Why a command has failed. `summary` is one line; `description` has the last lines that it printed."""

    failure: Failure
    summary: str
    description: str
    exit_code: int | None = None


def explain(outcome: Outcome, tail: Tail, timeout_seconds: float | None) -> CommandFailure:
    """The failure behind an outcome that is no success. `timeout_seconds` is the limit that was in force."""
    failure, what = _what(outcome, timeout_seconds)
    if outcome.survivors:
        what += f" ({outcome.survivors} of its processes could not be killed)"
    lines = tail.lines[-_LAST_LINES:]
    last = f": {lines[-1]}" if lines else ""
    return CommandFailure(
        failure,
        summary=(what + last)[:_LONGEST_SUMMARY],
        description=what + ("; last lines:\n" + "\n".join(lines) if lines else f"; {_silent(outcome)}"),
        exit_code=outcome.exit_code if failure is Failure.EXIT_CODE else None,
    )


def _silent(outcome: Outcome) -> str:
    """Nothing was read. What a program keeps in a buffer is lost when it is ended."""
    if outcome.ending is Ending.EXITED and outcome.signal is None:
        return "it printed nothing"
    return "nothing that it may have printed had arrived"


def _what(outcome: Outcome, timeout_seconds: float | None) -> tuple[Failure, str]:
    match outcome.ending:
        case Ending.TIMED_OUT:
            return Failure.TIMEOUT, f"timed out after {timeout_seconds or 0:g} s"
        case Ending.FENCED:
            return Failure.WORKER_LOST, "worker lost: its lease ran out, so the command was killed"
        case Ending.CANCELLED:
            return Failure.WORKER_LOST, "worker lost: the command was stopped from outside, with its guard"
        case Ending.LOST:
            return Failure.ERROR, "the command's guard was killed, and the command with it"
        case Ending.EXITED if outcome.signal is not None:
            return (
                Failure.EXIT_CODE,
                f"killed by signal {_name(outcome.signal)} (exit code {outcome.exit_code})",
            )
        case Ending.EXITED:
            return Failure.EXIT_CODE, f"exit code {outcome.exit_code}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
