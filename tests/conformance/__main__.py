"""`make conformance`: fetch Dagster's tests, run them on stock classes and on ours, and judge."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from tests.conformance.fetching import fetch
from tests.conformance.verdict import Verdict, judge, table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SUITES = {"storages": "suites/storages.py"}
CLASSES = ("stock", "ours")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; default: all")
    parser.add_argument(
        "--sources", type=Path, default=ROOT / ".conformance", help="where the tests are kept"
    )
    options = parser.parse_args()
    if unknown := set(options.suites) - SUITES.keys():
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    path = [HERE / "standins", *fetch(options.sources), ROOT]
    deviations = yaml.safe_load((HERE / "deviations.yaml").read_text(encoding="utf-8"))
    verdicts = [_suite(name, path, deviations.get(name) or {}) for name in options.suites or SUITES]
    print(table(verdicts))
    problems = [line for verdict in verdicts for line in verdict.problems]
    for line in problems:
        print(line, file=sys.stderr)
    raise SystemExit(1 if problems else 0)


def _suite(name: str, path: list[Path], deviations: dict[str, str]) -> Verdict:
    with ThreadPoolExecutor(2) as side_by_side:
        stock, ours = side_by_side.map(lambda classes: _outcomes(SUITES[name], classes, path), CLASSES)
    return judge(name, stock, ours, deviations)


def _outcomes(suite: str, classes: str, path: list[Path]) -> dict[str, str]:
    """Run a suite in a process of its own; outcome by test."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "outcomes.json"
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", str(HERE / suite), "-q", "--tb", "short", "-r", "f"),
                *("-p", "no:cacheprovider", "-p", "tests.conformance.outcomes", "-p", "no:xdist"),
                # Dagster's tests have their own ways; what warns there is not ours to mend.
                *("--override-ini", "filterwarnings=", "--override-ini", "addopts="),
                *("--import-mode", "importlib", "--timeout", "120"),
            ],
            cwd=ROOT,
            stdout=sys.stderr,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, path)),
                "CONFORMANCE_CLASSES": classes,
                "CONFORMANCE_OUTCOMES": str(out),
                "DAGSTER_DISABLE_TELEMETRY": "1",
            },
        )
        if not out.exists():
            raise SystemExit(f"conformance: {suite} with {classes} classes did not come to an end")
        return json.loads(out.read_text())


if __name__ == "__main__":
    main()
