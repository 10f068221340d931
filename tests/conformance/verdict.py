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
    """Compare outcomes by test name. `deviations`: name -> why ours differs; without `[…]` for all variants.

    What stock passes ours passes, or it is a deviation with its reason. A deviation that is none any more is a
    problem as well: the list shrinks when it can.
    """
    good = {name for name, outcome in stock.items() if outcome == PASSED}
    problems = [] if good else [f"{suite}: stock passed nothing: the suite itself does not run"]
    differs: dict[str, list[str]] = {name: [] for name in deviations}
    for name in sorted(good):
        outcome = ours.get(name, "not run")
        if outcome == PASSED:
            continue
        known = next((each for each in (name, _of_variants(name)) if each in deviations), None)
        if known is None:
            problems.append(f"{suite}: {name}: stock passes, ours {outcome}")
        else:
            differs[known].append(name)
    for name, tests in sorted(differs.items()):
        if not any(name in (each, _of_variants(each)) for each in good):
            problems.append(f"{suite}: {name}: listed as a deviation, and stock does not pass it")
        elif not tests:
            problems.append(f"{suite}: {name}: listed as a deviation, and ours passes")
    ours_passed = sum(ours.get(name) == PASSED for name in good)
    return Verdict(suite, len(good), ours_passed, sum(map(len, differs.values())), tuple(problems))


def _of_variants(name: str) -> str:
    """The name of a test, of which there are several with parameters."""
    return name.partition("[")[0]


def table(titles: Mapping[str, str], verdicts: list[Verdict]) -> str:
    """The verdicts as a Markdown table. `titles`: what each suite is about."""
    lines = ["| suite | stock passes | ours passes of these | deviations |", "|---|---|---|---|"]
    lines += [
        f"| {v.suite}: {titles[v.suite]} | {v.stock_passed} | {v.ours_passed} | {v.deviations} |"
        for v in verdicts
    ]
    return "\n".join(lines)
