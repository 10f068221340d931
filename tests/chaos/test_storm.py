"""Faults of all kinds, one after the other, before the stack has recovered from the one before."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

import pytest

from scheduler_defs.stack.components.plan import STEPS_WORKER
from tests.chaos import faults
from tests.chaos.conftest import Strike
from tests.chaos.yard import Yard

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

KINDS: tuple[Callable[[Yard], object], ...] = (
    faults.kill_whole_worker,
    partial(faults.kill_whole_worker, worker=STEPS_WORKER),
    partial(faults.kill, component="worker-runs"),
    partial(faults.kill, component="worker-steps"),
    partial(faults.kill, component="daemon"),
    partial(faults.kill, component="code-server"),
    partial(faults.kill, component="webserver"),
    partial(faults.freeze_worker, seconds=3),
    partial(faults.freeze_worker, seconds=9),
    faults.kill_postgres,
    faults.restart_valkey,
    faults.wipe_valkey,
)
HOW_MANY = 10


@pytest.mark.parametrize("seed", range(3))
def test_given_forty_runs_in_progress_when_faults_come_without_a_pause_then_all_are_accounted_for(
    yard: Yard, strike: Strike, seed: int
) -> None:
    chosen = random.Random(seed)

    def storm(yard: Yard) -> None:
        for fault in chosen.sample(KINDS, HOW_MANY):
            fault(yard)
            # At no particular moment of what the fault before has set going.
            time.sleep(chosen.uniform(0.2, 4))

    strike(yard, storm)
