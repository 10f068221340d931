"""The same with the leases that a stack has when nobody says otherwise: twenty seconds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.chaos import faults
from tests.chaos.conftest import Strike
from tests.chaos.yard import Yard, running_yard

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def plain_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Nothing is shortened; long runs outlast a lease."""
    with running_yard(
        tmp_path_factory.mktemp("chaos") / "yard", long_seconds=40, slots=6, terms={}
    ) as started:
        yield started


def test_given_default_leases_when_a_worker_is_killed_then_all_are_accounted_for(
    plain_yard: Yard, strike: Strike
) -> None:
    strike(plain_yard, faults.kill_whole_worker)


def test_given_default_leases_when_a_worker_is_frozen_past_them_then_nothing_runs_twice(
    plain_yard: Yard, strike: Strike
) -> None:
    strike(plain_yard, partial(faults.freeze_worker, seconds=25))
