"""One load, five faults in a row: the short form of the chaos tests, for every run of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.chaos import faults
from tests.chaos.conftest import Strike
from tests.chaos.yard import Yard, running_yard


@pytest.fixture
def small_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """The same with shorter long runs."""
    with running_yard(tmp_path_factory.mktemp("chaos") / "yard", long_seconds=6, slots=4) as started:
        yield started


def test_given_forty_runs_in_progress_when_everything_is_killed_in_turn_then_all_are_accounted_for(
    small_yard: Yard, strike: Strike
) -> None:
    strike(
        small_yard,
        faults.kill_worker_child,
        faults.kill_whole_worker,
        faults.wipe_valkey,
        partial(faults.kill, component="daemon"),
        faults.kill_postgres,
    )
