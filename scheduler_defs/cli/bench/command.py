"""`signalbox bench`: how quick this stack is, through the same door as everybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler_defs.cli.bench.figures import Change, compare
from scheduler_defs.cli.options import AsJson, Set
from scheduler_defs.cli.terminal.connection import graphql
from scheduler_defs.cli.terminal.declarations import load_declared, unknown
from scheduler_defs.cli.terminal.output import print_json, print_line, print_table, say
from scheduler_defs.cli.terminal.values import read_settings
from scheduler_defs.errors import SignalboxError

_PHASES = ("submit", "start", "finish")


def bench(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Job to run; choose one that does little.")],
    set_: Set = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    at_once: Annotated[int, typer.Option(min=1, max=32, help="Submissions under way at a time.")] = 4,
    within: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="All must end so soon.")] = 300,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the numbers.")] = None,
    against: Annotated[
        Path | None, typer.Option("--compare", metavar="FILE", help="Numbers that were kept before.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, metavar="PERCENT", help="More than so much slower is a failure.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """Run a job many times on the running stack, and say how long submit, start and finish take.

    The runs are real ones: they take slots and stay in the history. Exits 1 if one of them does not
    succeed, or with --compare if a number is worse than before by more than the tolerance.
    """
    from scheduler_defs import launching
    from scheduler_defs.cli.bench.scenario import Scenario, play
    from scheduler_defs.declarations import BUILTIN_JOBS

    before = _read(against) if against else None
    declarations = load_declared()
    known = {*declarations.jobs, *BUILTIN_JOBS}
    if job not in known:
        raise unknown("job", job, known)
    config = read_settings(declarations, job, set_)
    order = launching.for_job(declarations, job, config=config, reason="signalbox bench", directive=None)
    answer = play(graphql(), Scenario(order.job, order.run_config, order.tags, runs, at_once, within))
    changes = _compared(before, answer, tolerance) if before else []
    answer["compared"] = [
        {"measure": c.measure, "before": c.before, "now": c.now, "percent": c.percent, "worse": c.worse}
        for c in changes
    ]
    if save:
        save.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(answer)
    else:
        _show(answer, [str(change) for change in changes])
    worse = [change for change in changes if change.worse]
    for change in worse:
        say(f"signalbox: {change}, more than {tolerance:g} % worse")
    if worse or answer["succeeded"] < answer["runs"]:
        raise typer.Exit(1)


def numbers(document: dict[str, Any]) -> dict[str, float]:
    """The seconds of a measurement by name, as `submit p50`."""
    return {
        f"{phase} {name}": float(seconds)
        for phase in _PHASES
        for name, seconds in (document.get(phase) or {}).items()
    }


def _compared(before: dict[str, Any], now: dict[str, Any], tolerance: float) -> list[Change]:
    return compare(numbers(before), numbers(now), tolerance)


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if not numbers(document):
            raise ValueError("no numbers")
    except (ValueError, AttributeError, TypeError) as error:
        raise SignalboxError(f"{file}: not what `signalbox bench --save` writes: {error}") from None
    return document


def _show(answer: dict[str, Any], changes: list[str]) -> None:
    rows = [
        (phase, f"{answer[phase]['p50']:.3f} s", f"{answer[phase]['p95']:.3f} s")
        for phase in _PHASES
        if answer[phase]
    ]
    print_table(("", "P50", "P95"), rows, empty="")
    print_line(
        f"{answer['succeeded']} of {answer['runs']} runs of {answer['job']} succeeded,"
        f" {answer['runs_per_second']:g} a second"
    )
    for change in changes:
        print_line(change)
