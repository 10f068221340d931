"""What the two runs of a suite say of each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PASSED = "passed"


@dataclass(frozen=True)
class Verdict:
    """Of one suite: counts, and what is not as it must be, a line each."""

    suite: str
    stock_passed: int
    ours_passed: int
    deviations: int
    problems: tuple[str, ...]


def judge(
    suite: str, stock: Mapping[str, str], ours: Mapping[str, str], deviations: Mapping[str, str]
) -> Verdict:
    """Compare outcomes by test name. `deviations`: name -> why ours differs.

    What stock passes ours passes, or it is a deviation with its reason. A deviation that is none any more is a
    problem as well: the list shrinks when it can.
    """
    good = {name for name, outcome in stock.items() if outcome == PASSED}
    problems = [] if good else [f"{suite}: stock passed nothing: the suite itself does not run"]
    for name in sorted(good):
        outcome = ours.get(name, "not run")
        if outcome != PASSED and name not in deviations:
            problems.append(f"{suite}: {name}: stock passes, ours {outcome}")
    for name in sorted(deviations):
        if name not in good:
            problems.append(f"{suite}: {name}: listed as a deviation, and stock does not pass it")
        elif ours.get(name) == PASSED:
            problems.append(f"{suite}: {name}: listed as a deviation, and ours passes")
    ours_passed = sum(ours.get(name) == PASSED for name in good)
    return Verdict(suite, len(good), ours_passed, len(deviations), tuple(problems))


def table(verdicts: list[Verdict]) -> str:
    """The verdicts as a Markdown table."""
    lines = ["| suite | stock passes | ours passes of these | deviations |", "|---|---|---|---|"]
    lines += [f"| {v.suite} | {v.stock_passed} | {v.ours_passed} | {v.deviations} |" for v in verdicts]
    return "\n".join(lines)
