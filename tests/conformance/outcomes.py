"""A pytest plugin: what became of each test, as one JSON object in the file $CONFORMANCE_OUTCOMES."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_found: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test has passed when its setup, call and teardown have."""
    file, _, test = report.nodeid.partition("::")
    name = f"{Path(file).stem}::{test}"
    if report.when == "call" or report.outcome != "passed":
        _found[name] = report.outcome if _found.get(name, "passed") == "passed" else _found[name]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        Path(os.environ["CONFORMANCE_OUTCOMES"]).write_text(json.dumps(_found))
