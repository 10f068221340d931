"""The yard in chaos, and what each fault cost, at the end of the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.load import put_to_work
from tests.chaos.recovery import Recovery, recover
from tests.chaos.yard import Yard, running_yard

_measured: list[str] = []

Strike = Callable[..., Recovery]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A stack with short leases that the tests of a module break one after the other."""
    with running_yard(tmp_path_factory.mktemp("chaos") / "yard", long_seconds=20, slots=6) as started:
        yield started


@pytest.fixture
def strike(request: pytest.FixtureRequest) -> Strike:
    """Put a yard to work, do the faults to it, and wait until everything is accounted for."""

    def struck(yard: Yard, *faults: Callable[[Yard], object], deadline_seconds: float = 240) -> Recovery:
        in_progress = put_to_work(yard)
        began, since = time.monotonic(), yard.now().timestamp()
        for fault in faults:
            fault(yard)
        lasted = time.monotonic() - began
        found = recover(yard, since, deadline_seconds=deadline_seconds)
        noticed = (
            "" if found.noticed_seconds is None else f", the last noticed after {found.noticed_seconds:.1f} s"
        )
        _measured.append(
            f"{request.node.name}: {in_progress} runs in progress, fault of {lasted:.1f} s; healthy after"
            f" {found.healthy_seconds:.1f} s, all accounted for after {found.accounted_seconds:.1f} s;"
            f" {found.lost} runs lost their worker{noticed}"
        )
        return found

    return struck


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How long the recoveries took."""
    if _measured:
        terminalreporter.section("recoveries")
        for line in _measured:
            terminalreporter.write_line(line)
