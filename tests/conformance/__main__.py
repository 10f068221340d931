"""`make conformance`: fetch Dagster's tests, run them on stock classes and on ours, and judge.

What became of each test is kept beside the tests, and judged is what is kept: a suite may be run by itself, or
with the classes of one side. Exit code 1: there is something that is neither passed nor a known deviation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path

import yaml

from tests.conformance.catalogue import SUITES, Suite
from tests.conformance.fetching import OWN, fetch
from tests.conformance.verdict import judge, table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent
CLASSES = ("stock", "ours")
LONGEST_SECONDS = 300
"""For one test, on a busy machine."""


def main() -> None:
    options = _arguments()
    places = fetch(options.sources)
    kept = options.sources / f"outcomes-{version('dagster')}"
    kept.mkdir(exist_ok=True)
    if not options.table:
        wanted = [options.only] if options.only else CLASSES
        for name in options.suites or SUITES:
            with ThreadPoolExecutor(len(wanted)) as side_by_side:
                list(
                    side_by_side.map(
                        partial(_run, name, places=places, kept=kept, again=options.again), wanted
                    )
                )
    deviations = yaml.safe_load((HERE / "deviations.yaml").read_text(encoding="utf-8"))
    verdicts = [
        judge(name, _outcomes(name, "stock", kept), _outcomes(name, "ours", kept), deviations.get(name) or {})
        for name in options.suites or SUITES
        if all(_file(name, classes, kept).exists() for classes in CLASSES)
    ]
    print(table({name: suite.title for name, suite in SUITES.items()}, verdicts))
    problems = [line for verdict in verdicts for line in verdict.problems]
    for line in problems:
        print(line, file=sys.stderr)
    raise SystemExit(1 if problems else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; default: all")
    parser.add_argument(
        "--sources", type=Path, default=ROOT / ".conformance", help="where the tests are kept"
    )
    parser.add_argument("--only", choices=CLASSES, help="run the tests on these classes alone")
    parser.add_argument("--again", action="store_true", help="run only the tests that had not passed")
    parser.add_argument("--table", action="store_true", help="run nothing: judge what is kept")
    options = parser.parse_args()
    if unknown := set(options.suites) - SUITES.keys():
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    return options


def _file(name: str, classes: str, kept: Path) -> Path:
    return kept / f"{name}.{classes}.json"


def _outcomes(name: str, classes: str, kept: Path) -> dict[str, str]:
    """Outcome by test, of the last time."""
    return json.loads(_file(name, classes, kept).read_text())


def _run(name: str, classes: str, places: Mapping[str, Path], kept: Path, again: bool) -> None:
    """Run a suite in a process of its own. What it says is in a file beside the outcomes."""
    suite, out = SUITES[name], _file(name, classes, kept)
    again = again and out.exists()
    if not again:
        out.unlink(missing_ok=True)
    path = [HERE / "standins", *(place for package, place in places.items() if package != OWN), ROOT]
    log = out.with_suffix(".log")
    with log.open("wb") as said:
        subprocess.run(
            [sys.executable, "-m", "pytest", *_words(suite, places[suite.package])],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={
                **{name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"},
                # Programs of this environment, and those that are stood in for.
                "PATH": os.pathsep.join(map(str, [HERE / "standins" / "bin", BIN, os.environ["PATH"]])),
                "PYTHONPATH": os.pathsep.join(map(str, path)),
                "CONFORMANCE_SUITE": name,
                "CONFORMANCE_CLASSES": classes,
                "CONFORMANCE_OUTCOMES": str(out.absolute()),
                "CONFORMANCE_AGAIN": "1" if again else "",
                "DAGSTER_DISABLE_TELEMETRY": "1",
            },
        )
    if not out.exists():
        raise SystemExit(f"conformance: {name} with {classes} classes did not come to an end: see {log}")


def _words(suite: Suite, place: Path) -> list[str]:
    """The words of pytest. Dagster's tests have their own ways; what warns there is not ours to mend."""
    plugins = ["tests.conformance.outcomes", "no:cacheprovider", "no:xdist"]
    if suite.fresh:
        plugins.append("tests.conformance.instances")
    return [
        *(str(place / file) for file in suite.files),
        *("-q", "--tb", "short", "-r", "fE", "--import-mode", "importlib", "--timeout", str(LONGEST_SECONDS)),
        *(word for plugin in plugins for word in ("-p", plugin)),
        *("--override-ini", "filterwarnings=", "--override-ini", "addopts="),
        *(("-k", " and ".join(f"not {name}" for name in suite.without)) if suite.without else ()),
    ]


if __name__ == "__main__":
    main()
