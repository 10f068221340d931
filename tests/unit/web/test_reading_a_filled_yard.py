"""Everything that can be read over REST is read where there is something of everything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import httpx
import pytest

from tests.conftest import fresh_database
from tests.standins.filled_yard import LONG, FilledYard, filled_yard

ENDLESS = {"/events", "/runs/{run_id}/events"}
RUNS = ("nightly-2", "nightly-2-again", "at-work", "in-line")
SCHEDULES = ("nightly", "imports", LONG, "monthly", "once", "gate", "resting")
AGENTS = ("vaela", "damien", "oscar")
TASKS = tuple(map(str, range(1, 10)))
NAMES = {
    "run_id": RUNS,
    "task_id": TASKS,
    "stream": ("stdout", "stderr"),
    "path": ("report.md", "plots/dot.png"),
    "subject": (
        *(f"run:{each}" for each in RUNS),
        *(f"schedule:{each}" for each in SCHEDULES),
        "schedule:imports@2026-03-01T08:00+00:00",
        *(f"task:{each}" for each in TASKS),
        "queue:dev",
        "queue:qa",
    ),
}
REFUSED = {"/result": 409, "/output/": 409, "/artifacts/": 404, "/declaration": 404}
"""A result before the end, output of runs that were made by SQL, and files that only one run has kept."""


@pytest.fixture(scope="module")
def yard(
    postgres_server: str, dagster_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FilledYard]:
    with (
        pytest.MonkeyPatch.context() as patch,
        fresh_database(postgres_server, dagster_template) as url,
        filled_yard(tmp_path_factory.mktemp("yard"), url, patch) as started,
    ):
        yield started


@pytest.fixture(scope="module")
def api(yard: FilledYard) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{yard.ui}/api/v1", trust_env=False, timeout=60) as client:
        yield client


def _paths(pattern: str) -> Iterator[str]:
    names = re.findall(r"{(\w+)}", pattern)
    known = {**NAMES, "name": AGENTS if pattern.startswith("/agents/") else SCHEDULES}
    for values in product(*(known[name] for name in names)):
        yield pattern.format(**{name: quote(value) for name, value in zip(names, values, strict=True)})


def test_every_route_that_reads_answers_for_everything_that_is_there(api: httpx.Client) -> None:
    patterns = [pattern for pattern, of in api.get("/openapi.json").json()["paths"].items() if "get" in of]
    wrong: list[str] = []
    for path in (path for pattern in patterns if pattern not in ENDLESS for path in _paths(pattern)):
        status = api.get(path).status_code
        if status != 200 and status not in {code for part, code in REFUSED.items() if part in path}:
            wrong.append(f"{path}: {status}")
    assert wrong == [], "\n".join(wrong)
    assert len(patterns) > 30
