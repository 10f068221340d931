"""Each fault against the real stack with forty runs in progress: nothing lost, nothing twice, nothing stuck."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest

from scheduler_defs.stack.components.plan import STEPS_WORKER
from tests.chaos import faults
from tests.chaos.conftest import Strike
from tests.chaos.yard import Yard

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

FAULTS: dict[str, Callable[[Yard], object]] = {
    "worker child": faults.kill_worker_child,
    "step worker child": partial(faults.kill_worker_child, worker=STEPS_WORKER),
    "whole worker": faults.kill_whole_worker,
    "whole step worker": partial(faults.kill_whole_worker, worker=STEPS_WORKER),
    "daemon": partial(faults.kill, component="daemon"),
    "webserver": partial(faults.kill, component="webserver"),
    "code server": partial(faults.kill, component="code-server"),
    "supervisor": faults.kill_supervisor,
    "worker frozen past its lease": partial(faults.freeze_worker, seconds=9),
    "postgres killed": faults.kill_postgres,
    "postgres away for 10 s": faults.restart_postgres,
    "valkey restarted": faults.restart_valkey,
    "valkey without its data": faults.wipe_valkey,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_given_forty_runs_in_progress_when_a_fault_comes_then_all_are_accounted_for(
    yard: Yard, strike: Strike, fault: str
) -> None:
    strike(yard, FAULTS[fault])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_given_a_full_artifacts_folder_then_runs_say_so_and_succeed_when_there_is_room_again(
    yard: Yard, strike: Strike
) -> None:
    with faults.small_artifacts_folder(yard) as folder:
        strike(yard, partial(faults.full_for_a_while, folder=folder, seconds=6))
    with yard.database() as connection:
        assert connection.execute(faults.REFUSED_FOR_SPACE).scalar_one() > 0
