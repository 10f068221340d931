"""A pytest plugin: what became of each test, as one JSON object in the file $CONFORMANCE_OUTCOMES.

With $CONFORMANCE_AGAIN only those are run that had not passed according to that file; the others stay as they were.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_file = Path(os.environ["CONFORMANCE_OUTCOMES"])
_again = bool(os.environ.get("CONFORMANCE_AGAIN"))
_before: dict[str, str] = json.loads(_file.read_text()) if _again else {}
_found: dict[str, str] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not _again:
        return
    passed = [item for item in items if _before.get(_name(item.nodeid)) == "passed"]
    config.hook.pytest_deselected(items=passed)
    items[:] = [item for item in items if item not in passed]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test has passed when its setup, call and teardown have."""
    name = _name(report.nodeid)
    if report.when == "call" or report.outcome != "passed":
        _found[name] = report.outcome if _found.get(name, "passed") == "passed" else _found[name]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        _file.write_text(json.dumps({**_before, **_found}))


def _name(nodeid: str) -> str:
    file, _, test = nodeid.partition("::")
    return f"{Path(file).stem}::{test}"
